/** Tensors anywhere a value can be, on every backend: they arrive as tensors, with their dtype, shape and elements. */

import { describe, expect, test } from "vitest";
import { backends, isInstalled, loadTf, numbers, shareTensorCluster, type Tensor, type Tf } from "./libraries.ts";

declare const tf: Tf;
declare const x: Tensor;

describe.skipIf(!isInstalled).each(backends)("engines on $name", ({ name, device }) => {
  const shared = shareTensorCluster(2, { devices: [device] });

  test("the engines compute on that backend", async () => {
    expect(await shared.all.apply(() => tf.getBackend())).toEqual([name, name]);
  });

  test("arguments and results: float32 is doubled exactly", async () => {
    const here = await loadTf();
    const sent = here.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const [first, second] = await shared.all.apply((t: Tensor) => tf.mul(t, 2), sent);
    for (const received of [first, second] as Tensor[]) {
      expect([received.dtype, received.shape]).toEqual(["float32", [2, 3]]);
      expect(await numbers(received)).toEqual([2, 4, 6, 8, 10, 12]);
    }
  });

  test.each(["float32", "int32", "bool"])("dtype %s, there and back", async (dtype) => {
    const here = await loadTf();
    const values = dtype === "bool" ? [1, 0, 1, 1, 0, 0] : [0, -1, 2, 2 ** 24, -7, 5];
    const sent = here.tensor(values, [3, 1, 2], dtype);
    const received = await shared.rc.at(0).apply((t: Tensor) => t, sent);
    expect([received.dtype, received.shape]).toEqual([dtype, [3, 1, 2]]);
    expect(await numbers(received)).toEqual(values);
  });

  test("dtype string, there and back, with every kind of character", async () => {
    const here = await loadTf();
    const values = ["", "a", "grün", "数", "👍", "line\nbreak"];
    const received = await shared.rc.at(0).apply((t: Tensor) => t, here.tensor(values, [2, 3], "string"));
    expect([received.dtype, received.shape]).toEqual(["string", [2, 3]]);
    expect(Array.from(received.dataSync())).toEqual(values);
  });

  test("dtype complex64: there and back, or a refusal that says what to do", async () => {
    const here = await loadTf();
    const sent = here.complex([1, 2, 3], [-1, 0.5, 4]);
    const echo = shared.rc.at(0).apply((t: Tensor) => t, sent);
    if (name === "wasm") {
      await expect(echo.get()).rejects.toThrow(/"wasm" .* has no complex64; use the backend cpu or webgpu/);
      return;
    }
    const received = await echo;
    expect([received.dtype, received.shape]).toEqual(["complex64", [3]]);
    expect(await numbers(received)).toEqual([1, -1, 2, 0.5, 3, 4]);
  });

  test("empty tensors and scalars", async () => {
    const here = await loadTf();
    const echo = <T>(value: T): T => value;
    const one = shared.rc.at(0);
    const empty = await one.apply(echo<Tensor>, here.zeros([0, 3]));
    expect([empty.shape, await numbers(empty)]).toEqual([[0, 3], []]);
    const scalar = await one.apply(echo<Tensor>, here.scalar(2.5));
    expect([scalar.shape, await numbers(scalar)]).toEqual([[], [2.5]]);
  });

  test("at any depth in other values", async () => {
    const here = await loadTf();
    const sent = { list: [here.tensor1d([1, 2])], map: new Map([["m", here.tensor1d([3])]]) };
    const received = await shared.rc
      .at(0)
      .apply((value: typeof sent) => ({ ...value, sum: tf.sum(value.list[0] as Tensor) }), sent);
    expect(await numbers(received.list[0] as Tensor)).toEqual([1, 2]);
    expect(await numbers(received.map.get("m") as Tensor)).toEqual([3]);
    expect(await numbers(received.sum)).toEqual([3]);
  });

  test("push and pull; a pushed tensor lives on", async () => {
    const here = await loadTf();
    await shared.all.push({ x: here.tensor1d([1, 2, 3]) });
    for (const factor of [2, 3]) {
      const sums = await shared.all.apply((k: number) => tf.sum(tf.mul(x, k)), factor);
      expect(await Promise.all(sums.map(numbers))).toEqual([[6 * factor], [6 * factor]]);
    }
    const pulled: Tensor[] = await shared.all.pull("x");
    expect(await Promise.all(pulled.map(numbers))).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  test("what a function computes from large tensors agrees with its definition", async () => {
    const here = await loadTf();
    const n = 64;
    // (i * j mod 7): the product's elements are sums of small integers, exact in float32.
    const elements = Float32Array.from({ length: n * n }, (_, at) => (Math.floor(at / n) * (at % n)) % 7);
    const expected = Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let k = 0; k < n; k++) sum += (elements[i * n + k] as number) * (elements[k * n + j] as number);
      return sum;
    });
    const matrix = here.tensor2d(elements, [n, n]);
    const product = await shared.rc.at(-1).apply((m: Tensor) => tf.matMul(m, m), matrix);
    expect(await numbers(product)).toEqual(expected);
  });
});
