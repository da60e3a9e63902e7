/**
 * Ids of tasks in the order in which they were sent: all of a client, or those of one view. They all begin alike and end
 * with a number, and so many are kept that only the numbers are.
 */

/** How many past tasks are kept at least. */
const LIMIT = 100_000;

export class TaskHistory {
  /** The part of the ids before their number. */
  readonly #prefix: string;
  readonly #isOutstanding: (number: number) => boolean;
  #numbers: number[] = [];
  #mostIds = 2 * LIMIT;

  /**
   * @param prefix the part of the ids before their number
   * @param isOutstanding whether the task with that number has not been answered
   */
  constructor(prefix: string, isOutstanding: (number: number) => boolean) {
    this.#prefix = prefix;
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
    return new Set(
      this.#numbers.filter((number) => this.#isOutstanding(number)).map((number) => this.#prefix + number),
    );
  }

  add(number: number): void {
    this.#numbers.push(number);
    if (this.#numbers.length <= this.#mostIds) return;
    const end = this.#numbers.length - LIMIT;
    const old = this.#numbers.slice(0, end).filter((number) => this.#isOutstanding(number));
    this.#numbers = old.concat(this.#numbers.slice(end));
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
