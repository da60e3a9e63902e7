import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, dtypeOf, dtypes, type TypedArray } from "../../src/ndarray-transport/dtypes.ts";
import { makeNdArray, type NdArray, rowMajorStride } from "../../src/ndarray-transport/ndarrays.ts";
import { join } from "../../src/parallel-map/join.ts";
import { partition } from "../../src/parallel-map/partition.ts";
import type { Distribution } from "../../src/parallel-map/plan.ts";
import {
  anyNdArray,
  anyTyped,
  blockDefinition,
  content,
  itemsAlong,
  roundRobinDefinition,
  sampleTyped,
} from "./arrays.ts";

const anyParts = fc.integer({ min: 1, max: 9 });
const anyDist = fc.constantFrom<Distribution>("block", "roundRobin");
const definitions = { block: blockDefinition, roundRobin: roundRobinDefinition };

/** An ndarray with one of its axes. */
const anyNdArrayAndAxis = anyNdArray.chain((array) =>
  fc.tuple(fc.constant(array), fc.integer({ min: 0, max: array.shape.length - 1 })),
);

const sameBytes = (first: TypedArray, second: TypedArray): boolean =>
  Buffer.compare(bytesOf(first), bytesOf(second)) === 0;

describe("partition", () => {
  it("deals 0 to 15 over four engines", () => {
    const items = [...Array(16).keys()];
    expect(partition(items, 4)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
      [12, 13, 14, 15],
    ]);
    expect(partition(items, 4, { dist: "roundRobin" })).toEqual([
      [0, 4, 8, 12],
      [1, 5, 9, 13],
      [2, 6, 10, 14],
      [3, 7, 11, 15],
    ]);
  });

  it("divides arrays by the definitions", () => {
    fc.assert(
      fc.property(fc.array(fc.anything(), { maxLength: 30 }), anyParts, anyDist, (items, parts, dist) => {
        expect(partition(items, parts, { dist })).toEqual(definitions[dist](items, parts));
      }),
    );
  });

  it("divides typed arrays by the definitions, in their own kind", () => {
    fc.assert(
      fc.property(anyTyped, anyParts, anyDist, (array, parts, dist) => {
        const divided = partition(array, parts, { dist }) as TypedArray[];
        expect(divided.map((part) => Array.from<unknown>(part))).toEqual(
          definitions[dist](Array.from<unknown>(array), parts),
        );
        for (const part of divided) expect(part.constructor).toBe(array.constructor);
      }),
    );
  });

  it("divides ndarrays along any axis by the definitions, without a copy", () => {
    fc.assert(
      fc.property(anyNdArrayAndAxis, anyParts, anyDist, ([array, axis], parts, dist) => {
        const divided = partition(array, parts, { dist, axis }) as NdArray[];
        expect(divided.map((part) => itemsAlong(part, axis))).toEqual(
          definitions[dist](itemsAlong(array, axis), parts),
        );
        for (const [i, part] of divided.entries()) {
          expect(part.shape[axis]).toBe(definitions[dist](itemsAlong(array, axis), parts)[i]?.length);
          expect(part.data).toBe(array.data);
          expect(part.shape.with(axis, 0)).toEqual(array.shape.with(axis, 0));
        }
      }),
    );
  });

  it("gives block partitions of typed arrays that share the memory, and round robin partitions that do not", () => {
    const array = Float32Array.of(1, 2, 3, 4, 5);
    const [, second] = partition(array, 2) as Float32Array[];
    array[3] = 9;
    expect(second).toEqual(Float32Array.of(9, 5));
    const [, odd] = partition(array, 2, { dist: "roundRobin" }) as Float32Array[];
    array[1] = 7;
    expect(odd).toEqual(Float32Array.of(2, 9));
  });

  it("refuses an unknown distribution, a number of parts below one, and an axis that is not there", () => {
    expect(() => partition([1], 1, { dist: "r" as Distribution })).toThrow(
      new TypeError('dist must be "block" or "roundRobin", not "r"'),
    );
    expect(() => partition([1], 0)).toThrow(RangeError);
    expect(() => partition([1], 1, { axis: 1 })).toThrow(TypeError);
    expect(() => partition(makeNdArray([1], [1]), 1, { axis: 1 })).toThrow(RangeError);
  });
});

describe("join of partitions", () => {
  it("gives arrays back", () => {
    fc.assert(
      fc.property(fc.array(fc.anything(), { maxLength: 30 }), anyParts, anyDist, (items, parts, dist) => {
        expect(join(partition(items, parts, { dist }), { dist })).toEqual(items);
      }),
    );
  });

  it("gives typed arrays back in their kind", () => {
    fc.assert(
      fc.property(anyTyped, anyParts, anyDist, (array, parts, dist) => {
        expect(content(join(partition(array, parts, { dist }), { dist }))).toEqual(content(array));
      }),
    );
  });

  it("gives ndarrays back in dtype, shape and values, in C order", () => {
    fc.assert(
      fc.property(anyNdArrayAndAxis, anyParts, anyDist, ([array, axis], parts, dist) => {
        const joined = join(partition(array, parts, { dist, axis }), { dist, axis }) as NdArray;
        expect(content(joined)).toEqual(content(array));
        expect([joined.stride, joined.offset]).toEqual([rowMajorStride(array.shape), 0]);
      }),
      { numRuns: 300 },
    );
  });

  it.each(dtypes)("gives %s back, long enough for several turns of interleaving", (dtype) => {
    const array = sampleTyped(dtype, 70_001);
    const matrix = makeNdArray(sampleTyped(dtype, 70_001 * 2), [2, 70_001]);
    for (const dist of ["block", "roundRobin"] as const) {
      const joined = join(partition(array, 3, { dist }), { dist }) as TypedArray;
      expect(dtypeOf(joined)).toBe(dtype);
      expect(sameBytes(joined, array)).toBe(true);
      const joinedMatrix = join(partition(matrix, 3, { dist, axis: 1 }), { dist, axis: 1 }) as NdArray;
      expect([joinedMatrix.dtype, joinedMatrix.shape]).toEqual([dtype, [2, 70_001]]);
      expect(sameBytes(joinedMatrix.data as TypedArray, matrix.data as TypedArray)).toBe(true);
    }
  });

  it.each(["block", "roundRobin"] as const)("keeps the bits of every NaN (%s)", (dist) => {
    const bits = BigUint64Array.of(0x7ff0000000000001n, 0xfff8dead_beef0000n, 0x7ff8000000000000n, 0x8000000000000000n);
    const joined = join(partition(new Float64Array(bits.buffer), 3, { dist }), { dist }) as Float64Array;
    expect(new BigUint64Array(joined.buffer)).toEqual(bits);
    const bits32 = Uint32Array.of(0x7f800001, 0xffc12345, 0x80000000);
    const joined32 = join(partition(new Float32Array(bits32.buffer), 2, { dist }), { dist }) as Float32Array;
    expect(new Uint32Array(joined32.buffer)).toEqual(bits32);
  });

  it.each(["block", "roundRobin"] as const)("gives a Buffer back as a Buffer (%s)", (dist) => {
    const bytes = Buffer.from("parallel");
    const joined = join(partition(bytes, 3, { dist }), { dist });
    expect(Buffer.isBuffer(joined)).toBe(true);
    expect(String(joined)).toBe("parallel");
  });
});
