/** A further library, made known with one call in a module: jax-js. Expected values are NumPy's. */

import { RemoteRef } from "ndparallel";
import { beforeAll, describe, expect, test } from "vitest";
import { isInstalled, shareCluster } from "./libraries.ts";

interface JaxArray {
  readonly dtype: string;
  readonly shape: number[];
  readonly refCount: number;
  readonly ref: JaxArray;
  mul(other: JaxArray | number): JaxArray;
  add(other: JaxArray | number): JaxArray;
  transpose(): JaxArray;
  sum(axis?: number): JaxArray;
  dataSync(): ArrayLike<number> & Iterable<number>;
}
interface Jax {
  readonly numpy: {
    array(values: unknown, options?: { shape?: number[]; dtype?: string }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    ones(shape: number[]): JaxArray;
  };
  init(device: string): Promise<void>;
  defaultDevice(device: string): void;
  grad(f: (x: JaxArray) => JaxArray): (x: JaxArray) => JaxArray;
}
/** On the engines. */
declare const jax: Jax;

const values = (array: JaxArray): number[] => Array.from(array.ref.dataSync());

describe.skipIf(!isInstalled)("jax-js", () => {
  const shared = shareCluster(2, {}, (rc) => rc.view().import({ jax: "@jax-js/jax" }));
  let here: Jax;

  beforeAll(async () => {
    // The one line, in that module; engines import it when they meet an array.
    ({ jax: here } = (await import("./jax-adapter.mjs" as string)) as { jax: Jax });
    await here.init("wasm");
    here.defaultDevice("wasm");
  });

  const matrix = (): JaxArray => here.numpy.array(Float32Array.of(1, 2, 3, 4, 5, 6), { shape: [3, 2] });

  test.each(["float32", "int32", "uint32", "bool"])("dtype %s, there and back", async (dtype) => {
    const sent = here.numpy.array([1, 0, 1], { dtype });
    const received = await shared.rc.at(0).apply((x: JaxArray) => x, sent);
    expect([received.dtype, received.shape, values(received)]).toEqual([dtype, [3], [1, 0, 1]]);
  });

  test("an engine computes with it, gradients too", async () => {
    // numpy: a @ a.T
    const product = await shared.rc.at(0).apply((a: JaxArray) => {
      return jax.numpy.matmul(a, a.ref.transpose());
    }, matrix());
    expect([product.shape, values(product)]).toEqual([
      [3, 3],
      [5, 11, 17, 11, 25, 39, 17, 39, 61],
    ]);
    // The gradient of the sum of squares is 2 x.
    const gradient = await shared.rc.at(1).apply((a: JaxArray) => jax.grad((x) => x.ref.mul(x).sum())(a), matrix());
    expect(values(gradient)).toEqual([2, 4, 6, 8, 10, 12]);
  });

  test("scatter, map and gather", async () => {
    await shared.rc.view().scatter("x", matrix());
    const shapes = await shared.rc.view().apply(() => (globalThis as unknown as { x: JaxArray }).x.shape);
    expect(shapes).toEqual([
      [2, 2],
      [1, 2],
    ]);
    const back = (await shared.rc.view().gather("x")) as JaxArray;
    expect([back.shape, values(back)]).toEqual([
      [3, 2],
      [1, 2, 3, 4, 5, 6],
    ]);
    const sums = (await shared.rc.view().map((row: JaxArray) => row.sum(), matrix())) as JaxArray;
    expect([sums.shape, values(sums)]).toEqual([[3], [3, 7, 11]]);
  });

  test("results stay, and are freed with their reference", async () => {
    const one = shared.rc.at(0);
    const ref = await one.with({ keep: true }).apply(() => jax.numpy.ones([2, 3]));
    expect(ref).toBeInstanceOf(RemoteRef);
    expect([ref.dtype, ref.shape]).toEqual(["float32", [2, 3]]);
    // A function is not looked into: it knows the array without keeping it.
    const remember = (x: JaxArray): void => {
      (globalThis as Record<string, unknown>)["count"] = () => x.refCount;
    };
    const count = (): number => (globalThis as unknown as { count(): number }).count();
    await one.apply(remember, ref);
    expect(await one.apply((x: JaxArray) => x.ref.sum(), ref).then(values)).toEqual([6]);
    expect(await one.apply(count)).toBe(1);
    ref.free();
    expect(await one.apply(count)).toBe(0);
  });

  test("what a task was given and gave is freed when it ends", async () => {
    const one = shared.rc.at(0);
    const watched = (x: JaxArray): JaxArray => {
      const result = x.ref.add(1);
      (globalThis as Record<string, unknown>)["count"] = () => [x.refCount, result.refCount];
      return result;
    };
    expect(values(await one.apply(watched, matrix()))).toEqual([2, 3, 4, 5, 6, 7]);
    expect(await one.apply(() => (globalThis as unknown as { count(): number[] }).count())).toEqual([0, 0]);
  });
});
