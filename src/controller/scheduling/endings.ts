/**
 * How tasks ended, for those that depend on them: the latest endings, so that memory does not grow. Many are kept, so
 * each takes little: a number under a number, not the task's id, which would also keep the message alive that brought it.
 * The numbers of a client mostly follow one another, so those of 64 tasks lie side by side. In two generations, of which the older goes as a whole: taking the first entry of a large Map again and again costs as
 * much as the Map is long, since V8 leaves what was deleted at its front.
 */

import { idAt, type TaskGroup } from "../task-groups.ts";

const ZERO = 48;
const HYPHEN = 45;

/** Endings that are remembered, at least. */
const REMEMBERED = 65_536;

export interface Ending {
  readonly succeeded: boolean;
  /** Where it ran; -1 if it never did. */
  readonly engineId: number;
}

/** How many endings lie side by side. */
const PAGE = 64;

/** How tasks of one client ended, by their numbers: as codes other than 0. */
class ClientEndings {
  readonly #pages = new Map<number, Int32Array<ArrayBuffer>>();
  #last = Number.NaN;
  #lastPage = new Int32Array(0);

  /** Says whether nothing was known of that number. */
  set(number: number, code: number): boolean {
    const index = Math.floor(number / PAGE);
    if (index !== this.#last) {
      this.#lastPage = this.#pages.get(index) ?? new Int32Array(PAGE);
      this.#last = index;
      this.#pages.set(index, this.#lastPage);
    }
    const at = number - index * PAGE;
    const isNew = this.#lastPage[at] === 0;
    this.#lastPage[at] = code;
    return isNew;
  }

  get(number: number): number | undefined {
    const index = Math.floor(number / PAGE);
    return this.#pages.get(index)?.[number - index * PAGE] || undefined;
  }
}

/** By the part of the id that names its client. */
type Generation = Map<string, ClientEndings>;

export class Endings {
  readonly #limit: number;
  /** The latest, and those before them, which go all at once. */
  #latest: Generation = new Map();
  #earlier: Generation = new Map();
  #count = 0;
  #earlierCount = 0;
  #lastClient: string | undefined;
  #lastEndings = new ClientEndings();

  /** @param limit how many are remembered at least; at most twice as many */
  constructor(limit: number = REMEMBERED) {
    this.#limit = limit;
  }

  /** How many are remembered: never more than twice the limit. */
  get size(): number {
    return this.#count + this.#earlierCount;
  }

  note(taskId: string, ending: Ending): void {
    if (this.#latestOf(taskId).set(numberOf(taskId), codeOf(ending))) this.#count++;
    this.#turn();
  }

  /** Tasks of a group ended so. */
  noteRun(group: TaskGroup, places: Int32Array, ending: Ending): void {
    const code = codeOf(ending);
    const client = this.#latestOf(idAt(group, places[0] as number));
    for (const place of places) if (client.set(group.ids[place] as number, code)) this.#count++;
    this.#turn();
  }

  /** When there are enough, those before them go. */
  #turn(): void {
    if (this.#count < this.#limit) return;
    this.#earlierCount = this.#count;
    this.#earlier = this.#latest;
    this.#latest = new Map();
    this.#lastClient = undefined;
    this.#count = 0;
  }

  /** The latest endings of the task's client: mostly the one that was meant last. */
  #latestOf(taskId: string): ClientEndings {
    const length = clientLength(taskId);
    if (this.#lastClient?.length === length && taskId.startsWith(this.#lastClient)) return this.#lastEndings;
    // A copy, because a part of a string keeps the whole.
    const client = Buffer.from(clientOf(taskId)).toString();
    let ofClient = this.#latest.get(client);
    if (ofClient === undefined) {
      ofClient = new ClientEndings();
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
    return { succeeded: code > 0, engineId: Math.abs(code) - 2 };
  }
}

/** Never 0. */
function codeOf({ succeeded, engineId }: Ending): number {
  return succeeded ? engineId + 2 : -(engineId + 2);
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
