/** Devices: found by the agent, one for each engine, reported. The GPUs are those of a stand-in for nvidia-smi. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Client, Cluster, type ClusterOptions } from "ndparallel";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

let folder = "";
const open: { cluster: Cluster; rc: Client | undefined }[] = [];
const before = process.cwd();

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "ndparallel-devices-"));
});
afterEach(async () => {
  process.chdir(before);
  for (const { cluster, rc } of open.splice(0)) {
    rc?.close();
    await cluster.stop();
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An environment in which `nvidia-smi` prints `lines`; it fails with `code` if that is not 0. */
function nvidia(lines: readonly string[], code = 0): Record<string, string> {
  const bin = mkdtempSync(path.join(folder, "bin-"));
  const program = path.join(bin, "nvidia-smi");
  writeFileSync(program, `#!/bin/sh\ncat <<'END'\n${lines.join("\n")}\nEND\nexit ${code}\n`);
  chmodSync(program, 0o755);
  return { PATH: `${bin}:${process.env["PATH"]}` };
}

const twoGpus = ["0, GPU-aaaa, NVIDIA A100, 40960", "1, GPU-bbbb, NVIDIA A100, 40960"];

async function start(engines: number, options: ClusterOptions): Promise<Client> {
  const cluster = await Cluster.start({ engines, ...options });
  const entry: (typeof open)[number] = { cluster, rc: undefined };
  open.push(entry);
  entry.rc = await cluster.connect();
  return entry.rc;
}

const visible = (): unknown => [process.env["CUDA_VISIBLE_DEVICES"], process.env["CUDA_DEVICE_ORDER"]];

describe("CUDA", () => {
  test("auto: each engine has a GPU of its own, bound by UUID before it starts", async () => {
    const rc = await start(2, { devices: "auto", env: nvidia(twoGpus) });
    const seen = await rc.view().apply(visible);
    expect(new Set(seen.map(String))).toEqual(new Set(["GPU-aaaa,PCI_BUS_ID", "GPU-bbbb,PCI_BUS_ID"]));
    const [first] = rc.devices().values();
    expect(first).toMatchObject({ kind: "cuda", name: "NVIDIA A100", share: 1, gpu: 1, memory: 40960 * 2 ** 20 });
    expect([...rc.devices().keys()]).toEqual(rc.ids);
  });

  test("four engines on two GPUs have a half each", async () => {
    const rc = await start(4, { devices: "auto", env: nvidia(twoGpus) });
    const seen = (await rc.view().apply(visible)).map(String).sort();
    expect(seen.map((text) => text.slice(0, 8))).toEqual(["GPU-aaaa", "GPU-aaaa", "GPU-bbbb", "GPU-bbbb"]);
    expect([...rc.devices().values()].map(({ gpu }) => gpu)).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  test("three engines on two GPUs: two have a half, one has a whole", async () => {
    const rc = await start(3, { devices: "auto", env: nvidia(twoGpus) });
    const shares = [...rc.devices().values()].map(({ id, gpu }) => `${id} ${gpu}`).sort();
    expect(shares).toEqual(["GPU-aaaa 0.5", "GPU-aaaa 0.5", "GPU-bbbb 1"]);
  });

  test("an engine that replaces another has the share of that", async () => {
    const rc = await start(4, { devices: "auto", env: nvidia(twoGpus), restart: true });
    const up = new Promise((resolve) => rc.on("engineUp", resolve));
    process.kill(await rc.at(0).apply(() => process.pid), "SIGKILL");
    await up;
    const shares = [...rc.devices().values()].map(({ id, gpu }) => `${id} ${gpu}`).sort();
    expect(shares).toEqual(["GPU-aaaa 0.5", "GPU-aaaa 0.5", "GPU-bbbb 0.5", "GPU-bbbb 0.5"]);
  });

  test("shares are kept apart from one start of engines to the next", async () => {
    const devices = [{ kind: "cuda", share: 0.5 }] as const;
    const rc = await start(2, { devices, env: nvidia(twoGpus.slice(0, 1)) });
    expect([...rc.devices().values()].map(({ share }) => share)).toEqual([0.5, 0.5]);
    const stopped = new Promise<{ reason: string }>((resolve) => rc.on("engineSetStopped", resolve as never));
    await open[0]?.cluster.startEngines(1).catch(() => undefined);
    expect((await stopped).reason).toMatch(
      /1 engines that take 0.5 of a device each do not fit on 1 devices .*0 are free/s,
    );
  });

  test("a share of a GPU is the resource gpu: tasks that need more wait for no one and say so", async () => {
    const rc = await start(2, { devices: [{ kind: "cuda", share: 0.5 }], env: nvidia(twoGpus.slice(0, 1)) });
    const lview = rc.loadBalancedView();
    expect(await lview.with({ resources: { gpu: 0.5 } }).apply(() => 1)).toBe(1);
    await expect(
      lview
        .with({ resources: { gpu: 1 } })
        .apply(() => 1)
        .get(),
    ).rejects.toThrow(/gpu/);
  });

  test("tasks that need half a GPU run on an engine with a whole one", async () => {
    const rc = await start(1, { devices: ["cuda:0"], env: nvidia(twoGpus) });
    const half = rc.loadBalancedView().with({ resources: { gpu: 0.5 } });
    const results = Array.from({ length: 4 }, (_, i) => half.apply((n: number) => n, i));
    expect(await Promise.all(results)).toEqual([0, 1, 2, 3]);
    expect(results[0]?.metadata).toMatchObject({ device: { kind: "cuda", id: "GPU-aaaa", gpu: 1 } });
  });

  test("devices: none looks for none; wasm and cpu offer no gpu", async () => {
    const none = await start(1, { devices: "none", env: nvidia(twoGpus) });
    expect([none.devices().size, await none.at(0).apply(() => process.env["CUDA_VISIBLE_DEVICES"] ?? "unset")]).toEqual(
      [0, "unset"],
    );
    const cpu = await start(2, { devices: ["cpu", "wasm"], env: nvidia(twoGpus) });
    expect([...cpu.devices().values()].map(({ kind, gpu }) => [kind, gpu]).sort()).toEqual([
      ["cpu", 0],
      ["wasm", 0],
    ]);
  });

  test("one by index, and metadata says which", async () => {
    const rc = await start(1, { devices: ["cuda:1"], env: nvidia(twoGpus) });
    const result = rc.at(0).apply(() => 1);
    await result;
    expect(result.metadata).toMatchObject({ device: { kind: "cuda", id: "GPU-bbbb" } });
  });

  test("CUDA_VISIBLE_DEVICES of the cluster is kept to", async () => {
    const rc = await start(1, { devices: "auto", env: { ...nvidia(twoGpus), CUDA_VISIBLE_DEVICES: "1" } });
    expect([...rc.devices().values()].map(({ id }) => id)).toEqual(["GPU-bbbb"]);
  });

  test("shares that do not fit are refused, with the numbers", async () => {
    const options: ClusterOptions = { devices: [{ kind: "cuda", share: 0.5 }], env: nvidia(twoGpus.slice(0, 1)) };
    await expect(start(3, options)).rejects.toThrow(/3 engines that take 0.5 of a device each do not fit on 1 devices/);
  });

  test("a GPU that is not there is refused, with those that are", async () => {
    const missing = start(1, { devices: ["cuda:7"], env: nvidia(twoGpus) });
    await expect(missing).rejects.toThrow(/no CUDA device "7" on this host; there are: 0 \(GPU-aaaa, NVIDIA A100\), 1/);
  });

  test("what nvidia-smi says when it fails is passed on", async () => {
    const failing = start(1, { devices: "auto", env: nvidia(["NVIDIA-SMI has failed"], 9) });
    await expect(failing).rejects.toThrow(/nvidia-smi could not list the GPUs/);
  });

  test("an engine that ends gives its GPU back to the one that follows it", async () => {
    const rc = await start(1, { devices: [{ kind: "cuda", share: 1 }], env: nvidia(twoGpus.slice(0, 1)) });
    await open[0]?.cluster.restartEngines();
    await rc.waitForEngines(1);
    expect([...rc.devices().values()].map(({ id }) => id)).toEqual(["GPU-aaaa"]);
  });
});

describe("tfjs-node-gpu that does not work", () => {
  /** Starts an engine on a CUDA device where that package is there, but its module is this text. */
  async function startWith(module: string): Promise<Client> {
    const place = mkdtempSync(path.join(folder, "program-"));
    const packageFolder = path.join(place, "node_modules", "@tensorflow", "tfjs-node-gpu");
    mkdirSync(packageFolder, { recursive: true });
    writeFileSync(path.join(packageFolder, "package.json"), JSON.stringify({ name: "@tensorflow/tfjs-node-gpu" }));
    writeFileSync(path.join(packageFolder, "index.js"), module);
    process.chdir(place);
    return await start(1, { devices: ["cuda:0"], env: nvidia(twoGpus) });
  }

  test("its install script did not run", async () => {
    const text = "The Node.js native addon module (tfjs_binding.node) can not be found at path: /x/lib/napi-v8";
    await expect(startWith(`throw new Error(${JSON.stringify(text)});`)).rejects.toThrow(
      /install script did not run: npm install-scripts approve @tensorflow\/tfjs-node-gpu/,
    );
  });

  test("its library does not load", async () => {
    const module = `throw Object.assign(new Error("libtensorflow.so.2: cannot open"), { code: "ERR_DLOPEN_FAILED" });`;
    await expect(startWith(module)).rejects.toThrow(/libtensorflow is missing or does not load: libtensorflow.so.2/);
  });

  test("it loads, and computes on the CPU without a word", async () => {
    const backend = "{ isUsingGpuDevice: false }";
    const module = `globalThis._tfengine = { ready: async () => undefined, backendName: "tensorflow", backendInstance: ${backend} };`;
    await expect(startWith(module)).rejects.toThrow(/computes on the CPU: it did not find CUDA 11.2 and cuDNN 8.1/);
  });
});

describe("requests", () => {
  test.each([
    ["gpu", /devices must be "auto", "none" or a list of devices; given: "gpu"/],
    [[], /devices must name at least one device/],
    [["tpu"], /devices\[0\] must be of one of the kinds cpu, wasm, webgpu, cuda; given: tpu/],
    [["cpu:1"], /there is only one "cpu"/],
    [[{ kind: "cuda", share: 2 }], /devices\[0\].share must be a number above 0 and up to 1/],
    [[{ kind: "cuda", part: 1 }], /devices\[0\] has an unknown member "part"/],
    [[7], /devices\[0\] must be a text such as "cuda:0"/],
  ])("%j is refused", async (devices, message) => {
    await expect(Cluster.start({ engines: 1, devices: devices as never })).rejects.toThrow(message);
  });

  test("auto without any GPU starts engines without a device", async () => {
    const rc = await start(1, { devices: "auto", env: { VK_DRIVER_FILES: "/nowhere" } });
    expect(rc.devices().size).toBe(0);
    expect(await rc.at(0).apply(() => 1)).toBe(1);
  });
});
