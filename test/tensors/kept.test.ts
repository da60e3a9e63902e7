/** Tensors that stay on the device of their engine: used there without a copy, moved, joined and freed. */

import { RemoteRef } from "ndparallel";
import { describe, expect, test } from "vitest";
import { backends, isInstalled, loadTf, numbers, shareTensorCluster, type Tensor, type Tf } from "./libraries.ts";

declare const tf: Tf;

describe.skipIf(!isInstalled).each(backends)("engines on $name", ({ device, name }) => {
  const shared = shareTensorCluster(2, { devices: [device] });
  const count = (): number => tf.memory().numTensors;

  test("dtype, shape and place, without a look at the elements", async () => {
    using ref = await shared.rc
      .at(1)
      .with({ keep: true })
      .apply(() => tf.mul(tf.ones([3, 4]), 2));
    expect(ref).toBeInstanceOf(RemoteRef);
    expect([ref.dtype, ref.shape]).toEqual(["float32", [3, 4]]);
    expect(ref.place).toMatchObject({ engineId: shared.rc.ids[1], device: { kind: name } });
    expect(await numbers((await ref.get()) as unknown as Tensor)).toEqual(new Array(12).fill(2));
  });

  test("later tasks on its engine compute with that very tensor, and it lives as long as it is kept", async () => {
    const one = shared.rc.at(0);
    const empty = await one.apply(count);
    const weights = await one.with({ keep: true }).apply(() => tf.ones([1000, 1000]));
    expect(await one.apply(count)).toBe(empty + 1);
    const before = await one.apply((t: Tensor) => (t as unknown as { id: number }).id, weights as never);
    for (const factor of [2, 3]) {
      const sum = await one.apply((t: Tensor, k: number) => tf.sum(tf.mul(t, k)), weights as never, factor);
      expect(await numbers(sum)).toEqual([1_000_000 * factor]);
    }
    expect(await one.apply((t: Tensor) => (t as unknown as { id: number }).id, weights as never)).toBe(before);
    expect(await one.apply(count)).toBe(empty + 1);
    weights.free();
    expect(await one.apply(count)).toBe(empty);
  });

  test("on another engine it arrives, and is freed there when the task ends", async () => {
    const [here, there] = [shared.rc.at(0), shared.rc.at(1)];
    const empty = await there.apply(count);
    using ref = await here.with({ keep: true }).apply(() => tf.mul(tf.ones([50_000]), 3));
    const last = await there.apply((t: Tensor) => tf.sum(t), ref as never);
    expect(await numbers(last)).toEqual([150_000]);
    expect(await there.apply(count)).toBe(empty);
  });

  test("a map keeps its parts; a map over them runs where they lie; get() joins", async () => {
    const here = await loadTf();
    const rows = here.tensor2d(
      Array.from({ length: 14 }, (_, i) => i),
      [7, 2],
    );
    const keeping = shared.all.with({ keep: true });
    using doubled = await keeping.map((row: Tensor) => tf.mul(row, 2), rows);
    expect([doubled.dtype, doubled.shape]).toEqual(["float32", [7, 2]]);
    const sums = shared.all.map((row: Tensor) => tf.sum(row), doubled);
    expect(await numbers(await sums)).toEqual(Array.from({ length: 7 }, (_, i) => 8 * i + 2));
    expect(sums.engineIds).toEqual(doubled.engineIds);
    expect(await numbers((await doubled.get()) as Tensor)).toEqual(Array.from({ length: 14 }, (_, i) => 2 * i));
  });

  test("as an argument the parts are joined on the engine that needs the whole", async () => {
    const here = await loadTf();
    using doubled = await shared.all
      .with({ keep: true })
      .map((row: Tensor) => tf.mul(row, 2), here.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]));
    const counts = await shared.all.apply(count);
    const shapes = await shared.all.apply((t: Tensor) => t.shape, doubled as never);
    expect(shapes).toEqual([
      [3, 2],
      [3, 2],
    ]);
    expect(await shared.all.apply(count)).toEqual(counts);
  });

  test("scattered tensors are kept under their names, gathered as one", async () => {
    const here = await loadTf();
    await shared.all.scatter("x", here.tensor1d([1, 2, 3, 4, 5]));
    using whole = await shared.all.with({ keep: true }).gather("x");
    expect(whole.shape).toEqual([5]);
    expect(await numbers(await whole.get())).toEqual([1, 2, 3, 4, 5]);
  });

  test("a task that keeps 100 tensors in turn leaves none behind", async () => {
    const one = shared.rc.at(0);
    const empty = await one.apply(count);
    let state = await one.with({ keep: true }).apply(() => tf.zeros([100]));
    for (let step = 0; step < 100; step++) {
      const next = await one.with({ keep: true }).apply((t: Tensor) => tf.add(t, 1), state as never);
      state.free();
      state = next;
    }
    expect((await numbers((await state.get()) as unknown as Tensor))[99]).toBe(100);
    state.free();
    expect(await one.apply(count)).toBe(empty);
  });
});
