/** Arrays over shared memory: received ones, and how those that lie there already are passed on without a copy. */

import { whenCollected } from "./collection.ts";
import { partOf, type SliceDescriptor } from "./descriptor.ts";
import { immutable } from "./immutable.ts";
import { letGo, type Mapping, mappingOf, withdraw } from "./mapping.ts";
import type { ByteRange } from "./page-scan.ts";
import { SegmentPool, type SegmentSlice } from "./segment-pool.ts";

/** The shared memory that this process owns. */
export const segmentPool: SegmentPool = new SegmentPool();

/** A received ArrayBuffer over shared memory. */
class MappedSlice {
  readonly descriptor: SliceDescriptor;
  readonly buffer: WeakRef<ArrayBuffer>;
  readonly #mapping: Mapping;
  readonly #range: ByteRange;
  #unmapped: (() => void) | undefined;

  constructor(descriptor: SliceDescriptor, mapping: Mapping, buffer: ArrayBuffer, unmapped: () => void) {
    this.descriptor = descriptor;
    this.buffer = new WeakRef(buffer);
    this.#mapping = mapping;
    this.#unmapped = unmapped;
    this.#range = { start: descriptor.offset, end: descriptor.offset + descriptor.byteLength };
    mapping.inUse.add(this.#range);
  }

  /** Whether it no longer depends on what the sender does. */
  get isPrivate(): boolean {
    return this.#unmapped === undefined;
  }

  /** The pages that were written since it was received, in bytes from its beginning; none once it is private. */
  written(): ByteRange[] {
    if (this.isPrivate) return [];
    const { start: first, end: last } = this.#range;
    return this.#mapping.written(this.#range).map(({ start, end }) => {
      return { start: Math.max(start, first) - first, end: Math.min(end, last) - first };
    });
  }

  /** Drops what was written to the pages that hold these bytes: the sender's show again. */
  restore({ start, end }: ByteRange): void {
    const { start: first } = this.#range;
    if (!this.isPrivate) this.#mapping.restore(this.#mapping.pagesOf({ start: start + first, end: end + first }));
  }

  makePrivate(): void {
    if (this.#unmapped === undefined) return;
    this.#mapping.makePrivate(this.#range);
    withdraw(this.#mapping, this.descriptor);
    const unmapped = this.#unmapped;
    this.#unmapped = undefined;
    unmapped();
  }

  collected(): void {
    letGo(this.#mapping, this.descriptor, this.#range);
    this.#unmapped?.();
    this.#unmapped = undefined;
  }
}

const owned = new WeakMap<ArrayBufferLike, SegmentSlice>();
const received = new WeakMap<ArrayBufferLike, MappedSlice>();
/** Those that have not been collected. */
const mapped = new Set<MappedSlice>();

/** What can be passed on by its descriptor. */
export interface SharedBytes {
  readonly descriptor: SliceDescriptor;
  /** For memory of this process: a holder of it. Otherwise keep `buffer` from being collected. */
  readonly slice?: SegmentSlice;
  readonly buffer: ArrayBufferLike;
}

/**
 * New memory of this process that others can map: an ordinary ArrayBuffer of zeros. Given back when it was collected
 * and everyone whom it was sent to has let go.
 *
 * @throws SegmentError with reason `unavailable` or `noMemory`
 */
export function allocateShared(byteLength: number, { zero = true }: { readonly zero?: boolean } = {}): ArrayBuffer {
  if (byteLength === 0) return new ArrayBuffer(0);
  const slice = segmentPool.allocate(byteLength);
  let buffer: ArrayBuffer;
  try {
    if (zero) slice.clear();
    buffer = slice.buffer();
  } catch (error) {
    slice.release();
    throw error;
  }
  owned.set(buffer, slice);
  whenCollected(buffer, () => slice.release());
  return buffer;
}

/**
 * Memory of another process (or of this one), as an ArrayBuffer: no copy is made. What is written to it stays here.
 * Where the runtime can, it is made immutable.
 *
 * @param unmapped called once nothing here shows the sender's memory any more; it must not throw
 * @throws SegmentError when that memory cannot be reached or mapped, or is in another use by now
 */
export function mapSlice(descriptor: SliceDescriptor, unmapped: () => void = () => undefined): ArrayBuffer {
  const mapping = mappingOf(descriptor);
  const buffer = immutable(mapping.view(descriptor));
  const slice = new MappedSlice(descriptor, mapping, buffer, unmapped);
  received.set(buffer, slice);
  mapped.add(slice);
  whenCollected(buffer, () => {
    mapped.delete(slice);
    slice.collected();
  });
  return buffer;
}

/**
 * Where the bytes of `view` lie in shared memory, for passing them on without a copy. `undefined` for ordinary memory,
 * and for received memory that no longer shows what the sender sent.
 */
export function sliceOf(view: ArrayBufferView): SharedBytes | undefined {
  const { buffer, byteOffset, byteLength } = view;
  const slice = owned.get(buffer);
  if (slice !== undefined) return { descriptor: partOf(slice.describe(), byteOffset, byteLength), slice, buffer };
  const source = received.get(buffer);
  if (source === undefined || source.isPrivate || source.written().length > 0) return undefined;
  return { descriptor: partOf(source.descriptor, byteOffset, byteLength), buffer };
}

/**
 * Makes what was received independent of the sender's memory: every page is copied, and the sender is told that it is
 * not needed any more. Nothing happens to other memory.
 *
 * @throws SegmentError with reason `noMemory`
 */
export function privatize(buffer: ArrayBufferLike): void {
  received.get(buffer)?.makePrivate();
}
