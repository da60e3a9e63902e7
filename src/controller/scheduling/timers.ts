/** When tasks must be looked at again: those that are to be run again later, and those that may not wait for ever. */

import { Heap } from "./heap.ts";
import type { BalancedTask } from "./task-state.ts";

export class Timers {
  readonly #heap = new Heap<BalancedTask>((left, right) => left.wakeAt < right.wakeAt);

  /** The next time at which a task is due. */
  get next(): number {
    return this.#heap.first?.wakeAt ?? Number.POSITIVE_INFINITY;
  }

  /** Sets, or with Infinity ends, the timer of a task. */
  set(task: BalancedTask, wakeAt: number): void {
    if (task.wakeAt === wakeAt) return;
    task.wakeAt = wakeAt;
    if (wakeAt === Number.POSITIVE_INFINITY) {
      if (task.place >= 0) this.#heap.remove(task);
    } else if (task.place >= 0) {
      this.#heap.moved(task);
    } else {
      this.#heap.add(task);
    }
  }

  /** The tasks that are due, the earliest first; their timers have ended. */
  *due(now: number): Generator<BalancedTask> {
    for (let task = this.#heap.first; task !== undefined && task.wakeAt <= now; task = this.#heap.first) {
      this.set(task, Number.POSITIVE_INFINITY);
      yield task;
    }
  }
}
