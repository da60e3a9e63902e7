/** Where the elements of an ndarray lie: the block of memory that holds them, if they fill one. */

import type { NdArray } from "./ndarrays.ts";

/** More dimensions than anyone uses; the `ndarray` package compiles a class for each number of dimensions. */
const MOST_DIMENSIONS = 64;

/** Positions in `data`, in elements: of the first and the last one that an ndarray uses. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** The first and last position that the elements occupy; for an array without elements, `last` is `first - 1`. */
export function spanOf(shape: readonly number[], stride: readonly number[], offset: number): Span {
  if (shape.includes(0)) return { first: offset, last: offset - 1 };
  let first = offset;
  let last = offset;
  shape.forEach((length, axis) => {
    const reach = (stride[axis] as number) * (length - 1);
    if (reach < 0) first += reach;
    else last += reach;
  });
  return { first, last };
}

/** Whether shape, stride and offset are whole numbers that fit one another, and stay inside `length` elements. */
export function isLayout(shape: unknown, stride: unknown, offset: unknown, length: number): boolean {
  if (!areIntegers(shape) || !areIntegers(stride) || !Number.isSafeInteger(offset)) return false;
  if (shape.length !== stride.length || shape.length > MOST_DIMENSIONS) return false;
  if (shape.some((axisLength) => axisLength < 0)) return false;
  if (shape.includes(0)) return true;
  const { first, last } = spanOf(shape, stride, offset as number);
  return first >= 0 && last < length;
}

function areIntegers(list: unknown): list is number[] {
  return Array.isArray(list) && list.every(Number.isSafeInteger);
}

/**
 * The position in `data` at which the elements begin if they fill a block of memory without a gap and without
 * overlaps, in whatever order of axes and directions; otherwise `undefined`.
 */
export function denseStart(array: NdArray): number | undefined {
  const { shape, stride, offset } = array;
  if (shape.includes(0)) return 0;
  const axes = shape.map((_, axis) => axis).filter((axis) => shape[axis] !== 1);
  const step = (axis: number): number => Math.abs(stride[axis] as number);
  axes.sort((a, b) => step(a) - step(b));
  let expected = 1;
  for (const axis of axes) {
    if (step(axis) !== expected) return undefined;
    expected *= shape[axis] as number;
  }
  return spanOf(shape, stride, offset).first;
}
