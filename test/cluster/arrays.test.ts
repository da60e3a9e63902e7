/** Arrays over the wire: every element type, size, layout and depth comes through bit for bit, and is read-only. */

import { spawnSync } from "node:child_process";
import ndarray from "ndarray";
import { isReadonly, type NdArray, parallel, ReadOnlyError, RemoteError, type TypedArray, writable } from "ndparallel";
import { describe, expect, test } from "vitest";
import {
  type ArrayClass,
  arrayClasses,
  bytesOf,
  expectSameBits,
  expectSameNdArray,
  lengthsOf,
  randomArray,
  unusualNumbers,
} from "./arrays.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(3);
const echo = <T>(value: T): T => value;

function nd(data: TypedArray | number[], shape?: number[], stride?: number[], offset?: number): NdArray {
  return ndarray(data as number[], shape, stride, offset) as unknown as NdArray;
}

function counting(length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => i);
}

describe.each(arrayClasses.map((Class) => [Class.name, Class] as const))("%s", (_name, Class: ArrayClass) => {
  const arrays = lengthsOf(Class).map((length) => randomArray(Class, length));

  test("apply gives it back as it was", async () => {
    const one = shared.rc.at(0);
    const received = await Promise.all(arrays.map((array) => one.apply(echo<TypedArray>, array)));
    for (const [i, array] of arrays.entries()) expectSameBits(received[i], array);
  });

  test("push and pull", async () => {
    await shared.all.push({ arrays });
    for (const received of await shared.all.pull("arrays")) {
      for (const [i, array] of arrays.entries()) expectSameBits(received[i], array);
    }
  });

  test.each(["block", "roundRobin"] as const)("scatter and gather, %s", async (dist) => {
    const { all } = shared;
    const sequences = dist === "block" ? arrays : lengthsOf(Class).map((length) => unusualNumbers(Class, length));
    for (const [i, sequence] of sequences.entries()) all.scatter(`part${i}`, sequence, { dist });
    const gathered = await Promise.all(sequences.map((_, i) => all.gather(`part${i}`, { dist })));
    for (const [i, sequence] of sequences.entries()) expectSameBits(gathered[i], sequence);
  });

  test("the engine sees the same elements", async () => {
    const array = unusualNumbers(Class, 9);
    const seen = await shared.rc.at(0).apply((x: TypedArray) => [x.constructor.name, Array.from<unknown>(x)], array);
    expect(seen).toEqual([Class.name, Array.from<unknown>(array)]);
  });
});

describe("other memory", () => {
  test("ArrayBuffer, Buffer and DataView keep their kind", async () => {
    const one = shared.rc.at(0);
    for (const length of [0, 5, 1024, 70_000]) {
      const bytes = randomArray(Uint8Array as never, length) as Uint8Array;
      const buffer = new Uint8Array(bytes).buffer;
      const received = await one.apply(echo<ArrayBuffer>, buffer);
      expect(received).toBeInstanceOf(ArrayBuffer);
      expectSameBits(new Uint8Array(received), bytes);
      const node = await one.apply(echo<Buffer>, Buffer.from(bytes));
      expect(Buffer.isBuffer(node)).toBe(true);
      expectSameBits(node, Buffer.from(bytes));
      expectSameBits(await one.apply(echo<DataView>, new DataView(buffer)), new DataView(buffer));
    }
  });

  test("the engine has the same kinds", async () => {
    const kinds = await shared.rc
      .at(0)
      .apply(
        (a: ArrayBuffer, b: Buffer, c: DataView) => [a instanceof ArrayBuffer, Buffer.isBuffer(b), c.getInt16(0)],
        new ArrayBuffer(3),
        Buffer.from("x"),
        new DataView(Uint8Array.of(1, 2).buffer),
      );
    expect(kinds).toEqual([true, true, 258]);
  });
});

describe("ndarrays", () => {
  const cube = nd(counting(24), [2, 3, 4]);
  const layouts: [string, NdArray][] = [
    ["C order", cube],
    ["transposed", cube.transpose(2, 0, 1)],
    ["stepped", cube.step(1, 2, 3)],
    ["negative strides", cube.step(-1, 1, -1)],
    ["a window", cube.lo(0, 1, 1).hi(2, 2, 2)],
    ["picked", cube.pick(1, null, 2)],
    ["zero-dimensional", nd(Float64Array.of(7), [])],
    ["zero-dimensional inside of more memory", cube.pick(1, 2, 3)],
    ["empty", nd(new Float64Array(0), [0])],
    ["empty in the middle", nd(new Float64Array(0), [2, 0, 3])],
    ["broadcast by a stride of 0", nd(Float64Array.of(1, 2), [3, 2], [0, 1], 0)],
    ["one element", nd(Int8Array.of(-5), [1, 1, 1])],
    ["over a plain array", nd([1, 2, 3, 4], [2, 2])],
    ["large, transposed", nd(counting(9000), [90, 100]).transpose(1, 0)],
    ["large, every second column backwards", nd(counting(9000), [90, 100]).step(1, -2)],
  ];

  test.each(layouts)("%s: apply gives it back with its shape, dtype and elements", async (_name, array) => {
    expectSameNdArray(await shared.rc.at(0).apply(echo<NdArray>, array), array);
  });

  test.each(layouts)("%s: push and pull", async (_name, array) => {
    await shared.rc.at(1).push({ array });
    expectSameNdArray(await shared.rc.at(1).pull("array"), array);
  });

  test.each(layouts)("%s: the engine sees the same elements", async (_name, array) => {
    const index = array.shape.map((length) => length - 1);
    const seen = await shared.rc.at(0).apply((x: NdArray, at: number[]) => [x.shape, x.get(...at)], array, index);
    expect(seen).toEqual([array.shape, array.get(...index)]);
  });

  test.each(arrayClasses.map((Class) => [Class.name, Class] as const))("over %s", async (_name, Class) => {
    for (const shape of [[], [1], [100, 100], [3, 0]]) {
      const size = shape.reduce((product, length) => product * length, 1);
      const array = nd(unusualNumbers(Class, size), shape);
      const received = await shared.rc.at(0).apply(echo<NdArray>, array);
      expectSameNdArray(received, array);
      expectSameBits(received.data, array.data as unknown as TypedArray);
    }
  });

  test("only the window of a view is sent", async () => {
    const large = nd(new Float64Array(1_000_000), [1000, 1000]);
    const seen = await shared.rc
      .at(0)
      .apply((x: NdArray) => (x.data as unknown as Float64Array).byteLength, large.hi(2, 1000));
    expect(seen).toBe(2 * 1000 * 8);
  });
});

describe("depth", () => {
  const nestings: [string, (array: unknown) => unknown, (value: never) => unknown][] = [
    ["0", (array) => array, (value) => value],
    ["1", (array) => ({ array }), (value: { array: unknown }) => value.array],
    ["2", (array) => [{ array }, 1], (value: { array: unknown }[]) => value[0]?.array],
    [
      "3",
      (array) => ({ m: new Map([["k", [array]]]) }),
      (value: { m: Map<string, unknown[]> }) => value.m.get("k")?.[0],
    ],
    ["in a list of 65", (array) => [...new Array(64).fill(0), array], (value: unknown[]) => value[64]],
    ["in a Set", (array) => new Set([array]), (value: Set<unknown>) => [...value][0]],
  ];

  test.each(nestings)("%s: bit for bit, and read-only on both sides", async (_depth, nest, find) => {
    const arrays = [0, 1, 1024, 1025, 65_536].map((length) => randomArray(Uint8Array as never, length));
    arrays.push(...[0, 1, 128, 129, 8192].map((length) => randomArray(Float64Array as never, length)));
    for (const array of arrays) {
      const onEngine = async (value: never, search: (value: never) => unknown): Promise<unknown> => {
        const { isReadonly } = await import("ndparallel");
        return [isReadonly(search(value)), value];
      };
      const [engineReadonly, received] = (await shared.rc.at(0).apply(onEngine, nest(array) as never, find)) as [
        boolean,
        never,
      ];
      expect(engineReadonly).toBe(true);
      const found = find(received) as TypedArray;
      expectSameBits(found, array);
      expect(isReadonly(found)).toBe(true);
      expect(() => found.fill(0 as never)).toThrow(ReadOnlyError);
    }
  });
});

describe("read-only", () => {
  async function remoteFailure(call: () => unknown): Promise<RemoteError> {
    const error = await failure(call);
    expect(error).toBeInstanceOf(RemoteError);
    return error as RemoteError;
  }

  test.each([0, 1, 1024, 1025, 65_536, 1 << 20])(
    "a result of %i bytes refuses writes and names writable()",
    async (size) => {
      const received = await shared.rc.at(0).apply((length: number) => new Uint8Array(length), size);
      expect(isReadonly(received)).toBe(true);
      expect(() => received.set([])).toThrow(ReadOnlyError);
      expect(() => received.fill(1)).toThrow(/writable/);
      expect(() => received.subarray(0).fill(1)).toThrow(ReadOnlyError);
    },
  );

  test.each([0, 1, 1024, 1025, 65_536, 1 << 20])(
    "an argument of %i bytes refuses writes on the engine",
    async (size) => {
      const error = await remoteFailure(() =>
        shared.rc.at(0).apply((x: Uint8Array) => x.fill(1), new Uint8Array(size)),
      );
      expect(error.remoteName).toBe("ReadOnlyError");
      expect(error.message).toMatch(/writable/);
    },
  );

  test("an ndarray refuses set, on the client and on the engine", async () => {
    const matrix = nd(new Float32Array(6), [2, 3]);
    const received = await shared.rc.at(0).apply(echo<NdArray>, matrix);
    expect(isReadonly(received)).toBe(true);
    expect(() => received.set(0, 0, 1)).toThrow(ReadOnlyError);
    expect(() => received.transpose(1, 0).pick(0).set(0, 1)).toThrow(ReadOnlyError);
    for (const write of [
      (x: NdArray) => x.set(0, 0, 1),
      (x: NdArray) => x.pick(1).set(0, 1),
      (x: NdArray) => x.lo(1, 1).hi(1, 1).set(0, 0, 1),
    ]) {
      const error = await remoteFailure(() => shared.rc.at(0).apply(write, matrix));
      expect(error.remoteName).toBe("ReadOnlyError");
    }
  });

  test("what lies in a namespace by push or scatter is read-only there", async () => {
    const one = shared.rc.at(0);
    await one.push({ pushed: new Float64Array(3), deep: { list: [new Float64Array(3)] } });
    await one.scatter("scattered", new Float64Array(3));
    for (const name of ["pushed", "deep.list[0]", "scattered"]) {
      const error = await remoteFailure(() => one.execute(`${name}.fill(1)`));
      expect(error.remoteName).toBe("ReadOnlyError");
    }
    await one.execute("own = pushed.slice(); own.fill(2)");
    expect(await one.get("own")).toEqual(Float64Array.of(2, 2, 2));
  });

  test("the items that a map's function gets of an ndarray are read-only", async () => {
    const matrix = nd(counting(6), [3, 2]);
    const error = await failure(() => shared.rc.at(0).map((row: NdArray) => row.set(0, 1), matrix));
    expect((error as RemoteError).remoteName).toBe("ReadOnlyError");
  });

  test("writable() gives an own copy on either side, and leaves the original as it was", async () => {
    const sent = counting(1000);
    const [changed, original] = await shared.rc.at(0).apply(async (x: Float64Array) => {
      const { writable } = await import("ndparallel");
      const own = writable(x);
      own.fill(5);
      return [own, x];
    }, sent);
    expect(changed).toEqual(new Float64Array(1000).fill(5));
    expect(original).toEqual(sent);
    const own = writable(original as Float64Array);
    expect(own).not.toBe(original);
    expect(isReadonly(own)).toBe(false);
    own[0] = 9;
    expect(original).toEqual(sent);
    expect(writable(own)).toBe(own);
  });

  test("a matrix stays a matrix in writable()", async () => {
    const matrix = nd(counting(6), [2, 3]).transpose(1, 0);
    const received = await shared.rc.at(0).apply(echo<NdArray>, matrix);
    const own = writable(received);
    expectSameNdArray(own, matrix);
    own.set(0, 0, 100);
    expect(own.get(0, 0)).toBe(100);
    expectSameNdArray(received, matrix);
  });

  test("what the client joins from the engines' parts is received, too", async () => {
    const array = counting(1000);
    await shared.all.scatter("part", array);
    const matrix = ndarray(new Float64Array(12), [4, 3]);
    const joined: (Float64Array | NdArray)[] = [
      (await shared.all.gather("part")) as Float64Array,
      await shared.all.map((x: number) => x + 1, array),
      await shared.all.map((row: NdArray) => row, matrix as NdArray),
      await parallel(shared.all)((x: Float64Array) => x.map((item) => item * 2))(array),
      await parallel(shared.all)((x: Float64Array) => x.slice())(new Float64Array(0)),
    ];
    for (const whole of joined) {
      expect(isReadonly(whole)).toBe(true);
      const set = whole.set as (...values: unknown[]) => unknown;
      expect(() => set.call(whole, 0, 0, 0)).toThrow(ReadOnlyError);
      expect(isReadonly(writable(whole))).toBe(false);
    }
    expect(isReadonly(array)).toBe(false);
    array.fill(3);
  });

  test("what was never sent, or was sent from here, may be written", async () => {
    const array = counting(5000);
    await shared.all.apply(echo<Float64Array>, array);
    expect(isReadonly(array)).toBe(false);
    array.fill(1);
    expect(isReadonly(array.buffer)).toBe(false);
    expect(isReadonly(5)).toBe(false);
    expect(isReadonly([array])).toBe(false);
  });
});

describe("the sender's memory", () => {
  test("is untouched by whatever the engines do", async () => {
    const array = counting(10_000);
    const before = bytesOf(array).slice();
    const writing = shared.all.apply((x: Float64Array) => {
      x[0] = 77;
      return x.slice().sort((a, b) => b - a);
    }, array);
    // From Node 26 on the write itself throws an error of the language.
    await expect(writing).rejects.toThrow(/ReadOnlyError|Cannot assign to read only property/);
    expect(Buffer.compare(bytesOf(array), before)).toBe(0);
  });

  test("may be written again once the call has ended: each call sees the array as it was then", async () => {
    const array = new Float64Array(20_000);
    const sums: number[] = [];
    for (const value of [1, 2, 3]) {
      array.fill(value);
      sums.push(await shared.rc.at(0).apply((x: Float64Array) => x.reduce((sum, item) => sum + item, 0), array));
    }
    expect(sums).toEqual([20_000, 40_000, 60_000]);
  });

  test("one array sent twice in one call is one array on the engine, and in two calls two", async () => {
    const array = counting(5000);
    const one = shared.rc.at(0);
    expect(await one.apply((a: Float64Array, b: { c: Float64Array }) => a === b.c, array, { c: array })).toBe(true);
    const [first, second] = await Promise.all([
      one.apply(echo<Float64Array>, array),
      one.apply(echo<Float64Array>, array),
    ]);
    expectSameBits(first, array);
    expectSameBits(second, array);
    expect(first.buffer).not.toBe(second.buffer);
  });

  test("a received array can be sent on", async () => {
    const array = counting(5000);
    const received = await shared.rc.at(0).apply(echo<Float64Array>, array);
    expectSameBits(await shared.rc.at(1).apply(echo<Float64Array>, received), array);
    await shared.all.scatter("part", received);
    expectSameBits(await shared.all.gather("part"), array);
  });
});

/** Node 24 and 26 aborted when the buffer was marked as untransferable. */
test("a program that holds shared arrays at its end ends without an error", () => {
  const program = 'import { shared } from "ndparallel"; globalThis.kept = shared.from(new Float64Array(1 << 17));';
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
