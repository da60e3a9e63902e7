/**
 * The engine's end of a map or a reduction: calls the function for each item of one partition.
 *
 * Items are read, and results checked, in tiles. That keeps the loop that calls the function free of everything else,
 * and lets it see few kinds of array (numbers always come as a tile of float64), which is what its speed depends on.
 * Tiles grow from one item, so that a result that does not fit is noticed early.
 */

import { dtypeOf, isTypedArray, type TypedArray } from "../ndarray-transport/dtypes.ts";
import { isNdArray, makeNdArray, type NdArray } from "../ndarray-transport/ndarrays.ts";
import { copyNdArray } from "../ndarray-transport/strided-copy.ts";
import { foreignArrays, isForeign } from "./foreign.ts";
import { allocateElements, elementTypeOf, isBigIntType, type OutputKind } from "./output.ts";
import { MOST_RESULTS, type Results, resultsFor } from "./results.ts";
import { ndarrayItems, type Sequence, sequenceLength } from "./sequences.ts";

type AnyFunction = (...items: unknown[]) => unknown;
type Tile = ArrayLike<unknown>;

/** The items of a sequence from `start` to `stop`; valid until the next call. */
type TileReader = (start: number, stop: number) => Tile;

/** An algorithm that yields each promise it meets, is resumed with its value, and returns the outcome. */
type Steps = Generator<unknown, unknown, unknown>;

/**
 * Calls `fn(...items)` for each item of the partitions, in order, and returns the partition of the results. Promises are
 * awaited one after another; while `fn` returns none, the outcome is no promise either.
 *
 * An array takes any results. A typed array takes numbers (a BigInt one: bigints) and converts them as
 * `TypedArray.prototype.map` does: integers wrap, `Uint8ClampedArray` clamps.
 *
 * An ndarray takes results of one kind. Arrays of one dtype and shape are stacked along axis 0 (a typed array counts as
 * a 1-d ndarray). Numbers give a 1-d ndarray of the input's dtype; where that is an integer dtype and a number is no
 * integer, or out of its range, it is float64. Bigints give bigint64, or biguint64 if that is the input's dtype and none
 * is negative. An ndarray over a plain array keeps that for numbers and bigints alike. NumPy's `np.array([f(x) for x in a])` goes by the types of the results instead, of which JavaScript has
 * fewer: there, whole numbers give int64, where ours give the input's dtype (float32 in, float32 out), and NumPy scalars
 * of a small dtype wrap where ours become float64.
 *
 * @param sequences one partition of each sequence that is mapped over, all of one length
 * @param output the kind of output, that of the first sequence
 * @param offset the index in the whole sequence of the first item, for messages
 * @throws TypeError when a result does not fit the output; names the index
 * @throws RangeError when there is no sequence or the lengths differ
 */
export function mapPartition(
  fn: (...items: never[]) => unknown,
  sequences: readonly Sequence[],
  output: OutputKind,
  offset: number,
): unknown | Promise<unknown> {
  const length = commonLength(sequences);
  const results = resultsFor(output, length, offset);
  return settle(mapSteps(fn as AnyFunction, sequences.map(tileReader), results, length));
}

/**
 * Folds the items of one partition from the left: `fn(fn(fn(a, b), c), d)`. Promises are awaited one after another;
 * while `fn` returns none, the outcome is no promise either.
 * @throws TypeError for a partition without items
 */
export function reducePartition(fn: (...items: never[]) => unknown, sequence: Sequence): unknown | Promise<unknown> {
  const length = sequenceLength(sequence);
  if (length === 0) throw new TypeError("reduce of a partition without items");
  return settle(reduceSteps(fn as AnyFunction, tileReader(sequence), length));
}

function* mapSteps(fn: AnyFunction, readers: readonly TileReader[], results: Results, length: number): Steps {
  const values = new Array<unknown>(Math.min(length, MOST_RESULTS)).fill(undefined);
  for (const [start, stop] of growingTiles(length)) {
    const tiles = readers.map((read) => read(start, stop));
    const count = stop - start;
    for (let next = 0; next < count; ) {
      const done = callEach(fn, tiles, values, next, count);
      if (done > next) results.write(values, next, done, start + next);
      next = done;
      if (done === count) break;
      values[done] = yield values[done];
      results.write(values, done, done + 1, start + done);
      next = done + 1;
    }
  }
  return results.finish();
}

function* reduceSteps(fn: AnyFunction, read: TileReader, length: number): Steps {
  const fold = { total: read(0, 1)[0] };
  for (const [start, stop] of growingTiles(length)) {
    const tile = read(start, stop);
    let next = start === 0 ? 1 : 0;
    while (next < stop - start) {
      next = foldItems(fn, fold, tile, next, stop - start);
      if (isPromise(fold.total)) fold.total = yield fold.total;
    }
  }
  return fold.total;
}

/** Ranges of 1, 2, 4, … items, up to the size of a tile. */
function* growingTiles(length: number): Generator<[start: number, stop: number]> {
  for (let start = 0, size = 1; start < length; start += size, size = Math.min(2 * size, MOST_RESULTS)) {
    yield [start, Math.min(start + size, length)];
  }
}

/**
 * Calls `fn` for the items from `from` up to `to`, and stores the results.
 * @returns the index of the first result that is a promise, else `to`
 */
function callEach(fn: AnyFunction, tiles: readonly Tile[], values: unknown[], from: number, to: number): number {
  const [first, second] = tiles as readonly [Tile, Tile?];
  if (tiles.length === 1) {
    return first instanceof Float64Array
      ? callOnNumbers(fn, first, values, from, to)
      : callOnItems(fn, first, values, from, to);
  }
  if (tiles.length === 2) return callOnPairs(fn, first, second as Tile, values, from, to);
  for (let i = from; i < to; i++) {
    values[i] = fn(...tiles.map((tile) => tile[i]));
    if (isPromise(values[i])) return i;
  }
  return to;
}

// Three copies of one loop: the engine compiles each for the kinds of array that it has seen, and four are too many.

function callOnNumbers(fn: AnyFunction, tile: Float64Array, values: unknown[], from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const value = fn(tile[i]);
    values[i] = value;
    if (isPromise(value)) return i;
  }
  return to;
}

function callOnItems(fn: AnyFunction, tile: Tile, values: unknown[], from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const value = fn(tile[i]);
    values[i] = value;
    if (isPromise(value)) return i;
  }
  return to;
}

function callOnPairs(fn: AnyFunction, first: Tile, second: Tile, values: unknown[], from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const value = fn(first[i], second[i]);
    values[i] = value;
    if (isPromise(value)) return i;
  }
  return to;
}

/** @returns the index after the item at which the total became a promise, else `to` */
function foldItems(fn: AnyFunction, fold: { total: unknown }, tile: Tile, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    fold.total = fn(fold.total, tile[i]);
    if (isPromise(fold.total)) return i + 1;
  }
  return to;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === "function"
  );
}

/** Runs the steps to their end: at once if they yield no promise, else as a promise. */
function settle(steps: Steps): unknown {
  const step = steps.next();
  return step.done === true ? step.value : settleLater(steps, step.value);
}

async function settleLater(steps: Steps, promise: unknown): Promise<unknown> {
  let step = steps.next(await promise);
  while (step.done !== true) step = steps.next(await step.value);
  return step.value;
}

function commonLength(sequences: readonly Sequence[]): number {
  const lengths = sequences.map((sequence) => sequenceLength(sequence));
  if (lengths.length > 0 && lengths.every((length) => length === lengths[0])) return lengths[0] as number;
  throw new RangeError(`map needs one partition or more, all of one length; their lengths are [${lengths.join(", ")}]`);
}

function tileReader(sequence: Sequence): TileReader {
  if (isTypedArray(sequence)) return typedTileReader(sequence);
  if (isForeign(sequence)) return (start, stop) => foreignArrays().items(sequence, start, stop);
  if (!isNdArray(sequence)) return (start, stop) => sequence.slice(start, stop);
  if (sequence.shape.length === 1 && isTypedArray(sequence.data)) return typedTileReader(packed(sequence));
  return (start, stop) => ndarrayItems(sequence, start, stop);
}

/** Numbers as a tile of float64, which holds those of every dtype exactly; bigints as an array. */
function typedTileReader(sequence: TypedArray): TileReader {
  const { buffer, byteOffset } = sequence;
  if (isBigIntType(dtypeOf(sequence))) return (start, stop) => Array.from<unknown>(sequence.subarray(start, stop));
  if (sequence instanceof Float64Array) {
    return (start, stop) => new Float64Array(buffer, byteOffset + 8 * start, stop - start);
  }
  const tile = new Float64Array(Math.min(sequence.length, MOST_RESULTS));
  return (start, stop) => {
    tile.set(sequence.subarray(start, stop) as Uint8Array);
    return tile;
  };
}

/** The elements of a 1-d ndarray one after another. */
function packed(array: NdArray): TypedArray {
  const data = array.data as unknown as TypedArray;
  const length = array.shape[0] as number;
  if (array.stride[0] === 1) return data.subarray(array.offset, array.offset + length);
  const copy = makeNdArray(allocateElements(elementTypeOf(array), length), [length]);
  copyNdArray(array, copy);
  return copy.data as unknown as TypedArray;
}
