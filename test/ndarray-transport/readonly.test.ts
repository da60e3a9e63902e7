import assert from "node:assert";
import { describe, expect, test } from "vitest";
import { ReadOnlyError } from "../../src/errors.ts";
import { allocate, dtypes } from "../../src/ndarray-transport/dtypes.ts";
import { makeNdArray, type NdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { isReadonly, markReadonly, writable } from "../../src/ndarray-transport/readonly.ts";

const float64 = (): Float64Array => markReadonly(new Float64Array([3, 1, 2]));
const bytes = (): Buffer => markReadonly(Buffer.from(new Uint8Array([3, 1, 2, 0, 0, 0, 0, 0]).buffer));
const matrix = (): NdArray => markReadonly(makeNdArray(new Float64Array([0, 1, 2, 3, 4, 5]), [2, 3]));

function refuses(write: () => unknown): void {
  expect(write).toThrow(ReadOnlyError);
  expect(write).toThrow(/writable\(/);
}

describe("a marked typed array", () => {
  test.each([...dtypes])("%s refuses every method that writes", (dtype) => {
    const array = markReadonly(allocate(dtype, 2)) as Float64Array;
    refuses(() => array.set([]));
    refuses(() => array.fill(1));
    refuses(() => array.sort());
    refuses(() => array.reverse());
    refuses(() => array.copyWithin(0, 1));
  });

  test("equals an unmarked one and has its prototype", () => {
    assert.deepStrictEqual(markReadonly(new Float64Array([1])), new Float64Array([1]));
    expect(Object.getPrototypeOf(float64())).toBe(Float64Array.prototype);
    expect(Object.keys(float64())).toEqual(["0", "1", "2"]);
    expect(JSON.stringify(float64())).toBe('{"0":3,"1":1,"2":2}');
  });

  test("gives marked views of its memory", () => {
    const array = float64();
    const view = array.subarray(1).subarray(0, 1);
    expect(view).toEqual(new Float64Array([1]));
    expect(view.buffer).toBe(array.buffer);
    expect(isReadonly(view)).toBe(true);
    refuses(() => view.fill(0));
  });

  test("gives its memory marked, so that it is copied for writing", () => {
    for (const view of [float64(), bytes(), markReadonly(new DataView(new ArrayBuffer(8)))]) {
      const { buffer } = view;
      expect(buffer).toBeInstanceOf(ArrayBuffer);
      expect(isReadonly(buffer)).toBe(true);
      expect(view.buffer).toBe(buffer);
      expect(writable(buffer)).not.toBe(buffer);
      expect(writable(buffer)).toEqual(buffer);
      expect(isReadonly(writable(view).buffer)).toBe(false);
    }
  });

  test("gives ordinary arrays where the language makes new ones", () => {
    const array = float64();
    const made = [array.map((x) => x), array.slice(), array.filter(() => true), array.toSorted(), array.toReversed()];
    for (const copy of [...made, array.with(0, 1), Float64Array.from(array), new Float64Array(array)]) {
      expect(isReadonly(copy)).toBe(false);
      expect(copy.fill(7)).toEqual(new Float64Array([7, 7, 7]));
    }
    expect(array).toEqual(new Float64Array([3, 1, 2]));
  });

  test("stays marked when marked again, and is the same object", () => {
    const array = float64();
    expect(markReadonly(array)).toBe(array);
    refuses(() => array.set([1]));
  });
});

describe("a marked Buffer", () => {
  test("refuses every method that writes", () => {
    const buffer = bytes();
    const names = Object.keys(Buffer.prototype).filter((name) => /^(write|swap)|Write$/.test(name));
    expect(names).toContain("writeDoubleLE");
    expect(names).toContain("swap16");
    for (const name of [...names, "fill", "set", "sort", "reverse", "copyWithin"]) {
      refuses(() => (buffer as unknown as Record<string, () => void>)[name]?.());
    }
  });

  test("can be read, and gives marked views through slice and subarray", () => {
    const buffer = bytes();
    expect(buffer.readUInt8(1)).toBe(1);
    for (const view of [buffer.subarray(1, 3), buffer.slice(1, 3)]) {
      expect(Buffer.isBuffer(view)).toBe(true);
      expect([...view]).toEqual([1, 2]);
      refuses(() => view.writeUInt8(1, 0));
    }
    assert.deepStrictEqual(buffer, Buffer.from([3, 1, 2, 0, 0, 0, 0, 0]));
  });
});

test("a marked DataView refuses every set and can be read", () => {
  const view = markReadonly(new DataView(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer));
  const setters = Object.getOwnPropertyNames(DataView.prototype).filter((name) => name.startsWith("set"));
  expect(setters.length).toBeGreaterThanOrEqual(10);
  for (const name of setters) refuses(() => (view as unknown as Record<string, () => void>)[name]?.());
  expect(view.getUint16(0)).toBe(0x0102);
});

describe("a marked ndarray", () => {
  test("refuses set and can be read", () => {
    const array = matrix();
    refuses(() => array.set(0, 0, 9));
    refuses(() => (array.data as Float64Array).fill(9));
    expect(array.get(1, 2)).toBe(5);
    expect(Object.keys(array)).toEqual(Object.keys(makeNdArray(new Float64Array(6), [2, 3])));
  });

  test("gives marked views of the right elements", () => {
    const array = matrix();
    const views: [NdArray, number[], number][] = [
      [array.hi(1, 2), [0, 1], 1],
      [array.lo(1, 1), [0, 1], 5],
      [array.step(1, -1), [1, 0], 5],
      [array.transpose(1, 0), [2, 1], 5],
      [array.pick(1, null as unknown as number), [2], 5],
      [array.pick(1, 2), [], 5],
      [array.transpose(1, 0).hi(2, 2).lo(1, 1), [0, 0], 4],
    ];
    for (const [view, index, expected] of views) {
      expect(view.get(...index)).toBe(expected);
      expect(isReadonly(view)).toBe(true);
      refuses(() => view.set(...index, 9));
    }
  });

  test("over a plain array is marked itself", () => {
    const array = markReadonly(makeNdArray([1, 2], [2]));
    expect(isReadonly(array)).toBe(true);
    refuses(() => array.set(0, 1));
  });
});

describe("isReadonly", () => {
  test.each([[float64()], [bytes()], [matrix()], [markReadonly(new ArrayBuffer(2))]])(
    "true of a marked array",
    (array) => {
      expect(isReadonly(array)).toBe(true);
    },
  );

  test("true of an ndarray over a marked array", () => expect(isReadonly(makeNdArray(float64(), [3]))).toBe(true));

  test.each([[new Float64Array(1)], [Buffer.alloc(1)], [makeNdArray([1], [1])], [new ArrayBuffer(1)]])(
    "false of an unmarked array",
    (array) => expect(isReadonly(array)).toBe(false),
  );

  test.each([[null], [undefined], [1], ["a"], [{}], [[]], [() => 1]])("false of %s", (value) => {
    expect(isReadonly(value)).toBe(false);
    expect(isReadonly(markReadonly(value))).toBe(false);
  });
});

describe("writable", () => {
  test.each([
    [new Float64Array(1)],
    [Buffer.alloc(1)],
    [makeNdArray([1], [1])],
    [new ArrayBuffer(1)],
    [new SharedArrayBuffer(1)],
  ])("gives back what may be written", (array) => expect(writable<object>(array)).toBe(array));

  test.each([...dtypes])("copies %s with its class", (dtype) => {
    const array = markReadonly(allocate(dtype, 5).subarray(1, 4));
    const copy = writable(array);
    assert.deepStrictEqual(copy, allocate(dtype, 3));
    expect(copy.buffer).not.toBe(array.buffer);
    expect(isReadonly(copy)).toBe(false);
    (copy as Uint8Array).reverse();
  });

  test("copies a Buffer to a Buffer", () => {
    const copy = writable(bytes());
    expect(Buffer.isBuffer(copy)).toBe(true);
    copy.writeUInt8(9, 0);
    expect(copy[0]).toBe(9);
  });

  test("copies a DataView and an ArrayBuffer", () => {
    const view = markReadonly(new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 2));
    const copy = writable(view);
    expect(copy.byteLength).toBe(2);
    copy.setUint8(0, 9);
    expect(view.getUint8(0)).toBe(2);
    const memory = markReadonly(new Uint8Array([1, 2]).buffer);
    expect(writable(memory)).not.toBe(memory);
    expect(writable(memory)).toEqual(memory);
  });

  test("copies an ndarray in C order", () => {
    const copy = writable(matrix().transpose(1, 0));
    expect(copy.shape).toEqual([3, 2]);
    expect(copy.stride).toEqual([2, 1]);
    expect(copy.dtype).toBe("float64");
    expect([...(copy.data as Float64Array)]).toEqual([0, 3, 1, 4, 2, 5]);
    copy.set(0, 0, 9);
    expect(copy.get(0, 0)).toBe(9);
  });

  test("copies only the elements of an ndarray, and an ndarray of none", () => {
    expect(writable(matrix().hi(1, 2)).data.length).toBe(2);
    const empty = writable(markReadonly(makeNdArray(new Int8Array(0), [0, 3])));
    expect([empty.shape, empty.dtype, isReadonly(empty)]).toEqual([[0, 3], "int8", false]);
    expect(writable(matrix().pick(1, 2)).get()).toBe(5);
  });

  test("copies an ndarray over a Buffer or a plain array with its dtype", () => {
    expect(writable(markReadonly(makeNdArray(Buffer.from([1, 2]), [2]))).dtype).toBe("buffer");
    expect(writable(markReadonly(makeNdArray([1, 2], [2]))).data).toEqual([1, 2]);
  });

  test.each([[null], [undefined], [1], ["a"], [new Date(0)], [() => 1]])("%s is no array", (value) => {
    expect(() => writable(value)).toThrow(TypeError);
    expect(() => writable(value)).toThrow(/array must be/);
  });
});
