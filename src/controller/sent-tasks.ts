/**
 * The tasks of runs that an engine was sent, in that order. It mostly answers in the same order, so whose the next answer is
 * can be seen without looking up an id.
 */

import type { RunTask } from "./run-task.ts";

/** More than an engine is sent at once. Where so many are there, one of them takes long while others go past it. */
const MOST = 2_048;

export class SentTasks {
  /** From `#next` on; some may have ended, or gone elsewhere. */
  #tasks: (RunTask | undefined)[] = [];
  #next = 0;

  /** How much memory it takes, in tasks. */
  get length(): number {
    return this.#tasks.length;
  }

  add(task: RunTask): void {
    if (this.#tasks.length - this.#next > MOST) {
      this.#tasks = [];
      this.#next = 0;
    }
    // Drop the part of the list that has been used, once it outweighs the rest.
    if (this.#next > 1024 && this.#next * 2 > this.#tasks.length) {
      this.#tasks = this.#tasks.slice(this.#next);
      this.#next = 0;
    }
    this.#tasks.push(task);
  }

  /** The next task, if its id consists of these; it counts as answered then. `undefined` says nothing of the task. */
  take(prefix: string, number: number, engineUuid: string): RunTask | undefined {
    for (let task = this.#tasks[this.#next]; task !== undefined; task = this.#tasks[this.#next]) {
      const isThere = !task.hasEnded && task.engineUuid === engineUuid;
      if (isThere && (task.number !== number || task.run.prefix !== prefix)) return undefined;
      this.#tasks[this.#next++] = undefined;
      if (isThere) return task;
    }
    this.#tasks = [];
    this.#next = 0;
    return undefined;
  }
}
