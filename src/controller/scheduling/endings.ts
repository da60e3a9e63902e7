/**
 * How tasks ended, for those that depend on them: the latest endings, so that memory does not grow. Many are kept, so
 * each takes little: a number under a number, not the task's id, which would also keep the message alive that brought it.
 * In two generations, of which the older goes as a whole: taking the first entry of a large Map again and again costs as
 * much as the Map is long, since V8 leaves what was deleted at its front.
 */

const ZERO = 48;
const HYPHEN = 45;

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
  #lastClient: string | undefined;
  #lastEndings = new Map<number, number>();

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
    const ofClient = this.#latestOf(taskId);
    const before = ofClient.size;
    ofClient.set(numberOf(taskId), succeeded ? engineId + 1 : -engineId - 2);
    this.#count += ofClient.size - before;
    if (this.#count < this.#limit) return;
    this.#earlier = this.#latest;
    this.#latest = new Map();
    this.#lastClient = undefined;
    this.#count = 0;
  }

  /** The latest endings of the task's client: mostly the one that was meant last. */
  #latestOf(taskId: string): Map<number, number> {
    const length = clientLength(taskId);
    if (this.#lastClient?.length === length && taskId.startsWith(this.#lastClient)) return this.#lastEndings;
    // A copy, because a part of a string keeps the whole.
    const client = Buffer.from(clientOf(taskId)).toString();
    let ofClient = this.#latest.get(client);
    if (ofClient === undefined) {
      ofClient = new Map();
      this.#latest.set(client, ofClient);
    }
    this.#lastEndings = ofClient;
    this.#lastClient = client;
    return ofClient;
  }

  get(taskId: string): Ending | undefined {
    const [client, number] = [clientOf(taskId), numberOf(taskId)];
    const code = this.#latest.get(client)?.get(number) ?? this.#earlier.get(client)?.get(number);
    if (code === undefined) return undefined;
    return code >= 0 ? { succeeded: true, engineId: code - 1 } : { succeeded: false, engineId: -code - 2 };
  }
}

/** How much of the id names its client: what is before the last hyphen, if a number as numbers are written follows. */
function clientLength(taskId: string): number {
  let at = taskId.length - 1;
  while (at >= 0 && isDigit(taskId.charCodeAt(at))) at--;
  const digits = taskId.length - 1 - at;
  const isNumber = digits > 0 && digits < 16 && (digits === 1 || taskId.charCodeAt(at + 1) !== ZERO);
  return isNumber && at >= 0 && taskId.charCodeAt(at) === HYPHEN ? at : -1;
}

/** Other ids stand for themselves. */
function clientOf(taskId: string): string {
  const length = clientLength(taskId);
  return length < 0 ? `${taskId} ` : taskId.slice(0, length);
}

function numberOf(taskId: string): number {
  const length = clientLength(taskId);
  if (length < 0) return -1;
  let number = 0;
  for (let at = length + 1; at < taskId.length; at++) number = 10 * number + taskId.charCodeAt(at) - ZERO;
  return number;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= ZERO + 9;
}
