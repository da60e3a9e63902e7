/** Tensors that are divided over engines: scatter and gather, map, parallel functions, reduce. */

import { describe, expect, test } from "vitest";
import { backends, isInstalled, loadTf, numbers, shareTensorCluster, type Tensor, type Tf } from "./libraries.ts";

declare const tf: Tf;
declare const x: Tensor;

/** The elements 0, 1, 2, … of that shape. */
async function counting(shape: number[], dtype = "float32"): Promise<Tensor> {
  const here = await loadTf();
  const size = shape.reduce((product, length) => product * length, 1);
  return here.tensor(
    Array.from({ length: size }, (_, i) => i),
    shape,
    dtype,
  );
}

describe.skipIf(!isInstalled).each(backends)("engines on $name", ({ name, device }) => {
  const shared = shareTensorCluster(3, { devices: [device] });

  test("scatter gives each engine its block of rows, the first ones longer", async () => {
    await shared.all.scatter("x", await counting([7, 2]));
    expect(await shared.all.apply(() => x.shape)).toEqual([
      [3, 2],
      [2, 2],
      [2, 2],
    ]);
    const sums = await shared.all.apply(() => tf.sum(x));
    // Rows 0 to 2 hold 0..5, rows 3 and 4 hold 6..9, rows 5 and 6 hold 10..13.
    expect(await Promise.all(sums.map(numbers))).toEqual([[15], [30], [46]]);
  });

  test.each([
    [0, "block"],
    [1, "block"],
    [2, "block"],
    [0, "roundRobin"],
    [1, "roundRobin"],
  ] as const)("gather is the inverse of scatter: axis %i, %s", async (axis, dist) => {
    const sent = await counting([5, 4, 2]);
    await shared.all.scatter("x", sent, { axis, dist });
    const gathered: Tensor = await shared.all.gather("x", { axis, dist });
    expect([gathered.dtype, gathered.shape]).toEqual(["float32", [5, 4, 2]]);
    expect(await numbers(gathered)).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test("round robin gives engine p the rows p, p + 3, …", async () => {
    await shared.all.scatter("x", await counting([5]), { dist: "roundRobin" });
    const parts: Tensor[] = await shared.all.pull("x");
    expect(await Promise.all(parts.map(numbers))).toEqual([[0, 3], [1, 4], [2]]);
  });

  test("fewer rows than engines leave empty partitions, and gather is whole again", async () => {
    await shared.all.scatter("x", await counting([2, 3]));
    expect(await shared.all.apply(() => x.shape)).toEqual([
      [1, 3],
      [1, 3],
      [0, 3],
    ]);
    const gathered: Tensor = await shared.all.gather("x");
    expect([gathered.shape, await numbers(gathered)]).toEqual([
      [2, 3],
      [0, 1, 2, 3, 4, 5],
    ]);
  });

  test("flatten: partitions of one row become that row", async () => {
    await shared.all.scatter("x", await counting([3, 2]), { flatten: true });
    expect(await shared.all.apply(() => x.shape)).toEqual([[2], [2], [2]]);
  });

  test.each(["int32", "bool", "string", "complex64"])("dtype %s is divided and joined", async (dtype) => {
    const here = await loadTf();
    const tensors: Record<string, () => Tensor> = {
      int32: () => here.tensor([1, -2, 3, 4, 5], [5], "int32"),
      bool: () => here.tensor([1, 0, 1, 1, 0], [5], "bool"),
      string: () => here.tensor(["a", "bc", "", "é", "z"], [5], "string"),
      complex64: () => here.complex([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
    };
    const sent = (tensors[dtype] as () => Tensor)();
    if (dtype === "complex64" && name === "wasm") {
      const scatter = shared.all.scatter("x", sent);
      await expect(scatter.get()).rejects.toThrow(/has no complex64/);
      return;
    }
    for (const dist of ["block", "roundRobin"] as const) {
      await shared.all.scatter("x", sent, { dist });
      const gathered: Tensor = await shared.all.gather("x", { dist });
      expect([gathered.dtype, gathered.shape]).toEqual([dtype, [5]]);
      expect(Array.from(gathered.dataSync())).toEqual(Array.from(sent.dataSync()));
    }
  });

  test("map calls the function for each slice along axis 0 and stacks tensors", async () => {
    const squares: Tensor = await shared.all.map((row: Tensor) => tf.square(row), await counting([5, 2]));
    expect([squares.dtype, squares.shape]).toEqual(["float32", [5, 2]]);
    expect(await numbers(squares)).toEqual([0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
  });

  test("map stacks results of another rank, typed arrays, and numbers", async () => {
    const sums: Tensor = await shared.all.map((row: Tensor) => tf.sum(row), await counting([4, 2]));
    expect([sums.shape, await numbers(sums)]).toEqual([[4], [1, 5, 9, 13]]);
    const arrays: Tensor = await shared.all.map(() => Float32Array.of(1, 2), await counting([4, 2]));
    expect([arrays.shape, await numbers(arrays)]).toEqual([
      [4, 2],
      [1, 2, 1, 2, 1, 2, 1, 2],
    ]);
    const ranks: Tensor = await shared.all.map((row: Tensor) => row.shape.length, await counting([4, 2], "int32"));
    expect([ranks.dtype, await numbers(ranks)]).toEqual(["int32", [1, 1, 1, 1]]);
  });

  test("map awaits, and takes several tensors", async () => {
    const last = async (row: Tensor, other: Tensor): Promise<number> =>
      ((await row.data())[1] as number) * ((await other.data())[0] as number);
    const results: Tensor = await shared.all.map(last, await counting([4, 2]), await counting([4]));
    expect(await numbers(results)).toEqual([0, 3, 10, 21]);
  });

  test("map of no rows gives no rows", async () => {
    const none: Tensor = await shared.all.map((row: Tensor) => row, await counting([0, 2]));
    expect(none.shape).toEqual([0, 2]);
  });

  test("a result that does not fit is named by its index", async () => {
    const uneven = shared.all.map(
      (_row: Tensor, n: number) => tf.ones([n === 4 ? 2 : 1]),
      await counting([6, 2]),
      [0, 1, 2, 3, 4, 5],
    );
    await expect(uneven.get()).rejects.toThrow(
      /the result for index 5 is a float32 tensor of shape \[1\], not a float32 tensor of shape \[2\]|the result for index 4/,
    );
  });

  test("a parallel function is called once on each engine, and its results are joined", async () => {
    const doubled = shared.all.parallel()((part: Tensor) => tf.mul(part, 2));
    const result = await doubled(await counting([7, 2]));
    expect([result.shape, await numbers(result)]).toEqual([[7, 2], Array.from({ length: 14 }, (_, i) => 2 * i)]);
  });

  test("reduce folds rows", async () => {
    const total = await shared.all.reduce((a: Tensor, b: Tensor) => tf.add(a, b), await counting([5, 2]));
    expect(await numbers(total)).toEqual([20, 25]);
  });

  test("tensors that do not fit together are refused, with both named", async () => {
    await shared.all.apply(() => {
      (globalThis as Record<string, unknown>)["x"] = tf.zeros([1, 2]);
    });
    await shared.rc.at(1).push({ x: (await loadTf()).zeros([1, 3]) });
    await expect(shared.all.gather("x").get()).rejects.toThrow(
      /part 0 is a float32 tensor of shape \[1, 2\] and part 1 is a float32 tensor of shape \[1, 3\]/,
    );
  });
});
