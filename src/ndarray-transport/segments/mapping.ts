/**
 * A segment of another process, mapped here so that what is written stays with this process.
 *
 * A mapping that nothing lies over any more is kept for a while: the owner will use the segment again, and the first
 * look at the pages of a new mapping costs many times as much as reading them. What was written there is dropped before.
 */

import { closeSync, constants, fstatSync, openSync, readlinkSync } from "node:fs";
import { GENERATION_AT, MEMORY_LINK, type SliceDescriptor } from "./descriptor.ts";
import { Advice, type SystemCalls } from "./linux-calls.ts";
import type { ByteRange } from "./page-scan.ts";
import { SegmentError } from "./segment-error.ts";
import { systemCalls } from "./system-calls.ts";
import { Unused } from "./unused.ts";

/** How many unused mappings are kept, and for how long, in milliseconds. */
const MOST_UNUSED = 64;
const UNUSED_MS = 30_000;

export class Mapping {
  /** What it maps. */
  readonly key: string;
  /** The parts of it that are in use. */
  readonly inUse: Set<ByteRange> = new Set();
  readonly #calls: SystemCalls;
  readonly #address: bigint;
  readonly #size: number;
  readonly #header: DataView;

  /** @throws SegmentError with reason `unreachable`, `stale` or `noMemory` */
  constructor(calls: SystemCalls, descriptor: SliceDescriptor) {
    this.#calls = calls;
    this.key = keyOf(descriptor);
    const fd = openSegment(descriptor, constants.O_RDONLY);
    try {
      this.#size = fstatSync(fd).size;
      this.#address = calls.map(fd, this.#size, "private");
    } finally {
      closeSync(fd);
    }
    if (calls.hugePages) calls.advise(this.#address, this.#size, Advice.hugePage);
    this.#header = new DataView(calls.view(this.#address, calls.pageSize));
  }

  /** @throws SegmentError with reason `stale` when the segment has been put to another use */
  check({ generation, offset, byteLength }: SliceDescriptor): void {
    if (this.#header.getFloat64(GENERATION_AT, true) !== generation || offset + byteLength > this.#size) {
      throw new SegmentError("stale", "the shared memory has been put to another use by its owner");
    }
  }

  /**
   * A part of it as an ArrayBuffer. Its pages are mapped when they are looked at, many at once: that takes as long in all
   * as mapping them now would (3 ms for 64 MiB), and nothing if nobody looks.
   */
  view({ offset, byteLength }: SliceDescriptor): ArrayBuffer {
    return this.#calls.view(this.#address + BigInt(offset), byteLength);
  }

  /** The pages that `range` touches. */
  pagesOf({ start, end }: ByteRange): ByteRange {
    const { pageSize } = this.#calls;
    return { start: start - (start % pageSize), end: Math.ceil(end / pageSize) * pageSize };
  }

  /** The pages in `range` that were written here. */
  written(range: ByteRange = { start: 0, end: this.#size }): ByteRange[] {
    const { start, end } = this.pagesOf(range);
    const found = this.#calls.writtenPages(this.#address + BigInt(start), end - start);
    return found.map((pages) => ({ start: pages.start + start, end: pages.end + start }));
  }

  /** Drops what was written to these pages: the owner's bytes show again. */
  restore({ start, end }: ByteRange): void {
    this.#calls.advise(this.#address + BigInt(start), end - start, Advice.dontNeed);
  }

  /** The bytes of `range` as they are now. Only for reading at once: they may be unmapped later. */
  bytes({ start, end }: ByteRange): Uint8Array {
    return new Uint8Array(this.#calls.view(this.#address + BigInt(start), end - start));
  }

  /**
   * Puts other memory, that of `source`, in place of the pages of `range`. It must be as long as they are.
   *
   * @throws SegmentError with reason `noMemory`
   */
  replace({ start, end }: ByteRange, source: SliceDescriptor): void {
    const address = this.#address + BigInt(start);
    this.#calls.mapOver(address, end - start, source.fd, source.offset);
  }

  unmap(): void {
    this.#calls.unmap(this.#address, this.#size);
  }
}

/** The mappings of this process that are in use or kept, by what they map. */
const mappings = new Map<string, Mapping>();
const unused = new Unused<Mapping>(MOST_UNUSED, UNUSED_MS, (mapping) => {
  if (mappings.get(mapping.key) === mapping) mappings.delete(mapping.key);
  mapping.unmap();
});

/**
 * The mapping that shows a slice: one that is there already, or a new one.
 *
 * @throws SegmentError when the segment cannot be reached or mapped, or is in another use
 */
export function mappingOf(descriptor: SliceDescriptor): Mapping {
  const key = keyOf(descriptor);
  let mapping = mappings.get(key);
  if (mapping !== undefined && isSpoilt(mapping, descriptor)) mapping = undefined;
  const known = mapping;
  mapping ??= new Mapping(systemCalls(), descriptor);
  try {
    mapping.check(descriptor);
  } catch (error) {
    if (known === undefined) mapping.unmap();
    throw error;
  }
  if (!mappings.has(key)) mappings.set(key, mapping);
  unused.remove(mapping);
  return mapping;
}

/** Takes `range` of a mapping out of use. */
export function letGo(mapping: Mapping, range: ByteRange): void {
  mapping.inUse.delete(range);
  if (mapping.inUse.size > 0) return;
  if (mappings.get(mapping.key) !== mapping) {
    mapping.unmap();
    return;
  }
  for (const pages of mapping.written()) mapping.restore(pages);
  unused.add(mapping);
}

/** Keeps a mapping for what lies over it now: nothing else will use it. */
export function withdraw(mapping: Mapping): void {
  if (mappings.get(mapping.key) === mapping) mappings.delete(mapping.key);
}

/** What a descriptor's segment is known by here. */
export function keyOf({ pid, fd, inode }: SliceDescriptor): string {
  return `${pid}:${fd}:${inode}`;
}

/** Whether something that lies over the same bytes has written to them. */
function isSpoilt(mapping: Mapping, { offset, byteLength }: SliceDescriptor): boolean {
  const wanted = mapping.pagesOf({ start: offset, end: offset + byteLength });
  for (const range of mapping.inUse) {
    const used = mapping.pagesOf(range);
    if (used.start < wanted.end && wanted.start < used.end) return mapping.written(wanted).length > 0;
  }
  return false;
}

/**
 * Opens the file of a segment, after making sure that it is one.
 *
 * @throws SegmentError with reason `unreachable` or `stale`
 */
export function openSegment({ pid, fd, inode }: SliceDescriptor, flags: number): number {
  const path = `/proc/${pid}/fd/${fd}`;
  let opened: number;
  try {
    if (!readlinkSync(path).startsWith(MEMORY_LINK)) throw new SegmentError("stale", `${path} is another file by now`);
    opened = openSync(path, flags | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof SegmentError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const reason = code === "EMFILE" || code === "ENFILE" || code === "ENOMEM" ? "noMemory" : "unreachable";
    throw new SegmentError(reason, `the shared memory of process ${pid} cannot be opened (${code})`, { cause: error });
  }
  if (fstatSync(opened).ino === inode) return opened;
  closeSync(opened);
  throw new SegmentError("stale", `${path} is another file by now`);
}
