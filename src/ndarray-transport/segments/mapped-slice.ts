/** Received bytes in shared memory: what was written to them, and how to make them independent of the sender. */

import type { SliceDescriptor } from "./descriptor.ts";
import { letGo, type Mapping, withdraw } from "./mapping.ts";
import type { ByteRange } from "./page-scan.ts";
import type { SegmentPool, SegmentSlice } from "./segment-pool.ts";

/** Bytes that were changed, counted from the beginning of the memory. */
export interface ChangedMemory {
  /** The slice, if it is one; else the buffer. */
  readonly memory: object;
  readonly range: ByteRange;
}

/** A mapping of its own that shows the bytes of slices, too. */
export interface Shower {
  /** Puts copies in the place of the bytes of a slice. @throws SegmentError with reason `noMemory` */
  makeOwn(slice: MappedSlice, pool: SegmentPool): void;
}

export class MappedSlice implements ByteRange {
  /** Where it lies in its mapping. */
  readonly start: number;
  readonly end: number;
  readonly mapping: Mapping;
  /** Whether an ArrayBuffer lies over it, or has: there is no reference to that, which would keep it alive. */
  isOpen = false;
  readonly #received: SliceDescriptor;
  readonly #unmapped: () => void;
  /** Memory of this process, which it holds, in the place of the sender's. */
  #own: SegmentSlice | undefined;
  readonly #showers = new Set<Shower>();
  #isCollected = false;

  /** `own`: it is memory of this process from the start, of whole pages. */
  constructor(descriptor: SliceDescriptor, mapping: Mapping, unmapped: () => void, own?: SegmentSlice) {
    this.start = descriptor.offset;
    this.end = descriptor.offset + descriptor.byteLength;
    this.mapping = mapping;
    this.#received = descriptor;
    this.#unmapped = unmapped;
    this.#own = own;
    mapping.inUse.add(this);
  }

  /** Its bytes as an ArrayBuffer, once. */
  open(): ArrayBuffer {
    this.isOpen = true;
    return this.mapping.view(this.#received);
  }

  /** Where its bytes are, for others; undefined when it was written to, because they would not see that. */
  describe(): { readonly descriptor: SliceDescriptor; readonly slice?: SegmentSlice } | undefined {
    if (this.mapping.written(this).length > 0) return undefined;
    if (this.#own === undefined) return { descriptor: this.#received };
    const { byteLength } = this.#received;
    const own = this.#own.describe();
    const offset = own.offset + (this.start - this.mapping.pagesOf(this).start);
    return { descriptor: { ...own, offset, byteLength }, slice: this.#own };
  }

  /**
   * Copies the bytes, as they are now, to memory of this process, and puts that in the place of the sender's.
   *
   * @throws SegmentError with reason `noMemory`
   */
  makeOwn(pool: SegmentPool): void {
    for (const shower of [...this.#showers]) {
      shower.makeOwn(this, pool);
      this.hidden(shower);
    }
    if (this.#own !== undefined || this.#isCollected) return;
    const pages = this.mapping.pagesOf(this);
    const [own] = pool.write([this.mapping.bytes(pages)]) as [SegmentSlice];
    try {
      this.mapping.replace(pages, own.describe());
    } catch (error) {
      own.release();
      throw error;
    }
    this.#own = own;
    withdraw(this.mapping);
    this.#unmapped();
  }

  /** Its bytes are shown elsewhere, too: it stays until they are not. */
  shown(shower: Shower): void {
    this.#showers.add(shower);
  }

  hidden(shower: Shower): void {
    if (this.#showers.delete(shower)) this.#endIfUnused();
  }

  /** Its buffer is gone, or was never made. */
  collected(): void {
    this.#isCollected = true;
    this.#endIfUnused();
  }

  #endIfUnused(): void {
    if (!this.#isCollected || this.#showers.size > 0) return;
    letGo(this.mapping, this);
    if (this.#own === undefined) this.#unmapped();
    else this.#own.release();
  }
}

/**
 * Which of these were changed, byte by byte, since they were received or since this was last asked. Drops the changes:
 * the bytes that were received show again.
 */
export function takeChanges(slices: Iterable<MappedSlice>): ChangedMemory[] {
  const changes: ChangedMemory[] = [];
  for (const [mapping, inMapping] of byMapping(slices)) {
    const pages = mapping.written();
    if (pages.length === 0) continue;
    const written = inMapping.flatMap((slice) => intersections(slice, pages).map((range) => ({ slice, range })));
    const copies = written.map(({ range }) => mapping.bytes(range).slice());
    for (const range of pages) mapping.restore(range);
    for (const [index, { slice, range }] of written.entries()) {
      const difference = differenceOf(copies[index] as Uint8Array, mapping.bytes(range));
      if (difference === undefined) continue;
      const first = range.start - slice.start;
      changes.push({ memory: slice, range: { start: first + difference.start, end: first + difference.end } });
    }
  }
  return changes;
}

function byMapping(slices: Iterable<MappedSlice>): Map<Mapping, MappedSlice[]> {
  const groups = new Map<Mapping, MappedSlice[]>();
  for (const slice of slices) {
    if (!slice.isOpen) continue;
    const group = groups.get(slice.mapping);
    if (group === undefined) groups.set(slice.mapping, [slice]);
    else group.push(slice);
  }
  return groups;
}

function intersections(slice: ByteRange, pages: readonly ByteRange[]): ByteRange[] {
  return pages
    .map(({ start, end }) => ({ start: Math.max(start, slice.start), end: Math.min(end, slice.end) }))
    .filter(({ start, end }) => start < end);
}

/** From the first to the last byte in which two blocks of one length differ. */
export function differenceOf(one: Uint8Array, other: Uint8Array): ByteRange | undefined {
  if (Buffer.compare(one, other) === 0) return undefined;
  let start = 0;
  while (one[start] === other[start]) start++;
  let end = one.length;
  while (one[end - 1] === other[end - 1]) end--;
  return { start, end };
}
