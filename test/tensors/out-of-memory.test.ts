/** Memory that is exhausted: the task says how much it asked for and how much there is, and the engine goes on. */

import { describe, expect, test } from "vitest";
import { isInstalled, numbers, shareTensorCluster, type Tensor, type Tf } from "./libraries.ts";

declare const tf: Tf;

interface Backend {
  makeOutput(shape: number[], dtype: string): object;
}

describe.skipIf(!isInstalled)("WebAssembly", () => {
  const shared = shareTensorCluster(1, { devices: ["wasm"] });

  /** Allocates as every kernel does, but does not touch the memory. */
  const fill = (elements: number): void => {
    const engine = tf.engine() as unknown as {
      backendInstance: Backend;
      makeTensorFromTensorInfo(info: object): Tensor;
    };
    for (let i = 0; i < 8; i++)
      engine.makeTensorFromTensorInfo(engine.backendInstance.makeOutput([elements], "float32"));
  };

  test("what does not fit into 4 GiB is refused with the numbers, and the engine goes on", async () => {
    const one = shared.rc.at(0);
    await expect(one.apply(fill, 2 ** 28).get()).rejects.toMatchObject({
      remoteName: "OutOfMemoryError",
      message: expect.stringMatching(
        /^1073741824 bytes were asked for.* grows to 4294967296 bytes at most, and its tensors take [23]\d{9};/,
      ),
    });
    expect(await numbers(await one.apply(() => tf.sum(tf.mul(tf.ones([1000]), 2))))).toEqual([2000]);
  });

  test("what WebAssembly cannot address is refused, too", async () => {
    await expect(
      shared.rc
        .at(0)
        .apply(fill, 2 ** 31)
        .get(),
    ).rejects.toThrow(/^8589934592 bytes were asked for/);
  });
});
