/** The results of a map over one partition: checked, and written to memory of the kind of the output. */

import { type DType, isTypedArray, type TypedArray } from "../ndarray-transport/dtypes.ts";
import {
  copyRowMajor,
  isNdArray,
  isRowMajor,
  makeNdArray,
  type NdArray,
  rowMajorStride,
  sizeOf,
} from "../ndarray-transport/ndarrays.ts";
import { allocatePart } from "../ndarray-transport/output-memory.ts";
import { allocateArray, copyNdArray, type Elements } from "../ndarray-transport/strided-copy.ts";
import { describe } from "./describe.ts";
import { ForeignResults } from "./foreign.ts";
import {
  allocateElements,
  converted,
  type ElementType,
  elementTypeOf,
  fitsBigInt64,
  integerLimits,
  isBigIntType,
  misfit,
  mixedSigns,
  type OutputKind,
} from "./output.ts";

/** Takes the results of a partition in order and makes the partition of results. */
export interface Results {
  /**
   * Takes `values[from]` up to, not including, `values[to]` (one at least) as the results for `start` and the indices
   * after it.
   * @throws TypeError that names the index of a result which does not fit
   */
  write(values: readonly unknown[], from: number, to: number, start: number): void;
  finish(): unknown;
}

/** The most results that one call of `write` may bring. */
export const MOST_RESULTS = 1024;

/** @param offset the index of the partition's first item in the whole sequence, for messages */
export function resultsFor(output: OutputKind, length: number, offset: number): Results {
  if (output.kind === "array") return new ArrayResults(length);
  if (output.kind === "foreign") return new ForeignResults(output, offset);
  if (output.kind === "ndarray") return new NdArrayResults(output, length, offset);
  const Class = isBigIntType(output.dtype) ? BigIntResults : NumberResults;
  return new Class(output, output.dtype, length, offset);
}

/** Anything, in a plain array. */
class ArrayResults implements Results {
  readonly #elements: unknown[];

  constructor(length: number) {
    this.#elements = allocateArray(length);
  }

  write(values: readonly unknown[], from: number, to: number, start: number): void {
    for (let i = from, at = start; i < to; i++, at++) this.#elements[at] = values[i];
  }

  finish(): unknown[] {
    return this.#elements;
  }
}

/**
 * Numbers. For a typed array they are converted as an assignment to it does; for an ndarray of an integer dtype that a
 * number does not fit, the dtype becomes float64.
 *
 * They pass through a tile of float64, so that the loop sees one kind of array and `set` does the conversion.
 */
class NumberResults implements Results {
  readonly #output: OutputKind;
  readonly #offset: number;
  readonly #tile: Float64Array;
  #elements: TypedArray;
  #limits: { least: number; greatest: number } | undefined;

  constructor(output: OutputKind, type: DType, length: number, offset: number) {
    this.#output = output;
    this.#offset = offset;
    this.#elements = allocatePart(type, length, offset);
    this.#tile = new Float64Array(Math.min(length, MOST_RESULTS));
    this.#limits = output.kind === "ndarray" ? integerLimits(type) : undefined;
  }

  write(values: readonly unknown[], from: number, to: number, start: number): void {
    const tile = this.#tile;
    const count = to - from;
    for (let i = 0; i < count; i++) {
      const value = values[from + i];
      if (typeof value !== "number") throw this.#misfit(start + i, value);
      tile[i] = value;
    }
    const numbers = tile.subarray(0, count);
    if (this.#limits !== undefined && !areIntegersWithin(numbers, this.#limits)) {
      this.#elements = converted(this.#elements, "float64");
      this.#limits = undefined;
    }
    (this.#elements as Float64Array).set(numbers, start);
  }

  finish(): TypedArray {
    return this.#elements;
  }

  #misfit(index: number, value: unknown): TypeError {
    const wanted = this.#output.kind === "ndarray" ? "a number, as the result before it is" : "a number";
    return misfit(this.#output, this.#offset + index, describe(value), wanted);
  }
}

function areIntegersWithin(numbers: Float64Array, { least, greatest }: { least: number; greatest: number }): boolean {
  for (const value of numbers) {
    if (!(Number.isInteger(value) && value >= least && value <= greatest)) return false;
  }
  return true;
}

/**
 * BigInts. For a typed array they wrap modulo 2^64, as an assignment to it does; for an ndarray the dtype is
 * bigint64, but an ndarray of biguint64 keeps its dtype as long as no result is negative.
 */
class BigIntResults implements Results {
  readonly #output: OutputKind;
  readonly #offset: number;
  #elements: BigInt64Array | BigUint64Array;

  constructor(output: OutputKind, type: DType, length: number, offset: number) {
    this.#output = output;
    this.#offset = offset;
    const dtype = type === "biguint64" ? type : "bigint64";
    this.#elements = allocatePart(dtype, length, offset) as BigInt64Array | BigUint64Array;
  }

  write(values: readonly unknown[], from: number, to: number, start: number): void {
    const isExact = this.#output.kind === "ndarray";
    for (let i = from, at = start; i < to; i++, at++) {
      const value = values[i];
      if (typeof value !== "bigint") throw this.#misfit(at, describe(value), "a bigint");
      if (isExact && value < 0n) this.#becomeSigned(at);
      this.#elements[at] = value;
      if (isExact && this.#elements[at] !== value) throw this.#misfit(at, describe(value), "one of 64 bits");
    }
  }

  finish(): TypedArray {
    return this.#elements;
  }

  #becomeSigned(index: number): void {
    if (this.#elements instanceof BigInt64Array) return;
    const earlier = this.#elements;
    if (!fitsBigInt64(earlier)) throw mixedSigns(this.#output, this.#offset + index);
    this.#elements = converted(earlier, "bigint64") as BigInt64Array;
  }

  #misfit(index: number, found: string, wanted: string): TypeError {
    return misfit(this.#output, this.#offset + index, found, wanted);
  }
}

/** Numbers and bigints, in the plain array that is to lie under an ndarray. */
class PlainResults implements Results {
  readonly #output: OutputKind;
  readonly #offset: number;
  readonly #elements: unknown[];

  constructor(output: OutputKind, length: number, offset: number) {
    this.#output = output;
    this.#offset = offset;
    this.#elements = allocateArray(length);
  }

  write(values: readonly unknown[], from: number, to: number, start: number): void {
    for (let i = from, at = start; i < to; i++, at++) {
      const value = values[i];
      if (typeof value !== "number" && typeof value !== "bigint") {
        throw misfit(this.#output, this.#offset + at, describe(value), "a number or a bigint");
      }
      this.#elements[at] = value;
    }
  }

  finish(): unknown[] {
    return this.#elements;
  }
}

/** Arrays of one dtype and shape, stacked along a new axis 0. A typed array counts as a 1-d ndarray. */
class StackedResults implements Results {
  readonly #output: OutputKind;
  readonly #offset: number;
  readonly #length: number;
  readonly #type: ElementType;
  readonly #shape: readonly number[];
  readonly #size: number;
  readonly #elements: Elements;

  constructor(output: OutputKind, first: NdArray, length: number, offset: number) {
    this.#output = output;
    this.#offset = offset;
    this.#length = length;
    this.#type = elementTypeOf(first);
    this.#shape = [...first.shape];
    this.#size = sizeOf(first.shape);
    this.#elements =
      this.#type === "array"
        ? allocateElements(this.#type, length * this.#size)
        : allocatePart(this.#type, length * this.#size, offset * this.#size);
  }

  write(values: readonly unknown[], from: number, to: number, start: number): void {
    for (let i = from, at = start; i < to; i++, at++) {
      const item = asNdArray(values[i]);
      if (item === undefined || !this.#isAlike(item)) throw this.#misfit(at, values[i]);
      if (isRowMajor(item)) copyRowMajor(item, this.#elements, at * this.#size);
      else copyNdArray(item, this.#place(at));
    }
  }

  finish(): NdArray {
    return makeNdArray(this.#elements, [this.#length, ...this.#shape]);
  }

  /** Where the result for that index goes. */
  #place(index: number): NdArray {
    return makeNdArray(this.#elements, this.#shape, rowMajorStride(this.#shape), index * this.#size);
  }

  #isAlike(item: NdArray): boolean {
    const { shape } = item;
    if (elementTypeOf(item) !== this.#type || shape.length !== this.#shape.length) return false;
    return shape.every((length, axis) => length === this.#shape[axis]);
  }

  #misfit(index: number, value: unknown): TypeError {
    const wanted = `${describe(this.#place(index))} as the result before it is`;
    return misfit(this.#output, this.#offset + index, describe(value), wanted);
  }
}

function asNdArray(value: unknown): NdArray | undefined {
  if (isTypedArray(value)) return makeNdArray(value, [value.length]);
  return isNdArray(value) && hasPlainMemory(value) ? value : undefined;
}

/** Whether the elements lie in a typed array or an array, not in a store with methods of its own. */
function hasPlainMemory(array: NdArray): boolean {
  return isTypedArray(array.data) || Array.isArray(array.data);
}

/** Numbers, bigints or arrays, as the first result is. */
class NdArrayResults implements Results {
  readonly #output: Extract<OutputKind, { kind: "ndarray" }>;
  readonly #length: number;
  readonly #offset: number;
  #results: Results | undefined;

  constructor(output: Extract<OutputKind, { kind: "ndarray" }>, length: number, offset: number) {
    this.#output = output;
    this.#length = length;
    this.#offset = offset;
  }

  write(values: readonly unknown[], from: number, to: number, start: number): void {
    this.#results ??= this.#resultsLike(values[from], start);
    this.#results.write(values, from, to, start);
  }

  finish(): NdArray {
    const finished = this.#results?.finish() ?? allocateElements(this.#output.dtype, 0);
    return isNdArray(finished) ? finished : makeNdArray(finished as Elements, [this.#length]);
  }

  #resultsLike(first: unknown, index: number): Results {
    const { dtype } = this.#output;
    const isNumber = typeof first === "number";
    if (isNumber || typeof first === "bigint") {
      if (dtype === "array") return new PlainResults(this.#output, this.#length, this.#offset);
      if (!isNumber) return new BigIntResults(this.#output, dtype, this.#length, this.#offset);
      return new NumberResults(this.#output, isBigIntType(dtype) ? "float64" : dtype, this.#length, this.#offset);
    }
    const item = asNdArray(first);
    if (item !== undefined) return new StackedResults(this.#output, item, this.#length, this.#offset);
    throw misfit(this.#output, this.#offset + index, describe(first), "a number or an ndarray");
  }
}
