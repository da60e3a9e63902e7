/** The memory of engines that use tensors: what a task makes and nobody holds is freed when it ends. */

import { describe, expect, test } from "vitest";
import { backends, isInstalled, loadTf, numbers, shareTensorCluster, type Tensor, type Tf } from "./libraries.ts";

declare const tf: Tf;
declare const x: Tensor;

const TASKS = 1000;
/** More than what awaits collection, up to 145 MB on WebGPU over 4,000 tasks; a leak of these tasks would be 400 MB. */
const MOST_GROWTH = 200 * 2 ** 20;

describe.skipIf(!isInstalled).each(backends)("engines on $name", ({ device }) => {
  const shared = shareTensorCluster(1, { devices: [device] });
  const memory = (): number[] => {
    const { numTensors, numBytes } = tf.memory();
    return [numTensors, numBytes];
  };

  test(`${TASKS} tasks leave no tensor behind, and the process does not grow`, async () => {
    const here = await loadTf();
    const one = shared.rc.at(0);
    const sent = here.ones([100, 250]); // 100,000 bytes, with four tensors of that size in each task
    const work = async (t: Tensor): Promise<Tensor> => {
      const doubled = tf.mul(t, 2);
      await Promise.resolve();
      return tf.sum(tf.add(doubled, tf.square(t)));
    };
    for (let i = 0; i < 50; i++) await one.apply(work, sent);
    const before = await one.apply(memory);
    const rss = await one.apply(() => process.memoryUsage.rss());
    const ownRss = process.memoryUsage.rss();
    const held = here.memory().numTensors;
    let last: Tensor | undefined;
    for (let i = 0; i < TASKS; i++) {
      last?.dispose();
      last = await one.apply(work, sent);
    }
    expect(await numbers(last as Tensor)).toEqual([75_000]);
    expect(await one.apply(memory)).toEqual(before);
    expect((await one.apply(() => process.memoryUsage.rss())) - rss).toBeLessThan(MOST_GROWTH);
    expect(process.memoryUsage.rss() - ownRss).toBeLessThan(MOST_GROWTH);
    expect(here.memory().numTensors).toBe(held + 1);
  }, 120_000);

  test("a pushed tensor lives until its name has another value", async () => {
    const here = await loadTf();
    const one = shared.rc.at(0);
    const [empty = 0] = await one.apply(memory);
    await one.push({ x: here.ones([10]) });
    await one.apply(() => tf.sum(x));
    expect((await one.apply(memory))[0]).toBe(empty + 1);
    await one.push({ x: here.ones([20]) });
    expect((await one.apply(memory))[0]).toBe(empty + 1);
    await one.push({ x: 0 });
    expect((await one.apply(memory))[0]).toBe(empty);
  });

  test("tensors in records, lists, maps and instances of the namespace live on, and kept ones", async () => {
    const one = shared.rc.at(0);
    const [empty = 0] = await one.apply(memory);
    await one.apply(() => {
      class Model {
        weights = [tf.ones([2])];
      }
      const place = globalThis as Record<string, unknown>;
      place["held"] = { list: [tf.ones([1])], map: new Map([["m", tf.ones([1])]]), model: new Model() };
      place["kept"] = () => kept;
      const kept = tf.keep(tf.ones([3]));
    });
    expect((await one.apply(memory))[0]).toBe(empty + 4);
    expect(
      await numbers(
        await one.apply(
          () => (globalThis as unknown as { held: { model: { weights: Tensor[] } } }).held.model.weights[0] as Tensor,
        ),
      ),
    ).toEqual([1, 1]);
    await one.apply(() => (globalThis as unknown as { kept(): Tensor }).kept().dispose());
  });

  test("a task that fails frees what it made", async () => {
    const one = shared.rc.at(0);
    const before = await one.apply(memory);
    const failing = one.apply(() => {
      tf.mul(tf.ones([10]), 2);
      throw new Error("on purpose");
    });
    await expect(failing.get()).rejects.toThrow("on purpose");
    expect(await one.apply(memory)).toEqual(before);
  });
});
