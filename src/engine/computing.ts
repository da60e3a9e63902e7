/** What the engine's thread computes just now, and may be cut short. */

import { RunMember } from "./queued-task.ts";
import { runInContext, type TaskContext } from "./task-context.ts";
import type { TaskMarks } from "./task-marks.ts";

export class Computing {
  readonly #marks: TaskMarks;
  #task: TaskContext | undefined;

  constructor(marks: TaskMarks) {
    this.#marks = marks;
  }

  get task(): TaskContext | undefined {
    return this.#task;
  }

  /** Runs code of a task. */
  run<T>(task: TaskContext, run: () => T): T {
    this.#task = task;
    if (task instanceof RunMember) this.#marks.begin(task.prefix, task.number);
    else this.#marks.begin(task.taskId);
    try {
      return runInContext(task, run);
    } finally {
      this.#marks.end();
      this.#task = undefined;
    }
  }

  /** The task whose run was cut, for whoever is not within it; the thread does something else now. */
  takeCut(): TaskContext | undefined {
    const task = this.#task;
    if (task === undefined) return undefined;
    this.#task = undefined;
    this.#marks.reset();
    return task;
  }
}
