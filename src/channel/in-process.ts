/** Two connected ends in one process, for tests of everything above the sockets. */

import { decodeHead, type Envelope, encodeHead } from "../protocol/codec.ts";
import type { Message } from "../protocol/messages.ts";
import type { Connection, ConnectionHandlers } from "./connection.ts";
import { Outbox } from "./outbox.ts";

class InProcessConnection implements Connection {
  peer: InProcessConnection | undefined;
  isOpen = true;
  readonly handlers: ConnectionHandlers;
  readonly #outbox: Outbox = new Outbox((envelopes, onSent) => this.#write(envelopes, onSent));

  constructor(handlers: ConnectionHandlers) {
    this.handlers = handlers;
  }

  send(message: Message, buffers: readonly Uint8Array[] = [], onSent?: () => void): void {
    if (this.isOpen) this.#outbox.add({ message, buffers }, onSent);
  }

  flush(): void {
    this.#outbox.flush();
  }

  close(): void {
    this.flush();
    this.destroy();
  }

  destroy(reason?: Error): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    queueMicrotask(() => this.handlers.closed(reason));
    this.peer?.destroy();
  }

  hold(): void {}

  release(): void {}

  #write(envelopes: readonly Envelope[], onSent: readonly (() => void)[]): void {
    // Through the codec, so that what cannot be encoded shows here too.
    const { messages } = decodeHead(encodeHead(envelopes));
    const peer = this.peer;
    queueMicrotask(() => {
      messages.forEach(({ message }, index) => {
        peer?.handlers.message(message, [...(envelopes[index]?.buffers ?? [])]);
      });
      for (const sent of onSent) sent();
    });
  }
}

/** Two ends; what is sent into one comes out at the other, in order, on a later microtask. */
export function connectedPair(first: ConnectionHandlers, second: ConnectionHandlers): [Connection, Connection] {
  const a = new InProcessConnection(first);
  const b = new InProcessConnection(second);
  a.peer = b;
  b.peer = a;
  return [a, b];
}
