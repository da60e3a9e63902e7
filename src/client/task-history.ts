/**
 * Ids of tasks in the order in which they were sent: all of a client, or those of one view. They all begin alike and end
 * with a number, and so many are kept that only the numbers are.
 */

/** How many past tasks are kept at least. */
const LIMIT = 100_000;

export class TaskHistory {
  readonly #isOutstanding: (taskId: string) => boolean;
  /** The part of the ids before their number. */
  #prefix: string | undefined;
  #entries: (number | string)[] = [];
  #mostIds = 2 * LIMIT;

  constructor(isOutstanding: (taskId: string) => boolean) {
    this.#isOutstanding = isOutstanding;
  }

  /** Oldest first. */
  get ids(): readonly string[] {
    return this.#entries.map((entry) => this.#idOf(entry));
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Those that have not been answered. */
  get outstanding(): Set<string> {
    return new Set(this.ids.filter(this.#isOutstanding));
  }

  add(taskId: string): void {
    this.#prefix ??= taskId.slice(0, taskId.lastIndexOf("-") + 1);
    const { length } = this.#prefix;
    const number = taskId.startsWith(this.#prefix) ? Number(taskId.slice(length)) : Number.NaN;
    // As JavaScript writes the number, and nothing else.
    this.#add(`${number}`.length === taskId.length - length && number >= 0 ? number : taskId);
  }

  /** The same for an id of which the parts are known; all that are added have the same prefix. */
  addNumber(prefix: string, number: number): void {
    this.#prefix = prefix;
    this.#add(number);
  }

  #add(entry: number | string): void {
    this.#entries.push(entry);
    if (this.#entries.length <= this.#mostIds) return;
    const end = this.#entries.length - LIMIT;
    this.#entries = this.#entries.filter((kept, index) => index >= end || this.#isOutstanding(this.#idOf(kept)));
    this.#mostIds = this.#entries.length + LIMIT;
  }

  /** @throws RangeError for an index that there is not; negative ones count from the end. */
  at(index: number): string {
    const entry = this.#entries.at(index);
    if (entry !== undefined) return this.#idOf(entry);
    throw new RangeError(`there is no task at index ${index} of the history, which has ${this.size}`);
  }

  /** Forgets which tasks there were. */
  clear(): void {
    this.#entries = [];
  }

  #idOf(entry: number | string): string {
    return typeof entry === "number" ? `${this.#prefix}${entry}` : entry;
  }
}
