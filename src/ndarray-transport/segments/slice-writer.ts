/**
 * Writing into memory that another process of the host allocated, so that what is computed here lies where it is needed.
 * The first write to a segment goes through its file, which needs no mapping; a segment that comes again is mapped.
 */

import { closeSync, constants, fstatSync, readSync, writeSync } from "node:fs";
import { GENERATION_AT, type SliceDescriptor } from "./descriptor.ts";
import { Advice, type SystemCalls } from "./linux-calls.ts";
import { openSegment } from "./mapping.ts";
import { SegmentError } from "./segment-error.ts";
import { systemCalls } from "./system-calls.ts";

/** How many segments are kept open, and how long after they were written to, in milliseconds. */
const MOST_OPEN = 32;
const KEEP_MS = 10_000;
const MOST_AT_ONCE = 1 << 30;

class OpenSegment {
  readonly #calls: SystemCalls;
  readonly #fd: number;
  readonly #size: number;
  readonly #header = new DataView(new ArrayBuffer(8));
  #writes = 0;
  #address: bigint | undefined;
  #bytes: Uint8Array | undefined;
  #populated = { start: 0, end: 0 };
  usedAt = 0;

  constructor(calls: SystemCalls, descriptor: SliceDescriptor) {
    this.#calls = calls;
    this.#fd = openSegment(descriptor, constants.O_RDWR);
    this.#size = fstatSync(this.#fd).size;
  }

  write({ offset, generation, byteLength }: SliceDescriptor, bytes: Uint8Array): void {
    readSync(this.#fd, this.#header, 0, 8, GENERATION_AT);
    if (this.#header.getFloat64(0, true) !== generation || offset + byteLength > this.#size) {
      throw new SegmentError("stale", "the shared memory to write to has been put to another use by its owner");
    }
    this.#writes++;
    if (this.#writes > 1) {
      this.#mapped(offset, bytes.byteLength).set(bytes, offset);
      return;
    }
    for (let done = 0; done < bytes.byteLength; ) {
      done += writeSync(this.#fd, bytes, done, Math.min(MOST_AT_ONCE, bytes.byteLength - done), offset + done);
    }
  }

  #mapped(offset: number, byteLength: number): Uint8Array {
    if (this.#bytes === undefined) {
      this.#address = this.#calls.map(this.#fd, this.#size, "shared");
      if (this.#calls.hugePages) this.#calls.advise(this.#address, this.#size, Advice.hugePage);
      this.#bytes = new Uint8Array(this.#calls.view(this.#address, this.#size));
    }
    const end = offset + byteLength;
    if (offset < this.#populated.start || end > this.#populated.end) {
      const start = offset - (offset % this.#calls.pageSize);
      this.#calls.advise((this.#address as bigint) + BigInt(start), end - start, Advice.populateWrite);
      this.#populated = { start, end };
    }
    return this.#bytes;
  }

  close(): void {
    this.#bytes = undefined;
    if (this.#address !== undefined) this.#calls.unmap(this.#address, this.#size);
    closeSync(this.#fd);
  }
}

/** By what they are, the longest unused first. */
const open = new Map<string, OpenSegment>();
let timer: NodeJS.Timeout | undefined;

/**
 * Writes `bytes` at the beginning of a slice that another process allocated. The owner sees them at once.
 *
 * @throws SegmentError when the slice cannot be reached, or is in another use by now
 * @throws RangeError when there are more bytes than the slice has
 */
export function writeToSlice(descriptor: SliceDescriptor, bytes: Uint8Array): void {
  if (bytes.byteLength > descriptor.byteLength) {
    throw new RangeError(`${bytes.byteLength} bytes do not fit into a slice of ${descriptor.byteLength}`);
  }
  const key = `${descriptor.pid}:${descriptor.fd}:${descriptor.inode}`;
  const segment = open.get(key) ?? new OpenSegment(systemCalls(), descriptor);
  open.delete(key);
  open.set(key, segment);
  segment.usedAt = performance.now();
  while (open.size > MOST_OPEN) closeOldest();
  closeUnusedLater();
  segment.write(descriptor, bytes);
}

function closeOldest(): void {
  const [key, segment] = open.entries().next().value as [string, OpenSegment];
  open.delete(key);
  segment.close();
}

function closeUnusedLater(): void {
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    timer = undefined;
    const before = performance.now() - KEEP_MS;
    for (const [key, segment] of open) {
      if (segment.usedAt > before) break;
      open.delete(key);
      segment.close();
    }
    if (open.size > 0) closeUnusedLater();
  }, KEEP_MS).unref();
}
