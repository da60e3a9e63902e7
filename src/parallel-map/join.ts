/** Joining partitions to one whole: the inverse of partition. Each part is written once, into one output. */

import { dtypeOf, isTypedArray, type TypedArray } from "../ndarray-transport/dtypes.ts";
import {
  isNdArray,
  isRowMajor,
  makeNdArray,
  type NdArray,
  rowMajorData,
  sizeOf,
} from "../ndarray-transport/ndarrays.ts";
import { allocateOutput, copyPart, joinedArray } from "../ndarray-transport/output-memory.ts";
import { readonlyWhole } from "../ndarray-transport/reception.ts";
import { withdrawShared } from "../ndarray-transport/segments/slices.ts";
import { allocateArray, copyNdArray, type Elements, runCopier } from "../ndarray-transport/strided-copy.ts";
import { describe, describeNdArray, typedArrayName, withArticle } from "./describe.ts";
import { foreignArrays, isForeign } from "./foreign.ts";
import type { PartitionOptions } from "./partition.ts";
import { checkDistribution, type Distribution, type Placement, placements, type Range } from "./plan.ts";
import { checkAxis, elementsOf, isSequence, sliceAxis, strideAxis, toSequence } from "./sequences.ts";

/** How the parts were dealt out. */
export type JoinOptions = PartitionOptions;

/**
 * Joins parts in order: what `partition` divided with the same options comes back equal in kind, dtype, shape and
 * values, also from empty parts. The output is new memory; ndarrays come out in C order.
 *
 * - ndarrays give an ndarray, joined along `axis`; ndarrays over plain arrays give an ndarray over a plain array;
 * - tensors give a tensor, joined along `axis`: possibly a promise of it, where only a device has their elements;
 * - typed arrays of one kind give that kind;
 * - anything else gives a plain array of the items of all parts. A part that is no sequence (a number, a string, an
 *   object) is one item.
 *
 * @throws TypeError when the parts are typed arrays of several kinds, or ndarrays that do not fit together, or `axis`
 *   is not 0 and the parts are no ndarrays
 * @throws RangeError when the ndarrays have no such axis
 */
export function join(parts: readonly unknown[], options: JoinOptions = {}): unknown {
  const { dist = "block", axis = 0 } = options;
  checkDistribution(dist);
  if (parts.length > 0 && parts.every((part) => isNdArray(part) && part.shape.length > 0)) {
    return joinNdArrays(parts as readonly NdArray[], dist, axis);
  }
  if (parts.length > 0 && parts.every(isForeign)) return foreignArrays().join(parts, dist, axis);
  checkFirstAxis(parts, axis);
  if (parts.length > 0 && parts.every(isTypedArray)) return joinTypedArrays(parts, dist);
  return joinItems(parts, dist);
}

/**
 * Joins parts that were received: as {@link join}, but the whole is read-only as they are, and shows their memory where
 * that spares copying it.
 */
export function joinReceived(parts: readonly unknown[], options: JoinOptions = {}): unknown {
  return readonlyWhole(joinInPlace(parts, options) ?? join(parts, options));
}

/**
 * What `value`, a part that is to be sent, is to be sent as: a large array as a copy in memory that can be joined without
 * another one. Anything else is sent as it is, also what needs no copy.
 *
 * @param range the items of the whole from which it was computed; it is taken to have as many elements for each
 */
export function copyInPlace(value: unknown, { start, stop }: Range): unknown {
  if (isTypedArray(value)) {
    return Buffer.isBuffer(value) ? value : copyPart(value, Math.floor((start * value.length) / (stop - start)));
  }
  if (!isNdArray(value) || value.shape.length === 0 || !isTypedArray(value.data) || !isRowMajor(value)) return value;
  const data = rowMajorData(value) as TypedArray;
  return makeNdArray(copyPart(data, Math.floor((start * data.length) / (stop - start))), value.shape);
}

/** A part that stays where it was computed, where tasks may write to it: what is sent of it will be a copy. */
export function stayingPart(value: unknown): void {
  if (isTypedArray(value)) withdrawShared(value.buffer);
  else if (isNdArray(value) && isTypedArray(value.data)) withdrawShared(value.data.buffer);
}

/** The parts, arrays of one kind in C order, joined along axis 0 without a copy; `undefined` where that cannot be. */
export function joinInPlace(
  parts: readonly unknown[],
  { dist = "block", axis = 0 }: JoinOptions = {},
): TypedArray | NdArray | undefined {
  if (dist !== "block" || axis !== 0 || parts.length < 2) return undefined;
  if (parts.every(isTypedArray)) return joinedArray(parts);
  const [first] = parts;
  if (!isNdArray(first) || !(first.shape.length > 0 && isTypedArray(first.data))) return undefined;
  const arrays: TypedArray[] = [];
  let length = 0;
  for (const part of parts) {
    if (!isNdArray(part) || !fits(part, first, 0) || !isRowMajor(part)) return undefined;
    arrays.push(rowMajorData(part) as TypedArray);
    length += part.shape[0] as number;
  }
  const data = joinedArray(arrays);
  return data && makeNdArray(data, first.shape.with(0, length));
}

function joinTypedArrays(parts: readonly TypedArray[], dist: Distribution): TypedArray {
  const first = parts[0] as TypedArray;
  for (const [index, part] of parts.entries()) {
    if (typedArrayName(part) === typedArrayName(first)) continue;
    throw mismatch(withArticle(typedArrayName(first)), index, withArticle(typedArrayName(part)));
  }
  const model = parts.find((part) => !Buffer.isBuffer(part)) ?? first;
  const lengths = parts.map((part) => part.length);
  const output = outputLike(model, sum(lengths));
  writeRuns(parts, output, placements(lengths, dist));
  return output;
}

function joinItems(parts: readonly unknown[], dist: Distribution): unknown[] {
  const items = parts.map((part, index) => (isSequence(part) ? elementsOf(toSequence(part, `part ${index}`)) : [part]));
  const lengths = items.map((part) => part.length);
  const output = allocateArray(sum(lengths));
  writeRuns(items as unknown[][], output, placements(lengths, dist));
  return output;
}

function writeRuns(parts: readonly Elements[], output: Elements, places: readonly Placement[]): void {
  const copiers = parts.map((part) => runCopier(part, output));
  for (const { part, from, count, start, step } of places) {
    (copiers[part] as (typeof copiers)[number])(from, 1, start, step, count);
  }
}

function joinNdArrays(parts: readonly NdArray[], dist: Distribution, axis: number): NdArray {
  const first = parts[0] as NdArray;
  checkAxis(first, axis);
  for (const [index, part] of parts.entries()) {
    if (!fits(part, first, axis)) throw mismatch(describe(first), index, describe(part), axis);
  }
  const lengths = parts.map((part) => part.shape[axis] as number);
  const shape = first.shape.with(axis, sum(lengths));
  const output = makeNdArray(allocateElements(first, sizeOf(shape)), shape);
  for (const { part, from, count, start, step } of placements(lengths, dist)) {
    const source = sliceAxis(parts[part] as NdArray, axis, from, from + count);
    copyNdArray(source, sliceAxis(strideAxis(output, axis, start, step), axis, 0, count));
  }
  return output;
}

/** Whether two ndarrays are of one dtype, and of one shape but for `axis`. */
function fits(part: NdArray, first: NdArray, axis: number): boolean {
  const isSameShape = part.shape.length === first.shape.length;
  return (
    isSameShape &&
    describeNdArray(part) === describeNdArray(first) &&
    part.shape.every((length, i) => i === axis || length === first.shape[i])
  );
}

function allocateElements(model: NdArray, size: number): Elements {
  const data: unknown = model.data;
  return isTypedArray(data) ? outputLike(data, size) : allocateArray(size);
}

/** Every element of it will be written. */
function outputLike(model: TypedArray, length: number): TypedArray {
  return Buffer.isBuffer(model) ? Buffer.allocUnsafeSlow(length) : allocateOutput(dtypeOf(model), length);
}

function checkFirstAxis(parts: readonly unknown[], axis: number): void {
  if (axis === 0) return;
  const index = parts.findIndex((part) => !(isNdArray(part) && part.shape.length > 0));
  const given = index < 0 ? "there are no parts" : `part ${index} is ${describe(parts[index])}`;
  throw new TypeError(`join along axis ${String(axis)} needs parts that are all ndarrays or all tensors; ${given}`);
}

function mismatch(first: string, index: number, other: string, axis?: number): TypeError {
  const rule =
    axis === undefined ? "must be of one kind" : `must be of one dtype, and of one shape but for axis ${axis}`;
  return new TypeError(`the parts cannot be joined: part 0 is ${first} and part ${index} is ${other}; they ${rule}`);
}

function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}
