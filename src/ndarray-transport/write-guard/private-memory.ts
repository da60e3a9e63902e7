/** Whether the bytes of received memory that is no mapping were changed: by a copy of small ones, a hash of large ones. */

import { createCipheriv, randomBytes } from "node:crypto";
import { bytesShown } from "../memory.ts";
import { differenceOf } from "../segments/mapped-slice.ts";
import type { ByteRange } from "../segments/page-scan.ts";
import type { Memory } from "../types.ts";

/** GMAC, a keyed hash of 128 bits: half again as fast as a CRC of 32 bits, and no change goes by. */
const KEY = randomBytes(16);
const NONCE = new Uint8Array(12);
const MOST_AT_ONCE = 1 << 30;

export class PrivateMemory {
  readonly buffer: WeakRef<ArrayBufferLike>;
  /** Where the bytes lie in the buffer. */
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly #copy: Uint8Array | undefined;
  #hash: Buffer | undefined;

  /** @param copy its bytes, in memory that nobody writes to; without it a hash is made */
  constructor(memory: Memory, copy?: Uint8Array) {
    const { buffer, byteOffset, byteLength } = bytesShown(memory);
    this.buffer = new WeakRef(buffer);
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.#copy = copy;
    if (copy === undefined) this.#hash = hashOf(new Uint8Array(buffer, byteOffset, byteLength));
  }

  /**
   * The bytes that were changed since it was made, or since this was last asked, counted from the beginning of the
   * buffer. Where there is a copy they are exact, and changed back; else it is all of them, and they stay as they are.
   */
  takeChange(): ByteRange | undefined {
    const bytes = this.#bytes();
    if (bytes === undefined) return undefined;
    if (this.#copy === undefined) return this.#takeUnknownChange(bytes);
    const difference = differenceOf(bytes, this.#copy);
    if (difference === undefined) return undefined;
    bytes.set(this.#copy);
    return { start: this.byteOffset + difference.start, end: this.byteOffset + difference.end };
  }

  /** Whether a change is located, and undone. */
  get isExact(): boolean {
    return this.#copy !== undefined;
  }

  #takeUnknownChange(bytes: Uint8Array): ByteRange | undefined {
    const hash = hashOf(bytes);
    if (hash.equals(this.#hash as Buffer)) return undefined;
    this.#hash = hash;
    return { start: this.byteOffset, end: this.byteOffset + this.byteLength };
  }

  /** Undefined when the buffer was collected, or transferred to somebody else. */
  #bytes(): Uint8Array | undefined {
    const buffer = this.buffer.deref();
    if (buffer === undefined || buffer.byteLength < this.byteOffset + this.byteLength) return undefined;
    return new Uint8Array(buffer, this.byteOffset, this.byteLength);
  }
}

function hashOf(bytes: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-128-gcm", KEY, NONCE);
  for (let at = 0; at < bytes.byteLength; at += MOST_AT_ONCE) cipher.setAAD(bytes.subarray(at, at + MOST_AT_ONCE));
  cipher.final();
  return cipher.getAuthTag();
}
