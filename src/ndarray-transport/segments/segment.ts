/** One block of shared memory that this process owns: an anonymous, sealed file, with a page of header before the data. */

import { closeSync, fstatSync, writeSync } from "node:fs";
import { copyToAddress, prepareCopying } from "./copying.ts";
import { GENERATION_AT, type SliceDescriptor } from "./descriptor.ts";
import { Advice, type SystemCalls } from "./linux-calls.ts";
import { takeRoom } from "./room.ts";

/** The system writes at most this much at once. */
const MOST_AT_ONCE = 1 << 30;

/**
 * Speed decides how bytes get in. Touching a page for the first time through a mapping costs up to 25 times as much as
 * copying into it again; a write through the file does not need the mapping at all. So the first use of a segment
 * writes through the file, and the following ones copy into a mapping that stays. Its pages are entered into the mapping
 * in between, while nobody waits for it.
 */
export class Segment {
  /** Bytes of data that it can hold: whole pages. */
  readonly capacity: number;
  /** How many slices and arrays of it are in use. */
  holders = 0;
  /** Whether others may have it mapped whose end is not heard of. */
  isAbandoned = false;
  readonly #calls: SystemCalls;
  readonly #fd: number;
  readonly #inode: number;
  #generation = 0;
  #uses = 0;
  #reserved = 0;
  /** Bytes of data, from the beginning on, that were written through the file, and those whose pages are in the mapping. */
  #filled = 0;
  #populated = 0;
  #address: bigint | undefined;
  #data: Uint8Array | undefined;

  /** @throws SegmentError with reason `noMemory` */
  constructor(calls: SystemCalls, capacity: number) {
    this.#calls = calls;
    this.capacity = capacity;
    this.#fd = calls.createMemory(capacity + calls.pageSize);
    this.#inode = fstatSync(this.#fd).ino;
  }

  /**
   * Begins a new use, for which the first `byteLength` bytes of data are made sure of.
   *
   * @throws SegmentError with reason `noMemory`
   */
  begin(generation: number, byteLength: number): void {
    this.#uses++;
    this.#generation = generation;
    const { pageSize, hugePages } = this.#calls;
    if (byteLength + pageSize > this.#reserved) {
      takeRoom(byteLength + pageSize - this.#reserved);
      if (hugePages) this.#enter(byteLength);
      this.#calls.reserve(this.#fd, this.#reserved, byteLength + pageSize - this.#reserved);
      this.#reserved = byteLength + pageSize;
    }
    const header = new Float64Array([generation]);
    writeSync(this.#fd, header, 0, header.byteLength, GENERATION_AT);
  }

  /** Whether nothing was in it before this use. */
  get isNew(): boolean {
    return this.#uses === 1;
  }

  /** Copies `bytes` to position `offset` of the data. */
  write(bytes: Uint8Array, offset: number): void {
    if (this.#uses > 1 || this.#address !== undefined) {
      copyToAddress(this.#enter(offset + bytes.byteLength) + offset, bytes);
      return;
    }
    const at = offset + this.#calls.pageSize;
    for (let done = 0; done < bytes.byteLength; ) {
      done += writeSync(this.#fd, bytes, done, Math.min(MOST_AT_ONCE, bytes.byteLength - done), at + done);
    }
    this.#filled = Math.max(this.#filled, offset + bytes.byteLength);
  }

  /**
   * Makes ready for the next use: enters up to so many bytes of what was written through the file into the mapping.
   * Whether there are more of them.
   */
  prepare(byteLength: number): boolean {
    prepareCopying(this.#filled);
    if (this.#populated < this.#filled) this.#enter(Math.min(this.#populated + byteLength, this.#filled));
    return this.#populated < this.#filled;
  }

  /** A part of the data as an ArrayBuffer. The segment must not be freed while it is in use. */
  buffer(offset: number, byteLength: number): ArrayBuffer {
    return this.#calls.view(BigInt(this.#enter(offset + byteLength) + offset), byteLength);
  }

  /** A part of the data, in a buffer with the rest of it. It must not be used once the segment is. */
  bytes(offset: number, byteLength: number): Uint8Array {
    const start = this.#enter(offset + byteLength);
    this.#data ??= new Uint8Array(this.#calls.view(BigInt(start), this.capacity));
    return this.#data.subarray(offset, offset + byteLength);
  }

  /** The buffer of what {@link bytes} gave so far; it gives another one from now on. */
  disown(): ArrayBufferLike | undefined {
    const buffer = this.#data?.buffer;
    this.#data = undefined;
    return buffer;
  }

  /** Sets a part of the data to zero. */
  clear(offset: number, byteLength: number): void {
    this.#calls.clear(this.#enter(offset + byteLength) + offset, byteLength);
  }

  describe(offset: number, byteLength: number): SliceDescriptor {
    return {
      pid: process.pid,
      fd: this.#fd,
      inode: this.#inode,
      offset: offset + this.#calls.pageSize,
      byteLength,
      generation: this.#generation,
    };
  }

  /** Lets go of it here; what others have mapped of it stays as it is. */
  leave(): void {
    const size = this.capacity + this.#calls.pageSize;
    this.#data = undefined;
    if (this.#address !== undefined) this.#calls.unmap(this.#address, size);
    this.#address = undefined;
    closeSync(this.#fd);
  }

  /** Gives the memory back to the system, also where others keep an unused mapping of it. */
  free(): void {
    const size = this.capacity + this.#calls.pageSize;
    this.#data = undefined;
    if (this.#address !== undefined) this.#calls.unmap(this.#address, size);
    this.#address = undefined;
    this.#calls.discard(this.#fd, size);
    closeSync(this.#fd);
  }

  /** Enters the pages of the first `byteLength` bytes of data into the mapping; returns the address of the data. */
  #enter(byteLength: number): number {
    const { pageSize, hugePages } = this.#calls;
    const size = this.capacity + pageSize;
    if (this.#address === undefined) {
      this.#address = this.#calls.map(this.#fd, size, "shared");
      if (hugePages) this.#calls.advise(this.#address, size, Advice.hugePage);
    }
    // Where there are pages already, a look at them enters several at once.
    const written = Math.min(byteLength, this.#filled);
    if (!hugePages) this.#touch(this.#address, written, Advice.populateRead);
    this.#touch(this.#address, byteLength, Advice.populateWrite);
    return Number(this.#address) + pageSize;
  }

  /** Those of them that are not in the mapping yet. */
  #touch(address: bigint, byteLength: number, advice: number): void {
    if (byteLength <= this.#populated) return;
    const { pageSize } = this.#calls;
    const from = this.#populated - (this.#populated % pageSize);
    this.#calls.advise(address + BigInt(pageSize + from), byteLength - from, advice);
    this.#populated = byteLength;
  }
}
