/**
 * What two threads share that copy one block: which of its pieces nobody has taken yet. Each takes one after another, the
 * last first, so a thread that comes late, or not at all, delays nothing.
 *
 * One word says it all: how many pieces are left, and whether the helper is at one. The block changes only when none is
 * left and the helper is at none, so whoever has taken a piece may read where the block is.
 */

import type { ByteRange } from "./page-scan.ts";

/** What the helping thread is given. */
export interface CopyHelperData {
  readonly memory: SharedArrayBuffer;
}

/** How long the helper waits for work before it ends, in milliseconds. */
export const IDLE_MS = 30_000;

/** How much a thread takes at a time. */
export const PIECE_BYTES: number = 1024 * 1024;
const Word = { state: 0, isThere: 1 } as const;
const HELPER_AT_WORK = 0x4000_0000;
/** Numbers of 8 bytes, behind the words. Addresses of processes have less than 53 bits. */
const Place = { target: 1, source: 2, byteLength: 3 } as const;
const MEMORY_BYTES = 32;
/** How often the state is looked at before the thread sleeps. */
const SPINS = 2_000;

export class CopyJob {
  readonly #words: Int32Array;
  readonly #places: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(MEMORY_BYTES)) {
    this.#words = new Int32Array(memory);
    this.#places = new Float64Array(memory);
  }

  get memory(): SharedArrayBuffer {
    return this.#words.buffer as SharedArrayBuffer;
  }

  get target(): number {
    return this.#places[Place.target] as number;
  }

  get source(): number {
    return this.#places[Place.source] as number;
  }

  /** Says whether the helper is there. */
  announce(isThere: boolean): void {
    Atomics.store(this.#words, Word.isThere, isThere ? 1 : 0);
  }

  get isHelperThere(): boolean {
    return Atomics.load(this.#words, Word.isThere) === 1;
  }

  /** Begins with a block, of which others may take pieces. The one before must have been {@link finish}ed. */
  begin(target: number, source: number, byteLength: number): void {
    this.#places[Place.target] = target;
    this.#places[Place.source] = source;
    this.#places[Place.byteLength] = byteLength;
    Atomics.store(this.#words, Word.state, Math.ceil(byteLength / PIECE_BYTES));
    Atomics.notify(this.#words, Word.state);
  }

  /** A piece that is to be copied now; `undefined` when none is left. */
  take(): ByteRange | undefined {
    return this.#take(0);
  }

  takeAsHelper(): ByteRange | undefined {
    return this.#take(HELPER_AT_WORK);
  }

  doneAsHelper(): void {
    const before = Atomics.and(this.#words, Word.state, ~HELPER_AT_WORK);
    if (before === HELPER_AT_WORK) Atomics.notify(this.#words, Word.state);
  }

  /** Whether no piece is left, and the helper is at none. */
  get isDone(): boolean {
    return Atomics.load(this.#words, Word.state) === 0;
  }

  /** For the helper: returns when there is something to take, with `false` when there was nothing for so long. */
  wait(timeoutMs: number): boolean {
    return Atomics.wait(this.#words, Word.state, 0, timeoutMs) !== "timed-out";
  }

  /** Takes what is left from the helper, and waits until it is at nothing any more. */
  finish(): void {
    Atomics.and(this.#words, Word.state, HELPER_AT_WORK);
    for (let i = 0; i < SPINS; i++) if (this.isDone) return;
    while (!this.isDone) Atomics.wait(this.#words, Word.state, HELPER_AT_WORK);
  }

  #take(flag: number): ByteRange | undefined {
    for (;;) {
      const state = Atomics.load(this.#words, Word.state);
      const left = state & ~HELPER_AT_WORK;
      if (left === 0) return undefined;
      const taken = (left - 1) | (state & HELPER_AT_WORK) | flag;
      if (Atomics.compareExchange(this.#words, Word.state, state, taken) !== state) continue;
      const start = (left - 1) * PIECE_BYTES;
      return { start, end: Math.min(this.#places[Place.byteLength] as number, start + PIECE_BYTES) };
    }
  }
}
