/** Where in a value an array lies that was written to: its path, and which of its elements. */

import { types } from "node:util";
import { bytesOf, isTypedArray } from "../dtypes.ts";
import { isNdArray } from "../ndarrays.ts";
import { mapValueStep, propertyStep } from "../refusal.ts";
import type { ChangedMemory } from "../segments/mapped-slice.ts";
import type { ByteRange } from "../segments/page-scan.ts";
import { memoryOf } from "../segments/slices.ts";

/** Objects looked at before giving up; only an error message suffers. */
const MOST_OBJECTS = 100_000;

export interface FoundArray {
  readonly path: string;
  /** What was changed, in words: `element 3`, `elements 3 to 7`, `bytes 0 to 15`. */
  readonly part: string;
}

/** The first place in `root`, which is called `name`, that shows the changed bytes. */
export function findArray(root: unknown, name: string, { memory, range }: ChangedMemory): FoundArray | undefined {
  const queue: { value: unknown; path: string }[] = [{ value: root, path: name }];
  const seen = new Set<unknown>();
  for (let at = 0; at < queue.length && at < MOST_OBJECTS; at++) {
    const { value, path } = queue[at] as (typeof queue)[number];
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (types.isAnyArrayBuffer(value) && memoryOf(value) === memory) return { path, part: bytesPart(range, 0) };
    if (ArrayBuffer.isView(value)) {
      if (memoryOf(value.buffer) === memory && overlaps(value, range)) return { path, part: partOf(value, range) };
    } else if (isNdArray(value)) {
      queue.push({ value: value.data, path });
    } else {
      for (const [step, part] of partsOf(value)) queue.push({ value: part, path: path + step });
    }
  }
  return undefined;
}

function* partsOf(value: object): Iterable<[string, unknown]> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield [propertyStep(index), item];
  } else if (value instanceof Map) {
    let position = 0;
    for (const [key, item] of value) {
      yield [`[map key ${position}]`, key];
      yield [mapValueStep(key, position++), item];
    }
  } else if (value instanceof Set) {
    let position = 0;
    for (const item of value) yield [`[set item ${position++}]`, item];
  } else {
    // Getters are code of somebody else.
    for (const [key, { value: item }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (typeof item === "object" && item !== null) yield [propertyStep(key), item];
    }
  }
}

function overlaps(view: ArrayBufferView, { start, end }: ByteRange): boolean {
  return start < view.byteOffset + view.byteLength && view.byteOffset < end;
}

function partOf(view: ArrayBufferView, range: ByteRange): string {
  const { byteOffset, byteLength } = bytesOf(view);
  if (!isTypedArray(view)) return bytesPart(range, byteOffset);
  const itemSize = view.BYTES_PER_ELEMENT;
  const first = Math.floor((Math.max(range.start, byteOffset) - byteOffset) / itemSize);
  const last = Math.ceil((Math.min(range.end, byteOffset + byteLength) - byteOffset) / itemSize) - 1;
  return first === last ? `element ${first}` : `elements ${first} to ${last}`;
}

function bytesPart({ start, end }: ByteRange, byteOffset: number): string {
  return end - start === 1 ? `byte ${start - byteOffset}` : `bytes ${start - byteOffset} to ${end - 1 - byteOffset}`;
}
