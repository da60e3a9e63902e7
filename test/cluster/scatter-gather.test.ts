/** Dividing sequences over engines, and joining them again. */

import ndarray from "ndarray";
import { AsyncResult, CompositeError, type NdArray, RemoteError } from "ndparallel";
import { describe, expect, test } from "vitest";
import { expectSameNdArray } from "./arrays.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(3);

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function matrix(rows: number, columns: number): NdArray {
  return ndarray(Float32Array.from(range(rows * columns)), [rows, columns]) as unknown as NdArray;
}

describe("plain arrays", () => {
  test("10 items over 3 engines are 4, 3 and 3 neighbours", async () => {
    await shared.all.scatter("part", range(10));
    expect(await shared.all.pull("part")).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]);
    expect(await shared.all.gather("part")).toEqual(range(10));
  });

  test("round robin gives engine p the items sequence[p::n]", async () => {
    await shared.all.scatter("part", range(10), { dist: "roundRobin" });
    expect(await shared.all.pull("part")).toEqual([
      [0, 3, 6, 9],
      [1, 4, 7],
      [2, 5, 8],
    ]);
    expect(await shared.all.gather("part", { dist: "roundRobin" })).toEqual(range(10));
  });

  test("any length comes back, with either distribution", async () => {
    for (const length of range(12)) {
      for (const dist of ["block", "roundRobin"] as const) {
        const sequence = range(length).map((i) => ({ i, text: `item ${i}` }));
        await shared.all.scatter("part", sequence, { dist });
        expect(await shared.all.gather("part", { dist })).toEqual(sequence);
      }
    }
  });

  test("the parts are exactly as long as the rule says", async () => {
    for (const length of range(8)) {
      await shared.all.scatter("part", range(length));
      const lengths = (await shared.all.pull("part")).map((part: number[]) => part.length);
      // The first `length mod 3` parts have one more.
      expect(lengths).toEqual(range(3).map((p) => Math.floor(length / 3) + (p < length % 3 ? 1 : 0)));
    }
  });

  test("scatter gives undefined, as an AsyncResult or, with block, as a promise", async () => {
    const result = shared.all.scatter("part", range(3));
    expect(result).toBeInstanceOf(AsyncResult);
    expect(await result).toBeUndefined();
    const promise = shared.all.with({ block: true }).scatter("part", range(3));
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toBeUndefined();
  });

  test("a gather that was sent after a scatter sees its data, without waiting in between", async () => {
    shared.all.scatter("part", range(100));
    expect(await shared.all.gather("part")).toEqual(range(100));
  });

  test("any iterable can be scattered", async () => {
    function* squares(): Generator<number> {
      for (const i of range(7)) yield i * i;
    }
    await shared.all.scatter("part", squares());
    expect(await shared.all.pull("part")).toEqual([
      [0, 1, 4],
      [9, 16],
      [25, 36],
    ]);
    await shared.all.scatter("part", new Set(["a", "b"]));
    expect(await shared.all.gather("part")).toEqual(["a", "b"]);
    await shared.all.scatter("part", new Map([[1, 2]]));
    expect(await shared.all.gather("part")).toEqual([[1, 2]]);
  });

  test("a text is divided into its characters, and gathered as a list of them", async () => {
    await shared.all.scatter("part", "h𝒳llo");
    expect(await shared.all.pull("part")).toEqual([["h", "𝒳"], ["l", "l"], ["o"]]);
    expect(await shared.all.gather("part")).toEqual(["h", "𝒳", "l", "l", "o"]);
  });

  test("a view on some engines divides over those", async () => {
    const view = shared.rc.view([2, 0]);
    await view.scatter("part", range(4));
    expect(await shared.rc.at(2).get("part")).toEqual([0, 1]);
    expect(await shared.rc.at(0).get("part")).toEqual([2, 3]);
    expect(await view.gather("part")).toEqual(range(4));
    expect((await failure(() => shared.rc.at(1).get("part"))).name).toBe("ReferenceError");
  });

  test("a single engine gets everything", async () => {
    const one = shared.rc.at(1);
    await one.scatter("part", range(5));
    expect(await one.get("part")).toEqual(range(5));
    expect(await one.gather("part")).toEqual(range(5));
  });

  test("a dotted name reaches inside", async () => {
    await shared.all.push({ batch: {} });
    await shared.all.scatter("batch.x", range(6));
    expect(await shared.all.pull("batch")).toEqual([{ x: [0, 1] }, { x: [2, 3] }, { x: [4, 5] }]);
    expect(await shared.all.gather("batch.x")).toEqual(range(6));
  });
});

describe("flatten", () => {
  test("2 items on 3 engines: without it a list each, with it the items themselves", async () => {
    await shared.all.scatter("part", [10, 11]);
    expect(await shared.all.pull("part")).toEqual([[10], [11], []]);
    await shared.all.scatter("part", [10, 11], { flatten: true });
    expect(await shared.all.pull("part")).toEqual([10, 11, []]);
    expect(await shared.all.gather("part")).toEqual([10, 11]);
  });

  test("only parts of length one are flattened", async () => {
    await shared.all.scatter("part", range(4), { flatten: true });
    expect(await shared.all.pull("part")).toEqual([[0, 1], 2, 3]);
    await shared.all.scatter("part", Float32Array.of(1.5, 2.5, 3.5), { flatten: true });
    expect(await shared.all.pull("part")).toEqual([1.5, 2.5, 3.5]);
  });

  test("of an ndarray the only slice remains, one dimension less", async () => {
    await shared.all.scatter("part", matrix(3, 2), { flatten: true });
    const parts = await shared.all.pull("part");
    expect(parts.map(({ shape }: NdArray) => shape)).toEqual([[2], [2], [2]]);
    expect([parts[1].get(0), parts[1].get(1)]).toEqual([2, 3]);
  });

  test("of an ndarray divided along axis 1 the only column remains", async () => {
    await shared.all.scatter("part", matrix(2, 3), { flatten: true, axis: 1 });
    const parts: NdArray[] = await shared.all.pull("part");
    expect(parts.map(({ shape }) => shape)).toEqual([[2], [2], [2]]);
    expect(parts.map((column) => [column.get(0), column.get(1)])).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
  });
});

describe("typed arrays", () => {
  test("int32 that was dealt round robin is gathered as Int32Array", async () => {
    const sequence = Int32Array.from(range(10));
    await shared.all.scatter("part", sequence, { dist: "roundRobin" });
    expect(await shared.all.pull("part")).toEqual([
      Int32Array.of(0, 3, 6, 9),
      Int32Array.of(1, 4, 7),
      Int32Array.of(2, 5, 8),
    ]);
    const gathered = await shared.all.gather("part", { dist: "roundRobin" });
    expect(gathered).toBeInstanceOf(Int32Array);
    expect(gathered).toEqual(sequence);
  });

  test("fewer items than engines give empty parts of the same kind", async () => {
    await shared.all.scatter("part", Float32Array.of(1));
    expect(await shared.all.pull("part")).toEqual([Float32Array.of(1), new Float32Array(0), new Float32Array(0)]);
    expect(await shared.all.gather("part")).toEqual(Float32Array.of(1));
    await shared.all.scatter("part", new BigInt64Array(0));
    expect(await shared.all.gather("part")).toEqual(new BigInt64Array(0));
  });

  test("parts that the engines changed are joined in the order of the engines", async () => {
    await shared.all.scatter("part", Float64Array.from(range(7)));
    await shared.all.execute("part = part.map((x) => x * x)");
    expect(await shared.all.gather("part")).toEqual(Float64Array.of(0, 1, 4, 9, 16, 25, 36));
  });

  test("parts of several kinds are a TypeError that names both", async () => {
    await shared.rc.at(0).push({ part: Float32Array.of(1) });
    await shared.rc.view([1, 2]).push({ part: Float64Array.of(1) });
    const error = await failure(() => shared.all.gather("part"));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/Float32Array.*Float64Array/);
  });
});

describe("ndarrays", () => {
  test("are divided into slices along axis 0", async () => {
    const sequence = matrix(4, 2);
    await shared.all.scatter("part", sequence);
    const parts: NdArray[] = await shared.all.pull("part");
    expect(parts.map(({ shape }) => shape)).toEqual([
      [2, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(parts[1]?.get(0, 1)).toBe(5);
    expectSameNdArray(await shared.all.gather("part"), sequence);
  });

  test.each(["block", "roundRobin"] as const)("axis 1, %s", async (dist) => {
    const sequence = matrix(2, 7);
    await shared.all.scatter("part", sequence, { axis: 1, dist });
    const parts: NdArray[] = await shared.all.pull("part");
    expect(parts.map(({ shape }) => shape)).toEqual([
      [2, 3],
      [2, 2],
      [2, 2],
    ]);
    // The first column of the second part, by the definition of the distributions.
    expect(parts[1]?.get(0, 0)).toBe(dist === "block" ? 3 : 1);
    expectSameNdArray(await shared.all.gather("part", { axis: 1, dist }), sequence);
  });

  test("strided ones come back with their elements", async () => {
    for (const sequence of [matrix(5, 4).transpose(1, 0), matrix(6, 5).step(-2, 2), matrix(5, 5).lo(1, 1)]) {
      for (const dist of ["block", "roundRobin"] as const) {
        await shared.all.scatter("part", sequence, { dist });
        expectSameNdArray(await shared.all.gather("part", { dist }), sequence);
      }
    }
  });

  test("empty ones keep shape and dtype", async () => {
    const sequence = ndarray(new Int16Array(0), [0, 3]) as unknown as NdArray;
    await shared.all.scatter("part", sequence);
    const gathered: NdArray = await shared.all.gather("part");
    expect(gathered.shape).toEqual([0, 3]);
    expect(gathered.dtype).toBe("int16");
  });
});

describe("refusals", () => {
  test("a name that is not there is a ReferenceError from every engine", async () => {
    const error = await failure(() => shared.all.gather("missing"));
    expect(error).toBeInstanceOf(CompositeError);
    const { errors } = error as CompositeError;
    expect(errors.map((one) => [(one as RemoteError).remoteName, (one as RemoteError).engineId])).toEqual([
      ["ReferenceError", 0],
      ["ReferenceError", 1],
      ["ReferenceError", 2],
    ]);
    expect(await failure(() => shared.rc.at(0).gather("missing"))).toBeInstanceOf(RemoteError);
  });

  test("what is no sequence, no distribution or no axis is refused before anything is sent", () => {
    const { all, rc } = shared;
    const sent = rc.history.length;
    for (const value of [5, null, undefined, { a: 1 }, () => 1]) {
      expect(() => all.scatter("part", value as never)).toThrow(TypeError);
    }
    expect(() => all.scatter("part", [1], { dist: "cyclic" as never })).toThrow(/"block" or "roundRobin"/);
    expect(() => all.scatter("part", [1], { axis: 1 })).toThrow(/axis/);
    expect(() => all.scatter("part", matrix(2, 2), { axis: 2 })).toThrow(RangeError);
    expect(() => all.scatter("part", ndarray(new Float32Array(1), []) as unknown as NdArray)).toThrow(TypeError);
    expect(() => all.scatter("a part", [1])).toThrow(TypeError);
    expect(rc.history).toHaveLength(sent);
  });

  test("when one part cannot be sent, no engine gets one", async () => {
    const { all, rc } = shared;
    await all.push({ part: "old" });
    const sent = rc.history.length;
    expect(() => all.scatter("part", [1, 2, Symbol("s")])).toThrow(/symbol/);
    expect(rc.history).toHaveLength(sent);
    expect(await all.pull("part")).toEqual(["old", "old", "old"]);
  });

  test("a distribution that gather does not know is a TypeError", async () => {
    await shared.all.scatter("part", [1]);
    await expect(shared.all.gather("part", { dist: "cyclic" as never })).rejects.toThrow(/"block" or "roundRobin"/);
  });
});
