/**
 * Which task an engine's main thread is in, in memory that the engine's watchdog thread sees, so that the task can be
 * cut short while the main thread computes: the two agree on who was first, the task's end or the cut.
 *
 * These marks are about the run of a task up to its first pause, which is a callback of its own. What a task does after
 * an `await` runs in callbacks of Node itself: late-cut.ts. Nothing is cut while a task writes or publishes: half of a
 * packet would end the connection.
 */

const STATE = 0;
const ACKNOWLEDGED = 1;
const WANTED = 2;
/** Where the number is with which the id of the task ends; negative if it has none that counts by itself. */
const NUMBER = 16;
/** Where the part of the id before it is, after its length. */
const ID = 24;
const ID_LENGTH = 200;
const SIZE = 256;

/** What the main thread is in. */
const IDLE = 0;
const RUNNING = 1;
const CUTTING = 2;
const SHIELDED = 3;

/** How long the end of a task waits for a cut that has been decided, in milliseconds. */
const CUT_MS = 1_000;

export class TaskMarks {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #number: Float64Array;
  /** The part of the id that is written down. */
  #prefix = "";
  /** How many writes, of whatever task, this thread is in. */
  #shields = 0;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, 4);
    this.#bytes = Buffer.from(memory);
    this.#number = new Float64Array(memory, NUMBER, 1);
  }

  // The main thread.

  /** A task begins to compute. Its id is this prefix and a number, or the prefix alone. */
  begin(prefix: string, number = -1): void {
    // What many tasks have in common is written once.
    if (prefix !== this.#prefix) this.#write(prefix);
    this.#number[0] = number;
    Atomics.store(this.#words, WANTED, 0);
    Atomics.store(this.#words, STATE, RUNNING);
  }

  #write(prefix: string): void {
    const length = Math.min(prefix.length, ID_LENGTH);
    // Byte by byte, since asking Node to do it takes longer.
    for (let at = 0; at < length; at++) this.#bytes[ID + 1 + at] = prefix.charCodeAt(at);
    this.#bytes[ID] = length;
    this.#prefix = prefix;
  }

  /** Runs something within a task that must not be cut; it is cut afterwards, if that was wanted meanwhile. */
  shield<T>(run: () => T): T {
    const before = Atomics.compareExchange(this.#words, STATE, RUNNING, SHIELDED);
    if (before === CUTTING) this.#awaitCut(() => true);
    this.#shields++;
    try {
      return run();
    } finally {
      this.#shields--;
      if (before === RUNNING) Atomics.store(this.#words, STATE, RUNNING);
      if (before === RUNNING && Atomics.load(this.#words, WANTED) !== 0)
        this.#awaitCut(() => Atomics.load(this.#words, WANTED) !== 0);
    }
  }

  get isShielded(): boolean {
    return this.#shields > 0;
  }

  /** It has ended, or goes on by itself. Does not return when the cut came first: then this thread is cut here. */
  end(): void {
    if (Atomics.compareExchange(this.#words, STATE, RUNNING, IDLE) !== CUTTING) return;
    this.#awaitCut(() => true);
    this.reset();
  }

  /** The thread has been cut, and goes on with something else. */
  reset(): void {
    this.#shields = 0;
    Atomics.store(this.#words, STATE, IDLE);
  }

  /** The thread has heard of an interrupt: it is not caught in a loop. */
  acknowledge(sequence: number): void {
    Atomics.store(this.#words, ACKNOWLEDGED, sequence);
  }

  /** Goes on only when no cut comes after all. */
  #awaitCut(isMeant: () => boolean): void {
    const limit = performance.now() + CUT_MS;
    while (performance.now() < limit && isMeant());
  }

  // The watchdog.

  isAcknowledged(sequence: number): boolean {
    return Atomics.load(this.#words, ACKNOWLEDGED) >= sequence;
  }

  /** Whether the main thread is in one of the tasks (without ids: in any) and may be cut now. */
  mayCut(taskIds: readonly string[] | undefined): boolean {
    const state = Atomics.load(this.#words, STATE);
    const prefix = this.#bytes.toString("latin1", ID + 1, ID + 1 + (this.#bytes[ID] as number));
    const number = this.#number[0] as number;
    const taskId = number < 0 ? prefix : prefix + number;
    const isMeant = (state === RUNNING || state === SHIELDED) && (taskIds?.includes(taskId) ?? true);
    Atomics.store(this.#words, WANTED, isMeant ? 1 : 0);
    return isMeant && Atomics.compareExchange(this.#words, STATE, RUNNING, CUTTING) === RUNNING;
  }

  /** Whether the main thread is in no task that is marked: in none, or in one after its first pause. */
  get isIdle(): boolean {
    return Atomics.load(this.#words, STATE) === IDLE;
  }

  /** A cut is wanted no more. */
  giveUp(): void {
    Atomics.store(this.#words, WANTED, 0);
  }

  /** Whether a cut waits for the end of what must not be cut. */
  get isWanted(): boolean {
    return Atomics.load(this.#words, WANTED) !== 0 && Atomics.load(this.#words, STATE) !== CUTTING;
  }
}
