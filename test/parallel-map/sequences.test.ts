import { describe, expect, it } from "vitest";
import { makeNdArray, type NdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { markReadonly } from "../../src/ndarray-transport/readonly.ts";
import {
  elementsOf,
  isSequence,
  type Sequence,
  sequenceLength,
  sliceSequence,
  toSequence,
} from "../../src/parallel-map/sequences.ts";
import { content } from "./arrays.ts";

const matrix = makeNdArray(Float64Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
const scalar = matrix.pick(0, 0);

describe("toSequence", () => {
  it.each([[[1, 2]], [Float32Array.of(1)], [Buffer.from("a")], [new BigInt64Array(2)], [matrix]])(
    "leaves arrays as they are: %o",
    (value) => {
      expect(toSequence(value, "x")).toBe(value);
    },
  );

  it.each<[string, unknown, unknown[]]>([
    ["a set", new Set([1, 2]), [1, 2]],
    ["a map", new Map([["a", 1]]), [["a", 1]]],
    ["a string by code point", "a😀b", ["a", "😀", "b"]],
    ["an array-like", { 0: "a", 1: "b", length: 2 }, ["a", "b"]],
    ["an empty array-like", { length: 0 }, []],
    ["an iterator", [7, 8].values(), [7, 8]],
    [
      "a generator",
      (function* () {
        yield 1;
        yield 2;
      })(),
      [1, 2],
    ],
  ])("makes an array of %s", (_, value, expected) => {
    expect(toSequence(value, "x")).toEqual(expected);
  });

  it.each<[unknown, string]>([
    [3, "a number (3)"],
    [3n, "a bigint (3n)"],
    [null, "null"],
    [undefined, "undefined"],
    [true, "a boolean (true)"],
    [{ a: 1 }, "an object"],
    [{ length: 3, width: 2 }, "an object"],
    [{ length: -1 }, "an object"],
    [new Date(0), "a Date"],
    [new ArrayBuffer(8), "an ArrayBuffer"],
    [() => 1, "a function"],
    [Symbol("s"), "a symbol"],
    [scalar, "a float64 ndarray of shape []"],
  ])("refuses %o, naming the argument and what was given", (value, described) => {
    const message = `points must be an array, a typed array, an ndarray or tensor of one or more dimensions, or another iterable, not ${described}`;
    expect(() => toSequence(value, "points")).toThrow(new TypeError(message));
  });

  it("refuses an async iterable and says what to do", () => {
    async function* numbers(): AsyncGenerator<number> {
      yield 1;
    }
    expect(() => toSequence(numbers(), "points")).toThrow(/^points must be .*collect its items first, or use imap/);
  });
});

describe("isSequence", () => {
  it.each([[[]], [new Uint8Array(1)], [new Map()], [new Set()], [[].values()], [matrix]])("is true for %o", (value) => {
    expect(isSequence(value)).toBe(true);
  });

  it.each([["text"], [5], [null], [undefined], [{}], [{ length: 1, 0: 1 }], [() => 1], [scalar], [new ArrayBuffer(1)]])(
    "is false for %o",
    (value) => {
      expect(isSequence(value)).toBe(false);
    },
  );
});

describe("sequenceLength", () => {
  it("counts items, of an ndarray along the axis", () => {
    expect(sequenceLength([1, 2, 3])).toBe(3);
    expect(sequenceLength(new BigUint64Array(4))).toBe(4);
    expect(sequenceLength(matrix)).toBe(2);
    expect(sequenceLength(matrix, 1)).toBe(3);
  });

  it.each<[Sequence, number, typeof TypeError | typeof RangeError, string]>([
    [[1], 1, TypeError, "axis 1 needs an ndarray or a tensor; an array of length 1 has axis 0 alone"],
    [new Int8Array(2), 2, TypeError, "axis 2 needs an ndarray or a tensor; an Int8Array of length 2 has axis 0 alone"],
    [matrix, 2, RangeError, "axis must be an integer from 0 to 1 for a float64 ndarray of shape [2, 3], not 2"],
    [matrix, -1, RangeError, "axis must be an integer from 0 to 1 for a float64 ndarray of shape [2, 3], not -1"],
    [[1], 0.5, RangeError, "axis must be an integer from 0 to 0 for an array of length 1, not 0.5"],
  ])("names axis and rank: %o along %d", (sequence, axis, type, message) => {
    expect(() => sequenceLength(sequence, axis)).toThrow(new type(message));
  });
});

describe("sliceSequence", () => {
  it("gives views of typed arrays and ndarrays, and copies of arrays", () => {
    const typed = Int16Array.of(1, 2, 3, 4);
    const part = sliceSequence(typed, { start: 1, stop: 3 }) as Int16Array;
    expect(part).toEqual(Int16Array.of(2, 3));
    expect(part.buffer).toBe(typed.buffer);
    const columns = sliceSequence(matrix, { start: 1, stop: 3 }, 1) as NdArray;
    expect(content(columns)).toEqual({
      dtype: "float64",
      shape: [2, 2],
      values: [
        [2, 3],
        [5, 6],
      ],
    });
    expect(columns.data).toBe(matrix.data);
    expect(sliceSequence(["a", "b", "c"], { start: 2, stop: 3 })).toEqual(["c"]);
  });

  it("keeps the mark of a received array, which is read-only", () => {
    const part = sliceSequence(markReadonly(Float64Array.of(1, 2, 3)), { start: 0, stop: 2 }) as Float64Array;
    expect(() => part.fill(0)).toThrow(/read-only/);
  });

  it.each([
    [-1, 1],
    [2, 1],
    [0, 4],
    [Number.NaN, 1],
  ])("refuses the range from %d to %d of three items", (start, stop) => {
    expect(() => sliceSequence([1, 2, 3], { start, stop })).toThrow(RangeError);
  });
});

describe("elementsOf", () => {
  it("gives numbers, and views of rows", () => {
    expect(elementsOf(Uint8Array.of(1, 2))).toEqual([1, 2]);
    expect(elementsOf(matrix.pick(-1, 1))).toEqual([2, 5]);
    const rows = elementsOf(matrix) as NdArray[];
    expect(rows.map((row) => content(row))).toEqual([
      { dtype: "float64", shape: [3], values: [1, 2, 3] },
      { dtype: "float64", shape: [3], values: [4, 5, 6] },
    ]);
    expect(rows[1]?.data).toBe(matrix.data);
  });
});
