/** How tasks ended, for those that depend on them: the latest endings, so that memory does not grow. */

/** Endings that are remembered. */
const REMEMBERED = 65_536;

export interface Ending {
  readonly succeeded: boolean;
  /** Where it ran; -1 if it never did. */
  readonly engineId: number;
}

export class Endings {
  readonly #limit: number;
  readonly #endings = new Map<string, Ending>();

  constructor(limit: number = REMEMBERED) {
    this.#limit = limit;
  }

  note(taskId: string, ending: Ending): void {
    this.#endings.set(taskId, ending);
    if (this.#endings.size > this.#limit) this.#endings.delete(this.#endings.keys().next().value as string);
  }

  get(taskId: string): Ending | undefined {
    return this.#endings.get(taskId);
  }
}
