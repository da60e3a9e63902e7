/**
 * How tasks ended, for those that depend on them: the latest endings, so that memory does not grow. In two generations,
 * of which the older goes as a whole: taking the first entry of a large Map again and again costs as much as the Map is
 * long, since V8 leaves what was deleted at its front.
 */

/** Endings that are remembered, at least. */
const REMEMBERED = 65_536;

export interface Ending {
  readonly succeeded: boolean;
  /** Where it ran; -1 if it never did. */
  readonly engineId: number;
}

export class Endings {
  readonly #limit: number;
  #latest = new Map<string, Ending>();
  #earlier = new Map<string, Ending>();

  constructor(limit: number = REMEMBERED) {
    this.#limit = limit;
  }

  /** How many are remembered: never more than twice the limit. */
  get size(): number {
    return this.#latest.size + this.#earlier.size;
  }

  note(taskId: string, ending: Ending): void {
    if (this.#latest.size >= this.#limit) {
      this.#earlier = this.#latest;
      this.#latest = new Map();
    }
    this.#latest.set(taskId, ending);
  }

  get(taskId: string): Ending | undefined {
    return this.#latest.get(taskId) ?? this.#earlier.get(taskId);
  }
}
