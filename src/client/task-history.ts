/** Ids of tasks in the order in which they were sent: all of a client, or those of one view. */

/** How many past tasks are kept at least. */
const LIMIT = 100_000;

export class TaskHistory {
  readonly #isOutstanding: (taskId: string) => boolean;
  #ids: string[] = [];
  #mostIds = 2 * LIMIT;

  constructor(isOutstanding: (taskId: string) => boolean) {
    this.#isOutstanding = isOutstanding;
  }

  /** Oldest first. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Those that have not been answered. */
  get outstanding(): Set<string> {
    return new Set(this.#ids.filter(this.#isOutstanding));
  }

  add(taskId: string): void {
    this.#ids.push(taskId);
    if (this.#ids.length <= this.#mostIds) return;
    const end = this.#ids.length - LIMIT;
    this.#ids = this.#ids.filter((id, index) => index >= end || this.#isOutstanding(id));
    this.#mostIds = this.#ids.length + LIMIT;
  }

  /** @throws RangeError for an index that there is not; negative ones count from the end. */
  at(index: number): string {
    const taskId = this.#ids.at(index);
    if (taskId !== undefined) return taskId;
    throw new RangeError(`there is no task at index ${index} of the history, which has ${this.#ids.length}`);
  }

  /** Forgets which tasks there were. */
  clear(): void {
    this.#ids = [];
  }
}
