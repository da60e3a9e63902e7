/** The ways in which programs name tasks. */

import { shown } from "../errors.ts";
import { AsyncResult } from "./async-result.ts";
import type { Session } from "./session.ts";
import type { TaskHistory } from "./task-history.ts";

/** A task or several, by message id, by index into the history, or by the result of their call. */
export type TaskName = string | number | AsyncResult<unknown>;

/** What can be waited for. */
export type Job = TaskName | PromiseLike<unknown>;

/**
 * Message ids, in the order given.
 * @throws TypeError for what is no name, RangeError for an index that the history does not have.
 */
export function messageIdsOf(names: TaskName | readonly TaskName[], history: TaskHistory): string[] {
  const list: readonly unknown[] = Array.isArray(names) ? names : [names];
  return list.flatMap((name) => {
    if (name instanceof AsyncResult) return name.messageIds;
    if (typeof name === "string" && name !== "") return [name];
    if (Number.isInteger(name)) return [history.at(name as number)];
    throw new TypeError(`tasks are named by message ids, history indices, or AsyncResults; given: ${shown(name)}`);
  });
}

/** Resolves when the job has ended, well or not. @throws TypeError, RangeError */
export function endOf(job: Job, session: Session, history: TaskHistory): Promise<unknown> {
  if (job instanceof AsyncResult) return job.wait();
  if (typeof job === "string" || Number.isInteger(job)) {
    const task = session.tasks.outstanding.get(typeof job === "string" ? job : history.at(job as number));
    return task === undefined ? Promise.resolve() : new Promise((resolve) => task.whenSettled(resolve));
  }
  if (typeof (job as PromiseLike<unknown> | null)?.then !== "function") {
    throw new TypeError(`jobs must be message ids, history indices, AsyncResults or promises; given: ${shown(job)}`);
  }
  return Promise.resolve(job).then(
    () => undefined,
    () => undefined,
  );
}
