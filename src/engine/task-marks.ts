/**
 * Which task an engine's main thread is in, in memory that the engine's watchdog thread sees, so that the task can be
 * cut short while the main thread computes: the two agree on who was first, the task's end or the cut.
 *
 * Only the run of a task up to its first pause can be cut: it is a callback of its own. What a task does after an
 * `await` runs in callbacks of Node itself, which does not survive that these are cut.
 */

const STATE = 0;
const ACKNOWLEDGED = 1;
/** Where the id of the task begins. */
const ID = 16;
const ID_LENGTH = 200;
const SIZE = 256;

/** What the main thread is in. */
const IDLE = 0;
const RUNNING = 1;
const CUTTING = 2;

/** How long the end of a task waits for a cut that has been decided, in milliseconds. */
const CUT_MS = 1_000;

export class TaskMarks {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, 4);
    this.#bytes = Buffer.from(memory);
  }

  // The main thread.

  /** A task begins to compute. */
  begin(taskId: string): void {
    this.#bytes[ID] = this.#bytes.write(taskId, ID + 1, ID_LENGTH, "latin1");
    Atomics.store(this.#words, STATE, RUNNING);
  }

  /** It has ended, or goes on by itself. Does not return when the cut came first: then this thread is cut here. */
  end(): void {
    if (Atomics.compareExchange(this.#words, STATE, RUNNING, IDLE) !== CUTTING) return;
    const limit = performance.now() + CUT_MS;
    while (performance.now() < limit);
    this.reset();
  }

  /** The thread has been cut, and goes on with something else. */
  reset(): void {
    Atomics.store(this.#words, STATE, IDLE);
  }

  /** The thread has heard of an interrupt: it is not caught in a loop. */
  acknowledge(sequence: number): void {
    Atomics.store(this.#words, ACKNOWLEDGED, sequence);
  }

  // The watchdog.

  isAcknowledged(sequence: number): boolean {
    return Atomics.load(this.#words, ACKNOWLEDGED) >= sequence;
  }

  /** Whether the main thread is in one of the tasks (without ids: in any) and may be cut now. */
  mayCut(taskIds: readonly string[] | undefined): boolean {
    if (Atomics.load(this.#words, STATE) !== RUNNING) return false;
    const taskId = this.#bytes.toString("latin1", ID + 1, ID + 1 + (this.#bytes[ID] as number));
    if (taskIds !== undefined && !taskIds.includes(taskId)) return false;
    return Atomics.compareExchange(this.#words, STATE, RUNNING, CUTTING) === RUNNING;
  }
}
