/** The tasks of a call whose number shows only while it runs. */

import type { ClientTask } from "./task.ts";

export class Growth {
  readonly tasks: ClientTask[] = [];
  /** Sends nothing more; what was to be sent counts as aborted. */
  readonly stop: () => void;
  isComplete = false;
  readonly #onTask: ((task: ClientTask, index: number) => void)[] = [];
  readonly #onComplete: (() => void)[] = [];
  #onChange: (() => void)[] = [];

  constructor(stop: () => void) {
    this.stop = stop;
  }

  add(task: ClientTask): void {
    this.tasks.push(task);
    for (const listener of this.#onTask) listener(task, this.tasks.length - 1);
    this.#changed();
  }

  /** There will be no more. */
  complete(): void {
    this.isComplete = true;
    for (const listener of this.#onComplete) listener();
    this.#changed();
  }

  /** Calls `listener` for each task to come. */
  onTask(listener: (task: ClientTask, index: number) => void): void {
    this.#onTask.push(listener);
  }

  /** Calls `listener` when there will be no more. */
  onComplete(listener: () => void): void {
    this.#onComplete.push(listener);
  }

  /** Calls `listener` once, with the next task or when there will be none. */
  onChange(listener: () => void): void {
    this.#onChange.push(listener);
  }

  #changed(): void {
    const listeners = this.#onChange;
    this.#onChange = [];
    for (const listener of listeners) listener();
  }
}
