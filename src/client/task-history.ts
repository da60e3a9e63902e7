/**
 * Ids of tasks in the order in which they were sent: all of a client, or those of one view. They all begin alike and end
 * with a number, and most follow one another, so that of these only the first and how many there are is kept.
 */

/** How many past tasks are kept at least. */
const LIMIT = 100_000;

export class TaskHistory {
  /** The part of the ids before their number. */
  readonly #prefix: string;
  readonly #isOutstanding: (number: number) => boolean;
  /** The first number of some that follow one another, how many they are, and so on. */
  #ranges: number[] = [];
  #size = 0;
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
    return Array.from(this.#numbers(), (number) => this.#prefix + number);
  }

  get size(): number {
    return this.#size;
  }

  /** Those that have not been answered. */
  get outstanding(): Set<string> {
    const outstanding = new Set<string>();
    for (const number of this.#numbers()) if (this.#isOutstanding(number)) outstanding.add(this.#prefix + number);
    return outstanding;
  }

  add(number: number): void {
    this.#append(number, 1);
    if (this.#size > this.#mostIds) this.#forgetOld();
  }

  /** @throws RangeError for an index that there is not; negative ones count from the end. */
  at(index: number): string {
    const asked = Math.trunc(index);
    let left = asked < 0 ? asked + this.#size : asked;
    for (let at = 0; left >= 0 && at < this.#ranges.length; at += 2) {
      const count = this.#ranges[at + 1] as number;
      if (left < count) return this.#prefix + ((this.#ranges[at] as number) + left);
      left -= count;
    }
    throw new RangeError(`there is no task at index ${index} of the history, which has ${this.size}`);
  }

  /** Forgets which tasks there were. */
  clear(): void {
    this.#ranges = [];
    this.#size = 0;
  }

  #append(first: number, count: number): void {
    const ranges = this.#ranges;
    const last = ranges.length - 2;
    this.#size += count;
    if (last >= 0 && (ranges[last] as number) + (ranges[last + 1] as number) === first) {
      ranges[last + 1] = (ranges[last + 1] as number) + count;
    } else ranges.push(first, count);
  }

  /** Of those that are older than the limit, the ones that have not been answered stay. */
  #forgetOld(): void {
    const ranges = this.#ranges;
    let old = this.#size - LIMIT;
    this.clear();
    for (let at = 0; at < ranges.length; at += 2) {
      const first = ranges[at] as number;
      const end = first + (ranges[at + 1] as number);
      const firstKept = Math.min(end, first + old);
      for (let number = first; number < firstKept; number++) if (this.#isOutstanding(number)) this.#append(number, 1);
      if (firstKept < end) this.#append(firstKept, end - firstKept);
      old -= firstKept - first;
    }
    this.#mostIds = this.#size + LIMIT;
  }

  *#numbers(): Generator<number, void, undefined> {
    for (let at = 0; at < this.#ranges.length; at += 2) {
      const first = this.#ranges[at] as number;
      const end = first + (this.#ranges[at + 1] as number);
      for (let number = first; number < end; number++) yield number;
    }
  }
}
