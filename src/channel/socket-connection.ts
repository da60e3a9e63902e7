/** Messages over a TCP socket, after the handshake has settled the keys. */

import type { Socket } from "node:net";
import { encodeHead, type PacketItem, PROLOGUE_LENGTH, writePrologue } from "../protocol/codec.ts";
import type { Message } from "../protocol/messages.ts";
import { isRun, type Run } from "../protocol/runs.ts";
import { SIGNATURE_LENGTH, signature } from "../protocol/signing.ts";
import { type Connection, type ConnectionHandlers, deliverRun } from "./connection.ts";
import { duringRead, Outbox } from "./outbox.ts";
import { PacketReader } from "./packet-reader.ts";

/** How long a closing connection may make no progress before it is cut, in milliseconds. */
const CLOSE_STALL_MS = 2_000;
/**
 * After so long without a byte the system asks the other end whether it is there, in milliseconds; ten questions without an
 * answer, one each second, and the connection ends. So a host that is cut off is noticed by who waits for it.
 */
const SILENT_MS = 5_000;
const NO_BUFFERS: readonly Uint8Array[] = [];

/** Holds the signature of the packet that leaves. */
const signed = Buffer.alloc(SIGNATURE_LENGTH);

/** The keys that sign the two directions of one connection. */
export interface DirectionKeys {
  readonly sending: Uint8Array;
  readonly receiving: Uint8Array;
}

export class SocketConnection implements Connection {
  readonly #socket: Socket;
  readonly #sendingKey: Uint8Array;
  readonly #outbox: Outbox = new Outbox((envelopes, onSent) => this.#write(envelopes, onSent));
  readonly #reader: PacketReader;
  readonly #handlers: ConnectionHandlers;
  #sequence = 0;
  #holds = 0;
  #open = true;
  #error: Error | undefined;

  constructor(socket: Socket, keys: DirectionKeys, handlers: ConnectionHandlers) {
    this.#socket = socket;
    this.#sendingKey = keys.sending;
    this.#handlers = handlers;
    this.#reader = new PacketReader(
      keys.receiving,
      ({ message, buffers }) => {
        if (!this.#open) return;
        if (isRun(message)) deliverRun(this.#handlers, message);
        else this.#handlers.message(message, buffers as Uint8Array[]);
      },
      (message, byteLength) => this.#handlers.place?.(message, byteLength),
    );
    socket.setNoDelay(true);
    socket.setKeepAlive(true, SILENT_MS);
    socket.unref();
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("close", () => this.#ended());
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  /** Memory for the next read, where it may go straight to its place. */
  target(): Uint8Array | undefined {
    return this.#reader.target();
  }

  /** The next read has put `count` bytes into {@link target}. */
  advance(count: number): void {
    this.#guarded(() => this.#reader.advance(count));
  }

  /** Takes bytes that were read into memory that is not written again. */
  feed(chunk: Buffer): void {
    this.#guarded(() => duringRead(chunk.byteLength, () => this.#reader.feed(chunk)));
  }

  send(message: Message, buffers: readonly Uint8Array[] = NO_BUFFERS, onSent?: () => void): void {
    if (this.#open) this.#outbox.add({ message, buffers }, onSent);
  }

  sendRun(run: Run): void {
    if (this.#open) this.#outbox.add({ message: run, buffers: NO_BUFFERS });
  }

  flush(): void {
    if (this.#open) this.#outbox.flush();
  }

  close(): void {
    if (!this.#open) return;
    this.flush();
    this.#open = false;
    this.#socket.end();
    // A peer that no longer reads must not keep this end open for ever; one that reads slowly gets it all.
    this.#socket.setTimeout(CLOSE_STALL_MS, () => this.#socket.destroy());
  }

  destroy(reason?: Error): void {
    this.#error ??= reason;
    this.#open = false;
    this.#socket.destroy();
  }

  hold(): void {
    if (this.#holds++ === 0) this.#socket.ref();
  }

  release(): void {
    if (--this.#holds === 0) this.#socket.unref();
  }

  #write(envelopes: readonly PacketItem[], onSent: (() => void)[]): void {
    this.#handlers.leaving?.();
    const packet = encodeHead(envelopes, PROLOGUE_LENGTH);
    const head = packet.subarray(PROLOGUE_LENGTH);
    const sequence = this.#sequence++;
    writePrologue(packet, {
      headLength: head.byteLength,
      sequence,
      signature: signature(this.#sendingKey, sequence, head, signed),
    });
    const chunks: Uint8Array[] = [packet];
    for (const { buffers } of envelopes) {
      for (const buffer of buffers) if (buffer.byteLength > 0) chunks.push(buffer);
    }
    this.#writeAll(chunks, (error) => {
      if (!error) for (const sent of onSent) sent();
    });
  }

  #writeAll(chunks: readonly Uint8Array[], done: (error?: Error | null) => void): void {
    const socket = this.#socket;
    const last = chunks.length - 1;
    if (last > 0) socket.cork();
    chunks.forEach((chunk, index) => {
      if (index < last) socket.write(chunk);
      else socket.write(chunk, done);
    });
    if (last > 0) socket.uncork();
  }

  #guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #ended(): void {
    this.#open = false;
    this.#handlers.closed(this.#error);
  }
}
