/**
 * Copies elements between arrays with any strides.
 *
 * Typed arrays are copied as bits, through views as unsigned integers of the element's size. So every bit pattern
 * survives, and the loops see three kinds of array in place of twelve: the engine compiles a loop that has seen more
 * than four kinds to code about twenty times slower.
 */

import type { NdArray } from "ndarray";
import { bytesOf, dtypeOf, isTypedArray, type TypedArray } from "./dtypes.ts";
import { copyBytes, TOGETHER_BYTES } from "./segments/copying.ts";

/** The memory of an ndarray: a typed array, or a plain array of anything. */
export type Elements = TypedArray | unknown[];

/** Copies `count` elements from `start`, `start + step`, … of the source to `targetStart`, … of the target. */
type CopyRun = (start: number, step: number, targetStart: number, targetStep: number, count: number) => void;

type Units = Uint8Array | Uint16Array | Uint32Array;

/** From this length on, a call of `set` is faster than a loop. */
const SHORTEST_SET = 32;

/** The longest plain array that V8 makes as an array: `new Array` of more makes a dictionary, 30 times slower. */
const LONGEST_NEW_ARRAY = 2 ** 25;

/** One axis of two arrays that are walked along together; strides count elements. */
interface Axis {
  length: number;
  stride: number;
  targetStride: number;
}

/** A plain array of `length` places to be written, in any order. */
export function allocateArray(length: number): unknown[] {
  const array = new Array<unknown>(Math.min(length, LONGEST_NEW_ARRAY));
  const rest = length - array.length;
  return rest === 0 ? array : array.concat(allocateArray(rest));
}

/**
 * A function that copies runs of elements from `source` to `target`.
 * @throws TypeError unless both are typed arrays of one kind or both plain arrays
 */
export function runCopier(source: Elements, target: Elements): CopyRun {
  if (isTypedArray(source) && isTypedArray(target) && dtypeOf(source) === dtypeOf(target)) {
    const from = unitsOf(source);
    const to = unitsOf(target);
    const scale = source.BYTES_PER_ELEMENT === 8 ? 2 : 1;
    const loop = scale === 2 ? copyPairs : copyUnits;
    return (start, step, targetStart, targetStep, count) => {
      if (step === 1 && targetStep === 1 && count >= SHORTEST_SET) {
        const run = from.subarray(start * scale, (start + count) * scale);
        const place = targetStart * scale;
        if (run.byteLength < TOGETHER_BYTES) to.set(run, place);
        else copyBytes(bytesOf(to.subarray(place)), bytesOf(run));
      } else {
        loop(from, start, step, to, targetStart, targetStep, count);
      }
    };
  }
  if (Array.isArray(source) && Array.isArray(target)) {
    return (start, step, targetStart, targetStep, count) => {
      for (let i = 0; i < count; i++) target[targetStart + i * targetStep] = source[start + i * step];
    };
  }
  throw new TypeError("elements can be copied only between typed arrays of one kind, or between plain arrays");
}

/** Copies all elements of `source` to `target`, an ndarray of the same shape over memory of the same kind. */
export function copyNdArray(source: NdArray, target: NdArray): void {
  const axes = collapsedAxes(source, target);
  if (axes.some(({ length }) => length === 0)) return;
  const inner = axes.pop() ?? { length: 1, stride: 1, targetStride: 1 };
  const copyRun = runCopier(source.data as unknown as Elements, target.data as unknown as Elements);
  const visit = (depth: number, at: number, targetAt: number): void => {
    const axis = axes[depth];
    if (axis === undefined) {
      copyRun(at, inner.stride, targetAt, inner.targetStride, inner.length);
      return;
    }
    for (let i = 0; i < axis.length; i++) visit(depth + 1, at + i * axis.stride, targetAt + i * axis.targetStride);
  };
  visit(0, source.offset, target.offset);
}

/** The axes to walk along: those of length 1 left out, neighbours that make one evenly spaced run joined. */
function collapsedAxes(source: NdArray, target: NdArray): Axis[] {
  const axes: Axis[] = [];
  for (const [i, length] of source.shape.entries()) {
    if (length === 1) continue;
    const stride = source.stride[i] as number;
    const targetStride = target.stride[i] as number;
    const outer = axes.at(-1);
    if (outer !== undefined && outer.stride === stride * length && outer.targetStride === targetStride * length) {
      Object.assign(outer, { length: outer.length * length, stride, targetStride });
    } else {
      axes.push({ length, stride, targetStride });
    }
  }
  return axes;
}

/** The memory of `array` as unsigned integers of its element's size; two of 32 bits for elements of 64. */
function unitsOf(array: TypedArray): Units {
  const { buffer, byteOffset, length } = array;
  if (array.BYTES_PER_ELEMENT === 1) return new Uint8Array(buffer, byteOffset, length);
  if (array.BYTES_PER_ELEMENT === 2) return new Uint16Array(buffer, byteOffset, length);
  return new Uint32Array(buffer, byteOffset, array.byteLength / 4);
}

function copyUnits(
  source: Units,
  start: number,
  step: number,
  target: Units,
  targetStart: number,
  targetStep: number,
  count: number,
): void {
  for (let i = 0, at = start, to = targetStart; i < count; i++, at += step, to += targetStep) {
    target[to] = source[at] as number;
  }
}

function copyPairs(
  source: Units,
  start: number,
  step: number,
  target: Units,
  targetStart: number,
  targetStep: number,
  count: number,
): void {
  for (let i = 0, at = 2 * start, to = 2 * targetStart; i < count; i++, at += 2 * step, to += 2 * targetStep) {
    target[to] = source[at] as number;
    target[to + 1] = source[at + 1] as number;
  }
}
