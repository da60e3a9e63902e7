import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dtypes } from "../../src/ndarray-transport/dtypes.ts";
import { makeNdArray, type NdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { MapOutput, outputKind } from "../../src/parallel-map/map-output.ts";
import { mapPartition } from "../../src/parallel-map/map-partition.ts";
import { chunkRanges } from "../../src/parallel-map/plan.ts";
import { type Sequence, sequenceLength, sliceSequence } from "../../src/parallel-map/sequences.ts";
import { anyNdArray, anyTyped, content, sampleTyped } from "./arrays.ts";

/** A map in chunks, whose results arrive in the order of `order`. */
function mapInChunks(
  fn: (item: never) => unknown,
  sequence: Sequence,
  chunkSize: number,
  order: readonly number[],
): unknown {
  const kind = outputKind(sequence);
  const output = new MapOutput(kind, sequenceLength(sequence));
  const ranges = chunkRanges(sequenceLength(sequence), chunkSize);
  const arrivals = [...ranges.entries()].sort(([a], [b]) => (order[a] ?? a) - (order[b] ?? b));
  for (const [, range] of arrivals) {
    output.write(range.start, mapPartition(fn, [sliceSequence(sequence, range)], kind, range.start));
  }
  return output.finish();
}

const anySequence = fc.oneof(anyTyped, anyNdArray, fc.array(fc.integer(), { maxLength: 30 }));
const anyOrder = fc.array(fc.nat());
const unsigned8 = { kind: "ndarray", dtype: "uint8", rank: 1 } as const;
const vector = (values: Uint8Array | Float64Array | BigInt64Array | BigUint64Array): NdArray =>
  makeNdArray(values, [values.length]);

describe("outputKind", () => {
  it("is that of what goes in", () => {
    expect(outputKind([1])).toEqual({ kind: "array" });
    for (const dtype of dtypes) {
      const array = sampleTyped(dtype, 6);
      expect(outputKind(array)).toEqual({ kind: "typed", dtype });
      expect(outputKind(makeNdArray(array, [2, 3]))).toEqual({ kind: "ndarray", dtype, rank: 2 });
    }
    expect(outputKind(makeNdArray([1], [1]))).toEqual({ kind: "ndarray", dtype: "array", rank: 1 });
  });
});

describe("MapOutput", () => {
  it("gives in chunks, in any order, what the whole map gives", () => {
    fc.assert(
      fc.property(anySequence, fc.integer({ min: 1, max: 12 }), anyOrder, (sequence, chunkSize, order) => {
        const whole = mapPartition((item) => item, [sequence], outputKind(sequence), 0);
        expect(content(mapInChunks((item) => item, sequence, chunkSize, order))).toEqual(content(whole));
      }),
      { numRuns: 300 },
    );
  });

  it("makes integers that overflow in one chunk only float64 in all", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 255 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 7 }),
        anyOrder,
        (values, chunkSize, order) => {
          const fn = (x: number) => x + 10;
          const whole = mapPartition(fn, [vector(Uint8Array.from(values))], unsigned8, 0) as NdArray;
          const joined = mapInChunks(fn, vector(Uint8Array.from(values)), chunkSize, order) as NdArray;
          expect(content(joined)).toEqual(content(whole));
          expect(joined.dtype).toBe(values.some((x) => x > 245) ? "float64" : "uint8");
        },
      ),
    );
  });

  it.each([[[0, 1]], [[1, 0]]])(
    "makes bigints that are negative in one chunk only bigint64 in all, arriving as %j",
    (order) => {
      const results = [2n ** 62n, 3n, -4n, 5n];
      const input = vector(BigUint64Array.of(0n, 1n, 2n, 3n));
      expect(content(mapInChunks((i: bigint) => results[Number(i)], input, 2, order))).toEqual({
        dtype: "bigint64",
        shape: [4],
        values: results,
      });
      const tooBig = [2n ** 63n, 3n, -4n, 5n];
      expect(() => mapInChunks((i: bigint) => tooBig[Number(i)], input, 2, order)).toThrow(
        /^map over a biguint64 ndarray: .*some are negative and others 2\^63 or more/,
      );
    },
  );

  it("passes over empty partitions, whose shape says nothing", () => {
    const output = new MapOutput(unsigned8, 2);
    output.write(0, vector(new Uint8Array(0)));
    output.write(0, makeNdArray(Float64Array.of(1, 2, 3, 4, 5, 6), [2, 3]));
    output.write(2, vector(new Uint8Array(0)));
    expect(content(output.finish())).toEqual({
      dtype: "float64",
      shape: [2, 3],
      values: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
  });

  it.each(dtypes)("gives for nothing over %s an empty output of that dtype", (dtype) => {
    expect(content(new MapOutput({ kind: "ndarray", dtype, rank: 1 }, 0).finish())).toEqual({
      dtype,
      shape: [0],
      values: [],
    });
    expect(content(new MapOutput({ kind: "typed", dtype }, 0).finish())).toEqual({ dtype, values: [] });
    expect(new MapOutput({ kind: "array" }, 0).finish()).toEqual([]);
  });

  it("does not write to the partitions, nor share their memory", () => {
    const part = Float64Array.of(1, 2);
    const output = new MapOutput({ kind: "typed", dtype: "float64" }, 2);
    output.write(0, part);
    part[0] = 9;
    expect(output.finish()).toEqual(Float64Array.of(1, 2));
  });

  it.each<[string, NdArray, NdArray, string]>([
    [
      "item shape",
      makeNdArray(new Float64Array(4), [2, 2]),
      makeNdArray(new Float64Array(3), [1, 3]),
      "a float64 ndarray of shape [3], not a float64 ndarray of shape [2]",
    ],
    [
      "rank",
      makeNdArray(new Float64Array(2), [2]),
      makeNdArray(new Float64Array(1), [1, 1]),
      "a float64 ndarray of shape [1], not a float64 ndarray of shape []",
    ],
    [
      "dtype",
      makeNdArray(new Uint8Array(2), [2, 1]),
      makeNdArray(new Float64Array(1), [1, 1]),
      "a float64 ndarray of shape [1], not a uint8 ndarray of shape [1]",
    ],
    [
      "dtype of numbers",
      vector(new Float64Array(2)),
      vector(new BigInt64Array(1)),
      "a bigint64 ndarray of shape [], not a float64 ndarray of shape []",
    ],
  ])("refuses a partition with another %s", (_, first, second, message) => {
    const output = new MapOutput(unsigned8, 8);
    output.write(0, first);
    expect(() => output.write(7, second)).toThrow(
      new TypeError(
        `map over a uint8 ndarray: the result for index 7 is ${message} as other results are; ` +
          "map over Array.from({ length: x.shape[0] }, (_, i) => x.get(i)) to get a plain array",
      ),
    );
  });

  it("refuses partitions of the wrong kind", () => {
    const typed = new MapOutput({ kind: "typed", dtype: "float64" }, 4);
    expect(() => typed.write(0, [1])).toThrow(
      new TypeError("a partition of results must be a Float64Array, not an array of length 1"),
    );
    expect(() => typed.write(0, new Float32Array(1))).toThrow(TypeError);
    expect(() => new MapOutput({ kind: "array" }, 4).write(0, new Float64Array(1))).toThrow(TypeError);
    expect(() => new MapOutput(unsigned8, 4).write(0, new Uint8Array(1))).toThrow(TypeError);
  });

  it("refuses results that have no place, and to finish while some are missing", () => {
    const output = new MapOutput({ kind: "array" }, 3);
    output.write(0, ["a"]);
    expect(() => output.write(2, ["c", "d"])).toThrow(
      new RangeError("2 results from index 2 on do not fit in an output of 3"),
    );
    expect(() => output.finish()).toThrow(new RangeError("only 1 of 3 results have been written"));
    output.write(1, ["b", "c"]);
    expect(output.finish()).toEqual(["a", "b", "c"]);
  });
});
