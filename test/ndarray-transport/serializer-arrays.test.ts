import assert from "node:assert";
import { describe, expect, test } from "vitest";
import { ReadOnlyError } from "../../src/errors.ts";
import { allocate, type DType, dtypes, type TypedArray } from "../../src/ndarray-transport/dtypes.ts";
import { isNdArray, makeNdArray, type NdArray, sizeOf } from "../../src/ndarray-transport/ndarrays.ts";
import { isReadonly } from "../../src/ndarray-transport/readonly.ts";
import { INLINE_LIMIT, Serializer } from "../../src/ndarray-transport/serializer.ts";
import { arange, elements } from "./arange.ts";

const serializer = new Serializer();

function roundTrip<T>(value: T, options?: { readonly?: boolean }): T {
  const { head, buffers } = serializer.serialize(value);
  return serializer.deserialize(head, buffers, options) as T;
}

function counting(dtype: DType, length: number): TypedArray {
  const array = allocate(dtype, length);
  const isBig = dtype === "bigint64" || dtype === "biguint64";
  for (let i = 0; i < length; i++) (array as unknown as unknown[])[i] = isBig ? BigInt(i) : i % 128;
  return array;
}

describe("typed arrays survive", () => {
  test.each([...dtypes])("%s, in the head and beside it", (dtype) => {
    for (const length of [0, 1, 7, 1000, INLINE_LIMIT]) {
      const array = counting(dtype, length);
      const received = roundTrip(array);
      assert.deepStrictEqual(received, array);
      expect(received.byteOffset).toBe(0);
      expect(received.buffer.byteLength).toBe(array.byteLength);
    }
  });

  test("special floating-point values keep their bits", () => {
    const bits = new BigUint64Array([0x8000000000000000n, 0x7ff8000000000001n, 0xfff0000000000000n, 1n]);
    const received = roundTrip(new Float64Array(bits.buffer));
    assert.deepStrictEqual(new BigUint64Array(received.buffer), bits);
  });

  test("a view sends only its own bytes", () => {
    const small = serializer.serialize(new Float64Array(1e6).subarray(10, 12));
    expect(small.buffers).toEqual([]);
    expect(small.head.byteLength).toBeLessThan(40);
    const large = serializer.serialize(new Float64Array(1e6).subarray(10, 100_010));
    expect(large.buffers.map((buffer) => buffer.byteLength)).toEqual([800_000]);
    assert.deepStrictEqual(roundTrip(counting("int16", 9).subarray(2, 5)), new Int16Array([2, 3, 4]));
  });

  test("Buffer, ArrayBuffer and DataView keep their class", () => {
    for (const length of [0, 5, INLINE_LIMIT + 3]) {
      const bytes = counting("uint8", length) as Uint8Array;
      const buffer = roundTrip(Buffer.from(bytes));
      expect(Buffer.isBuffer(buffer)).toBe(true);
      assert.deepStrictEqual(buffer, Buffer.from(bytes));
      assert.deepStrictEqual(roundTrip(bytes.slice().buffer), bytes.buffer);
      const view = roundTrip(new DataView(bytes.buffer, Math.min(1, length)));
      assert.deepStrictEqual(view, new DataView(bytes.slice(1).buffer));
    }
  });

  test("shared memory arrives as ordinary memory", () => {
    const shared = new SharedArrayBuffer(16);
    new Uint8Array(shared).set([1, 2, 3]);
    const received = roundTrip({ shared, view: new Uint8Array(shared, 1, 2) });
    expect(received.shared).toBeInstanceOf(ArrayBuffer);
    assert.deepStrictEqual(new Uint8Array(received.shared).slice(0, 4), new Uint8Array([1, 2, 3, 0]));
    assert.deepStrictEqual(received.view, new Uint8Array([2, 3]));
  });

  test("at any depth and more than once", () => {
    const [small, large] = [new Int8Array([1]), new Float32Array(INLINE_LIMIT)];
    const value = { a: [small, { b: new Map([["c", large]]) }], again: large, set: new Set([small]) };
    const { head, buffers } = serializer.serialize(value);
    expect(buffers.length).toBe(1);
    const received = serializer.deserialize(head, buffers) as typeof value;
    assert.deepStrictEqual(received, value);
    expect(received.again).toBe((received.a[1] as { b: Map<string, Float32Array> }).b.get("c"));
  });
});

describe("memory is not copied", () => {
  test("the buffers are the sender's memory, from the limit on", () => {
    const base = new Float64Array(INLINE_LIMIT / 8 + 4);
    const below = base.subarray(1, INLINE_LIMIT / 8);
    const at = base.subarray(2, INLINE_LIMIT / 8 + 2);
    const { buffers } = serializer.serialize([
      below,
      at,
      Buffer.from(base.buffer),
      new DataView(base.buffer),
      base.buffer,
    ]);
    expect(buffers.map((buffer) => buffer.buffer === base.buffer)).toEqual([true, true, true, true]);
    expect(buffers.map(({ byteOffset, byteLength }) => [byteOffset, byteLength])).toEqual([
      [16, INLINE_LIMIT],
      [0, base.byteLength],
      [0, base.byteLength],
      [0, base.byteLength],
    ]);
    expect(buffers.every((buffer) => Object.getPrototypeOf(buffer) === Uint8Array.prototype)).toBe(true);
  });

  test("the received array lies in the received buffer", () => {
    const { head, buffers } = serializer.serialize(counting("float32", INLINE_LIMIT));
    const frame = new Uint8Array(8 + 4 * INLINE_LIMIT);
    frame.set(buffers[0] as Uint8Array, 8);
    const received = serializer.deserialize(head, [frame.subarray(8)]) as Float32Array;
    expect([received.buffer === frame.buffer, received.byteOffset]).toEqual([true, 8]);
    expect(received[5]).toBe(5);
  });

  test("unless its elements would not be aligned there", () => {
    const array = counting("float64", INLINE_LIMIT);
    const { head, buffers } = serializer.serialize(array);
    const frame = Buffer.alloc(4 + array.byteLength);
    frame.set(buffers[0] as Uint8Array, 4);
    const received = serializer.deserialize(head, [frame.subarray(4)]) as Float64Array;
    assert.deepStrictEqual(received, array);
    expect(received.buffer).not.toBe(frame.buffer);
  });

  test("an ArrayBuffer is the received one if the buffer covers it", () => {
    const { head } = serializer.serialize(new ArrayBuffer(INLINE_LIMIT));
    const whole = new Uint8Array(INLINE_LIMIT);
    expect(serializer.deserialize(head, [whole])).toBe(whole.buffer);
    const part = new Uint8Array(INLINE_LIMIT + 1).subarray(1);
    expect((serializer.deserialize(head, [part]) as ArrayBuffer).byteLength).toBe(INLINE_LIMIT);
  });

  test("an array from the head has memory of its own", () => {
    const { head, buffers } = serializer.serialize([new Uint8Array([1, 2])]);
    const [received] = serializer.deserialize(head, buffers) as [Uint8Array];
    head.fill(0);
    assert.deepStrictEqual(received, new Uint8Array([1, 2]));
  });

  test("64 MiB take no longer than 64 KiB", () => {
    const array = new Float64Array(8 * 1024 * 1024);
    serializer.serialize(array);
    const start = process.cpuUsage();
    for (let i = 0; i < 100; i++) serializer.serialize(array);
    const { user, system } = process.cpuUsage(start);
    // Of processor time, in microseconds; one copy takes more than 5 ms.
    expect((user + system) / 100).toBeLessThan(1_000);
  });
});

describe("received arrays are read-only", () => {
  const sizes = [0, 1, 1024, 1025, INLINE_LIMIT, 1024 * 1024];
  const depths: [number, (array: unknown) => unknown, (value: never) => unknown][] = [
    [0, (array) => array, (value) => value],
    [1, (array) => [array], ([array]: unknown[]) => array],
    [2, (array) => ({ a: [array] }), ({ a }: { a: unknown[] }) => a[0]],
    [
      3,
      (array) => new Map([["a", [new Set([array])]]]),
      (value: Map<string, Set<unknown>[]>) => [...(value.get("a")?.[0] ?? [])][0],
    ],
  ];

  test.each(sizes.flatMap((size) => depths.map(([depth, wrap, unwrap]) => ({ size, depth, wrap, unwrap }))))(
    "$size bytes at depth $depth",
    ({ size, wrap, unwrap }) => {
      const sent = [new Uint8Array(size), Buffer.alloc(size), makeNdArray(new Uint8Array(size), [size])];
      for (const array of sent) {
        const received = unwrap(roundTrip(wrap(array)) as never) as Uint8Array | NdArray;
        expect(isReadonly(received)).toBe(true);
        if (isNdArray(received)) expect(() => received.set(0, 1)).toThrow(ReadOnlyError);
        else expect(() => received.fill(1)).toThrow(ReadOnlyError);
        expect(isReadonly(array)).toBe(false);
      }
      expect(isReadonly(unwrap(roundTrip(wrap(new ArrayBuffer(size))) as never))).toBe(true);
    },
  );

  test("unless the receiver wants them writable", () => {
    const value = { a: new Float64Array(2), b: new Uint8Array(INLINE_LIMIT), c: makeNdArray(new Int8Array(4), [2, 2]) };
    const received = roundTrip(value, { readonly: false });
    received.a.fill(1);
    received.b.fill(1);
    received.c.set(1, 1, 5);
    expect([received.a[1], received.b[0], received.c.get(1, 1)]).toEqual([1, 1, 5]);
  });

  test("and can be sent on", () => {
    const value = [new Float64Array([1, 2]), makeNdArray(counting("float32", 6), [2, 3]).transpose(1, 0)] as const;
    const received = roundTrip(roundTrip(value));
    assert.deepStrictEqual(received[0], value[0]);
    expect(received[1].get(2, 1)).toBe(5);
  });
});

describe("ndarrays survive", () => {
  const shapes = [[], [0], [1], [5], [2, 3], [2, 0, 3], [1, 1], [2, 3, 4], [1, 3, 1, 2]];

  test.each([...dtypes])("%s in every shape", (dtype) => {
    for (const shape of shapes) {
      const array = makeNdArray(counting(dtype, sizeOf(shape)), shape);
      const received = roundTrip(array);
      expect([received.dtype, received.shape, received.stride]).toEqual([dtype, shape, array.stride]);
      assert.deepStrictEqual(received.data, array.data);
    }
  });

  const cube = (): NdArray => arange(2, 3, 4); // element (i, j, k) is 12 i + 4 j + k

  // Strides, in elements, and elements as NumPy gives them for the same views of np.arange(24.).reshape(2, 3, 4).
  test.each<[string, NdArray, { shape: number[]; stride: number[]; at: [number[], number]; count: number }]>([
    ["a.T", cube().transpose(2, 1, 0), { shape: [4, 3, 2], stride: [1, 4, 12], at: [[3, 2, 1], 23], count: 24 }],
    ["a[::-1]", cube().step(-1), { shape: [2, 3, 4], stride: [-12, 4, 1], at: [[0, 1, 2], 18], count: 24 }],
    [
      "a[:, ::-1, ::-1]",
      cube().step(1, -1, -1),
      { shape: [2, 3, 4], stride: [12, -4, -1], at: [[1, 0, 0], 23], count: 24 },
    ],
    ["a[1]", cube().pick(1), { shape: [3, 4], stride: [4, 1], at: [[2, 3], 23], count: 12 }],
    ["a[1:, 1:]", cube().lo(1, 1), { shape: [1, 2, 4], stride: [12, 4, 1], at: [[0, 1, 3], 23], count: 8 }],
    [
      "a[:1].transpose(1, 2, 0)",
      cube().hi(1).transpose(1, 2, 0),
      { shape: [3, 4, 1], stride: [4, 1, 12], at: [[2, 3, 0], 11], count: 12 },
    ],
    // These leave gaps: NumPy's own copies of them, in C order.
    [
      "a[:, :, ::2].copy()",
      cube().step(1, 1, 2),
      { shape: [2, 3, 2], stride: [6, 2, 1], at: [[1, 2, 1], 22], count: 12 },
    ],
    ["a[:, :2, :2].copy()", cube().hi(2, 2, 2), { shape: [2, 2, 2], stride: [4, 2, 1], at: [[1, 1, 1], 17], count: 8 }],
    [
      "a[::-1, ::-2, 1].copy()",
      cube().step(-1, -2).pick(-1, -1, 1),
      { shape: [2, 2], stride: [2, 1], at: [[0, 1], 13], count: 4 },
    ],
    ["a[1, 2, 3]", cube().pick(1, 2, 3), { shape: [], stride: [], at: [[], 23], count: 1 }],
  ])("%s", (_, array, { shape, stride, at: [index, value], count }) => {
    const received = roundTrip(array);
    expect([received.shape, received.stride]).toEqual([shape, stride]);
    expect(received.get(...index)).toBe(value);
    expect(received.data.length).toBe(count);
    expect(elements(received)).toEqual(elements(array));
  });

  test("a dense block is not copied, whatever the order of its axes", () => {
    const base = counting("float64", 3 * INLINE_LIMIT);
    const array = makeNdArray(base, [2, 3, INLINE_LIMIT / 2])
      .lo(1)
      .step(1, -1)
      .transpose(2, 0, 1);
    const { head, buffers } = serializer.serialize(array);
    expect(buffers.length).toBe(1);
    expect((buffers[0] as Uint8Array).buffer).toBe(base.buffer);
    expect((buffers[0] as Uint8Array).byteOffset).toBe(8 * 3 * (INLINE_LIMIT / 2));
    const received = serializer.deserialize(head, buffers) as NdArray;
    expect((received.data as Float64Array).buffer).toBe(base.buffer);
    expect(received.get(7, 0, 2)).toBe(array.get(7, 0, 2));
  });

  test("a view with gaps sends only its elements", () => {
    const { buffers } = serializer.serialize(makeNdArray(new Float64Array(100_000), [100_000]).step(2));
    expect(buffers.map((buffer) => buffer.byteLength)).toEqual([400_000]);
  });

  test("an axis that repeats its elements is packed", () => {
    const received = roundTrip(makeNdArray(new Float64Array([1, 2]), [3, 2], [0, 1], 0));
    expect([received.shape, [...(received.data as Float64Array)]]).toEqual([
      [3, 2],
      [1, 2, 1, 2, 1, 2],
    ]);
  });

  test("over a Buffer", () => {
    const received = roundTrip(makeNdArray(Buffer.from([1, 2, 3, 4]), [2, 2]).transpose(1, 0));
    expect([received.dtype, received.get(1, 0)]).toEqual(["buffer", 2]);
    expect(roundTrip(makeNdArray(Buffer.from([1, 2, 3, 4]), [4]).step(2)).dtype).toBe("buffer");
  });

  test("over a plain array of anything, also of itself", () => {
    const data: unknown[] = ["a", -0, { b: 1 }, undefined, null, 0];
    const array = makeNdArray(data, [2, 3]).transpose(1, 0);
    data[5] = array;
    const received = roundTrip(array);
    expect([received.dtype, received.shape, received.stride]).toEqual(["array", [3, 2], [1, 3]]);
    assert.deepStrictEqual((received.data as unknown[]).slice(0, 5), data.slice(0, 5));
    expect(received.get(2, 1)).toBe(received);
    assert.deepStrictEqual(roundTrip(makeNdArray([1, 2, 3, 4], [4]).step(-2)).data, [4, 2]);
  });

  test("met twice are one object", () => {
    const array = makeNdArray(new Float64Array(4), [2, 2]);
    const [first, second] = roundTrip([array, array]);
    expect(first).toBe(second);
  });
});
