/** Messages that must not be lost, until the other end says that it has written them down. */

import type { Envelope } from "../protocol/codec.ts";
import type { Message } from "../protocol/messages.ts";

export class Unrecorded {
  #envelopes: Envelope[] = [];
  #first = 0;
  #output = 0;

  /** How much output is among them, in characters, and of what was shown, in bytes. */
  get output(): number {
    return this.#output;
  }

  /** The bytes are copied: their memory may change. */
  add({ message, buffers }: Envelope): void {
    this.#output += outputOf(message, buffers);
    this.#envelopes.push({ message, buffers: buffers.map((bytes) => new Uint8Array(bytes)) });
  }

  /** So many of the oldest are written down. */
  recorded(count: number): void {
    const first = Math.min(this.#first + count, this.#envelopes.length);
    for (; this.#first < first; this.#first++) {
      const { message, buffers } = this.#envelopes[this.#first] as Envelope;
      this.#output -= outputOf(message, buffers);
    }
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
    this.#output = 0;
    return all;
  }
}

function outputOf(message: Message, buffers: readonly Uint8Array[]): number {
  if (message.type === "output") return message.text.length;
  if (message.type !== "displayed" && message.type !== "published") return 0;
  return buffers.reduce((sum, { byteLength }) => sum + byteLength, message.payload.byteLength);
}
