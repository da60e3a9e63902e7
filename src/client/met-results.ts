/** Which results of other calls a call needs: told while its parameters are taken apart. */

import { Refusal } from "../ndarray-transport/refusal.ts";

/** The number of each task whose result the value in hand needs. */
let met: Map<string, number> | undefined;

/** What `encode` gives, and the tasks whose results it needs, by their numbers. */
export function meetingResults<T>(encode: () => T): { readonly encoded: T; readonly inputs: readonly string[] } {
  const outer = met;
  const results = new Map<string, number>();
  met = results;
  try {
    return { encoded: encode(), inputs: [...results.keys()] };
  } finally {
    met = outer;
  }
}

/** The result of the task stands in the value. Gives its number. */
export function meetResult(taskId: string): number {
  if (met === undefined) {
    throw new Refusal("is a result that is on its way, in a place where it cannot be waited for: await it first");
  }
  const number = met.get(taskId) ?? met.size;
  met.set(taskId, number);
  return number;
}
