/** What goes wrong on a GPU, on a software driver: errors reject the task that caused them, a lost device ends its engine. */

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { type Client, Cluster, type DeviceInfo } from "ndparallel";
import { describe, expect, test } from "vitest";
import { root } from "../run-typescript.ts";
import { folder, isInstalled, numbers, shareTensorCluster, softwareGpu, type Tensor, type Tf } from "./libraries.ts";

/** The module `ndparallel/tensors`, as engines import it. */
interface Tensors {
  device(): DeviceInfo;
  gpuDevice(): Promise<{ device: GpuDevice }>;
  GpuTensor: new (buffer: object, spec: { dtype: string; shape: number[] }) => GpuTensor;
}
interface GpuTensor {
  readonly buffer: object;
  readonly dtype: string;
  readonly shape: number[];
}
interface GpuDevice {
  createBuffer(options: { size: number; usage: number; mappedAtCreation?: boolean }): {
    getMappedRange(): ArrayBuffer;
    unmap(): void;
  };
  destroy(): void;
}

declare const tf: Tf;
declare const nt: Tensors;

const tensorsModule = path.join(root, "dist", "tensors", "index.js");
const software = { kind: "webgpu", software: true } as const;

async function importTensors(rc: Client): Promise<void> {
  await rc.view().import({ nt: tensorsModule });
}

describe.skipIf(!isInstalled)("one engine on a software driver", () => {
  const shared = shareTensorCluster(1, { devices: [software] });

  test("device() within a task is what the client is told", async () => {
    await importTensors(shared.rc);
    const info = await shared.rc.at(0).apply(() => nt.device());
    expect(info).toMatchObject({ kind: "webgpu", software: true, gpu: 0 });
    expect(shared.rc.devices().get(0)).toEqual(info);
  });

  test("a validation error rejects its task, and no other", async () => {
    await importTensors(shared.rc);
    const one = shared.rc.at(0);
    const failing = one.apply(async () => {
      // A buffer that is to be read by the host must have no other use than to be copied to.
      (await nt.gpuDevice()).device.createBuffer({ size: 4, usage: 0x1 | 0x80 });
      return "not noticed";
    });
    await expect(failing.get()).rejects.toMatchObject({ remoteName: "GPUValidationError" });
    expect(await numbers(await one.apply(() => tf.add(tf.ones([2]), 1)))).toEqual([2, 2]);
  });

  test("too large a buffer is refused, and how large it may be is said", async () => {
    await importTensors(shared.rc);
    const failing = shared.rc.at(0).apply(async () => {
      (await nt.gpuDevice()).device.createBuffer({ size: 2 ** 40, usage: 0x80 });
    });
    await expect(failing.get()).rejects.toThrow(/1099511627776.*this device takes buffers of at most \d+ bytes/s);
  });

  test("raw buffers: made there, sent here through an engine, computed with", async () => {
    await importTensors(shared.rc);
    const one = shared.rc.at(0);
    const sum = await one.apply(async () => {
      const { device } = await nt.gpuDevice();
      const buffer = device.createBuffer({ size: 16, usage: 0x80 | 0x4 | 0x8, mappedAtCreation: true });
      new Float32Array(buffer.getMappedRange()).set([1, 2, 3, 4]);
      buffer.unmap();
      const tensor = new nt.GpuTensor(buffer, { dtype: "float32", shape: [2, 2] });
      return [tensor.dtype, tensor.shape, tensor.buffer === buffer];
    });
    expect(sum).toEqual(["float32", [2, 2], true]);
  });

  test("TensorFlow.js and raw buffers share one device", async () => {
    await importTensors(shared.rc);
    const same = await shared.rc.at(0).apply(async () => {
      const { device } = await nt.gpuDevice();
      return (tf.engine() as unknown as { backendInstance: { device: unknown } }).backendInstance.device === device;
    });
    expect(same).toBe(true);
  });

  test("work with large tensors runs on the device, not on the host", async () => {
    const [sum, backend] = await shared.rc.at(0).apply(async () => {
      const t: Tensor = tf.sum(tf.mul(tf.ones([1000, 100]), 3));
      return [t, tf.getBackend()] as const;
    });
    expect([await numbers(sum as Tensor), backend]).toEqual([[300_000], "webgpu"]);
  });
});

describe.skipIf(!isInstalled)("engines of their own", () => {
  test("npm run check:gpu finds all well on a software driver", async () => {
    const script = path.join(root, "scripts", "check-gpu.mjs");
    const env = { ...process.env, ...softwareGpu() };
    const { stdout } = await promisify(execFile)(process.execPath, [script, "--devices", JSON.stringify([software])], {
      cwd: folder,
      env,
    });
    expect(stdout).toMatch(/engine 0: webgpu .*, share 0.5, software\n/);
    expect(stdout).toMatch(/ok {5}backend: webgpu, webgpu\n/);
    expect(stdout).toMatch(/ok {5}tensors left by 100 tasks: 0, 0\nAll is well.\n$/);
  }, 60_000);

  test("a software driver is refused unless it is allowed", async () => {
    const before = process.cwd();
    process.chdir(folder);
    const cluster = await Cluster.start({ engines: 1, devices: ["webgpu"], env: softwareGpu() });
    try {
      await expect(cluster.connect()).rejects.toThrow(
        /the only WebGPU adapter is software \(.*\).*devices: \[\{ kind: "webgpu", software: true \}\]/s,
      );
    } finally {
      await cluster.stop();
      process.chdir(before);
    }
  });

  test("a lost device rejects its task and ends its engine, which is replaced if that is asked for", async () => {
    const before = process.cwd();
    process.chdir(folder);
    const cluster = await Cluster.start({ engines: 1, devices: [software], env: softwareGpu(), restart: true });
    const rc = await cluster.connect();
    try {
      await importTensors(rc);
      const [first] = rc.ids;
      const down = new Promise((resolve) => rc.on("engineDown", resolve));
      const losing = rc.at(0).apply(async () => {
        (await nt.gpuDevice()).device.destroy();
      });
      await expect(losing.get()).rejects.toMatchObject({
        remoteName: "DeviceLostError",
        message: expect.stringContaining("the GPU device of this engine was lost"),
      });
      expect(await down).toMatchObject({ engineId: first });
      await rc.waitForEngines(1);
      expect(rc.ids).not.toContain(first);
      await importTensors(rc);
      expect(await rc.at(0).apply(() => nt.device().kind)).toBe("webgpu");
    } finally {
      rc.close();
      await cluster.stop();
      process.chdir(before);
    }
  }, 60_000);
});
