/** Maps and reductions over the engines: order, shapes, and what goes in deciding what comes out. */

import ndarray from "ndarray";
import { AsyncResult, CompositeError, type NdArray, RemoteError, ref } from "ndparallel";
import { describe, expect, expectTypeOf, test } from "vitest";
import { arrayClasses, expectSameNdArray } from "./arrays.ts";
import { Gate } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

declare const factor: number;

const shared = shareCluster(3);
const square = (x: number): number => x * x;

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function nd(data: ArrayLike<unknown>, shape: number[]): NdArray {
  return ndarray(data as number[], shape) as unknown as NdArray;
}

describe("map over arrays and iterables", () => {
  test("16 squares; the size is known before the result is there", async () => {
    const result = shared.all.map(square, range(16));
    expectTypeOf(result).toEqualTypeOf<AsyncResult<number[]>>();
    expect(result).toBeInstanceOf(AsyncResult);
    expect(result.ready).toBe(false);
    expect(result.size).toBe(16);
    expect(await result).toEqual(range(16).map((x) => x ** 2));
  });

  test("each engine has one contiguous part", async () => {
    for (const [id, view] of [...shared.rc].entries()) await view.push({ factor: id });
    expect(await shared.all.map(() => factor, range(10))).toEqual([0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
    const result = shared.all.map(() => factor, range(2));
    expect(result.engineIds).toEqual([0, 1]);
    expect(await result).toEqual([0, 1]);
  });

  test("nothing in, nothing out", async () => {
    for (const view of [shared.all, shared.rc.at(0)]) {
      const result = view.map(square, []);
      expect(result.size).toBe(0);
      expect(await result).toEqual([]);
      expect(result.ready).toBe(true);
      expect(result.metadata).toEqual([]);
      expect(result.stdout).toEqual([]);
      expect(await view.map(square, new Set<number>())).toEqual([]);
      const items: unknown[] = [];
      for await (const item of view.map(square, [])) items.push(item);
      expect(items).toEqual([]);
    }
  });

  test("a generator of 101 items keeps its order over uneven parts", async () => {
    function* items(): Generator<number> {
      yield* range(101);
    }
    const result = shared.all.map((x) => [x, 2 * x], items());
    expect(result.size).toBe(101);
    expect(await result).toEqual(range(101).map((x) => [x, 2 * x]));
  });

  test("Sets, Maps and texts are sequences", async () => {
    expect(await shared.all.map(square, new Set([3, 1, 2]))).toEqual([9, 1, 4]);
    expect(
      await shared.all.map(
        ([key, value]) => `${key}${value}`,
        new Map([
          ["a", 1],
          ["b", 2],
        ]),
      ),
    ).toEqual(["a1", "b2"]);
    expect(await shared.all.map((letter: string) => letter.toUpperCase(), "héllo")).toEqual(["H", "É", "L", "L", "O"]);
  });

  test("several sequences go side by side and stop at the shortest, wherever it stands", async () => {
    const add = (a: number, b: number): number => a + b;
    const short = shared.all.map(add, [1, 2, 3], range(10));
    expect(short.size).toBe(3);
    expect(await short).toEqual([1, 3, 5]);
    expect(await shared.all.map(add, range(10), [1, 2])).toEqual([1, 3]);
    expect(
      await shared.all.map(
        (a: number, b: string, c: number) => `${a}${b}${c}`,
        range(4),
        "abc",
        Int8Array.of(7, 8, 9, 10),
      ),
    ).toEqual(["0a7", "1b8", "2c9"]);
    expect(await shared.all.map(add, range(3), [])).toEqual([]);
  });

  test("iterables beside a shorter sequence are read no further than it goes, so they may be endless", async () => {
    let given = 0;
    let closed = 0;
    function* endless(): Generator<number> {
      try {
        for (;;) yield given++;
      } finally {
        closed++;
      }
    }
    const add = (a: number, b: number): number => a + b;
    for (const view of [shared.all, shared.rc.loadBalancedView()]) {
      given = 0;
      expect(await view.map(add, [10, 20, 30], endless())).toEqual([10, 21, 32]);
      expect(given).toBe(3);
      given = 0;
      expect(await view.map(add, endless(), new Set([5, 6]))).toEqual([5, 7]);
    }
    expect(closed).toBe(4);
  });

  test("async functions and promises are awaited, item after item", async () => {
    const result = await shared.all.map(async (x: number) => x + 1, range(7));
    expectTypeOf(result).toEqualTypeOf<number[]>();
    expect(result).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("results of any kind come back in a plain array", async () => {
    const results = await shared.all.map(
      (x: number) => (x % 2 === 0 ? undefined : { x, array: Float32Array.of(x) }),
      range(4),
    );
    expect(results).toEqual([
      undefined,
      { x: 1, array: Float32Array.of(1) },
      undefined,
      { x: 3, array: Float32Array.of(3) },
    ]);
  });

  test("the function gets nothing but the items", async () => {
    expect(await shared.all.map(((...items: unknown[]) => items.length) as (x: number) => number, range(4))).toEqual([
      1, 1, 1, 1,
    ]);
  });

  test("a single engine does it all", async () => {
    const result = shared.rc.at(1).map(square, range(8));
    expect(result.size).toBe(8);
    expect(result.messageIds).toHaveLength(1);
    expect(await result).toEqual(range(8).map((x) => x ** 2));
  });

  test("mapAsync, mapSync and block", async () => {
    expect(shared.all.mapAsync(square, range(3))).toBeInstanceOf(AsyncResult);
    const promise = shared.all.mapSync(square, range(3));
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toEqual([0, 1, 4]);
    expect(await shared.all.with({ block: true }).map(square, range(3))).toEqual([0, 1, 4]);
  });

  test("functions of the language travel by name", async () => {
    expect(await shared.all.map(Math.sqrt, [1, 4, 9])).toEqual([1, 2, 3]);
    expect(await shared.all.map(Number.parseInt, ["7", "8"])).toEqual([7, 8]);
  });

  test("a function in the namespaces is mapped by reference, over two sequences", async () => {
    await shared.all.push({ add: (a: number, b: number) => a + 100 * b });
    expect(await shared.all.map(ref("add"), range(5), range(5))).toEqual([0, 101, 202, 303, 404]);
  });

  test("references among the items are evaluated by the engines they go to", async () => {
    for (const [id, view] of [...shared.rc].entries()) await view.push({ x: 10 * id });
    expect(await shared.all.map((item) => item, [ref("x"), ref("x + 1"), ref("x")])).toEqual([0, 11, 20]);
  });
});

describe("map over typed arrays", () => {
  test.each(arrayClasses.map((Class) => [Class.name, Class] as const))("%s in, %s out", async (_name, Class) => {
    const sequence = new Class(10);
    const isBig = Class.name.startsWith("Big");
    for (let i = 0; i < 10; i++) sequence[i] = (isBig ? BigInt(i) : i) as never;
    const result = await shared.all.map((x) => ((x as number) + (x as number)) as never, sequence);
    expect(result.constructor).toBe(Class);
    expect(Array.from<unknown>(result)).toEqual(range(10).map((i) => (isBig ? BigInt(2 * i) : 2 * i)));
  });

  test("Float64Array in, Float64Array out, as the compiler knows", async () => {
    const result = await shared.all.map((x) => Math.sqrt(x), Float64Array.of(1, 4, 9, 16));
    expectTypeOf(result).toExtend<Float64Array>();
    expect(result).toEqual(Float64Array.of(1, 2, 3, 4));
  });

  test("a Buffer in, a Buffer out, as the compiler knows", async () => {
    for (const view of [shared.all, shared.rc.loadBalancedView()]) {
      const result = await view.map((x) => x + 1, Buffer.from("HAL"));
      expectTypeOf(result).toExtend<Buffer>();
      expect(result).toEqual(Buffer.from("IBM"));
      expect(await view.map((x) => x, Buffer.alloc(0))).toEqual(Buffer.alloc(0));
      const large = Buffer.alloc(3_000_000, "ab");
      expect((await view.map((x) => x ^ 3, large)).equals(Buffer.alloc(3_000_000, "ba"))).toBe(true);
    }
  });

  test("101 elements", async () => {
    const sequence = Float64Array.from(range(101));
    const result = shared.all.map((x) => x / 7, sequence);
    expect(result.size).toBe(101);
    expect(await result).toEqual(sequence.map((x) => x / 7));
  });

  test("results are converted as TypedArray.prototype.map does", async () => {
    const numbers = [300, -1, 1.7, Number.NaN, 1e10];
    for (const sequence of [
      Uint8Array.of(0, 1, 2, 3, 4),
      Uint8ClampedArray.of(0, 1, 2, 3, 4),
      Int16Array.of(0, 1, 2, 3, 4),
    ]) {
      await shared.all.push({ numbers });
      const result = await shared.all.map(
        (i: number) => (globalThis as unknown as { numbers: number[] }).numbers[i] as number,
        sequence,
      );
      expect(result).toEqual(sequence.map((i) => numbers[i] as number));
    }
  });

  test("nothing in, nothing of the same kind out", async () => {
    const result = await shared.all.map((x) => x, new Int32Array(0));
    expect(result).toBeInstanceOf(Int32Array);
    expect(result).toHaveLength(0);
  });

  test("the first sequence decides", async () => {
    const result = await shared.all.map((x, y) => x + y, Float32Array.of(1, 2, 3), range(9));
    expect(result).toEqual(Float32Array.of(1, 3, 5));
    expect(await shared.all.map((x, y) => x + y, range(9), Float32Array.of(1, 2, 3))).toEqual([1, 3, 5]);
  });

  test("a result that does not fit is a TypeError that names the index and a way out", async () => {
    const result = shared.all.map((x) => (x === 7 ? ("seven" as never) : x), Float64Array.from(range(10)));
    const error = (await failure(() => result)) as CompositeError;
    expect(error).toBeInstanceOf(CompositeError);
    const [only] = error.errors as [RemoteError];
    expect(error.errors).toHaveLength(1);
    expect(only.remoteName).toBe("TypeError");
    expect(only.message).toMatch(/index 7/);
    expect(only.message).toMatch(/Array\.from/);
  });
});

describe("map over ndarrays", () => {
  const matrix = nd(Float32Array.from(range(12)), [4, 3]);

  test("numbers give a one-dimensional ndarray of the same dtype", async () => {
    const result = await shared.all.map((row: NdArray) => row.get(0) + row.get(1) + row.get(2), matrix);
    expectTypeOf(result).toEqualTypeOf<NdArray>();
    expectSameNdArray(result, nd(Float32Array.of(3, 12, 21, 30), [4]));
  });

  test("ndarrays of one shape are stacked along axis 0", async () => {
    const result = await shared.all.map((row: NdArray) => row.step(-1), matrix);
    expectSameNdArray(result, nd(Float32Array.of(2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9), [4, 3]));
  });

  test("the elements of a one-dimensional ndarray are numbers", async () => {
    const result = await shared.all.map((x: number) => x * x, nd(Float64Array.of(1, 2, 3), [3]));
    expectSameNdArray(result, nd(Float64Array.of(1, 4, 9), [3]));
  });

  test("strided ones give their elements in order", async () => {
    const result = await shared.all.map((column: NdArray) => column.get(3), matrix.transpose(1, 0));
    expectSameNdArray(result, nd(Float32Array.of(9, 10, 11), [3]));
  });

  test("none gives an empty one", async () => {
    const result = await shared.all.map((row: NdArray) => row.get(0), nd(new Int32Array(0), [0, 3]));
    expect([result.shape, result.dtype]).toEqual([[0], "int32"]);
  });

  test("results of several shapes are a TypeError", async () => {
    const ragged = (row: NdArray): NdArray => row.hi(row.get(0) === 0 ? 1 : 2);
    expect((await failure(() => shared.rc.at(0).map(ragged, matrix))).name).toBe("TypeError");
    // Each on an engine of its own, so that it shows when they are put together.
    const error = await failure(() => shared.all.map(ragged, nd(Float32Array.of(0, 1, 2, 3, 4, 5), [2, 3])));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/index 1/);
  });
});

describe("errors and arrival", () => {
  test("an error in the function is a remote error of the engine that ran it", async () => {
    const result = shared.all.map((x: number) => {
      if (x === 4) throw new RangeError(`item ${x}`);
      return x;
    }, range(6));
    const error = (await failure(() => result)) as CompositeError;
    expect(error.errors).toHaveLength(1);
    expect(error.errors[0]).toMatchObject({ remoteName: "RangeError", message: "item 4", engineId: 2 });
  });

  test("iteration gives items in order while later ones are computed, and throws at the one that fails", async () => {
    await using gate = await Gate.make();
    const items = [0, 1, 2, gate.url, 4, 5].map((x) => ({ x }));
    const result = shared.all.map(async ({ x }) => {
      if (typeof x === "string") await fetch(x);
      if (x === 4) throw new Error("no 4");
      return x;
    }, items);
    const seen: unknown[] = [];
    const iterate = async (): Promise<void> => {
      for await (const item of result) {
        seen.push(item);
        if (seen.length === 2) {
          expect(result.ready).toBe(false);
          await gate.arrived();
          gate.open();
        }
      }
    };
    const error = (await failure(iterate)) as RemoteError;
    expect(error).toBeInstanceOf(RemoteError);
    expect([error.message, error.engineId]).toEqual(["no 4", 2]);
    expect(seen).toEqual([0, 1, 2, gate.url]);
    // Also when it is there already.
    expect(await failure(iterate)).toBe(error);
  });

  test("progress counts the items of the parts that are there", async () => {
    await using gate = await Gate.make();
    const result = shared.all.map(
      async (url: string) => (url === "" ? 0 : (await fetch(url)).status),
      ["", "", "", gate.url, ""],
    );
    await gate.arrived();
    await shared.rc.at(0).apply(() => 0);
    await shared.rc.at(2).apply(() => 0);
    expect([result.progress, result.size]).toEqual([3, 5]);
    gate.open();
    await result;
    expect(result.progress).toBe(5);
  });
});

describe("reduce", () => {
  const add = (a: number, b: number): number => a + b;

  test("sums, with and without an initial value", async () => {
    expect(await shared.all.reduce(add, range(101))).toBe(5050);
    expect(await shared.all.reduce(add, range(101), 1000)).toBe(6050);
  });

  test("keeps the order of the items: texts, and products of matrices", async () => {
    const letters = [..."associative"];
    expect(await shared.all.reduce((a: string, b: string) => a + b, letters)).toBe("associative");
    expect(await shared.all.reduce((a: string, b: string) => a + b, letters, "is ")).toBe("is associative");
    type Matrix = [number, number, number, number];
    const product = ([a, b, c, d]: Matrix, [e, f, g, h]: Matrix): Matrix => [
      a * e + b * g,
      a * f + b * h,
      c * e + d * g,
      c * f + d * h,
    ];
    const matrices = range(8).map((i): Matrix => [1, i, i % 3, 1]);
    expect(await shared.all.reduce(product, matrices)).toEqual(matrices.reduce(product));
  });

  test("the number of engines makes no difference", async () => {
    const concatenate = (a: string, b: string): string => `${a}${b}`;
    for (const length of [1, 2, 3, 4, 7]) {
      const items = range(length).map(String);
      for (const view of [shared.rc.at(0), shared.rc.view([0]), shared.rc.view([2, 1]), shared.all]) {
        expect(await view.reduce(concatenate, items)).toBe(items.join(""));
      }
    }
  });

  test("typed arrays, ndarrays and iterables", async () => {
    expect(await shared.all.reduce(add, Float64Array.of(1, 2, 3, 4))).toBe(10);
    expect(await shared.all.reduce((a, b) => a + b, BigInt64Array.of(1n, 2n, 3n))).toBe(6n);
    expect(await shared.all.reduce(Math.max, new Set([3, 9, 2]))).toBe(9);
    const rows = nd(Float64Array.from(range(6)), [3, 2]);
    const sum = await shared.all.reduce((a: NdArray, b: NdArray) => (a.get(1) > b.get(1) ? a : b), rows);
    expectSameNdArray(sum, nd(Float64Array.of(4, 5), [2]));
  });

  test("async functions are awaited", async () => {
    expect(await shared.all.reduce(async (a: number, b: number) => a + b, range(10))).toBe(45);
  });

  test("an empty sequence gives the initial value, and without one is a TypeError", async () => {
    const none: number[] = [];
    expect(await shared.all.reduce(add, none, 7)).toBe(7);
    expect(() => shared.all.reduce(add, none)).toThrow(TypeError);
    await expect(shared.all.with({ block: true }).reduce(add, none)).rejects.toThrow(/initial/);
    const items: (number | undefined)[] = [1];
    expect(await shared.all.reduce((a, b) => a ?? b, items, undefined)).toBe(1);
  });

  test("gives the same value however often it is awaited, and computes it once", async () => {
    const result = shared.all.reduce(add, range(5));
    expect([await result, await result.get(), await result]).toEqual([10, 10, 10]);
    const sent = shared.rc.history.length;
    await result;
    expect(shared.rc.history).toHaveLength(sent);
  });

  test("an error is that of the engine", async () => {
    const fail = (): number => {
      throw new TypeError("cannot add");
    };
    expect((await failure(() => shared.rc.at(0).reduce(fail, [1, 2]))).message).toBe("cannot add");
    const error = (await failure(() => shared.all.reduce(fail, range(9)))) as CompositeError;
    expect(error.errors.map((one) => (one as RemoteError).remoteName)).toEqual(["TypeError", "TypeError", "TypeError"]);
    // Parts of one item need no call: only putting them together fails.
    expect((await failure(() => shared.all.reduce(fail, [1, 2]))).message).toMatch(/cannot add/);
  });
});
