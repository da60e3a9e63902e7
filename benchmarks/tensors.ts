/**
 * What do tensors cost beside typed arrays? `node --import tsx benchmarks/tensors.ts [--quick] [--backends cpu,wasm]`, after
 * `npm run test:tensors` has installed the libraries.
 *
 * Asked: scatter, one kernel on each engine, and gather of a float32 tensor of 128 MB over two engines, beside the same
 * bytes as typed arrays, and the backend's own upload, kernel and download of all of it in one engine.
 * Expected: no more than 1.5 times the sum of those two.
 * Seen: see README.md, "Tensors".
 */

import { parseArgs } from "node:util";
import { Cluster, type DeviceRequest, type DirectView } from "ndparallel";
import { folder, loadTf, softwareGpu, type Tensor, type Tf } from "../test/tensors/installed-libraries.ts";
import { currentLoad, describeMachine, machineFacts } from "./lib/machine.ts";
import { summarize } from "./lib/statistics.ts";

declare const tf: Tf;
declare const x: Tensor;

const { values: given } = parseArgs({
  options: { quick: { type: "boolean", default: false }, backends: { type: "string", default: "cpu,wasm,webgpu" } },
});
const MEGABYTES = given.quick ? 16 : 128;
const REPETITIONS = given.quick ? 3 : 7;
const ROWS = 1024;
const COLUMNS = (MEGABYTES * 2 ** 20) / 4 / ROWS;
const devices: Readonly<Record<string, DeviceRequest>> = {
  cpu: "cpu",
  wasm: "wasm",
  webgpu: { kind: "webgpu", software: true },
};

console.log(describeMachine(machineFacts()));
console.log(`float32 [${ROWS}, ${COLUMNS}], ${MEGABYTES} MB, two engines; medians of ${REPETITIONS}, in turns\n`);
process.chdir(folder);
const here = await loadTf();
for (const name of given.backends.split(",")) await measure(name, devices[name] as DeviceRequest);
console.log(`load afterwards ${currentLoad().join(" ")}`);

async function measure(name: string, device: DeviceRequest): Promise<void> {
  await using cluster = await Cluster.start({ engines: 2, devices: [device], env: softwareGpu() });
  await using rc = await cluster.connect();
  const all = rc.view();
  await all.import({ tf: "@tensorflow/tfjs-core" });
  const elements = new Float32Array(ROWS * COLUMNS).fill(1.5);
  const steps: Readonly<Record<string, () => PromiseLike<number>>> = {
    tensors: () => timed(() => withTensors(all, elements)),
    "typed arrays": () => timed(() => withArrays(all, elements)),
    "backend alone": () => rc.at(0).apply(backendAlone, ROWS, COLUMNS),
  };
  const seconds = new Map(Object.keys(steps).map((step) => [step, [] as number[]]));
  for (let i = -2; i < REPETITIONS; i++) {
    for (const [step, run] of Object.entries(steps)) {
      const taken = await run();
      if (i >= 0) seconds.get(step)?.push(taken);
    }
  }
  const median = (step: string): number => summarize(seconds.get(step) as number[]).median;
  const ratio = median("tensors") / (median("typed arrays") + median("backend alone"));
  for (const step of Object.keys(steps)) {
    console.log(`${name.padEnd(8)} ${step.padEnd(16)} ${(median(step) * 1e3).toFixed(0).padStart(6)} ms`);
  }
  console.log(`${name.padEnd(8)} tensors / (typed arrays + backend alone) = ${ratio.toFixed(2)}\n`);
}

async function timed(run: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1e3;
}

async function withTensors(all: DirectView<"many", false>, elements: Float32Array): Promise<void> {
  await all.scatter("x", here.tensor2d(elements, [ROWS, COLUMNS]));
  await all.apply(() => {
    (globalThis as Record<string, unknown>)["y"] = tf.mul(x, 2);
  });
  const whole = (await all.gather("y")) as Tensor;
  if (whole.shape[0] !== ROWS || (await whole.data())[0] !== 3) throw new Error("the tensor came back changed");
  whole.dispose();
  await all.push({ x: 0, y: 0 });
}

/** The bytes travel in the same way; nothing is computed, as the kernel counts with the backend. */
async function withArrays(all: DirectView<"many", false>, elements: Float32Array): Promise<void> {
  await all.scatter("x", elements);
  await all.apply(() => {
    (globalThis as Record<string, unknown>)["y"] = (x as unknown as Float32Array).slice();
  });
  const whole = (await all.gather("y")) as Float32Array;
  if (whole.length !== elements.length || whole[0] !== 1.5) throw new Error("the array came back changed");
  await all.push({ x: 0, y: 0 });
}

/** In an engine: upload, kernel and download of everything. The two engines above do it at once, if there is a core for each. */
async function backendAlone(rows: number, columns: number): Promise<number> {
  const elements = new Float32Array(rows * columns).fill(1.5);
  const began = performance.now();
  const tensor = tf.tensor2d(elements, [rows, columns]);
  const result = tf.mul(tensor, 2);
  const [first] = await result.data();
  const seconds = (performance.now() - began) / 1e3;
  if (first !== 3) throw new Error("the backend computed something else");
  return seconds;
}
