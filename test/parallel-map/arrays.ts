/** Arrays for the tests of parallel-map: arbitrary ones of every kind, and their items by definition. */

import fc from "fast-check";
import {
  allocate,
  type DType,
  dtypeOf,
  dtypes,
  isTypedArray,
  type TypedArray,
} from "../../src/ndarray-transport/dtypes.ts";
import { isNdArray, makeNdArray, type NdArray } from "../../src/ndarray-transport/ndarrays.ts";

export type Nested = unknown[] | unknown;

/** A value that the dtype holds exactly, other for each of 100 indices. */
export function sampleValue(dtype: DType, index: number): number | bigint {
  if (dtype === "bigint64") return BigInt(index) - 2n ** 62n;
  if (dtype === "biguint64") return 2n ** 64n - 1n - BigInt(index);
  if (dtype.startsWith("float")) return index / 4 - 8;
  return dtype.startsWith("u") ? 200 - index : index - 100;
}

export function sampleTyped(dtype: DType, length: number): TypedArray {
  const array = allocate(dtype, length) as unknown as (number | bigint)[];
  for (let i = 0; i < length; i++) array[i] = sampleValue(dtype, i % 100);
  return array as unknown as TypedArray;
}

/** The elements as nested arrays, read one by one through the `get` of the ndarray package. */
export function nested(array: NdArray, ...index: number[]): Nested {
  const length = array.shape[index.length];
  if (length === undefined) return array.get(...index);
  return Array.from({ length }, (_, i) => nested(array, ...index, i));
}

/** The items along `axis`, each as nested arrays. */
export function itemsAlong(array: NdArray, axis: number): Nested[] {
  const order = [axis, ...[...array.shape.keys()].filter((other) => other !== axis)];
  return nested(array.transpose(...order)) as Nested[];
}

/** Everything that must survive a round trip: kind, dtype, shape and values. */
export function content(value: unknown): unknown {
  if (isNdArray(value)) return { dtype: value.dtype, shape: [...value.shape], values: nested(value) };
  return isTypedArray(value) ? { dtype: dtypeOf(value), values: Array.from<unknown>(value) } : value;
}

export const anyDType: fc.Arbitrary<DType> = fc.constantFrom(...dtypes);

export const anyTyped: fc.Arbitrary<TypedArray> = fc
  .tuple(anyDType, fc.nat({ max: 40 }))
  .map(([dtype, length]) => sampleTyped(dtype, length));

/** ndarrays of 1 to 4 dimensions, cut out, stepped, reversed and transposed; a tenth of them over plain arrays. */
export const anyNdArray: fc.Arbitrary<NdArray> = fc
  .record({
    dtype: anyDType,
    overArray: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    axes: fc.array(
      fc.record({
        length: fc.nat({ max: 6 }),
        before: fc.nat({ max: 2 }),
        after: fc.nat({ max: 2 }),
        step: fc.constantFrom(1, 1, 2, 3, -1, -2),
        rank: fc.nat(),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ dtype, overArray, axes }) => {
    const whole = axes.map(({ length, before, after, step }) => before + length * Math.abs(step) + after);
    const data = sampleTyped(
      dtype,
      whole.reduce((product, length) => product * length, 1),
    );
    const order = [...axes.keys()].sort((a, b) => (axes[a]?.rank ?? 0) - (axes[b]?.rank ?? 0));
    return makeNdArray(overArray ? Array.from<unknown>(data) : data, whole)
      .hi(...axes.map(({ length, before, step }) => before + length * Math.abs(step)))
      .lo(...axes.map(({ before }) => before))
      .step(...axes.map(({ step }) => step))
      .transpose(...order);
  });

/** `np.array_split`: the first `length mod parts` partitions have one item more. */
export function blockDefinition<T>(items: readonly T[], parts: number): T[][] {
  const rest = [...items];
  return Array.from({ length: parts }, (_, part) => {
    const size = Math.floor(items.length / parts) + (part < items.length % parts ? 1 : 0);
    return rest.splice(0, size);
  });
}

/** `seq[p::n]` */
export function roundRobinDefinition<T>(items: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) => items.filter((_item, i) => i % parts === part));
}
