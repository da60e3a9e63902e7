/** The tasks that an engine has not begun, in the order in which they came. */

import type { Task } from "../protocol/messages.ts";

export interface QueuedTask extends Task {
  readonly buffers: readonly Uint8Array[];
}

export class TaskQueue {
  /** From `#next` on; what was taken out of order has left a gap. */
  #tasks: (QueuedTask | undefined)[] = [];
  #next = 0;

  add(task: QueuedTask): void {
    this.#tasks.push(task);
  }

  /** The first. */
  take(): QueuedTask | undefined {
    while (this.#next < this.#tasks.length) {
      const task = this.#tasks[this.#next];
      // Let go of its arrays as soon as it has run.
      this.#tasks[this.#next++] = undefined;
      if (task !== undefined) return task;
      if (this.#next > 1024) this.#shorten();
    }
    this.#shorten();
    return undefined;
  }

  /** The first that may go before others. */
  takeFree(): QueuedTask | undefined {
    return this.#takeAt(this.#tasks.findIndex((task) => task?.free === true));
  }

  /** Whether the task was there; it is no more. */
  remove(taskId: string): boolean {
    return this.#takeAt(this.#tasks.findIndex((task) => task?.taskId === taskId)) !== undefined;
  }

  #takeAt(index: number): QueuedTask | undefined {
    const task = this.#tasks[index];
    if (task !== undefined) this.#tasks[index] = undefined;
    return task;
  }

  #shorten(): void {
    this.#tasks = this.#tasks.slice(this.#next);
    this.#next = 0;
  }
}
