/**
 * A client that has a WebGPU device itself, as its engines have: prints what became of tensors on the devices. A program
 * of its own, because drivers are chosen by the environment in which a process starts.
 */

import { createRequire } from "node:module";
import path from "node:path";
import { Cluster, closure } from "ndparallel";
import { GpuTensor, gpuDevice } from "ndparallel/tensors";

const software = { kind: "webgpu", software: true };
const load = createRequire(path.join(process.cwd(), "package.json"));
const found = {};

const cluster = await Cluster.start({ engines: 2, devices: [software] });
const rc = await cluster.connect();
const all = rc.view();
await all.import({ tf: "@tensorflow/tfjs-core", nt: process.argv[2] });

// Raw buffers: float32 [4, 2] with the elements 0 to 7.
const { device } = await gpuDevice(software);
const buffer = device.createBuffer({ size: 32, usage: 0x80 | 0x4 | 0x8, mappedAtCreation: true });
new Float32Array(buffer.getMappedRange()).set([0, 1, 2, 3, 4, 5, 6, 7]);
buffer.unmap();
const raw = new GpuTensor(buffer, { dtype: "float32", shape: [4, 2] });

async function elements(tensor) {
  const staging = device.createBuffer({ size: tensor.buffer.size, usage: 0x1 | 0x8 });
  const commands = device.createCommandEncoder();
  commands.copyBufferToBuffer(tensor.buffer, 0, staging, 0, tensor.buffer.size);
  device.queue.submit([commands.finish()]);
  await staging.mapAsync(1);
  return [...new Float32Array(staging.getMappedRange())];
}

/** On an engine: a shader doubles every element. */
const double = closure(async (tensor) => {
  const { device } = await nt.gpuDevice();
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
      @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) at: vec3u) { x[at.x] = x[at.x] * 2; }`;
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const commands = device.createCommandEncoder();
  const result = device.createBuffer({ size: tensor.buffer.size, usage: 0x80 | 0x4 | 0x8 });
  commands.copyBufferToBuffer(tensor.buffer, 0, result, 0, result.size);
  const pass = commands.beginComputePass();
  const entries = [{ binding: 0, resource: { buffer: result } }];
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(result.size / 4);
  pass.end();
  device.queue.submit([commands.finish()]);
  return new nt.GpuTensor(result, { dtype: tensor.dtype, shape: tensor.shape });
}, {});

const doubled = await rc.at(0).apply(double, raw);
found.raw = [doubled.dtype, doubled.shape, await elements(doubled)];
await all.scatter("part", raw);
const shapes = () => [part.shape, part.dtype];
found.parts = await all.apply(closure(shapes, {}));
found.gathered = await elements(await all.gather("part"));
found.columns = await (async () => {
  await all.scatter("part", raw, { axis: 1 });
  return [await all.apply(closure(shapes, {})), await elements(await all.gather("part", { axis: 1 }))];
})();
const kept = await rc.at(0).with({ keep: true }).apply(double, raw);
found.kept = [kept.dtype, kept.shape, await elements(await rc.at(1).apply(double, kept))];
kept.free();

// TensorFlow.js on the device of this process; its tensors' elements lie there alone.
const here = load("@tensorflow/tfjs-core");
load("@tensorflow/tfjs-backend-cpu");
const { WebGPUBackend } = load("@tensorflow/tfjs-backend-webgpu");
here.removeBackend("webgpu");
here.registerBackend("webgpu", () => new WebGPUBackend(device, {}), 10);
await here.setBackend("webgpu");
const x = here.mul(here.ones([300, 100]), 3);
const isOnDeviceAlone = (tensor) => here.engine().backendInstance.tensorMap.get(tensor.dataId).values == null;
found.onDevice = isOnDeviceAlone(x);
const sum = (t) => tf.sum(t);
found.direct = [...(await (await rc.at(0).apply(closure(sum, {}), x)).data())];
const y = here.mul(here.ones([300, 100]), 4);
found.balanced = [...(await (await rc.loadBalancedView().apply(closure(sum, {}), y)).data())];
const rows = here.mul(here.ones([5, 300]), 2);
const sums = await all.map(closure(sum, {}), rows);
found.map = [sums.shape, [...(await sums.data())]];
const inChunks = await rc
  .loadBalancedView()
  .with({ chunkSize: 2 })
  .map(closure(sum, {}), here.mul(here.ones([5, 300]), 2));
found.chunks = [inChunks.shape, [...(await inChunks.data())]];
found.arrives = here.getBackend();

console.log(JSON.stringify(found));
rc.close();
await cluster.stop();
