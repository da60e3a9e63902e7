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
  /** Each in one number, because there are many: twice the id of the engine, and one more if it succeeded. */
  #latest = new Map<string, number>();
  #earlier = new Map<string, number>();

  constructor(limit: number = REMEMBERED) {
    this.#limit = limit;
  }

  /** How many are remembered: never more than twice the limit. */
  get size(): number {
    return this.#latest.size + this.#earlier.size;
  }

  note(taskId: string, { succeeded, engineId }: Ending): void {
    if (this.#latest.size >= this.#limit) {
      this.#earlier = this.#latest;
      this.#latest = new Map();
    }
    this.#latest.set(taskId, 2 * engineId + (succeeded ? 1 : 0));
  }

  get(taskId: string): Ending | undefined {
    const ending = this.#latest.get(taskId) ?? this.#earlier.get(taskId);
    if (ending === undefined) return undefined;
    const engineId = Math.floor(ending / 2);
    return { succeeded: ending !== 2 * engineId, engineId };
  }
}
