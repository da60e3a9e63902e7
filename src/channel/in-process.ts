/** Two connected ends in one process, for tests of everything above the sockets. */

import { encodeHead, type PacketItem, readHead } from "../protocol/codec.ts";
import type { Message } from "../protocol/messages.ts";
import { isRun, type Run } from "../protocol/runs.ts";
import { type Connection, type ConnectionHandlers, deliverRun } from "./connection.ts";
import { Outbox } from "./outbox.ts";

class InProcessConnection implements Connection {
  peer: InProcessConnection = this;
  isOpen = true;
  readonly localAddress = undefined;
  readonly handlers: ConnectionHandlers;
  readonly #outbox: Outbox = new Outbox((envelopes, onSent) => this.#write(envelopes, onSent));

  constructor(handlers: ConnectionHandlers) {
    this.handlers = handlers;
  }

  send(message: Message, buffers: readonly Uint8Array[] = [], onSent?: () => void): void {
    if (this.isOpen) this.#outbox.add({ message, buffers }, onSent);
  }

  sendRun(run: Run): void {
    if (this.isOpen) this.#outbox.add({ message: run, buffers: [] });
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
    this.#end(reason);
    // The other end first gets what was sent before.
    queueMicrotask(() => this.peer.#end());
  }

  hold(): void {}

  release(): void {}

  #end(reason?: Error): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    queueMicrotask(() => this.handlers.closed(reason));
  }

  #write(envelopes: readonly PacketItem[], onSent: readonly (() => void)[]): void {
    if (!this.isOpen) return;
    // Through the codec, so that what cannot be encoded shows here too; into memory that is the receiver's own.
    const { messages } = readHead(new Uint8Array(encodeHead(envelopes)));
    const all = envelopes.flatMap(({ buffers }) => buffers);
    const delivered = messages.map(({ message, bufferCount }) => ({
      message,
      buffers: all.splice(0, bufferCount).map((buffer) => this.peer.#copy(message as Message, buffer)),
    }));
    queueMicrotask(() => {
      for (const { message, buffers } of delivered) this.peer.#receive(message, buffers);
      for (const sent of onSent) sent();
    });
  }

  #copy(message: Message, buffer: Uint8Array): Uint8Array {
    const place = this.handlers.place?.(message, buffer.byteLength);
    if (place === undefined) return new Uint8Array(buffer);
    place.set(buffer);
    return place;
  }

  #receive(message: Message | Run, buffers: Uint8Array[]): void {
    if (!this.isOpen) return;
    try {
      if (isRun(message)) deliverRun(this.handlers, message);
      else this.handlers.message(message, buffers);
    } catch (error) {
      this.destroy(error as Error);
    }
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
