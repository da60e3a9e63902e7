import vm from "node:vm";
import { describe, expect, test } from "vitest";
import {
  allocate,
  bytesOf,
  constructorOf,
  type DType,
  dtypeOf,
  dtypes,
  isDType,
  isTypedArray,
} from "../../src/ndarray-transport/dtypes.ts";

// Item sizes: the table of typed arrays in the language specification.
const itemSizes: Record<DType, number> = {
  int8: 1,
  uint8: 1,
  uint8_clamped: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  float16: 2,
  float32: 4,
  float64: 8,
  bigint64: 8,
  biguint64: 8,
};

describe("element types", () => {
  test("are all those of the language, float16 only where the runtime has it", () => {
    const expected = Object.keys(itemSizes).filter((dtype) => dtype !== "float16" || "Float16Array" in globalThis);
    expect([...dtypes].sort()).toEqual(expected.sort());
  });

  test.each([...dtypes])("%s: constructor, size and name belong together", (dtype) => {
    const array = allocate(dtype, 3);
    expect(array).toBeInstanceOf(constructorOf(dtype));
    expect(array.length).toBe(3);
    expect(array.byteLength).toBe(3 * itemSizes[dtype]);
    expect(dtypeOf(array)).toBe(dtype);
    expect(isDType(dtype)).toBe(true);
  });

  test("a Buffer is uint8", () => expect(dtypeOf(Buffer.from("a"))).toBe("uint8"));

  test("a subclass and an array of another realm are told by their nature", () => {
    class Weights extends Float32Array {}
    expect(dtypeOf(new Weights(1))).toBe("float32");
    expect(dtypeOf(vm.runInNewContext("new Int16Array(2)") as Int16Array)).toBe("int16");
  });

  test("nothing else is a typed array", () => {
    const others = [
      [],
      {},
      null,
      undefined,
      1,
      new ArrayBuffer(1),
      new DataView(new ArrayBuffer(1)),
      Float64Array.prototype,
    ];
    for (const value of others) {
      expect(isTypedArray(value)).toBe(false);
      expect(() => dtypeOf(value as never)).toThrow(TypeError);
    }
  });

  test.each(["float128", "Float64Array", 1, null, undefined])("%s is no dtype", (name) => {
    expect(isDType(name)).toBe(false);
    expect(() => constructorOf(name as DType)).toThrow(TypeError);
  });

  test("bytesOf shows the view's own bytes in the same memory", () => {
    const array = new Uint16Array([1, 2, 3]).subarray(1, 2);
    const bytes = bytesOf(array);
    expect(bytes.buffer).toBe(array.buffer);
    expect([bytes.byteOffset, bytes.byteLength]).toEqual([2, 2]);
  });
});
