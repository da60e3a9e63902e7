/**
 * Gathers messages into packets: the first of a turn of the event loop leaves at once, so that a lone one does not
 * wait, and those that follow in the same turn leave together at its end.
 */

import type { PacketItem } from "../protocol/codec.ts";
import type { Message } from "../protocol/messages.ts";
import { isRun, type Run } from "../protocol/runs.ts";

/** A packet is sent early when it has this many messages, or this many bytes of payload. */
const PACKET_MESSAGES = 512;
const PACKET_BYTES = 256 * 1024;

/** So many bytes read at once are much. */
const MUCH = 1024;
/** Whether much is being read in this turn. */
let isReadingMuch = false;

/** Reads so many bytes; when they are many, what is sent meanwhile leaves together, not the first of it at once. */
export function duringRead(bytes: number, read: () => void): void {
  isReadingMuch = bytes > MUCH;
  try {
    read();
  } finally {
    isReadingMuch = false;
  }
}

export class Outbox {
  readonly #write: (envelopes: readonly PacketItem[], onSent: (() => void)[]) => void;
  #envelopes: PacketItem[] = [];
  #messages = 0;
  #onSent: (() => void)[] = [];
  #bytes = 0;
  #turnBegun = false;

  constructor(write: (envelopes: readonly PacketItem[], onSent: (() => void)[]) => void) {
    this.#write = write;
  }

  add(envelope: PacketItem, onSent?: () => void): void {
    this.#envelopes.push(envelope);
    if (onSent !== undefined) this.#onSent.push(onSent);
    this.#messages += isRun(envelope.message) ? envelope.message.ids.length : 1;
    this.#bytes += payloadBytes(envelope.message);
    for (const buffer of envelope.buffers) this.#bytes += buffer.byteLength;
    if (!this.#turnBegun) {
      this.#turnBegun = true;
      // After what else has arrived has been read, when much does.
      if (isReadingMuch) setImmediate(() => this.flush());
      else {
        queueMicrotask(() => this.flush());
        this.#leave();
      }
    }
    if (this.#messages >= PACKET_MESSAGES || this.#bytes >= PACKET_BYTES) {
      this.#leave();
    }
  }

  /** What has been gathered leaves, and the turn is over: also where its end was cut off. */
  flush(): void {
    this.#turnBegun = false;
    this.#leave();
  }

  #leave(): void {
    if (this.#envelopes.length === 0) return;
    const envelopes = this.#envelopes;
    const onSent = this.#onSent;
    this.#envelopes = [];
    this.#messages = 0;
    this.#onSent = [];
    this.#bytes = 0;
    this.#write(envelopes, onSent);
  }
}

/** Bytes of what can be long in a message. */
function payloadBytes(message: Message | Run): number {
  if (isRun(message)) return message.bytes.byteLength;
  if (message.type === "result") return message.outcome.payload?.byteLength ?? 0;
  if (message.type === "output") return message.text.length;
  return "payload" in message ? (message.payload?.byteLength ?? 0) : 0;
}
