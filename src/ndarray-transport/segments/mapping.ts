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

/** How many unused mappings are kept, and for how long, in milliseconds. */
const MOST_IDLE = 64;
const IDLE_MS = 10_000;

export class Mapping {
  /** The parts of it that are in use. */
  readonly inUse: Set<ByteRange> = new Set();
  readonly #calls: SystemCalls;
  readonly #address: bigint;
  readonly #size: number;
  readonly #header: DataView;
  #populated: ByteRange = { start: 0, end: 0 };

  /** @throws SegmentError with reason `unreachable`, `stale` or `noMemory` */
  constructor(calls: SystemCalls, descriptor: SliceDescriptor) {
    this.#calls = calls;
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

  /** A part of it as an ArrayBuffer, whose pages are there. */
  view({ offset, byteLength }: SliceDescriptor): ArrayBuffer {
    const { start, end } = this.pagesOf({ start: offset, end: offset + byteLength });
    if (start < this.#populated.start || end > this.#populated.end) {
      this.#calls.advise(this.#address + BigInt(start), end - start, Advice.populateRead);
      this.#populated = { start, end };
    }
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
    this.#calls.advise(address, end - start, Advice.populateRead);
  }

  unmap(): void {
    this.#calls.unmap(this.#address, this.#size);
  }
}

interface IdleMapping {
  readonly key: string;
  readonly mapping: Mapping;
  readonly since: number;
}

/** The mappings of this process that are in use or kept, by what they map. */
const mappings = new Map<string, Mapping>();
/** The longest unused first. */
let idle: IdleMapping[] = [];
let idleTimer: NodeJS.Timeout | undefined;

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
  if (mapping.inUse.size === 0) idle = idle.filter((entry) => entry.mapping !== mapping);
  return mapping;
}

/** Takes `range` of a mapping out of use. */
export function letGo(mapping: Mapping, descriptor: SliceDescriptor, range: ByteRange): void {
  mapping.inUse.delete(range);
  if (mapping.inUse.size > 0) return;
  const key = keyOf(descriptor);
  if (mappings.get(key) !== mapping) {
    mapping.unmap();
    return;
  }
  for (const pages of mapping.written()) mapping.restore(pages);
  idle.push({ key, mapping, since: performance.now() });
  freeIdle(MOST_IDLE);
  watchIdle();
}

/** Keeps a mapping for what lies over it now: nothing else will use it. */
export function withdraw(mapping: Mapping, descriptor: SliceDescriptor): void {
  const key = keyOf(descriptor);
  if (mappings.get(key) === mapping) mappings.delete(key);
}

function keyOf({ pid, fd, inode }: SliceDescriptor): string {
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

function freeIdle(count: number): void {
  while (idle.length > count) unmapOldest();
}

function unmapOldest(): void {
  const { key, mapping } = idle.shift() as IdleMapping;
  if (mappings.get(key) === mapping) mappings.delete(key);
  mapping.unmap();
}

function watchIdle(): void {
  const oldest = idle[0];
  if (oldest === undefined || idleTimer !== undefined) return;
  const due = Math.max(0, oldest.since + IDLE_MS - performance.now());
  idleTimer = setTimeout(() => {
    idleTimer = undefined;
    const before = performance.now() - IDLE_MS;
    while (idle[0] !== undefined && idle[0].since <= before) unmapOldest();
    watchIdle();
  }, due).unref();
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
