/** The clock of the scheduler: what time it is, and a call when something is due. All in milliseconds. */

/** Timers of Node run no longer than this. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #now: number | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Looked up once for the messages of one packet. */
  get now(): number {
    if (this.#now === undefined) {
      this.#now = performance.now();
      queueMicrotask(() => {
        this.#now = undefined;
      });
    }
    return this.#now;
  }

  /** Rings at that time, if it would not do so earlier anyway. */
  set(due: number): void {
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    const ring = (): void => {
      this.#due = Number.POSITIVE_INFINITY;
      this.#ring();
    };
    this.#timer = setTimeout(ring, Math.min(Math.max(1, Math.ceil(due - this.now)), LONGEST_TIMER_MS));
  }
}
