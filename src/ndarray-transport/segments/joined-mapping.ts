/**
 * Slices of several segments, mapped one after another, so that they are one array without a copy.
 *
 * A mapping consists of whole pages. So slices can follow one another only if each begins as far behind the beginning of
 * its page in the file as it does in the whole. Where one ends and the next begins within a page, that page shows the
 * first one's file, and the bytes of the next are copied into it.
 */

import { closeSync, constants } from "node:fs";
import { partOf, type SliceDescriptor } from "./descriptor.ts";
import { Advice, type SystemCalls } from "./linux-calls.ts";
import type { MappedSlice, Shower } from "./mapped-slice.ts";
import { keyOf, openSegment } from "./mapping.ts";
import type { ByteRange } from "./page-scan.ts";
import type { SegmentPool, SegmentSlice } from "./segment-pool.ts";
import { systemCalls } from "./system-calls.ts";
import { Unused } from "./unused.ts";

/** Some of the bytes of a received slice. */
export interface JoinedPart {
  readonly slice: MappedSlice;
  /** Where they begin in the slice. */
  readonly byteOffset: number;
  readonly descriptor: SliceDescriptor;
}

/** Where a part lies, counted from the beginning of the mapping. */
interface Place {
  /** Its bytes. */
  readonly bytes: ByteRange;
  /** The pages that show its file. Those of its bytes that lie before them are copied. */
  readonly pages: ByteRange;
}

/** How many unused mappings are kept, and for how long, in milliseconds. */
const MOST_UNUSED = 16;
const UNUSED_MS = 30_000;

const byKey = new Map<string, JoinedMapping>();
const unused = new Unused<JoinedMapping>(MOST_UNUSED, UNUSED_MS, (mapping) => mapping.unmap());

/**
 * The parts as one; `undefined` when their places in their pages do not fit, or there are none.
 *
 * @throws SegmentError when one cannot be mapped
 */
export function joinParts(parts: readonly JoinedPart[]): JoinedMapping | undefined {
  const calls = systemCalls();
  const places = placesOf(parts, calls.pageSize);
  if (places === undefined) return undefined;
  const key = parts
    .map(({ descriptor }) => `${keyOf(descriptor)}:${descriptor.offset}:${descriptor.byteLength}`)
    .join(" ");
  let mapping = byKey.get(key);
  if (mapping === undefined || mapping.isUsed) {
    mapping = new JoinedMapping(calls, key, parts, places);
    if (!byKey.has(key)) byKey.set(key, mapping);
  }
  unused.remove(mapping);
  mapping.use(parts);
  return mapping;
}

function placesOf(parts: readonly JoinedPart[], pageSize: number): Place[] | undefined {
  const places: Place[] = [];
  let start = (parts[0]?.descriptor.offset ?? 0) % pageSize;
  let shown = 0;
  for (const { descriptor } of parts) {
    if ((descriptor.offset - start) % pageSize !== 0) return undefined;
    const end = start + descriptor.byteLength;
    const pages = { start: shown, end: Math.max(shown, Math.ceil(end / pageSize) * pageSize) };
    places.push({ bytes: { start, end }, pages });
    shown = pages.end;
    start = end;
  }
  return places.length === 0 ? undefined : places;
}

export class JoinedMapping implements Shower {
  readonly #calls: SystemCalls;
  readonly #key: string;
  readonly #places: readonly Place[];
  readonly #size: number;
  readonly #address: bigint;
  /** While it is used. */
  #parts: readonly JoinedPart[] | undefined;
  /** Copies that have taken the place of parts. */
  readonly #own: SegmentSlice[] = [];

  /** @throws SegmentError when a part cannot be mapped */
  constructor(calls: SystemCalls, key: string, parts: readonly JoinedPart[], places: readonly Place[]) {
    this.#calls = calls;
    this.#key = key;
    this.#places = places;
    this.#size = (places.at(-1) as Place).pages.end;
    this.#address = calls.reserveAddresses(this.#size);
    try {
      for (const [index, { descriptor }] of parts.entries()) this.#show(descriptor, places[index] as Place);
    } catch (error) {
      calls.unmap(this.#address, this.#size);
      throw error;
    }
  }

  get isUsed(): boolean {
    return this.#parts !== undefined;
  }

  /** Keeps hold of the parts until {@link collected}. */
  use(parts: readonly JoinedPart[]): void {
    this.#parts = parts;
    for (const [index, { slice }] of parts.entries()) {
      slice.shown(this);
      this.#bytes(this.#head(index)).set(this.#original(index, this.#head(index)));
    }
  }

  get byteLength(): number {
    return (this.#places.at(-1) as Place).bytes.end - this.#start;
  }

  view(): ArrayBuffer {
    return this.#calls.view(this.#address + BigInt(this.#start), this.byteLength);
  }

  /** Where the first byte lies in the mapping. */
  get #start(): number {
    return (this.#places[0] as Place).bytes.start;
  }

  /** The slice in which bytes of the whole lie, and where they begin there; `undefined` if they lie in several. */
  partAt(byteOffset: number, byteLength: number): { readonly slice: MappedSlice; readonly offset: number } | undefined {
    const index = this.#indexOf(byteOffset, byteLength);
    const part = index === undefined ? undefined : this.#parts?.[index];
    if (part === undefined || index === undefined) return undefined;
    return { slice: part.slice, offset: part.byteOffset + this.#within(index, byteOffset) };
  }

  /** Where bytes of the whole are, for others; undefined if they lie in several slices, or were written to. */
  describe(byteOffset: number, byteLength: number): SliceDescriptor | undefined {
    const index = this.#indexOf(byteOffset, byteLength);
    const part = index === undefined ? undefined : this.#parts?.[index];
    if (part === undefined || index === undefined || this.#own.length > 0) return undefined;
    if (part.slice.describe() === undefined) return undefined;
    const start = this.#start + byteOffset;
    if (this.#isChanged(index, { start, end: start + byteLength })) return undefined;
    return partOf(part.descriptor, this.#within(index, byteOffset), byteLength);
  }

  makeOwn(slice: MappedSlice, pool: SegmentPool): void {
    for (const [index, part] of (this.#parts ?? []).entries()) {
      const { pages } = this.#places[index] as Place;
      if (part.slice !== slice || pages.end === pages.start) continue;
      const [own] = pool.write([this.#bytes(pages)]) as [SegmentSlice];
      this.#own.push(own);
      const { fd, offset } = own.describe();
      this.#calls.mapOver(this.#address + BigInt(pages.start), pages.end - pages.start, fd, offset);
    }
  }

  /** Nothing lies over it any more. */
  collected(): void {
    for (const { slice } of this.#parts ?? []) slice.hidden(this);
    this.#parts = undefined;
    if (byKey.get(this.#key) !== this || this.#own.length > 0) {
      this.unmap();
      return;
    }
    for (const { start, end } of this.#written({ start: 0, end: this.#size })) {
      this.#calls.advise(this.#address + BigInt(start), end - start, Advice.dontNeed);
    }
    unused.add(this);
  }

  unmap(): void {
    if (byKey.get(this.#key) === this) byKey.delete(this.#key);
    this.#calls.unmap(this.#address, this.#size);
    for (const own of this.#own) own.release();
  }

  #show(descriptor: SliceDescriptor, { bytes, pages }: Place): void {
    if (pages.end === pages.start) return;
    const fd = openSegment(descriptor, constants.O_RDONLY);
    try {
      const at = descriptor.offset + pages.start - bytes.start;
      this.#calls.mapOver(this.#address + BigInt(pages.start), pages.end - pages.start, fd, at);
    } finally {
      closeSync(fd);
    }
  }

  /** Those bytes of a part that lie in a page of the part before. */
  #head(index: number): ByteRange {
    const { bytes, pages } = this.#places[index] as Place;
    return { start: bytes.start, end: Math.max(bytes.start, Math.min(bytes.end, pages.start)) };
  }

  /** Whether bytes of a part are not what was received. The pages with a head in them are always written. */
  #isChanged(index: number, { start, end }: ByteRange): boolean {
    return this.#written({ start, end }).some((pages) => {
      const range = { start: Math.max(pages.start, start), end: Math.min(pages.end, end) };
      return Buffer.compare(this.#bytes(range), this.#original(index, range)) !== 0;
    });
  }

  /** Bytes of a part as they are in its own mapping. */
  #original(index: number, { start, end }: ByteRange): Uint8Array {
    const { slice, byteOffset } = (this.#parts as readonly JoinedPart[])[index] as JoinedPart;
    const first = slice.start + byteOffset + start - (this.#places[index] as Place).bytes.start;
    return slice.mapping.bytes({ start: first, end: first + end - start });
  }

  #bytes({ start, end }: ByteRange): Uint8Array {
    return new Uint8Array(this.#calls.view(this.#address + BigInt(start), end - start));
  }

  /** The pages in `range` that were written. */
  #written({ start, end }: ByteRange): ByteRange[] {
    const { pageSize } = this.#calls;
    const first = start - (start % pageSize);
    const last = Math.ceil(end / pageSize) * pageSize;
    if (last === first) return [];
    const found = this.#calls.writtenPages(this.#address + BigInt(first), last - first);
    return found.map((pages) => ({ start: pages.start + first, end: pages.end + first }));
  }

  #indexOf(byteOffset: number, byteLength: number): number | undefined {
    const start = this.#start + byteOffset;
    const index = this.#places.findIndex(({ bytes }) => bytes.start <= start && start < bytes.end);
    return index >= 0 && start + byteLength <= (this.#places[index] as Place).bytes.end ? index : undefined;
  }

  /** Where bytes of the whole begin in their part. */
  #within(index: number, byteOffset: number): number {
    return this.#start + byteOffset - (this.#places[index] as Place).bytes.start;
  }
}
