/** Arrays in memory that other processes of the host can map, made by the user: `shared`. */

import type { NdArray } from "ndarray";
import { shown } from "../errors.ts";
import {
  allocate,
  bytesOf,
  constructorOf,
  type DType,
  dtypeOf,
  dtypes,
  isDType,
  isTypedArray,
  type TypedArray,
} from "./dtypes.ts";
import { copyRowMajor, isNdArray, makeNdArray, sizeOf } from "./ndarrays.ts";
import { copyBytes } from "./segments/copying.ts";
import { SegmentError } from "./segments/segment-error.ts";
import { allocateShared } from "./segments/slices.ts";

/** The typed array of each element type. */
export interface TypedArrays {
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  uint8_clamped: Uint8ClampedArray<ArrayBuffer>;
  int16: Int16Array<ArrayBuffer>;
  uint16: Uint16Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  uint32: Uint32Array<ArrayBuffer>;
  /** A `Float16Array`, for which this version of the language has no type. */
  float16: Float32Array<ArrayBuffer>;
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
  bigint64: BigInt64Array<ArrayBuffer>;
  biguint64: BigUint64Array<ArrayBuffer>;
}

/** Makes arrays that travel on this machine without being copied. */
export interface SharedArrays {
  /**
   * A typed array of `length` zeros in shared memory.
   *
   * @param dtype the element type, by its `ndarray` name
   * @param length how many elements
   * @throws TypeError when `dtype` or `length` is of the wrong kind, RangeError when `length` is negative or too large
   */
  empty<D extends DType>(dtype: D, length: number): TypedArrays[D];
  /**
   * An ndarray of zeros in shared memory, in C order.
   *
   * @param shape the length of each axis; `[]` is an array of one element without axes
   */
  empty<D extends DType>(dtype: D, shape: readonly number[]): NdArray<TypedArrays[D]>;
  /**
   * A copy of an array in shared memory: of the same class, dtype and shape, in C order, and writable.
   *
   * @param array a typed array, Buffer, or an ndarray over one
   * @throws TypeError when `array` is something else
   */
  from<A extends TypedArray | NdArray>(array: A): A;
}

/**
 * Arrays in shared memory. They are ordinary typed arrays and ndarrays; the memory is given back when they were garbage
 * collected and no engine uses them any more. Sent to an engine of this machine, as an argument, by `push` or by
 * `scatter`, they are not copied: the engine maps the same memory, and what it writes stays with it.
 *
 * Until a tracked send is done (`track: true`, then `waitForSend()`) what you write may be seen by the engines; without
 * `track`, also later. Where there is no shared memory (other systems than Linux, the optional package koffi missing, no
 * room) they lie in ordinary memory and are copied when they are sent.
 *
 * @example
 * ```ts
 * const x = shared.empty("float64", 1_000_000); // Float64Array
 * const m = shared.from(ndarray(new Float32Array(6), [2, 3])); // ndarray
 * ```
 */
export const shared: SharedArrays = { empty, from };

function empty<D extends DType>(dtype: D, length: number): TypedArrays[D];
function empty<D extends DType>(dtype: D, shape: readonly number[]): NdArray<TypedArrays[D]>;
function empty<D extends DType>(dtype: D, shape: number | readonly number[]): TypedArrays[D] | NdArray {
  if (!isDType(dtype)) {
    const wanted = `one of ${dtypes.join(", ")}`;
    throw new TypeError(`shared.empty(dtype, shape): dtype must be ${wanted}; given: ${shown(dtype)}`);
  }
  const lengths = typeof shape === "number" ? [shape] : shape;
  if (!Array.isArray(lengths)) {
    throw new TypeError(
      `shared.empty(dtype, shape): shape must be a length or a list of lengths; given: ${shown(shape)}`,
    );
  }
  for (const length of lengths) checkLength(length);
  const size = sizeOf(lengths);
  if (!Number.isSafeInteger(8 * size)) {
    throw new RangeError(`shared.empty(dtype, shape): no array has ${size} elements, the product of shape`);
  }
  const data = allocateElements(dtype, size);
  return typeof shape === "number" ? (data as TypedArrays[D]) : makeNdArray(data, lengths);
}

function checkLength(length: unknown): void {
  if (typeof length !== "number" || !Number.isInteger(length)) {
    throw new TypeError(`shared.empty(dtype, shape): shape must be of whole numbers; given: ${shown(length)}`);
  }
  if (length < 0) throw new RangeError(`shared.empty(dtype, shape): a length must not be negative, as ${length} is`);
}

function from<A extends TypedArray | NdArray>(array: A): A {
  if (isTypedArray(array)) return copyOf(array) as A;
  const data: unknown = isNdArray(array) ? array.data : undefined;
  if (!isNdArray(array) || !isTypedArray(data)) {
    throw new TypeError(
      `shared.from(array): array must be a typed array, or an ndarray over one; given: ${shown(array)}`,
    );
  }
  const copy = allocateElements(dtypeOf(data), sizeOf(array.shape));
  copyRowMajor(array, copy, 0);
  return makeNdArray(Buffer.isBuffer(data) ? asBuffer(copy) : copy, array.shape) as A;
}

function copyOf(array: TypedArray): TypedArray {
  const copy = allocateElements(dtypeOf(array), array.length);
  copyBytes(bytesOf(copy), bytesOf(array));
  return Buffer.isBuffer(array) ? asBuffer(copy) : copy;
}

function asBuffer(array: TypedArray): Buffer {
  return Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

/** Zeros in shared memory if there is any, else in ordinary memory. */
function allocateElements(dtype: DType, length: number): TypedArray {
  const arrayClass = constructorOf(dtype);
  try {
    return new arrayClass(allocateShared(length * arrayClass.BYTES_PER_ELEMENT));
  } catch (error) {
    if (error instanceof SegmentError) return allocate(dtype, length);
    throw error;
  }
}
