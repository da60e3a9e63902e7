/** What the rest of the library needs to know of `ndarray` objects: recognising, making and packing them. */

import type { NdArray } from "ndarray";
import ndarray from "ndarray";
import { allocate, dtypeOf, isTypedArray, type TypedArray } from "./dtypes.ts";
import { copyNdArray } from "./strided-copy.ts";

export type { NdArray };

/** Whether `value` is an object of (any copy of) the `ndarray` package: told by its members. */
export function isNdArray(value: unknown): value is NdArray {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Partial<NdArray>;
  return (
    Array.isArray(candidate.shape) &&
    Array.isArray(candidate.stride) &&
    typeof candidate.offset === "number" &&
    typeof candidate.get === "function" &&
    typeof candidate.pick === "function" &&
    candidate.data !== undefined
  );
}

/** An ndarray over `data`, without a copy. Strides and offset count elements; without them the order is C. */
export function makeNdArray(
  data: TypedArray | unknown[],
  shape: readonly number[],
  stride?: readonly number[],
  offset?: number,
): NdArray {
  return ndarray(data as number[], shape as number[], stride as number[] | undefined, offset) as unknown as NdArray;
}

/** The number of elements of an array of that shape; 1 for a zero-dimensional one. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Strides, in elements, of a C-ordered array of that shape. */
export function rowMajorStride(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    stride[axis] = step;
    step *= shape[axis] as number;
  }
  return stride;
}

/** Whether the elements follow one another in C order without a gap. Axes of length one or less do not matter. */
export function isRowMajor(array: NdArray): boolean {
  const expected = rowMajorStride(array.shape);
  return (
    sizeOf(array.shape) === 0 ||
    array.shape.every((length, axis) => length === 1 || array.stride[axis] === expected[axis])
  );
}

/**
 * The elements of `array` in C order: a view of its own memory where that is possible, else a copy.
 * An ndarray over a plain array gives a plain array.
 */
export function rowMajorData(array: NdArray): TypedArray | unknown[] {
  const size = sizeOf(array.shape);
  const data = array.data as unknown as TypedArray | unknown[];
  if (isRowMajor(array)) {
    return isTypedArray(data)
      ? data.subarray(array.offset, array.offset + size)
      : data.slice(array.offset, array.offset + size);
  }
  const packed = isTypedArray(data) ? allocate(dtypeOf(data), size) : new Array<unknown>(size);
  copyRowMajor(array, packed as unknown[], 0);
  return packed;
}

/**
 * Writes the elements of `array` in C order into `target`, memory of the same kind, from index `start` on. Every bit
 * pattern survives.
 */
export function copyRowMajor(array: NdArray, target: TypedArray | unknown[], start: number): void {
  const { shape, offset } = array;
  const source = array.data as unknown as TypedArray | unknown[];
  const size = sizeOf(shape);
  if (size === 0) return;
  if (isRowMajor(array) && isTypedArray(source) && isTypedArray(target)) {
    (target as Float64Array).set((source as Float64Array).subarray(offset, offset + size), start);
  } else {
    copyNdArray(array, makeNdArray(target, shape, rowMajorStride(shape), start));
  }
}
