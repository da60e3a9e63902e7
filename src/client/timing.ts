/** How long the tasks of a call took, by their time stamps; all in milliseconds. */

import type { ClientTask } from "./task.ts";

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
