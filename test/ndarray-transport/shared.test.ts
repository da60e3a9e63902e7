import ndarray from "ndarray";
import { describe, expect, it } from "vitest";
import { bytesOf, constructorOf, type DType, dtypes, type TypedArray } from "../../src/ndarray-transport/dtypes.ts";
import { makeNdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { isReadonly, markReadonly } from "../../src/ndarray-transport/readonly.ts";
import { sliceOf } from "../../src/ndarray-transport/segments/slices.ts";
import { isSharedMemoryAvailable } from "../../src/ndarray-transport/segments/system-calls.ts";
import { shared } from "../../src/ndarray-transport/shared.ts";

/** Elements of every bit pattern that the first bytes of a counter give. */
function counted(dtype: DType, length: number): TypedArray {
  const array = new (constructorOf(dtype))(length);
  const bytes = bytesOf(array);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + 1) % 256;
  return array;
}

describe("shared", () => {
  it.each(dtypes)("makes zeros of dtype %s that are ordinary typed arrays", (dtype) => {
    const array = shared.empty(dtype, 1000);
    expect(array.constructor).toBe(constructorOf(dtype));
    expect(array.length).toBe(1000);
    expect(bytesOf(array).every((byte) => byte === 0)).toBe(true);
    array.fill((typeof array[0] === "bigint" ? 1n : 1) as never);
    expect(Number(array[999])).toBe(1);
    expect(sliceOf(array) !== undefined).toBe(isSharedMemoryAvailable());
  });

  it.each(dtypes)("copies an array of dtype %s bit for bit", (dtype) => {
    const array = counted(dtype, 33);
    const copy = shared.from(array);
    expect(copy).not.toBe(array);
    expect(copy.constructor).toBe(array.constructor);
    expect(Buffer.compare(bytesOf(copy), bytesOf(array))).toBe(0);
    const part = shared.from(array.subarray(3, 8));
    expect(Buffer.compare(bytesOf(part), bytesOf(array.subarray(3, 8)))).toBe(0);
  });

  it("makes ndarrays in C order", () => {
    const array = shared.empty("float32", [2, 3, 4]);
    expect([array.dtype, array.shape, array.stride, array.offset]).toEqual(["float32", [2, 3, 4], [12, 4, 1], 0]);
    expect(array.data).toBeInstanceOf(Float32Array);
    const scalar = shared.empty("int32", []);
    expect([scalar.shape, scalar.data.length]).toEqual([[], 1]);
    expect(shared.empty("int32", [3, 0]).data.length).toBe(0);
  });

  it("copies ndarrays of any layout, element by element", () => {
    const data = Float64Array.from({ length: 24 }, (_, i) => i);
    const array = ndarray(data, [4, 6]).transpose(1, 0).step(2, -1);
    const copy = shared.from(array as never) as typeof array;
    expect(copy.shape).toEqual([3, 4]);
    // By definition: element (i, j) of the view is element (3 - j, 2 i) of the 4 by 6 array.
    for (let i = 0; i < 3; i++) for (let j = 0; j < 4; j++) expect(copy.get(i, j)).toBe((3 - j) * 6 + 2 * i);
  });

  it("gives a copy that may be written of what may not", () => {
    const received = markReadonly(makeNdArray(new Int16Array([1, 2, 3]), [3]));
    const copy = shared.from(received);
    expect(isReadonly(copy)).toBe(false);
    copy.set(0, 9);
    expect([copy.get(0), received.get(0)]).toEqual([9, 1]);
    expect(shared.from(Buffer.from([1, 2]))).toEqual(Buffer.from([1, 2]));
  });

  it("falls back to ordinary memory where there is no room", () => {
    // 16 TiB: no shared memory, and no ordinary memory either. The language's own error says so.
    expect(() => shared.empty("float64", 2 ** 41)).toThrow(RangeError);
  });

  it("says what is wrong with its arguments", () => {
    expect(() => shared.empty("float" as never, 3)).toThrow(/dtype must be one of int8, .*float64.*; given: "float"$/);
    expect(() => shared.empty("int8", "3" as never)).toThrow('shape must be a length or a list of lengths; given: "3"');
    for (const shape of [2 ** 52, [2 ** 40, 2 ** 40]]) {
      expect(() => shared.empty("int8", shape as number)).toThrow(/^shared\.empty.*no array has \S+ elements/);
    }
    expect(() => shared.empty("int8", 1.5)).toThrow(TypeError);
    expect(() => shared.empty("int8", [2, -1])).toThrow(RangeError);
    expect(() => shared.from([1, 2] as never)).toThrow("array must be a typed array, or an ndarray over one");
    expect(() => shared.from(ndarray([1, 2]) as never)).toThrow(TypeError);
  });
});
