/**
 * The shared memory that this process owns. Segments whose slices have all been released are kept for a while and used
 * again, because memory that was touched before is many times faster than new memory.
 */

import type { SliceDescriptor } from "./descriptor.ts";
import { Segment } from "./segment.ts";
import { SegmentError } from "./segment-error.ts";
import { systemCalls } from "./system-calls.ts";

/** Limits of what is kept for the next use. */
export interface PoolLimits {
  /** Most bytes that are kept unused. Default: 512 MiB. */
  readonly idleBytes?: number;
  /** How long memory is kept unused, in milliseconds. Default: 30 seconds. */
  readonly idleMs?: number;
  /** How long memory that was abandoned can still be opened by others, in milliseconds. Default: a minute. */
  readonly abandonedMs?: number;
}

/** How many unused segments are kept; each holds a file open. */
const MOST_IDLE = 128;
/** How much of an unused segment is made ready for its next use at a time, in bytes: it takes about a millisecond. */
const READY_BYTES = 16 << 20;
/** A segment may have this many times the bytes that are asked for. */
const MOST_WASTE = 2;
const FIRST_GENERATIONS = 2 ** 52;

/**
 * Bytes in shared memory. Whoever needs them keeps hold of them; once everyone has let go, the memory is used for
 * something else. So let go only when nobody has it mapped any more: a mapping shows what is written later.
 */
export class SegmentSlice {
  readonly byteLength: number;
  /** Where it begins in its segment. */
  readonly offset: number;
  readonly #segment: Segment;
  readonly #released: (segment: Segment) => void;
  #holders = 1;

  /** The pool makes them; one holder to begin with. */
  constructor(segment: Segment, offset: number, byteLength: number, released: (segment: Segment) => void) {
    this.#segment = segment;
    this.offset = offset;
    this.byteLength = byteLength;
    this.#released = released;
    segment.holders++;
  }

  /** Where the bytes are, for other processes of the host. */
  describe(): SliceDescriptor {
    return this.#segment.describe(this.offset, this.byteLength);
  }

  /** One more holder. */
  retain(): this {
    if (this.#holders === 0) throw new Error("this slice of shared memory has been released");
    this.#holders++;
    return this;
  }

  /** One holder less. */
  release(): void {
    if (this.#holders === 0) throw new Error("this slice of shared memory has been released already");
    if (--this.#holders > 0) return;
    this.#segment.holders--;
    if (this.#segment.holders === 0) this.#released(this.#segment);
  }

  /** {@link release}; others may look at the memory for as long as they like, so it is not used again. */
  abandon(): void {
    this.#segment.isAbandoned = true;
    this.release();
  }

  /**
   * The bytes themselves, shared and writable, without a copy. They count as a holder only if the caller retains the
   * slice for as long as anything lies over them.
   */
  buffer(): ArrayBuffer {
    return this.#segment.buffer(this.offset, this.byteLength);
  }

  /** The bytes, without a buffer of their own: to be used only while somebody holds the slice. */
  bytes(): Uint8Array {
    return this.#segment.bytes(this.offset, this.byteLength);
  }

  /** {@link release}, once nothing refers to what {@link bytes} gave any more. */
  releaseLater(whenCollected: (buffer: ArrayBufferLike, collected: () => void) => void): void {
    const buffer = this.#segment.disown();
    if (buffer === undefined) this.release();
    else whenCollected(buffer, () => this.release());
  }

  /** Makes all bytes zero. Those of new memory are. */
  clear(): void {
    if (!this.#segment.isNew) this.#segment.clear(this.offset, this.byteLength);
  }
}

/** So many bytes, `lead` bytes behind the beginning of a page. */
interface Block {
  readonly byteLength: number;
  readonly lead: number;
}

interface IdleSegment {
  readonly segment: Segment;
  readonly since: number;
}

export class SegmentPool {
  readonly #idleLimit: number;
  readonly #idleMs: number;
  readonly #abandonedMs: number;
  /** The longest unused first. */
  #idle: IdleSegment[] = [];
  #idleBytes = 0;
  #busyBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #generation = Math.floor(Math.random() * FIRST_GENERATIONS);

  constructor({ idleBytes = 512 << 20, idleMs = 30_000, abandonedMs = 60_000 }: PoolLimits = {}) {
    this.#idleLimit = idleBytes;
    this.#idleMs = idleMs;
    this.#abandonedMs = abandonedMs;
  }

  /** Bytes in use, and bytes kept for the next use. */
  get usage(): { readonly busyBytes: number; readonly idleBytes: number; readonly idleSegments: number } {
    return { busyBytes: this.#busyBytes, idleBytes: this.#idleBytes, idleSegments: this.#idle.length };
  }

  /**
   * Copies blocks of bytes into shared memory, and gives a slice for each. Together they take one segment. Each begins in
   * a page of its own, as far behind the beginning of the page as it lies behind that of its memory: so what was
   * contiguous can be mapped as one again.
   *
   * @throws SegmentError with reason `unavailable` or `noMemory`: take another way then
   */
  write(blocks: readonly Uint8Array[]): SegmentSlice[] {
    const { pageSize } = systemCalls();
    const { segment, slices } = this.#take(
      blocks.map(({ byteLength, byteOffset }) => ({ byteLength, lead: byteOffset % pageSize })),
    );
    for (const [index, block] of blocks.entries()) segment.write(block, (slices[index] as SegmentSlice).offset);
    return slices;
  }

  /**
   * Memory for others, or for the caller, to write into. What is in it is left from the use before.
   *
   * @param lead how many bytes behind the beginning of some page it begins
   * @throws SegmentError with reason `unavailable` or `noMemory`
   */
  allocate(byteLength: number, lead = 0): SegmentSlice {
    return this.#take([{ byteLength, lead: lead % systemCalls().pageSize }]).slices[0] as SegmentSlice;
  }

  /** Frees what is kept unused. */
  trim(): void {
    this.#freeIdle(0, 0);
  }

  #take(blocks: readonly Block[]): { segment: Segment; slices: SegmentSlice[] } {
    const { pageSize } = systemCalls();
    const pagesOf = ({ byteLength, lead }: Block): number => roundUp(lead + byteLength, pageSize);
    const total = blocks.reduce((sum, block) => sum + pagesOf(block), 0);
    const segment = this.#segmentFor(Math.max(total, pageSize));
    this.#busyBytes += segment.capacity;
    let offset = 0;
    const slices = blocks.map((block) => {
      const slice = new SegmentSlice(segment, offset + block.lead, block.byteLength, (released) =>
        this.#keep(released),
      );
      offset += pagesOf(block);
      return slice;
    });
    return { segment, slices };
  }

  /** A segment with that many bytes made sure of: one that was used before if there is one that fits. */
  #segmentFor(byteLength: number): Segment {
    const at = this.#idle.findLastIndex(
      ({ segment: { capacity } }) => capacity >= byteLength && capacity <= MOST_WASTE * byteLength,
    );
    let segment = at < 0 ? undefined : this.#takeIdle(at);
    try {
      segment ??= this.#create(byteLength);
      segment.begin(this.#nextGeneration(), byteLength);
      return segment;
    } catch (error) {
      segment?.free();
      if (!(error instanceof SegmentError) || this.#idle.length === 0) throw error;
      // What is kept unused may be what is missing.
      this.trim();
      return this.#segmentFor(byteLength);
    }
  }

  #create(byteLength: number): Segment {
    return new Segment(systemCalls(), sizeClassOf(byteLength, systemCalls().pageSize));
  }

  #nextGeneration(): number {
    this.#generation = (this.#generation + 1) % Number.MAX_SAFE_INTEGER;
    return this.#generation;
  }

  #takeIdle(at: number): Segment {
    const [{ segment }] = this.#idle.splice(at, 1) as [IdleSegment];
    this.#idleBytes -= segment.capacity;
    return segment;
  }

  #keep(segment: Segment): void {
    this.#busyBytes -= segment.capacity;
    if (segment.isAbandoned) {
      // Work that was on its way when its sender left may look for it yet.
      setTimeout(() => segment.leave(), this.#abandonedMs).unref();
      return;
    }
    this.#idleBytes += segment.capacity;
    this.#idle.push({ segment, since: performance.now() });
    this.#freeIdle(this.#idleLimit, MOST_IDLE);
    this.#watchIdle();
    this.#makeReady(segment);
  }

  /**
   * Little by little: others may have work for this thread. Not when it is used again, or was freed, by then. (An
   * immediate that does not keep the process alive would wait until something else happens.)
   */
  #makeReady(segment: Segment): void {
    setImmediate(() => {
      const isIdle = this.#idle.some((idle) => idle.segment === segment);
      if (isIdle && segment.prepare(READY_BYTES)) this.#makeReady(segment);
    });
  }

  /** Frees the longest unused until no more than that is left. */
  #freeIdle(bytes: number, count: number): void {
    while (this.#idle.length > count || this.#idleBytes > bytes) this.#takeIdle(0).free();
  }

  #watchIdle(): void {
    const oldest = this.#idle[0];
    if (oldest === undefined || this.#timer !== undefined) return;
    const due = Math.max(0, oldest.since + this.#idleMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const before = performance.now() - this.#idleMs;
      while (this.#idle[0] !== undefined && this.#idle[0].since <= before) this.#takeIdle(0).free();
      this.#watchIdle();
    }, due).unref();
  }
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** Four sizes for each doubling, so that segments are found again and at most a fifth of one is unused. */
function sizeClassOf(byteLength: number, pageSize: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(byteLength)) - 2);
  return roundUp(roundUp(byteLength, step), pageSize);
}
