/**
 * Cuts a stream of bytes into packets, checks their signatures, and lets large buffers be read straight into the
 * memory in which they are delivered.
 */

import {
  type Head,
  MalformedPacket,
  type PacketItem,
  PROLOGUE_LENGTH,
  type Prologue,
  readHead,
  readPrologue,
} from "../protocol/codec.ts";
import type { Message } from "../protocol/messages.ts";
import type { Run } from "../protocol/runs.ts";
import { SIGNATURE_LENGTH, sameBytes, signature } from "../protocol/signing.ts";

/** A packet that is well formed but not signed with the key of this connection. */
export class BadSignature extends Error {}
/** A packet that was seen before, or that comes out of order. */
export class Replayed extends Error {}

/** What is missing of a buffer is read straight into place when it is at least this much. */
const DIRECT_BYTES = 64 * 1024;

type Part =
  | { readonly kind: "prologue"; readonly bytes: Buffer }
  | { readonly kind: "head"; readonly bytes: Uint8Array; readonly prologue: Prologue }
  | { readonly kind: "buffer"; readonly bytes: Uint8Array };

/** Holds the signature that a packet must have. */
const signed = Buffer.alloc(SIGNATURE_LENGTH);

export class PacketReader {
  readonly #key: Uint8Array;
  readonly #deliver: (envelope: PacketItem) => void;
  readonly #place: (message: Message, byteLength: number) => Uint8Array | undefined;
  #sequence = 0;
  readonly #prologue: Part = { kind: "prologue", bytes: Buffer.alloc(PROLOGUE_LENGTH) };
  #part: Part = this.#prologue;
  #filled = 0;
  #packet: Head<Message | Run> | undefined;
  #buffers: Uint8Array[] = [];

  /**
   * `key` is that of the sender's direction; `deliver` gets each message or run with its buffers, in order; `place` may give
   * the memory for a buffer of a message.
   */
  constructor(
    key: Uint8Array,
    deliver: (envelope: PacketItem) => void,
    place: (message: Message, byteLength: number) => Uint8Array | undefined = () => undefined,
  ) {
    this.#key = key;
    this.#deliver = deliver;
    this.#place = place;
  }

  /** The rest of a large buffer, for the next read to fill; `undefined` when smaller things are expected. */
  target(): Uint8Array | undefined {
    const { kind, bytes } = this.#part;
    const isLarge = kind === "buffer" && bytes.byteLength - this.#filled >= DIRECT_BYTES;
    return isLarge ? bytes.subarray(this.#filled) : undefined;
  }

  /**
   * The next read put `count` bytes into {@link target}.
   * @throws MalformedPacket, BadSignature, Replayed: the stream is of no further use.
   */
  advance(count: number): void {
    this.#filled += count;
    if (this.#filled === this.#part.bytes.byteLength) this.#complete();
  }

  /**
   * Takes bytes that were read elsewhere, in memory that is not written again.
   * @throws MalformedPacket, BadSignature, Replayed: the stream is of no further use.
   */
  feed(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.byteLength) {
      const taken = this.#takeWholeHead(chunk, offset);
      offset += taken;
      if (taken > 0) continue;
      const { bytes } = this.#part;
      const count = Math.min(bytes.byteLength - this.#filled, chunk.byteLength - offset);
      bytes.set(chunk.subarray(offset, offset + count), this.#filled);
      offset += count;
      this.advance(count);
    }
  }

  /** The way of most packets: prologue and head lie in `chunk` as a whole and are read there. Says how long they are. */
  #takeWholeHead(chunk: Buffer, offset: number): number {
    const isBetweenPackets = this.#part.kind === "prologue" && this.#filled === 0;
    if (!isBetweenPackets || chunk.byteLength - offset < PROLOGUE_LENGTH) return 0;
    const prologue = this.#checkSequence(readPrologue(chunk.subarray(offset)));
    const length = PROLOGUE_LENGTH + prologue.headLength;
    if (chunk.byteLength - offset < length) return 0;
    const start = chunk.byteOffset + offset + PROLOGUE_LENGTH;
    this.#openHead(new Uint8Array(chunk.buffer, start, prologue.headLength), prologue);
    return length;
  }

  #checkSequence(prologue: Prologue): Prologue {
    if (prologue.sequence === this.#sequence) return prologue;
    throw new Replayed(`packet ${prologue.sequence}, expected ${this.#sequence}`);
  }

  #complete(): void {
    const part = this.#part;
    if (part.kind === "prologue") {
      const prologue = this.#checkSequence(readPrologue(part.bytes));
      this.#expect({ kind: "head", bytes: allocate(prologue.headLength), prologue });
    } else if (part.kind === "head") {
      this.#openHead(part.bytes, part.prologue);
    } else {
      this.#buffers.push(part.bytes);
      this.#nextBuffer();
    }
  }

  #openHead(head: Uint8Array, prologue: Prologue): void {
    if (!sameBytes(signature(this.#key, prologue.sequence, head, signed), prologue.signature)) {
      throw new BadSignature(`packet ${prologue.sequence}`);
    }
    this.#sequence++;
    const packet = readHead(head);
    const { lengths, messages } = packet;
    if (lengths.length === 0) {
      this.#expectPacket();
      for (const { message } of messages) this.#deliver({ message, buffers: [] });
      return;
    }
    this.#packet = packet;
    this.#buffers = [];
    this.#nextBuffer();
  }

  /** Waits for the next buffer of the packet, or delivers the packet when it has them all. */
  #nextBuffer(): void {
    const packet = this.#packet;
    if (packet === undefined) throw new MalformedPacket("buffer without a packet");
    while (this.#buffers.length < packet.lengths.length) {
      const length = packet.lengths[this.#buffers.length] as number;
      if (length > 0) {
        this.#expect({ kind: "buffer", bytes: this.#memoryFor(packet, length) });
        return;
      }
      this.#buffers.push(new Uint8Array(0));
    }
    const buffers = this.#buffers;
    this.#packet = undefined;
    this.#buffers = [];
    this.#expectPacket();
    let next = 0;
    for (const { message, bufferCount } of packet.messages) {
      this.#deliver({ message, buffers: buffers.slice(next, next + bufferCount) });
      next += bufferCount;
    }
  }

  /** Memory for the next buffer, from whoever wants it in a place of their own. */
  #memoryFor({ messages }: Head<Message | Run>, length: number): Uint8Array {
    let before = this.#buffers.length;
    const owner = messages.find(({ bufferCount }) => {
      before -= bufferCount;
      return before < 0;
    });
    const place = owner === undefined ? undefined : this.#place(owner.message as Message, length);
    return place?.byteLength === length ? place : allocate(length);
  }

  #expectPacket(): void {
    this.#part = this.#prologue;
    this.#filled = 0;
  }

  #expect(part: Part): void {
    this.#part = part;
    this.#filled = 0;
    if (part.bytes.byteLength === 0) this.#complete();
  }
}

/** Memory of its own (never a slice of a pool), not zeroed, so that a typed array can lie over the whole of it. */
function allocate(length: number): Uint8Array {
  try {
    const { buffer } = Buffer.allocUnsafeSlow(length);
    return new Uint8Array(buffer, 0, length);
  } catch (error) {
    throw new MalformedPacket(`cannot allocate ${length} bytes`, { cause: error });
  }
}
