/** What becomes of a task that failed, or whose engine died: whether it is run again, when, and where. */

import { DEFAULT_RETRIES } from "../../protocol/balancing.ts";
import type { Failure } from "./events.ts";
import type { BalancedTask } from "./task-state.ts";

/** The longest pause before a task is run again, in milliseconds. */
const LONGEST_PAUSE_MS = 10_000;

/** Whether the task is run again after an error that it threw. */
export function retriesError(task: BalancedTask): boolean {
  return task.errors < (task.request.retries ?? DEFAULT_RETRIES).error;
}

/** Whether the task is run again after its engine died. */
export function retriesDeath(task: BalancedTask): boolean {
  return task.deaths < (task.request.retries ?? DEFAULT_RETRIES).death;
}

/** How long to pause before the next run, in milliseconds. */
export function pause(task: BalancedTask): number {
  const { backoff } = task.request.retries ?? DEFAULT_RETRIES;
  const repetitions = task.deaths + task.errors;
  return Math.min(LONGEST_PAUSE_MS, backoff * 2 ** Math.max(0, repetitions - 1));
}

/** Where the task may go after it threw an error on an engine. */
export function noteFailedPlace(task: BalancedTask, engineId: number): void {
  if (placeOf(task) === "same") {
    task.places = new Set([engineId]);
  } else {
    task.avoided ??= new Set();
    task.avoided.add(engineId);
  }
}

/** Where the task is run again. */
export function placeOf({ request }: BalancedTask): "prefer" | "other" | "same" {
  return (request.retries ?? DEFAULT_RETRIES).place;
}

/** Why a task is given up whose engines keep dying. */
export function whyGivenUp(task: BalancedTask): string {
  const { deaths, lastDeath, taskId } = task;
  if (deaths <= 1) return lastDeath;
  return `task ${taskId} is given up: ${deaths} engines died while they ran it, the last one (${lastDeath})`;
}

/** Why no engine that is there can run the task, and whether no engine that may still come could. */
export function whyStranded(
  { request, places, refused, avoided }: BalancedTask,
  engines: ReadonlyMap<number, { readonly retiring: boolean }>,
): { readonly failure: Failure; readonly reason: string; readonly isFinal: boolean } {
  const isAnyThere = (ids: Iterable<number>): boolean => [...ids].some((id) => engines.has(id));
  const { targets, resources } = request;
  if (places !== undefined && avoided === undefined && !isAnyThere(places)) {
    return { failure: "impossible", reason: "the engine of the tasks that it must follow is gone", isFinal: true };
  }
  if (targets !== undefined && !isAnyThere(targets)) {
    const reason = `none of the engines that it may run on is there any more (targets ${targets.join(", ")})`;
    return { failure: "engine", reason, isFinal: true };
  }
  if (avoided !== undefined) {
    return { failure: "own", reason: "every engine has failed it", isFinal: targets !== undefined };
  }
  if (refused !== undefined) {
    const reason = "what it depends on holds on none of the engines: each has refused it";
    return { failure: "impossible", reason, isFinal: targets !== undefined };
  }
  if (engines.size === 0) return { failure: "engine", reason: "no engine is there to run it", isFinal: false };
  if ([...engines.values()].every(({ retiring }) => retiring)) {
    return { failure: "engine", reason: "every engine is retiring and takes nothing new", isFinal: false };
  }
  const wanted = Object.entries(resources ?? {}).map(([name, amount]) => `${name}: ${amount}`);
  const reason = wanted.length > 0 ? `no engine offers { ${wanted.join(", ")} }` : "no engine takes it";
  return { failure: wanted.length > 0 ? "impossible" : "engine", reason, isFinal: false };
}

/** Why a task is given up that may not wait any longer. */
export function whyTimedOut({ request, status }: BalancedTask): string {
  const what = status === "held" ? "the tasks that it depends on" : "an engine that takes it";
  return `it waited ${request.timeout} ms for ${what}, which is as long as its timeout allows`;
}
