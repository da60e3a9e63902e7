import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { constructorOf, type DType, dtypes, type TypedArray } from "../../src/ndarray-transport/dtypes.ts";
import { makeNdArray, type NdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { markReadonly } from "../../src/ndarray-transport/readonly.ts";
import { outputKind } from "../../src/parallel-map/map-output.ts";
import { mapPartition, reducePartition } from "../../src/parallel-map/map-partition.ts";
import type { Sequence } from "../../src/parallel-map/sequences.ts";
import { anyNdArray, anyTyped, content, itemsAlong, nested, sampleTyped } from "./arrays.ts";

/** Maps one whole sequence, or several, as an engine does its partition. */
// biome-ignore lint/suspicious/noExplicitAny: the functions of the tests take items of any kind
function map(fn: (...items: any[]) => unknown, first: Sequence, ...others: Sequence[]): unknown {
  return mapPartition(fn, [first, ...others], outputKind(first), 0);
}

const numberDTypes = dtypes.filter((dtype) => !dtype.startsWith("big"));
const bigDTypes = dtypes.filter((dtype) => dtype.startsWith("big"));
const vector = (dtype: DType, ...values: (number | bigint)[]): NdArray => {
  const data = new (constructorOf(dtype))(values.length) as unknown as (number | bigint)[];
  for (const [i, value] of values.entries()) data[i] = value;
  return makeNdArray(data, [values.length]);
};

describe("mapPartition of arrays", () => {
  it("gives an array of anything, as Array.prototype.map does", () => {
    const results = ["a", undefined, null, 1, 2n, Float64Array.of(1), vector("int8", 1), {}, [1]];
    expect(map((i: number) => results[i], [...results.keys()])).toEqual(results);
    fc.assert(
      fc.property(fc.array(fc.anything(), { maxLength: 50 }), (items) => {
        expect(map((item) => [item], items)).toEqual(items.map((item) => [item]));
      }),
    );
  });

  it("calls once for each item, with nothing but the items, in order", () => {
    const fn = vi.fn((...items: unknown[]) => items.length);
    expect(map(fn, ["a", "b"])).toEqual([1, 1]);
    expect(fn.mock.calls).toEqual([["a"], ["b"]]);
    expect(map((...items: unknown[]) => items, [1, 2], Uint8Array.of(3, 4), vector("bigint64", 5n, 6n))).toEqual([
      [1, 3, 5n],
      [2, 4, 6n],
    ]);
    expect(map((a: number, b: number) => a + b, [1, 2], [10, 20])).toEqual([11, 22]);
  });

  it("refuses partitions of several lengths, and none", () => {
    expect(() => map((a) => a, [1, 2], [1])).toThrow(
      new RangeError("map needs one partition or more, all of one length; their lengths are [2, 1]"),
    );
    expect(() => mapPartition((a) => a, [], { kind: "array" }, 0)).toThrow(RangeError);
  });
});

describe("mapPartition of typed arrays", () => {
  it("gives what TypedArray.prototype.map gives", () => {
    fc.assert(
      fc.property(anyTyped, (array) => {
        const fn = (x: number | bigint) => (typeof x === "bigint" ? x * 3n : x * 3.7 - 100);
        const expected = (array as Float64Array).map(fn as (x: number) => number);
        expect(map(fn, array)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it.each<[DType, number[], number[]]>([
    ["uint8", [256, -1, 3.9, Number.NaN], [0, 255, 3, 0]],
    ["uint8_clamped", [256, -1, 3.5, 2.5], [255, 0, 4, 2]],
    ["int8", [128, -129, -3.9, Infinity], [-128, 127, -3, 0]],
    ["int32", [2 ** 31, 2 ** 32 + 5, -0.5, 1], [-(2 ** 31), 5, 0, 1]],
    ["uint32", [-1, 2 ** 32, 2 ** 53, 1], [2 ** 32 - 1, 0, 0, 1]],
    ["float32", [0.1, 1e300, -0, 1], [Math.fround(0.1), Infinity, -0, 1]],
  ])("converts as an assignment to %s does", (dtype, results, expected) => {
    const mapped = map((i: number) => results[i], vectorOf(dtype)) as TypedArray;
    expect(Array.from<unknown>(mapped)).toEqual(expected);
  });

  it.each(bigDTypes)("converts bigints as an assignment to %s does", (dtype) => {
    const Kind = constructorOf(dtype) as unknown as BigInt64ArrayConstructor;
    const results = [2n ** 64n + 1n, -1n, 2n ** 63n];
    expect(map((i: bigint) => results[Number(i)], Kind.of(0n, 1n, 2n))).toEqual(Kind.from(results));
  });

  it("keeps the kind of an empty one", () => {
    expect(map((x) => x, new Int16Array(0))).toEqual(new Int16Array(0));
  });

  it("reads received arrays, which are read-only", () => {
    const array = markReadonly(Float32Array.from({ length: 3000 }, (_, i) => i));
    expect(map((x: number) => 2 * x, array)).toEqual(Float32Array.from({ length: 3000 }, (_, i) => 2 * i));
  });

  it("takes the kind of the first of several sequences", () => {
    expect(map((a: number, b: number) => a * b, Int8Array.of(2, 3), [0.5, 1.5])).toEqual(Int8Array.of(1, 4));
  });

  it.each<[TypedArray, unknown, string]>([
    [new Float32Array(18), "a", 'map over a Float32Array: the result for index 17 is a string ("a"), not a number'],
    [new Int32Array(18), 3n, "map over an Int32Array: the result for index 17 is a bigint (3n), not a number"],
    [new Uint8Array(18), true, "map over a Uint8Array: the result for index 17 is a boolean (true), not a number"],
    [new Float64Array(18), undefined, "map over a Float64Array: the result for index 17 is undefined, not a number"],
    [new Int8Array(18), null, "map over an Int8Array: the result for index 17 is null, not a number"],
    [new Int16Array(18), [1], "map over an Int16Array: the result for index 17 is an array of length 1, not a number"],
    [
      new Float64Array(18),
      new Float64Array(2),
      "map over a Float64Array: the result for index 17 is a Float64Array of length 2, not a number",
    ],
    [new BigInt64Array(18), 1, "map over a BigInt64Array: the result for index 17 is a number (1), not a bigint"],
  ])("refuses for %o the result %o and says how to get an array", (array, misfit, message) => {
    const fitting = array instanceof BigInt64Array ? 0n : 0;
    let calls = 0;
    expect(() => map(() => (calls++ === 17 ? misfit : fitting), array)).toThrow(
      new TypeError(`${message}; map over Array.from(x) to get a plain array`),
    );
  });

  it("counts the index from the start of the whole sequence, far into a partition too", () => {
    let calls = 0;
    const fn = () => (calls++ === 4321 ? "x" : 0);
    expect(() => mapPartition(fn, [new Float64Array(5000)], { kind: "typed", dtype: "float64" }, 10_000)).toThrow(
      /the result for index 14321 is/,
    );
  });

  it("notices at the first call a result that does not fit", () => {
    const fn = vi.fn(() => ({}));
    expect(() => map(fn, new Float64Array(1000))).toThrow(TypeError);
    expect(fn).toHaveBeenCalledTimes(1);
  });
});

describe("mapPartition of ndarrays", () => {
  it("calls with numbers of a 1-d one and with views of others, as the definition says", () => {
    fc.assert(
      fc.property(anyNdArray, (array) => {
        const seen: unknown[] = [];
        map((item) => seen.push(array.shape.length === 1 ? item : nested(item)), array);
        expect(seen).toEqual(itemsAlong(array, 0));
      }),
    );
  });

  it("gives a 1-d ndarray back that it maps to itself, with its dtype", () => {
    fc.assert(
      fc.property(
        anyNdArray.filter((array) => array.shape.length === 1),
        (array) => {
          expect(content(map((item) => item, array))).toEqual(content(array));
        },
      ),
    );
  });

  it("stacks the items of an ndarray of two or more dimensions to itself", () => {
    fc.assert(
      fc.property(
        anyNdArray.filter((array) => array.shape.length > 1 && (array.shape[0] as number) > 0),
        (array) => {
          expect(content(map((item) => item, array))).toEqual(content(array));
        },
      ),
    );
  });

  it.each<[DType, (number | bigint)[], DType, (number | bigint)[]]>([
    ["float64", [0.5, 2 ** 40], "float64", [0.5, 2 ** 40]],
    ["float32", [0.1, 1e300], "float32", [Math.fround(0.1), Infinity]],
    ["int8", [127, -128], "int8", [127, -128]],
    ["int8", [127, 128], "float64", [127, 128]],
    ["int8", [-129, 1], "float64", [-129, 1]],
    ["uint8", [0, 255], "uint8", [0, 255]],
    ["uint8", [0, 256], "float64", [0, 256]],
    ["uint8", [-1, 0], "float64", [-1, 0]],
    ["uint8_clamped", [255, 300], "float64", [255, 300]],
    ["int16", [32767, -32768], "int16", [32767, -32768]],
    ["int16", [32768, 0], "float64", [32768, 0]],
    ["uint16", [65535, 0.5], "float64", [65535, 0.5]],
    ["int32", [2 ** 31 - 1, -(2 ** 31)], "int32", [2 ** 31 - 1, -(2 ** 31)]],
    ["int32", [2 ** 31, 0], "float64", [2 ** 31, 0]],
    ["uint32", [2 ** 32 - 1, 0], "uint32", [2 ** 32 - 1, 0]],
    ["uint32", [Number.NaN, 0], "float64", [Number.NaN, 0]],
    ["bigint64", [1, 0.5], "float64", [1, 0.5]],
    ["bigint64", [-1n, 2n ** 63n - 1n], "bigint64", [-1n, 2n ** 63n - 1n]],
    ["biguint64", [1n, 2n ** 64n - 1n], "biguint64", [1n, 2n ** 64n - 1n]],
    ["biguint64", [1n, -1n], "bigint64", [1n, -1n]],
    ["float64", [1n, -1n], "bigint64", [1n, -1n]],
  ])("chooses the dtype of numbers: %s gives %o as %s", (dtype, results, expected, values) => {
    const input = dtype.startsWith("big") ? vector(dtype, 0n, 1n) : vector(dtype, 0, 1);
    expect(content(map((i: number | bigint) => results[Number(i)], input))).toEqual({
      dtype: expected,
      shape: [2],
      values,
    });
  });

  it("turns to float64 with a late result and keeps the earlier ones", () => {
    const input = makeNdArray(
      Uint8Array.from({ length: 3000 }, (_, i) => i % 256),
      [3000],
    );
    let calls = 0;
    const mapped = map((x: number) => (++calls === 2500 ? 0.25 : x), input);
    const values = Array.from({ length: 3000 }, (_, i) => (i === 2499 ? 0.25 : i % 256));
    expect(content(mapped)).toEqual({ dtype: "float64", shape: [3000], values });
  });

  it("keeps the plain array under an ndarray, for numbers and bigints", () => {
    const results = [0.5, 2n ** 70n, 1];
    const indices = makeNdArray([0, 1, 2], [3]);
    expect(content(map((i: number) => results[i], indices))).toEqual({ dtype: "array", shape: [3], values: results });
    expect(() => map((i: number) => (i === 1 ? "a" : i), indices)).toThrow(
      /^map over an ndarray: the result for index 1 is a string \("a"\), not a number or a bigint; map over Array.from/,
    );
  });

  it("stacks ndarrays of one shape and dtype, whatever their strides, and typed arrays as 1-d ones", () => {
    const square = makeNdArray(Int16Array.of(1, 2, 3, 4), [2, 2]);
    const turned = [square, square.transpose(1, 0), square.step(-1, 1)];
    expect(content(map((i: number) => turned[i], vector("float64", 0, 1, 2)))).toEqual({
      dtype: "int16",
      shape: [3, 2, 2],
      values: [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [1, 3],
          [2, 4],
        ],
        [
          [3, 4],
          [1, 2],
        ],
      ],
    });
    const mixed = [Float32Array.of(1, 2), makeNdArray(Float32Array.of(4, 3), [2]).step(-1)];
    expect(content(map((i: number) => mixed[i], vector("int8", 0, 1)))).toEqual({
      dtype: "float32",
      shape: [2, 2],
      values: [
        [1, 2],
        [3, 4],
      ],
    });
    expect(content(map((row: NdArray) => row.pick(1), square))).toEqual({ dtype: "int16", shape: [2], values: [2, 4] });
  });

  it.each(dtypes)("gives for an empty %s ndarray an empty one", (dtype) => {
    const empty = makeNdArray(sampleTyped(dtype, 0), [0]);
    expect(content(map((x) => x, empty))).toEqual({ dtype, shape: [0], values: [] });
  });

  it.each<[string, unknown[], string]>([
    ["a first result of no use", ["a"], 'index 100 is a string ("a"), not a number or an ndarray'],
    ["a number, then text", [1, "b"], 'index 101 is a string ("b"), not a number, as the result before it is'],
    ["a number, then a bigint", [1, 2n], "index 101 is a bigint (2n), not a number, as the result before it is"],
    ["a bigint, then a number", [1n, 2], "index 101 is a number (2), not a bigint"],
    ["a bigint of 65 bits", [1n, 2n ** 63n], "index 101 is a bigint (9223372036854775808n), not one of 64 bits"],
    ["an array", [[1, 2]], "index 100 is an array of length 2, not a number or an ndarray"],
    [
      "arrays of two lengths",
      [Float64Array.of(1), Float64Array.of(1, 2)],
      "index 101 is a Float64Array of length 2, not a float64 ndarray of shape [1] as the result before it is",
    ],
    [
      "arrays of two dtypes",
      [vector("float64", 1), vector("int8", 1)],
      "index 101 is an int8 ndarray of shape [1], not a float64 ndarray of shape [1] as the result before it is",
    ],
    [
      "arrays of two ranks",
      [makeNdArray(new Int8Array(2), [1, 2]), vector("int8", 1, 2)],
      "index 101 is an int8 ndarray of shape [2], not an int8 ndarray of shape [1, 2] as the result before it is",
    ],
  ])("refuses %s", (_, results, message) => {
    const indices = vector("float64", ...results.keys());
    expect(() => mapPartition((i: number) => results[i], [indices], outputKind(indices), 100)).toThrow(
      new TypeError(
        `map over a float64 ndarray: the result for ${message}; ` +
          "map over Array.from({ length: x.shape[0] }, (_, i) => x.get(i)) to get a plain array",
      ),
    );
  });

  it("says for more dimensions how to get an array of the views", () => {
    expect(() => map(() => "a", makeNdArray(new Int8Array(4), [2, 2]))).toThrow(
      /^map over an int8 ndarray: .*map over Array.from\({ length: x.shape\[0\] }, \(_, i\) => x.pick\(i\)\)/,
    );
  });

  it("refuses negative bigints after one of 2^63 or more", () => {
    const results = [2n ** 63n, -1n];
    expect(() => map((i: bigint) => results[Number(i)], vector("biguint64", 0n, 1n))).toThrow(
      /results from index 1 on, some are negative and others 2\^63 or more/,
    );
  });
});

describe("mapPartition of asynchronous functions", () => {
  it("is no promise while the function returns none", () => {
    expect(map((x) => x, [1])).not.toBeInstanceOf(Promise);
    expect(map(async (x) => x, [1])).toBeInstanceOf(Promise);
  });

  it.each(numberDTypes)("gives the same as a synchronous function for %s", async (dtype) => {
    const array = sampleTyped(dtype, 50);
    const fn = (x: number) => x + 1;
    expect(await map(async (x: number) => fn(x), array)).toEqual(map(fn, array));
    const ndarray = makeNdArray(array, [50]);
    expect(content(await map(async (x: number) => fn(x), ndarray))).toEqual(content(map(fn, ndarray)));
  });

  it("takes functions that return a promise now and then", async () => {
    const items = Array.from({ length: 3000 }, (_, i) => i);
    const mapped = map((i: number) => (i % 7 === 3 || i === 2999 ? Promise.resolve(-i) : i), items);
    expect(await mapped).toEqual(items.map((i) => (i % 7 === 3 || i === 2999 ? -i : i)));
  });

  it("awaits one promise before it makes the next call", async () => {
    let running = 0;
    let most = 0;
    await map(async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    }, [1, 2, 3]);
    expect(most).toBe(1);
  });

  it("rejects as the function does and calls no further", async () => {
    const failure = new Error("third");
    const fn = vi.fn(async (i: number) => {
      if (i === 2) throw failure;
    });
    await expect(map(fn, [0, 1, 2, 3])).rejects.toBe(failure);
    expect(fn).toHaveBeenCalledTimes(3);
  });

  it("notices at once a resolved value that does not fit", async () => {
    const fn = vi.fn(async (i: number) => (i === 1 ? "b" : i));
    await expect(map(fn, Float64Array.of(0, 1, 2, 3))).rejects.toThrow(/index 1 is a string/);
    expect(fn).toHaveBeenCalledTimes(2);
  });

  it("throws what a synchronous function throws", () => {
    const failure = new RangeError("no");
    expect(() =>
      map(() => {
        throw failure;
      }, [1]),
    ).toThrow(failure);
  });
});

describe("reducePartition", () => {
  it("folds from the left", () => {
    expect(reducePartition((a: string, b: string) => `(${a}${b})`, ["a", "b", "c", "d"])).toBe("(((ab)c)d)");
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 5000 }), (items) => {
        const fn = (a: number, b: number) => (a * 31 + b) % 1_000_003;
        expect(reducePartition(fn, items)).toBe(items.reduce(fn));
      }),
      { numRuns: 20 },
    );
  });

  it("takes every kind of sequence", () => {
    expect(reducePartition((a: number, b: number) => a + b, Uint8Array.of(200, 100))).toBe(300);
    expect(reducePartition((a: bigint, b: bigint) => a + b, BigInt64Array.of(1n, 2n))).toBe(3n);
    expect(reducePartition((a: number, b: number) => a - b, vector("int8", 1, 2, 4).step(-1))).toBe(1);
    const rows = makeNdArray(Float64Array.of(1, 2, 3, 4), [2, 2]);
    const total = reducePartition((a: NdArray, b: NdArray) => makeNdArray([a.get(0) + b.get(0)], [1]), rows);
    expect(nested(total as NdArray)).toEqual([4]);
  });

  it("returns a single item without a call", () => {
    const fn = vi.fn();
    expect(reducePartition(fn, [5])).toBe(5);
    expect(fn).not.toHaveBeenCalled();
  });

  it("awaits promises one after another, and only then is a promise", async () => {
    const items = Array.from({ length: 100 }, (_, i) => i);
    const sum = reducePartition((a: number, b: number) => (b % 3 === 0 ? Promise.resolve(a + b) : a + b), items);
    expect(sum).toBeInstanceOf(Promise);
    expect(await sum).toBe(4950);
    expect(reducePartition((a: number, b: number) => a + b, items)).toBe(4950);
  });

  it("refuses a partition without items", () => {
    expect(() => reducePartition((a) => a, [])).toThrow(new TypeError("reduce of a partition without items"));
  });
});

/** 0, 1, 2, 3 as a typed array. */
function vectorOf(dtype: DType): TypedArray {
  return vector(dtype, 0, 1, 2, 3).data as unknown as TypedArray;
}
