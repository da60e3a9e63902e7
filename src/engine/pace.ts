/** How long the tasks of one kind take. */

/** A task is short if it took less, in milliseconds. */
const SHORT_MS = 1;
/** After so many short ones the next one is expected to be short, too. */
const OFTEN = 8;

/** Calls of one function begin alike: in so many bytes is more of its code than two functions have in common, mostly. */
const BEGINNING = 128;

export class Pace {
  /** How many of the last ones were short, about: one that was long, or was held up, takes half of that away. */
  #shortOnes = 0;

  /** Whether the next task is likely to be over at once. */
  get isShort(): boolean {
    return this.#shortOnes >= OFTEN;
  }

  /** A task took so long, in milliseconds. */
  took(duration: number): void {
    this.#shortOnes = duration < SHORT_MS ? Math.min(this.#shortOnes + 1, 2 * OFTEN) : this.#shortOnes >> 1;
  }
}

/** The pace of tasks of which only the bytes are known, as long as those that follow one another begin alike. */
export class PaceOfLikes {
  #beginning: Buffer = Buffer.alloc(0);
  #pace = new Pace();

  of(payload: Uint8Array): Pace {
    const length = Math.min(payload.byteLength, BEGINNING);
    if (length !== this.#beginning.byteLength || this.#beginning.compare(payload, 0, length) !== 0) {
      // A copy, because the bytes lie in the packet that they came with.
      this.#beginning = Buffer.from(payload.subarray(0, length));
      this.#pace = new Pace();
    }
    return this.#pace;
  }
}
