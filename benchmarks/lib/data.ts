/** The arrays that travel, and how they are recognised on their return. Filled once: memory that was used is warm. */

import { verify } from "./answering.ts";

const kept = new Map<string, Float64Array>();

/** 0, 1, 2, …; the first element is `mark`, so that an older copy does not pass for this one. */
export function ramp(bytes: number, mark: number): Float64Array {
  const array = keep(`ramp ${bytes}`, bytes / 8, (index) => index);
  array[0] = mark;
  return array;
}

/** What 0, 1, 2, … up to that length add up to. */
export function rampSum(length: number): number {
  return (length * (length - 1)) / 2;
}

/** The arguments of the big map: between 0 and 10. */
export function wave(length: number): Float64Array {
  return keep(`wave ${length}`, length, (index) => (index % 4_096) / 409.6);
}

/** What the big map gives for {@link wave}. */
export function waveSum(length: number): number {
  return sumOfWave(wave(length));
}

/** One engine's share of the big map. */
export function sumOfWave(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    sum += Math.sin(value) * Math.sqrt(value) + 1;
  }
  return sum;
}

/** The plain loop. */
export function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum;
}

/** Looks at both ends and at a thousand places between. */
export function verifyRamp(array: unknown, length: number, mark: number): void {
  verify(array instanceof Float64Array && array.length === length, `not ${length} float64`);
  const values = array as Float64Array;
  verify(values[0] === mark, "first element");
  const step = Math.max(1, Math.floor(length / 1_000));
  for (let index = step; index < length; index += step) verify(values[index] === index, `element ${index}`);
  verify(values[length - 1] === length - 1, "last element");
}

/** Sums are added in another order by everyone. */
export function verifySum(sum: number, expected: number): void {
  verify(Math.abs(sum - expected) <= 1e-9 * Math.abs(expected), `sum ${sum}, expected ${expected}`);
}

/** Lets the arrays go. */
export function forgetData(): void {
  kept.clear();
}

function keep(name: string, length: number, element: (index: number) => number): Float64Array {
  let array = kept.get(name);
  if (array === undefined) {
    array = new Float64Array(length);
    for (let index = 0; index < length; index++) array[index] = element(index);
    kept.set(name, array);
  }
  return array;
}
