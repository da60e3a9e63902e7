/** Arrays for the tests: every element type, contents that show any change of a bit, and comparison bit for bit. */

import type { DataWay, DType, NdArray, TypedArray } from "ndparallel";
import { expect } from "vitest";

export interface ArrayClass {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
  readonly name: string;
}

/** The classes of typed arrays that this runtime has. */
export const arrayClasses: ArrayClass[] = [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
].flatMap((name) => ((globalThis as Record<string, unknown>)[name] as ArrayClass | undefined) ?? []);

/**
 * The classes that are tested with a way to travel: all of them, or, with a relay, one for each size of an element. A
 * relay passes on the bytes that otherwise go directly, whatever they mean.
 */
export function classesFor(way: DataWay): ArrayClass[] {
  if (way !== "relay") return arrayClasses;
  const sizes = arrayClasses.map(({ BYTES_PER_ELEMENT }) => BYTES_PER_ELEMENT);
  return arrayClasses.filter((_, index) => sizes.lastIndexOf(sizes[index] as number) === index);
}

/** Sizes around the limits that decide how memory travels, in bytes. */
export const byteSizes: readonly number[] = [0, 1, 1023, 1024, 1025, 65_535, 65_536, 65_537, 1 << 20];

/** The lengths of arrays of that class that come to those sizes, rounded down and up to whole elements. */
export function lengthsOf({ BYTES_PER_ELEMENT }: ArrayClass): number[] {
  const lengths = byteSizes.flatMap((size) => [
    Math.floor(size / BYTES_PER_ELEMENT),
    Math.ceil(size / BYTES_PER_ELEMENT),
  ]);
  return [...new Set(lengths)];
}

/**
 * Bytes of a linear congruential generator (the multiplier and increment of Numerical Recipes), in the middle of a
 * larger piece of memory that begins at an odd element.
 */
export function randomArray(Class: ArrayClass, length: number, seed = 1): TypedArray {
  const itemSize = Class.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array((length + 5) * itemSize);
  let state = (seed * 2_654_435_761) >>> 0;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return new Class(bytes.buffer, 3 * itemSize, length);
}

/** Numbers that are easily lost: NaN, both zeros, infinities, the least and the greatest; else the integers 0, 1, …. */
export function unusualNumbers(Class: ArrayClass, length: number): TypedArray {
  const array = new Class(length);
  const unusual = [Number.NaN, -0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 65_504, -1];
  for (let i = 0; i < length; i++) {
    if (Class.name.startsWith("Float")) array[i] = unusual[i % unusual.length] as number;
    else if (Class.name.startsWith("Big")) (array as BigInt64Array)[i] = BigInt(i) - 3n;
    else array[i] = i - 3;
  }
  return array;
}

export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The same class, length and bits. */
export function expectSameBits(received: unknown, sent: ArrayBufferView): void {
  const expected = sent.constructor as { name: string };
  expect((received as object).constructor.name).toBe(expected.name);
  const actual = received as ArrayBufferView;
  expect(actual.byteLength).toBe(sent.byteLength);
  expect(Buffer.compare(bytesOf(actual), bytesOf(sent))).toBe(0);
}

/** The elements of an ndarray in C order. */
export function elementsOf(array: NdArray): unknown[] {
  const { shape } = array;
  const size = shape.reduce((product, length) => product * length, 1);
  return Array.from({ length: size }, (_, position) => {
    const index: number[] = [];
    let rest = position;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index.unshift(rest % (shape[axis] as number));
      rest = Math.floor(rest / (shape[axis] as number));
    }
    return array.get(...index);
  });
}

/** The same dtype, shape and elements, told apart as Object.is does. */
export function expectSameNdArray(received: unknown, sent: NdArray): void {
  const actual = received as NdArray;
  expect(actual.dtype as DType).toBe(sent.dtype as DType);
  expect(actual.shape).toEqual(sent.shape);
  expect(elementsOf(actual)).toEqual(elementsOf(sent));
}
