/** Sequences: what can be partitioned and mapped over. Recognising, measuring and slicing them. */

import { isTypedArray, type TypedArray } from "../ndarray-transport/dtypes.ts";
import { isNdArray, type NdArray } from "../ndarray-transport/ndarrays.ts";
import { describe } from "./describe.ts";
import { type Foreign, foreignArrays, isForeign } from "./foreign.ts";
import type { Range } from "./plan.ts";

/** Anything that can be partitioned. The items of an ndarray, or of a tensor, lie along one of its axes. */
export type Sequence = readonly unknown[] | TypedArray | NdArray | Foreign;

/**
 * `value` as a sequence: arrays, typed arrays and ndarrays as they are; tensors in the form that divides best; other iterables (a string: its code points) and
 * array-likes as an array of their items.
 *
 * @param name what to call `value` in the message
 * @throws TypeError for what is no sequence: numbers, plain objects, async iterables, zero-dimensional ndarrays
 */
export function toSequence(value: unknown, name: string): Sequence {
  if (Array.isArray(value) || isTypedArray(value)) return value;
  if (isNdArray(value) && value.shape.length > 0) return value;
  if (isForeign(value)) return foreignArrays().divisible(value) as Foreign;
  if (typeof value === "string" || isIterable(value) || isArrayLike(value)) return Array.from(value);
  const hint = isAsyncIterable(value) ? "; collect its items first, or use imap, which takes async iterables" : "";
  const wanted = "must be an array, a typed array, an ndarray or tensor of one or more dimensions, or another iterable";
  throw new TypeError(`${name} ${wanted}, not ${describe(value)}${hint}`);
}

/**
 * Sequences whose items go side by side, each as {@link toSequence} gives it. Iterables are read no further than the
 * shortest goes, so that others may be endless.
 *
 * @param name what to call the one at that index in the message
 * @throws TypeError for what is no sequence
 */
export function toSequences(values: readonly unknown[], name: (index: number) => string): Sequence[] {
  const read = values.length > 1 ? values.filter(isReadOnce) : [];
  const sequences = values.map((value, index) => (read.includes(value) ? undefined : toSequence(value, name(index))));
  const lengths = sequences.flatMap((sequence) => (sequence === undefined ? [] : sequenceLength(sequence)));
  const lists = readTogether(read as Iterable<unknown>[], Math.min(...lengths));
  return sequences.map((sequence) => sequence ?? (lists.shift() as unknown[]));
}

/** The items of each, up to the end of the shortest, and `most` at most. */
function readTogether(iterables: readonly Iterable<unknown>[], most: number): unknown[][] {
  const iterators = iterables.map((iterable) => iterable[Symbol.iterator]());
  const lists = iterables.map((): unknown[] => []);
  try {
    for (let count = 0; iterators.length > 0 && count < most; count++) {
      for (const [index, iterator] of iterators.entries()) {
        const step = iterator.next();
        if (step.done === true) return lists;
        lists[index]?.push(step.value);
      }
    }
  } finally {
    for (const iterator of iterators) iterator.return?.();
  }
  return lists;
}

/** Whether the items are had by iterating alone. */
function isReadOnce(value: unknown): boolean {
  return isIterable(value) && !Array.isArray(value) && !isTypedArray(value) && !isNdArray(value) && !isForeign(value);
}

/**
 * Whether `value` has items that belong in a joined whole: iterables other than strings, and ndarrays and tensors with
 * an axis.
 */
export function isSequence(value: unknown): boolean {
  return isNdArray(value) ? value.shape.length > 0 : isIterable(value) || isForeign(value);
}

/**
 * The number of items of `sequence`; of an ndarray, along `axis`.
 * @throws TypeError or RangeError when it has no such axis
 */
export function sequenceLength(sequence: Sequence, axis: number = 0): number {
  checkAxis(sequence, axis);
  return isTypedArray(sequence) || isPlainArray(sequence) ? sequence.length : (shapeOf(sequence)[axis] as number);
}

/**
 * The items of `range`: a view of the same memory of a typed array or ndarray, a copy of a plain array.
 *
 * @param axis of an ndarray, the axis along which the items lie; 0 for anything else
 * @throws RangeError when the range is not within the sequence, or an ndarray has no such axis
 * @throws TypeError for an axis other than 0 of what is no ndarray
 */
export function sliceSequence(sequence: Sequence, range: Range, axis: number = 0): Sequence {
  const { start, stop } = range;
  const length = sequenceLength(sequence, axis);
  if (!(start >= 0 && start <= stop && stop <= length)) {
    throw new RangeError(`the range from ${start} to ${stop} is not within a sequence of ${length} items`);
  }
  if (isNdArray(sequence)) return sliceAxis(sequence, axis, start, stop);
  if (isForeign(sequence)) return foreignArrays().slice(sequence, axis, start, stop, 1) as Foreign;
  return isTypedArray(sequence) ? sequence.subarray(start, stop) : sequence.slice(start, stop);
}

/** A view of the items from `start` to `stop` along `axis`. */
export function sliceAxis(array: NdArray, axis: number, start: number, stop: number): NdArray {
  return array.hi(...onAxis(array, axis, stop, -1)).lo(...onAxis(array, axis, start, 0));
}

/** A view of every `step`-th item along `axis`, from `start` on. */
export function strideAxis(array: NdArray, axis: number, start: number, step: number): NdArray {
  const first = Math.min(start, array.shape[axis] as number);
  return array.lo(...onAxis(array, axis, first, 0)).step(...onAxis(array, axis, step, 1));
}

/** The items one by one: of an array itself, of an ndarray the numbers (if it is 1-d) or views along axis 0. */
export function elementsOf(sequence: Sequence): readonly unknown[] {
  if (isNdArray(sequence)) return ndarrayItems(sequence, 0, sequence.shape[0] as number);
  if (isForeign(sequence)) return foreignArrays().items(sequence, 0, sequenceLength(sequence));
  return isTypedArray(sequence) ? Array.from<unknown>(sequence) : sequence;
}

/** The items of an ndarray from `start` to `stop` along axis 0: the numbers of a 1-d one, else views. */
export function ndarrayItems(array: NdArray, start: number, stop: number): unknown[] {
  const item = array.shape.length === 1 ? (i: number) => array.get(i) : (i: number) => array.pick(i);
  return Array.from({ length: stop - start }, (_, i) => item(start + i));
}

/**
 * @throws TypeError for an axis other than 0 of what is no ndarray
 * @throws RangeError when `axis` is no axis of the ndarray
 */
export function checkAxis(sequence: Sequence, axis: number): void {
  const hasAxes = !isTypedArray(sequence) && !isPlainArray(sequence);
  const rank = hasAxes ? shapeOf(sequence).length : 1;
  if (Number.isInteger(axis) && axis >= 0 && axis < rank) return;
  if (!hasAxes && Number.isInteger(axis) && axis > 0) {
    throw new TypeError(`axis ${axis} needs an ndarray or a tensor; ${describe(sequence)} has axis 0 alone`);
  }
  throw new RangeError(`axis must be an integer from 0 to ${rank - 1} for ${describe(sequence)}, not ${String(axis)}`);
}

/** `Array.isArray` does not tell a readonly array from the rest of a union. */
function isPlainArray(sequence: Sequence): sequence is readonly unknown[] {
  return Array.isArray(sequence);
}

function shapeOf(array: NdArray | Foreign): readonly number[] {
  return isNdArray(array) ? array.shape : foreignArrays().shape(array);
}

/** Parameters of an ndarray's `lo`, `hi` or `step` that mean `value` for one axis, and leave the others alone. */
function onAxis(array: NdArray, axis: number, value: number, others: number): number[] {
  return array.shape.map((_, i) => (i === axis ? value : others));
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === "function"
  );
}

function isAsyncIterable(value: unknown): boolean {
  return typeof (value as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator] === "function";
}

/** Whether an object has a length and an item at both ends of it, so that `{ length: 3, width: 2 }` is none. */
function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  if (typeof value !== "object" || value === null) return false;
  const { length } = value as Partial<ArrayLike<unknown>>;
  if (!Number.isSafeInteger(length) || (length as number) < 0) return false;
  return length === 0 || (0 in value && (length as number) - 1 in value);
}
