/**
 * What engines compute agrees with NumPy within the tolerance of float32 (numpy-values.json, which numpy-values.py makes),
 * on every backend and, where a second software driver for WebGPU is there, on that one too.
 *
 * A second driver: one of Debian's package mesa-vulkan-drivers 23 or later, or NDPARALLEL_VULKAN_DRIVER with the path of a
 * driver's JSON file (and NDPARALLEL_VULKAN_LIBRARIES with a folder of libraries that it needs).
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Cluster, type DeviceRequest } from "ndparallel";
import { describe, expect, test } from "vitest";
import { folder, softwareGpu, type Tensor, type Tf } from "./installed-libraries.ts";
import { backends, isInstalled, numbers, shareTensorCluster } from "./libraries.ts";

type Operations = Record<
  | "matMul"
  | "add"
  | "divide"
  | "exp"
  | "log"
  | "tanh"
  | "sigmoid"
  | "sqrt"
  | "softmax"
  | "sum over rows"
  | "mean"
  | "maximum over columns"
  | "index of the maximum"
  | "transpose"
  | "concatenation"
  | "convolution"
  | "rows of indices"
  | "cumulative sum",
  Tensor
>;
type AnyTf = Tf & Record<string, (...parameters: unknown[]) => Tensor>;
declare const tf: AnyTf;

const file = path.join(import.meta.dirname, "numpy-values.json");
const expected = JSON.parse(readFileSync(file, "utf8")) as Record<keyof Operations, number[]>;

/** On an engine: the same operations on the same numbers. */
function compute(): Operations {
  const n = 12;
  const counted = (make: (i: number) => number): Float32Array =>
    Float32Array.from({ length: n * n }, (_, i) => make(i));
  const a = tf.tensor2d(
    counted((i) => ((i * 37) % 101) / 50 - 1),
    [n, n],
  );
  const b = tf.tensor2d(
    counted((i) => ((i * 53) % 97) / 40 - 1.2),
    [n, n],
  );
  const call = (name: string, ...parameters: unknown[]): Tensor =>
    (tf[name] as (...p: unknown[]) => Tensor)(...parameters);
  const filter = call("reshape", call("slice", b, [0, 0], [3, 3]), [3, 3, 1, 1]);
  return {
    matMul: tf.matMul(a, b),
    add: tf.add(a, b),
    divide: call("div", a, tf.add(call("abs", b), 1)),
    exp: call("exp", a),
    log: call("log", tf.add(call("abs", a), 1)),
    tanh: call("tanh", a),
    sigmoid: call("sigmoid", a),
    sqrt: call("sqrt", call("abs", a)),
    softmax: call("softmax", a),
    "sum over rows": tf.sum(a, 0),
    mean: call("mean", a),
    "maximum over columns": call("max", a, 1),
    "index of the maximum": call("argMax", a, 1),
    transpose: call("transpose", a),
    concatenation: call("concat", [a, b], 1),
    convolution: call("conv2d", call("reshape", a, [1, n, n, 1]), filter, 1, "valid"),
    "rows of indices": call("gather", a, tf.tensor1d([3, 0, 7], "int32")),
    "cumulative sum": call("cumsum", a, 1),
  };
}

/** On an engine: else WebGPU leaves small tensors to the CPU. */
function computeOnGpu(): void {
  const { env, getBackend } = tf as unknown as {
    env(): { set(name: string, value: boolean): void };
    getBackend(): string;
  };
  if (getBackend() === "webgpu") env().set("WEBGPU_CPU_FORWARD", false);
}

/** As numpy.testing.assert_allclose, with a tolerance for float32. */
async function expectAgreement(computed: Operations): Promise<void> {
  for (const [name, wanted] of Object.entries(expected)) {
    const found = await numbers(computed[name as keyof Operations]);
    const off = wanted.findIndex(
      (value, i) => !(Math.abs((found[i] as number) - value) <= 2e-6 + 1e-5 * Math.abs(value)),
    );
    expect([name, found.length, off, found[off]]).toEqual([name, wanted.length, -1, undefined]);
  }
}

describe.skipIf(!isInstalled).each(backends)("engines on $name", ({ device }) => {
  const shared = shareTensorCluster(1, { devices: [device] });

  test("agree with NumPy", async () => {
    await shared.all.apply(computeOnGpu);
    await expectAgreement(await shared.rc.at(0).apply(compute));
  });
});

/** The environment in which WebGPU finds both drivers. */
function twoDrivers(): Record<string, string> | undefined {
  const { VK_DRIVER_FILES, LD_LIBRARY_PATH } = softwareGpu() as { VK_DRIVER_FILES: string; LD_LIBRARY_PATH: string };
  const installed = "/usr/share/vulkan/icd.d";
  const names = existsSync(installed) ? readdirSync(installed).filter((name) => name.startsWith("lvp_icd")) : [];
  const driver = process.env["NDPARALLEL_VULKAN_DRIVER"] ?? names.map((name) => path.join(installed, name))[0];
  if (driver === undefined) return undefined;
  const libraries = process.env["NDPARALLEL_VULKAN_LIBRARIES"];
  return {
    VK_DRIVER_FILES: `${VK_DRIVER_FILES}:${driver}`,
    LD_LIBRARY_PATH: libraries === undefined ? LD_LIBRARY_PATH : `${LD_LIBRARY_PATH}:${libraries}`,
  };
}

describe.skipIf(!isInstalled)("two software drivers", () => {
  const devices: DeviceRequest[] = ["SwiftShader", "llvmpipe"].map((id) => ({ kind: "webgpu", id, software: true }));

  test("an engine on each: both agree with NumPy, and tensors go from one to the other", async ({ skip }) => {
    const env = twoDrivers();
    if (env === undefined) skip("there is no second software driver: install mesa-vulkan-drivers 23 or later");
    const before = process.cwd();
    process.chdir(folder);
    await using cluster = await Cluster.start({ engines: 2, devices, env: env as Record<string, string> });
    try {
      let rc: Awaited<ReturnType<typeof cluster.connect>>;
      try {
        rc = await cluster.connect();
      } catch (error) {
        if (!/no adapter/.test((error as Error).message)) throw error;
        return skip(`the second driver does not do for WebGPU: ${(error as Error).message}`);
      }
      await using client = rc;
      const all = client.view();
      await all.import({ tf: "@tensorflow/tfjs-core" });
      expect([...client.devices().values()].map(({ name }) => /SwiftShader|llvmpipe/.exec(name)?.[0]).sort()).toEqual([
        "SwiftShader",
        "llvmpipe",
      ]);
      await all.apply(computeOnGpu);
      for (const computed of await all.apply(compute)) await expectAgreement(computed);
      using kept = await client
        .at(0)
        .with({ keep: true })
        .apply(() => tf.mul(tf.ones([300, 100]), 2));
      expect(await numbers(await client.at(1).apply((t: Tensor) => tf.sum(t), kept))).toEqual([60_000]);
    } finally {
      process.chdir(before);
    }
  }, 60_000);
});
