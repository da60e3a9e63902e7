/** Messages that must not be lost, until the other end says that it has written them down. */

import type { Envelope } from "../protocol/codec.ts";

export class Unrecorded {
  #envelopes: Envelope[] = [];
  #first = 0;

  /** The bytes are copied: their memory may change. */
  add({ message, buffers }: Envelope): void {
    this.#envelopes.push({ message, buffers: buffers.map((bytes) => new Uint8Array(bytes)) });
  }

  /** So many of the oldest are written down. */
  recorded(count: number): void {
    this.#first = Math.min(this.#first + count, this.#envelopes.length);
    if (this.#first * 2 < this.#envelopes.length) return;
    this.#envelopes = this.#envelopes.slice(this.#first);
    this.#first = 0;
  }

  get all(): readonly Envelope[] {
    return this.#envelopes.slice(this.#first);
  }

  /** Gives all, and forgets them. */
  take(): readonly Envelope[] {
    const { all } = this;
    this.#envelopes = [];
    this.#first = 0;
    return all;
  }
}
