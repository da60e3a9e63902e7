/** Tasks that others wait for. */

import { shown } from "../errors.ts";
import type { DependencyRequest } from "../protocol/balancing.ts";
import { AsyncResult } from "./async-result.ts";
import { checkOptions } from "./options.ts";

/** A task: its message id, or the result of a call, which stands for all its tasks. */
export type DependencyJob = string | AsyncResult<unknown>;

/** Which endings of which tasks count. */
export interface DependencyOptions {
  /** Whether all the tasks must have ended so, or one is enough. */
  readonly all?: boolean;
  /** Whether tasks that ended well count. */
  readonly success?: boolean;
  /** Whether tasks that failed count. */
  readonly failure?: boolean;
}

/**
 * Tasks that must have ended before another one starts: for the flags `after` (time) and `follow` (place).
 *
 * @example
 * ```ts no-run
 * const first = lview.apply(prepare);
 * lview.with({ after: new Dependency([first], { success: true, failure: true }) }).apply(cleanUp);
 * ```
 */
export class Dependency {
  /** Message ids, each once. */
  readonly taskIds: readonly string[];
  readonly all: boolean;
  readonly success: boolean;
  readonly failure: boolean;

  /**
   * @throws TypeError for what is no task, RangeError when neither `success` nor `failure` counts: nothing could ever
   * meet that.
   */
  constructor(jobs: DependencyJob | readonly DependencyJob[] | Dependency, options: DependencyOptions = {}) {
    checkOptions("a Dependency", options, { all: "boolean", success: "boolean", failure: "boolean" });
    const { all = true, success = true, failure = false } = options;
    if (!success && !failure) {
      throw new RangeError("a dependency needs success, failure or both: neither could never be met");
    }
    this.taskIds = [...new Set(taskIdsOf(jobs, "a dependency"))];
    this.all = all;
    this.success = success;
    this.failure = failure;
  }

  /** Whether it is met when these tasks have succeeded, and those failed. One without tasks always is. */
  check(completed: Iterable<string>, failed: Iterable<string> = []): boolean {
    const counts = new Set([...(this.success ? completed : []), ...(this.failure ? failed : [])]);
    return this.#holds((id) => counts.has(id), true);
  }

  /** Whether it can never be met any more. */
  unreachable(completed: Iterable<string>, failed: Iterable<string> = []): boolean {
    const spoils = new Set([...(this.success ? [] : completed), ...(this.failure ? [] : failed)]);
    if (this.taskIds.length === 0) return false;
    return this.all ? this.taskIds.some((id) => spoils.has(id)) : this.taskIds.every((id) => spoils.has(id));
  }

  #holds(counts: (id: string) => boolean, ofNone: boolean): boolean {
    if (this.taskIds.length === 0) return ofNone;
    return this.all ? this.taskIds.every(counts) : this.taskIds.some(counts);
  }
}

/** What may stand for a dependency: all these tasks must have ended well. */
export type DependencyInput = Dependency | DependencyJob | readonly DependencyJob[];

/** @throws TypeError for what is no task or dependency. */
export function dependencyRequest(input: DependencyInput | undefined, name: string): DependencyRequest | undefined {
  if (input === undefined) return undefined;
  const { taskIds, all, success, failure } =
    input instanceof Dependency ? input : new Dependency(taskIdsOf(input, name));
  return taskIds.length === 0 ? undefined : { taskIds, all, success, failure };
}

function taskIdsOf(jobs: unknown, name: string): readonly string[] {
  if (jobs instanceof Dependency) return jobs.taskIds;
  const list: readonly unknown[] = Array.isArray(jobs) ? jobs : [jobs];
  return list.flatMap((job) => {
    if (typeof job === "string" && job !== "") return [job];
    if (job instanceof AsyncResult) return job.messageIds;
    throw new TypeError(`${name} must name tasks by message ids or AsyncResults; given: ${shown(job)}`);
  });
}
