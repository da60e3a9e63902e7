import { describe, expect, it } from "vitest";
import { makeNdArray, type NdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { join } from "../../src/parallel-map/join.ts";
import type { Distribution } from "../../src/parallel-map/plan.ts";
import { content } from "./arrays.ts";

const row = makeNdArray(Int32Array.of(1, 2, 3), [3]);
const matrix = makeNdArray(Int32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);

describe("join", () => {
  it.each<[string, unknown[], unknown[]]>([
    ["no parts", [], []],
    ["arrays", [[1, 2], [], ["a"]], [1, 2, "a"]],
    ["numbers, one for each engine", [1, 2, 3], [1, 2, 3]],
    ["strings, each of which is one item", ["ab", "cd"], ["ab", "cd"]],
    ["objects", [{ a: 1 }, null, undefined], [{ a: 1 }, null, undefined]],
    ["what flatten leaves of two items on three engines", [0, 1, []], [0, 1]],
    ["what flatten leaves of two typed items on three engines", [0, 1, new Float64Array(0)], [0, 1]],
    ["items and arrays in order", [[1, 2], 3, "x", [4]], [1, 2, 3, "x", 4]],
    ["arrays in arrays, which stay", [[[1], [2]], [[3]]], [[1], [2], [3]]],
    [
      "iterables of several kinds",
      [new Set([1, 2]), [3], Uint8Array.of(4), new Map([["k", 5]])],
      [1, 2, 3, 4, ["k", 5]],
    ],
    ["an array and an ndarray", [[0], row], [0, 1, 2, 3]],
  ])("joins %s", (_, parts, expected) => {
    const joined = join(parts);
    expect(joined).toEqual(expected);
    expect(Array.isArray(joined)).toBe(true);
  });

  it("interleaves parts of any lengths", () => {
    const dist = "roundRobin";
    expect(join([[0, 3, 5], [1], [2, 4]], { dist })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(join([Int8Array.of(0, 3, 5), Int8Array.of(1), Int8Array.of(2, 4)], { dist })).toEqual(
      Int8Array.of(0, 1, 2, 3, 4, 5),
    );
    expect(join([0, [1, 3], 2], { dist })).toEqual([0, 1, 2, 3]);
  });

  it("joins ndarrays along an axis", () => {
    const doubled = [
      [1, 2, 3],
      [4, 5, 6],
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(content(join([matrix, matrix]))).toEqual({ dtype: "int32", shape: [4, 3], values: doubled });
    // np.concatenate([m, m[:, ::-1]], axis=1)
    expect(content(join([matrix, matrix.step(1, -1)], { axis: 1 }))).toEqual({
      dtype: "int32",
      shape: [2, 6],
      values: [
        [1, 2, 3, 3, 2, 1],
        [4, 5, 6, 6, 5, 4],
      ],
    });
  });

  it("writes to new memory, also for a single part", () => {
    const part = Float64Array.of(1, 2);
    const joined = join([part]) as Float64Array;
    part[0] = 9;
    expect(joined).toEqual(Float64Array.of(1, 2));
    expect((join([matrix]) as NdArray).data).not.toBe(matrix.data);
  });

  it("takes a Buffer among byte arrays as one of them", () => {
    const joined = join([Buffer.from([1]), Uint8Array.of(2)]);
    expect(joined).toEqual(Uint8Array.of(1, 2));
    expect(Buffer.isBuffer(joined)).toBe(false);
  });

  it("takes zero-dimensional ndarrays as items", () => {
    const scalar = row.pick(1);
    expect(join([scalar, scalar])).toEqual([scalar, scalar]);
  });

  it.each<[string, unknown[], RegExp]>([
    [
      "kinds",
      [Int8Array.of(1), Int8Array.of(2), Float32Array.of(1)],
      /part 0 is an Int8Array and part 2 is a Float32Array/,
    ],
    [
      "dtypes",
      [row, makeNdArray(Float64Array.of(1), [1])],
      /part 0 is an int32 ndarray of shape \[3\] and part 1 is a float64 ndarray of shape \[1\]/,
    ],
    [
      "shapes off the axis",
      [matrix, makeNdArray(Int32Array.of(1, 2), [1, 2])],
      /part 0 is an int32 ndarray of shape \[2, 3\] and part 1 is an int32 ndarray of shape \[1, 2\]/,
    ],
    ["ranks", [matrix, row], /part 1 is an int32 ndarray of shape \[3\]/],
    ["memories", [row, makeNdArray([1, 2], [2])], /part 1 is an ndarray over a plain array of shape \[2\]/],
  ])("refuses parts of several %s and names them", (_, parts, message) => {
    expect(() => join(parts)).toThrow(TypeError);
    expect(() => join(parts)).toThrow(message);
  });

  it("refuses an unknown distribution, and an axis that the parts lack", () => {
    expect(() => join([[1]], { dist: "b" as Distribution })).toThrow(/dist must be "block" or "roundRobin"/);
    expect(() => join([row, [1]], { axis: 1 })).toThrow(
      new TypeError(
        "join along axis 1 needs parts that are all ndarrays or all tensors; part 1 is an array of length 1",
      ),
    );
    expect(() => join([matrix], { axis: 2 })).toThrow(RangeError);
  });
});
