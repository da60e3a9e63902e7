/**
 * Ids of tasks in the order in which they were sent: all of a client, or those of one view. They all begin alike and end
 * with a number, and so many are kept that only the numbers are.
 */

/** How many past tasks are kept at least. */
const LIMIT = 100_000;

export class TaskHistory {
  readonly #isOutstanding: (taskId: string) => boolean;
  /** The part of the ids before their number. */
  #prefix = "";
  #numbers: number[] = [];
  #mostIds = 2 * LIMIT;

  constructor(isOutstanding: (taskId: string) => boolean) {
    this.#isOutstanding = isOutstanding;
  }

  /** Oldest first. */
  get ids(): readonly string[] {
    return this.#numbers.map((number) => this.#prefix + number);
  }

  get size(): number {
    return this.#numbers.length;
  }

  /** Those that have not been answered. */
  get outstanding(): Set<string> {
    return new Set(this.ids.filter(this.#isOutstanding));
  }

  /** @param prefix the same for all */
  add(prefix: string, number: number): void {
    this.#prefix = prefix;
    this.#numbers.push(number);
    if (this.#numbers.length <= this.#mostIds) return;
    const end = this.#numbers.length - LIMIT;
    this.#numbers = this.#numbers.filter((kept, index) => index >= end || this.#isOutstanding(prefix + kept));
    this.#mostIds = this.#numbers.length + LIMIT;
  }

  /** @throws RangeError for an index that there is not; negative ones count from the end. */
  at(index: number): string {
    const number = this.#numbers.at(index);
    if (number !== undefined) return this.#prefix + number;
    throw new RangeError(`there is no task at index ${index} of the history, which has ${this.size}`);
  }

  /** Forgets which tasks there were. */
  clear(): void {
    this.#numbers = [];
  }
}
