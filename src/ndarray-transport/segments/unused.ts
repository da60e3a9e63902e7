/** What is not used at the moment and is kept for a while, because the next use is likely and making it is dear. */

export class Unused<T> {
  readonly #most: number;
  readonly #keepMs: number;
  readonly #drop: (item: T) => void;
  /** Since when each is unused; the longest first. */
  readonly #since = new Map<T, number>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param most how many are kept
   * @param keepMs how long, in milliseconds
   * @param drop called for what is kept no longer
   */
  constructor(most: number, keepMs: number, drop: (item: T) => void) {
    this.#most = most;
    this.#keepMs = keepMs;
    this.#drop = drop;
  }

  add(item: T): void {
    this.#since.set(item, performance.now());
    for (const oldest of this.#since.keys()) {
      if (this.#since.size <= this.#most) break;
      this.#forget(oldest);
    }
    this.#watch();
  }

  /** It is used again. */
  remove(item: T): void {
    this.#since.delete(item);
  }

  #forget(item: T): void {
    this.#since.delete(item);
    this.#drop(item);
  }

  #watch(): void {
    const [since] = this.#since.values();
    if (since === undefined || this.#timer !== undefined) return;
    const due = Math.max(0, since + this.#keepMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const before = performance.now() - this.#keepMs;
      for (const [item, unusedSince] of this.#since) {
        if (unusedSince > before) break;
        this.#forget(item);
      }
      this.#watch();
    }, due).unref();
  }
}
