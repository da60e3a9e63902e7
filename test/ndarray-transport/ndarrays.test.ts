import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allocate } from "../../src/ndarray-transport/dtypes.ts";
import {
  copyRowMajor,
  isNdArray,
  isRowMajor,
  makeNdArray,
  rowMajorData,
  rowMajorStride,
  sizeOf,
} from "../../src/ndarray-transport/ndarrays.ts";
import { arange, elements } from "./arange.ts";

describe("isNdArray", () => {
  test.each([arange(), arange(3), arange(0), arange(2, 3), arange(2, 3).pick(0)])("knows an ndarray", (array) => {
    expect(isNdArray(array)).toBe(true);
  });

  test.each([
    [null],
    [undefined],
    [1],
    [[]],
    [{}],
    [new Float64Array(2)],
    [{ shape: [1], stride: [1], offset: 0, data: [1] }],
  ])("%o is none", (value) => expect(isNdArray(value)).toBe(false));
});

describe("shapes", () => {
  // NumPy: np.zeros(shape).size and .strides in elements.
  test.each([
    { shape: [], size: 1, stride: [] },
    { shape: [0], size: 0, stride: [1] },
    { shape: [5], size: 5, stride: [1] },
    { shape: [2, 3], size: 6, stride: [3, 1] },
    { shape: [2, 3, 4], size: 24, stride: [12, 4, 1] },
  ])("$shape has $size elements and stride $stride", ({ shape, size, stride }) => {
    expect(sizeOf(shape)).toBe(size);
    expect(rowMajorStride(shape)).toEqual(stride);
  });

  test.each([
    ["C order", arange(2, 3), true],
    ["no dimensions", arange(), true],
    ["no elements", arange(2, 0).transpose(1, 0), true],
    ["rows from the middle", arange(4, 3).lo(1, 0).hi(2, 3), true],
    ["one row", arange(4, 3).hi(1, 3), true],
    ["one column", arange(4, 3).hi(4, 1), false],
    ["transposed", arange(2, 3).transpose(1, 0), false],
    ["every second", arange(6).step(2), false],
    ["backwards", arange(6).step(-1), false],
  ])("%s", (_, array, expected) => expect(isRowMajor(array)).toBe(expected));
});

describe("packing in C order", () => {
  test("does not copy what lies in C order", () => {
    const array = arange(4, 3).lo(1, 0).hi(2, 3);
    const data = rowMajorData(array) as Float64Array;
    expect(data.buffer).toBe((array.data as Float64Array).buffer);
    expect([...data]).toEqual([3, 4, 5, 6, 7, 8]);
  });

  test("NumPy: np.arange(6).reshape(2, 3).T.ravel()", () => {
    expect([...(rowMajorData(arange(2, 3).transpose(1, 0)) as Float64Array)]).toEqual([0, 3, 1, 4, 2, 5]);
  });

  test("NumPy: np.arange(12).reshape(3, 4)[::-1, ::2].ravel()", () => {
    expect([...(rowMajorData(arange(3, 4).step(-1, 2)) as Float64Array)]).toEqual([8, 10, 4, 6, 0, 2]);
  });

  test("a plain array gives a plain array, also of other things than numbers", () => {
    const array = makeNdArray(["a", "b", "c", "d"], [2, 2]).transpose(1, 0);
    expect(rowMajorData(array)).toEqual(["a", "c", "b", "d"]);
  });

  test("writes from the given index on and nowhere else", () => {
    const target = new Float64Array(8).fill(-1);
    copyRowMajor(arange(2, 3).transpose(1, 0), target, 1);
    expect([...target]).toEqual([-1, 0, 3, 1, 4, 2, 5, -1]);
    copyRowMajor(arange(0, 3), target, 0);
    expect(target[0]).toBe(-1);
  });

  test("keeps every bit, also those of NaNs that signal", () => {
    // IEEE 754: the highest bit of the significand is 0 in a NaN that signals; computing with it sets that bit.
    const signals = new Uint32Array([0x7f80_0001, 0xff80_0001, 0x7fa0_0000, 0x7fc0_0001]);
    const array = makeNdArray(new Float32Array(signals.buffer), [2, 2]).transpose(1, 0);
    const bits = new Uint32Array((rowMajorData(array) as Float32Array).buffer);
    expect([...bits]).toEqual([0x7f80_0001, 0x7fa0_0000, 0xff80_0001, 0x7fc0_0001]);
  });

  test("agrees with the definition for any view", () => {
    const view = fc
      .record({
        shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
        seed: fc.infiniteStream(fc.nat({ max: 3 })),
      })
      .map(({ shape, seed }) => {
        const next = (): number => seed.next().value as number;
        let array = arange(...shape);
        const rank = shape.length;
        if (rank === 0) return array;
        array = array.step(...shape.map(() => [1, -1, 2, -2][next()] as number));
        const axes = shape.map((_, axis) => axis).sort((a, b) => ((a * 7 + next()) % 5) - ((b * 7 + next()) % 5));
        array = array.transpose(...axes);
        return next() === 0 ? array.lo(...array.shape.map((length) => Math.min(length, 1))) : array;
      });
    fc.assert(
      fc.property(view, (array) => {
        expect([...(rowMajorData(array) as Float64Array)]).toEqual(elements(array));
        const target = allocate("float64", sizeOf(array.shape) + 2);
        copyRowMajor(array, target, 1);
        expect([...(target as Float64Array).subarray(1, -1)]).toEqual(elements(array));
      }),
    );
  });
});
