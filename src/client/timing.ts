/** How long the tasks of a call took, by their time stamps; all in milliseconds. */

import { shown } from "../errors.ts";
import type { ClientTask } from "./task.ts";

/** A time stamp of the metadata. */
export type TimeStamp = "submitted" | "started" | "completed" | "received";

/** Which of several dates counts. */
export type DateChoice = (...dates: number[]) => number;

/**
 * From one set of dates to another: names of time stamps, dates, or lists of dates.
 * @throws TypeError for anything else, RangeError when a set is empty: the time stamp is not known, or not yet.
 */
export function timeBetween(
  tasks: readonly ClientTask[],
  from: TimeStamp | Date | readonly Date[],
  to: TimeStamp | Date | readonly Date[],
  choose: { readonly from: DateChoice; readonly to: DateChoice },
): number {
  const began = choose.from(...datesOf(tasks, from, "start"));
  return choose.to(...datesOf(tasks, to, "end")) - began;
}

const stamps: ReadonlySet<unknown> = new Set<TimeStamp>(["submitted", "started", "completed", "received"]);

function datesOf(tasks: readonly ClientTask[], given: unknown, name: string): number[] {
  const isStamp = stamps.has(given);
  const dates = isStamp ? tasks.map(({ metadata }) => metadata[given as TimeStamp]) : [given].flat();
  const times = dates.flatMap((date) => {
    if (isStamp && date === undefined) return [];
    if (date instanceof Date) return [date.getTime()];
    throw new TypeError(`${name} must be one of ${[...stamps].join(", ")}, a Date, or Dates; given: ${shown(given)}`);
  });
  if (times.length === 0) throw new RangeError(`${name}: no task has the time stamp ${String(given)} yet`);
  return times;
}

/** From the first task sent until now, or until the last result was received if all have been. */
export function elapsedTime(tasks: readonly ClientTask[]): number {
  const submitted = tasks.flatMap((task) => task.metadata.submitted?.getTime() ?? []);
  if (submitted.length === 0) return 0;
  const received = tasks.map((task) => task.metadata.received?.getTime() ?? Date.now());
  return Math.max(...received) - Math.min(...submitted);
}

/** What the engines computed, summed. */
export function serialTime(tasks: readonly ClientTask[]): number {
  return tasks.reduce((sum, { metadata: { started, completed } }) => {
    return started === undefined || completed === undefined ? sum : sum + (completed.getTime() - started.getTime());
  }, 0);
}
