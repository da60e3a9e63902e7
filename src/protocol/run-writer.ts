/** Writes runs message by message, straight into their columns: nothing is made for each message. */

import type { Run } from "./runs.ts";

/** How much memory the payloads of a run get at first, in bytes. */
const FIRST_BYTES = 1024;
/** A run is full when it has so many messages, or so many bytes of payloads. */
const MOST_MESSAGES = 512;
export const MOST_BYTES: number = 64 * 1024;

export class RunWriter {
  readonly #of: Run["of"];
  readonly #common: Run["common"];
  /** Ids of the tasks begin with it. */
  readonly prefix: string;
  readonly #ids: number[] = [];
  readonly #numbers: number[][];
  readonly #lengths: number[] = [];
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #end = 0;

  /** @param width how many further numbers each message has */
  constructor(of: Run["of"], common: Run["common"], prefix: string, width: number) {
    this.#numbers = Array.from({ length: width }, () => []);
    this.#of = of;
    this.#common = common;
    this.prefix = prefix;
  }

  /** How many messages it has. */
  get length(): number {
    return this.#ids.length;
  }

  /** How long the payloads are in all. */
  get byteLength(): number {
    return this.#end;
  }

  /** Whether it is to leave before more is added to it. */
  get isFull(): boolean {
    return this.length >= MOST_MESSAGES || this.#end >= MOST_BYTES;
  }

  /** Where the payloads are written; another one with each {@link add}. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Adds the message of the task with this number. Its payload, so many bytes, is to be written from where this says. */
  add(id: number, byteLength: number): number {
    const at = this.#end;
    this.#end += byteLength;
    if (this.#end > this.#bytes.byteLength) {
      const longer = Buffer.allocUnsafe(Math.max(this.#end, 2 * this.#bytes.byteLength));
      longer.set(this.#bytes.subarray(0, at));
      this.#bytes = longer;
    }
    this.#ids.push(id);
    this.#lengths.push(byteLength);
    return at;
  }

  /** One of the further numbers of the message that was added last. */
  number(column: number, value: number): void {
    (this.#numbers[column] as number[]).push(value);
  }

  /** What has been written; nothing more is to be. */
  run(): Run {
    const bytes = this.#bytes.subarray(0, this.#end);
    return {
      type: "run",
      of: this.#of,
      common: this.#common,
      prefix: this.prefix,
      ids: this.#ids,
      numbers: this.#numbers,
      lengths: this.#lengths,
      bytes,
    };
  }
}
