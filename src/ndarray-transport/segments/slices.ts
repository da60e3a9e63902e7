/** Arrays over shared memory: received ones, and how those that lie there already are passed on without a copy. */

import { beforeHandingOut, whenCollected } from "./collection.ts";
import { partOf, type SliceDescriptor } from "./descriptor.ts";
import { immutable } from "./immutable.ts";
import { type JoinedMapping, type JoinedPart, joinParts } from "./joined-mapping.ts";
import { type ChangedMemory, MappedSlice, takeChanges } from "./mapped-slice.ts";
import { mappingOf } from "./mapping.ts";
import { pinned } from "./pinned.ts";
import { SegmentPool, type SegmentSlice } from "./segment-pool.ts";

/** The shared memory that this process owns. */
export const segmentPool: SegmentPool = new SegmentPool();

const owned = new WeakMap<ArrayBufferLike, SegmentSlice>();
const received = new WeakMap<ArrayBufferLike, MappedSlice>();
const joined = new WeakMap<ArrayBufferLike, JoinedMapping>();
/** Those that have not been collected. */
const inUse = new Set<MappedSlice>();

/** What can be passed on by its descriptor. */
export interface SharedBytes {
  readonly descriptor: SliceDescriptor;
  /** For memory of this process: a holder of it. Otherwise keep `buffer` from being collected. */
  readonly slice?: SegmentSlice;
  readonly buffer: ArrayBufferLike;
}

export interface SharedOptions {
  /** Whether it is made zero, which takes time for memory that was used before. Default: true. */
  readonly zero?: boolean;
  /** How many bytes behind the beginning of some page it begins. Default: 0. */
  readonly lead?: number;
}

/**
 * New memory of this process that others can map: an ordinary ArrayBuffer of zeros. Given back when it was collected
 * and everyone whom it was sent to has let go.
 *
 * @throws SegmentError with reason `unavailable` or `noMemory`
 */
export function allocateShared(byteLength: number, { zero = true, lead = 0 }: SharedOptions = {}): ArrayBuffer {
  if (byteLength === 0) return new ArrayBuffer(0);
  const slice = segmentPool.allocate(byteLength, lead);
  let buffer: ArrayBuffer;
  try {
    if (zero) slice.clear();
    beforeHandingOut(byteLength);
    buffer = pinned(slice.buffer());
  } catch (error) {
    slice.release();
    throw error;
  }
  owned.set(buffer, slice);
  releaseWhenCollected(buffer, slice);
  return buffer;
}

/** From now on memory of this process counts as ordinary: sent to others it is copied, so that it may be written to. */
export function withdrawShared(buffer: ArrayBufferLike): void {
  owned.delete(buffer);
}

/**
 * Memory for one big array that this process alone uses, from the pool: its pages have mostly been touched before, which
 * fresh memory's have not. What is in it is left from the use before. Sent to others it is copied, like other memory.
 *
 * @throws SegmentError with reason `unavailable` or `noMemory`
 */
export function allocatePooled(byteLength: number): ArrayBuffer {
  const slice = segmentPool.allocate(byteLength);
  beforeHandingOut(byteLength);
  const buffer = pinned(slice.buffer());
  releaseWhenCollected(buffer, slice);
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
  return open(mapped(descriptor, unmapped));
}

/**
 * The same, as an ArrayBuffer only once somebody looks: what nobody has looked at is let go of at once, where an ArrayBuffer
 * has to be collected first.
 *
 * @throws SegmentError as {@link mapSlice}
 */
export function mapUnopened(descriptor: SliceDescriptor, unmapped: () => void): UnopenedBytes {
  return new UnopenedBytes(mapped(descriptor, unmapped));
}

/** What was received, as it is until it is used. */
export type ReceivedBytes = Uint8Array | UnopenedBytes;

/** Received bytes in shared memory over which no ArrayBuffer lies yet. */
export class UnopenedBytes {
  readonly byteLength: number;
  readonly slice: MappedSlice;
  #bytes: Uint8Array | undefined;
  #claims = 0;

  constructor(slice: MappedSlice) {
    this.slice = slice;
    this.byteLength = slice.end - slice.start;
    forgotten.register(this, slice, this);
  }

  /** The bytes; the same each time. */
  open(): Uint8Array {
    if (this.#bytes === undefined) {
      forgotten.unregister(this);
      this.#bytes = new Uint8Array(open(this.slice));
    }
    return this.#bytes;
  }

  /** Somebody may open them, until he drops them. */
  claim(): this {
    this.#claims++;
    return this;
  }

  /** They are not needed any more; if they were not opened and nobody else has claimed them, they are let go of. */
  drop(): void {
    if (this.#bytes !== undefined || --this.#claims > 0) return;
    if (forgotten.unregister(this)) letGo(this.slice);
  }
}

export function opened(bytes: ReceivedBytes): Uint8Array {
  return bytes instanceof UnopenedBytes ? bytes.open() : bytes;
}

/** Those that were neither opened nor dropped. */
const forgotten = new FinalizationRegistry<MappedSlice>(letGo);

/** Memory for bytes that others send otherwise than by their own shared memory. */
export interface ReceivingMemory {
  /** Where they are written. */
  readonly bytes: Uint8Array;
  /** All are there, and nobody writes any more: they as if they had been mapped. @throws SegmentError; drop it then */
  map(): Uint8Array;
  /** They are not needed; somebody may write yet. */
  drop(): void;
}

/** @throws SegmentError with reason `unavailable` or `noMemory` */
export function allocateReceiving(byteLength: number): ReceivingMemory {
  const slice = segmentPool.allocate(byteLength);
  return {
    bytes: slice.bytes(),
    map: () => new Uint8Array(open(mapped(slice.describe(), () => undefined, slice))),
    drop: () => slice.releaseLater(whenCollected),
  };
}

/** A function of its own, since what is called then must not refer to the buffer, not even by its scope. */
function releaseWhenCollected(buffer: ArrayBuffer, slice: SegmentSlice): void {
  whenCollected(buffer, () => slice.release());
}

function mapped(descriptor: SliceDescriptor, unmapped: () => void, own?: SegmentSlice): MappedSlice {
  const slice = new MappedSlice(descriptor, mappingOf(descriptor), unmapped, own);
  inUse.add(slice);
  return slice;
}

function open(slice: MappedSlice): ArrayBuffer {
  beforeHandingOut(slice.end - slice.start);
  const buffer = pinned(immutable(slice.open()));
  received.set(buffer, slice);
  letGoWhenCollected(buffer, slice);
  return buffer;
}

/** Apart, for the same reason as {@link releaseWhenCollected}. */
function letGoWhenCollected(buffer: ArrayBuffer, slice: MappedSlice): void {
  whenCollected(buffer, () => letGo(slice));
}

function letGo(slice: MappedSlice): void {
  inUse.delete(slice);
  slice.collected();
}

/**
 * Received arrays, one after another, as one array, without a copy: where each lies in shared memory and continues, in
 * its page, where the one before ended. `undefined` where that is not so.
 *
 * @throws SegmentError when they cannot be mapped once more
 */
export function joinMapped(views: readonly ArrayBufferView[]): ArrayBuffer | undefined {
  const parts: JoinedPart[] = [];
  for (const { buffer, byteOffset, byteLength } of views) {
    if (byteLength === 0) continue;
    const slice = received.get(buffer);
    const source = slice?.describe();
    // What was made independent of its sender has another owner: it is rare, and copied.
    if (slice === undefined || source === undefined || source.slice !== undefined) return undefined;
    parts.push({ slice, byteOffset, descriptor: partOf(source.descriptor, byteOffset, byteLength) });
  }
  const mapping = joinParts(parts);
  if (mapping === undefined) return undefined;
  beforeHandingOut(mapping.byteLength);
  const buffer = pinned(immutable(mapping.view()));
  joined.set(buffer, mapping);
  // The memory is that of the parts.
  whenCollected(buffer, () => mapping.collected(), 0);
  return buffer;
}

/** What tells memory apart: the slice of what was received through shared memory, else the buffer itself. */
export function memoryOf(buffer: ArrayBufferLike): object {
  return received.get(buffer) ?? buffer;
}

/** What a view of received memory is a part of, and where it begins there; any other memory is a part of itself. */
export function receivedPart(view: ReceivedBytes | ArrayBufferView): {
  readonly memory: object;
  readonly offset: number;
} {
  if (view instanceof UnopenedBytes) return { memory: view.slice, offset: 0 };
  const { buffer, byteOffset, byteLength } = view;
  const part = joined.get(buffer)?.partAt(byteOffset, byteLength);
  if (part !== undefined) return { memory: part.slice, offset: part.offset };
  return { memory: memoryOf(buffer), offset: byteOffset };
}

/**
 * Where the bytes of `view` lie in shared memory, for passing them on without a copy. `undefined` for ordinary memory,
 * and for received memory that no longer shows what the sender sent.
 */
export function sliceOf(view: ArrayBufferView): SharedBytes | undefined {
  const { buffer, byteOffset, byteLength } = view;
  const slice = owned.get(buffer);
  if (slice !== undefined) return { descriptor: partOf(slice.describe(), byteOffset, byteLength), slice, buffer };
  const whole = joined.get(buffer);
  if (whole !== undefined) {
    const descriptor = whole.describe(byteOffset, byteLength);
    return descriptor && { descriptor, buffer };
  }
  const source = received.get(buffer)?.describe();
  if (source === undefined) return undefined;
  return { ...source, descriptor: partOf(source.descriptor, byteOffset, byteLength), buffer };
}

/**
 * How what was received is made independent of the sender's memory: the bytes are copied to memory of this process, which
 * takes their place, also in what was joined of them, and the sender is told that his is not needed any more. Nothing
 * happens to other memory.
 *
 * @returns does it, also after `buffer` was collected; throws SegmentError with reason `noMemory`
 */
export function privatizer(buffer: ArrayBufferLike | UnopenedBytes): () => void {
  const slice = buffer instanceof UnopenedBytes ? buffer.slice : received.get(buffer);
  return () => slice?.makeOwn(segmentPool);
}

/** Whether `buffer` is shared memory of this process. */
export function isOwned(buffer: ArrayBufferLike): boolean {
  return owned.has(buffer);
}

/** Whether `buffer` was received through shared memory, so that {@link takeMappedChanges} tells what is written to it. */
export function isMapped(buffer: ArrayBufferLike): boolean {
  return received.has(buffer);
}

/** Whether anything received through shared memory is in use. */
export function hasMapped(): boolean {
  return inUse.size > 0;
}

/**
 * What was changed in received shared memory since this was last asked: in all of it, or in these buffers. The changes
 * are dropped.
 */
export function takeMappedChanges(buffers?: Iterable<ArrayBufferLike>): ChangedMemory[] {
  if (buffers === undefined) return takeChanges(inUse);
  const slices = [...buffers].map((buffer) => received.get(buffer));
  return takeChanges(slices.filter((slice) => slice !== undefined));
}
