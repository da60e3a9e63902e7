/**
 * How tasks ended, for those that depend on them: the latest endings, so that memory does not grow. Many are kept, so
 * each takes little: a number under a number, not the task's id, which would also keep the message alive that brought it.
 * In two generations, of which the older goes as a whole: taking the first entry of a large Map again and again costs as
 * much as the Map is long, since V8 leaves what was deleted at its front.
 */

/** Endings that are remembered, at least. */
const REMEMBERED = 65_536;

export interface Ending {
  readonly succeeded: boolean;
  /** Where it ran; -1 if it never did. */
  readonly engineId: number;
}

/** By the part of the id that names its client, then by the number at its end. */
type Generation = Map<string, Map<number, number>>;

export class Endings {
  readonly #limit: number;
  /** The latest, and those before them, which go all at once. */
  #latest: Generation = new Map();
  #earlier: Generation = new Map();
  #count = 0;

  /** @param limit how many are remembered at least; at most twice as many */
  constructor(limit: number = REMEMBERED) {
    this.#limit = limit;
  }

  /** How many are remembered: never more than twice the limit. */
  get size(): number {
    let size = this.#count;
    for (const ofClient of this.#earlier.values()) size += ofClient.size;
    return size;
  }

  note(taskId: string, { succeeded, engineId }: Ending): void {
    const [client, number] = partsOf(taskId);
    let ofClient = this.#latest.get(client);
    if (ofClient === undefined) {
      ofClient = new Map();
      // A copy, because a part of a string keeps the whole.
      this.#latest.set(Buffer.from(client).toString(), ofClient);
    }
    const before = ofClient.size;
    ofClient.set(number, succeeded ? engineId + 1 : -engineId - 2);
    this.#count += ofClient.size - before;
    if (this.#count < this.#limit) return;
    this.#earlier = this.#latest;
    this.#latest = new Map();
    this.#count = 0;
  }

  get(taskId: string): Ending | undefined {
    const [client, number] = partsOf(taskId);
    const code = this.#latest.get(client)?.get(number) ?? this.#earlier.get(client)?.get(number);
    if (code === undefined) return undefined;
    return code >= 0 ? { succeeded: true, engineId: code - 1 } : { succeeded: false, engineId: -code - 2 };
  }
}

/** The number after the last hyphen, if it is written as numbers are; and what is before it. */
function partsOf(taskId: string): readonly [string, number] {
  const hyphen = taskId.lastIndexOf("-");
  const digits = taskId.slice(hyphen + 1);
  const number = Number(digits);
  return hyphen >= 0 && Number.isSafeInteger(number) && String(number) === digits
    ? [taskId.slice(0, hyphen), number]
    : [`${taskId} `, -1];
}
