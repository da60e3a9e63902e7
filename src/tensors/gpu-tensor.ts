/** Raw WebGPU buffers that know their dtype and shape: tensors for programs that write their own shaders. */

import { sizeOf } from "../ndarray-transport/ndarrays.ts";
import type { TensorAdapter, TensorDType, TensorSpec } from "./adapter.ts";
import type { DeviceInfo } from "./device.ts";
import { type GpuBuffer, type GpuDevice, gpuDevice, gpuDeviceInfo, presentGpu } from "./gpu.ts";

// As the WebGPU specification numbers them.
const MAP_READ = 0x1;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const STORAGE = 0x80;
const READ = 0x1;

const ITEM_BYTES: Readonly<Partial<Record<TensorDType, number>>> = {
  float32: 4,
  int32: 4,
  uint32: 4,
  complex64: 8,
  float64: 8,
  int64: 8,
  uint64: 8,
};

/** A buffer on the GPU with what its bytes mean: elements in C order. */
export class GpuTensor<Buffer extends object = object> {
  readonly buffer: Buffer;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];

  /**
   * @param buffer a GPUBuffer of the device that {@link gpuDevice} gives, with usage COPY_SRC
   * @param spec its dtype (one of 4 or 8 bytes an element) and shape
   * @throws TypeError for another dtype, RangeError when the buffer is too small
   */
  constructor(buffer: Buffer, { dtype, shape }: TensorSpec) {
    const item = ITEM_BYTES[dtype];
    if (item === undefined) {
      throw new TypeError(
        `a GpuTensor must have one of the dtypes ${Object.keys(ITEM_BYTES).join(", ")}; given: ${dtype}`,
      );
    }
    const needed = sizeOf(shape) * item;
    const { size } = buffer as unknown as GpuBuffer;
    if (size < needed) {
      throw new RangeError(
        `a ${dtype} tensor of shape [${shape.join(", ")}] needs ${needed} bytes; the buffer has ${size}`,
      );
    }
    this.buffer = buffer;
    this.dtype = dtype;
    this.shape = [...shape];
  }
}

type Tensor = GpuTensor<GpuBuffer>;

export const gpuTensorAdapter: TensorAdapter<Tensor> = {
  name: "webgpu",
  is: (value): value is Tensor => value instanceof GpuTensor,
  spec: ({ dtype, shape }) => ({ dtype, shape }),
  get ready(): boolean {
    return presentGpu() !== undefined;
  },
  async init(): Promise<DeviceInfo> {
    await gpuDevice();
    return gpuDeviceInfo();
  },
  toHost: (tensor) => download(tensor),
  fromHost: (bytes, spec) => {
    const buffer = allocate(bytes.byteLength, true);
    new Uint8Array(buffer.getMappedRange()).set(bytes);
    buffer.unmap();
    return new GpuTensor(buffer, spec);
  },
  slice: (tensor, axis, start, stop) => {
    const { shape } = tensor;
    const result = empty({ dtype: tensor.dtype, shape: shape.with(axis, stop - start) });
    const { outer, run } = runs(tensor, axis);
    const length = shape[axis] as number;
    copyRuns(outer, (i) => [
      tensor,
      (i * length + start) * run,
      result,
      i * (stop - start) * run,
      (stop - start) * run,
    ]);
    return result;
  },
  reshape: ({ buffer, dtype }, shape) => new GpuTensor(buffer, { dtype, shape }),
  concat: (tensors, axis) => {
    const first = tensors[0] as Tensor;
    const lengths = tensors.map(({ shape }) => shape[axis] as number);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const result = empty({ dtype: first.dtype, shape: first.shape.with(axis, total) });
    const { outer, run } = runs(first, axis);
    let before = 0;
    for (const [t, tensor] of tensors.entries()) {
      const length = lengths[t] as number;
      const at = before;
      copyRuns(outer, (i) => [tensor, i * length * run, result, (i * total + at) * run, length * run]);
      before += length;
    }
    return result;
  },
  dispose: ({ buffer }) => buffer.destroy(),
};

function device(): GpuDevice {
  const gpu = presentGpu();
  if (gpu === undefined) throw new TypeError("this process has no WebGPU device: await gpuDevice() first");
  return gpu;
}

/** WebGPU has no buffer of no bytes. */
function allocate(bytes: number, mappedAtCreation = false): GpuBuffer {
  const size = Math.max(4, Math.ceil(bytes / 4) * 4);
  return device().createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST, mappedAtCreation });
}

function empty(spec: TensorSpec): Tensor {
  return new GpuTensor(allocate(sizeOf(spec.shape) * (ITEM_BYTES[spec.dtype] as number)), spec);
}

/** How many runs of neighbours an axis divides the elements into, and the bytes of one item along it. */
function runs({ dtype, shape }: TensorSpec, axis: number): { outer: number; run: number } {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    run: sizeOf(shape.slice(axis + 1)) * (ITEM_BYTES[dtype] as number),
  };
}

type Copy = readonly [from: Tensor, at: number, to: Tensor, toAt: number, bytes: number];

function copyRuns(count: number, copy: (i: number) => Copy): void {
  const commands = device().createCommandEncoder();
  for (let i = 0; i < count; i++) {
    const [from, at, to, toAt, bytes] = copy(i);
    if (bytes > 0) commands.copyBufferToBuffer(from.buffer, at, to.buffer, toAt, bytes);
  }
  device().queue.submit([commands.finish()]);
}

async function download({ buffer, dtype, shape }: Tensor): Promise<Uint8Array> {
  const bytes = sizeOf(shape) * (ITEM_BYTES[dtype] as number);
  if (bytes === 0) return new Uint8Array(0);
  const staging = device().createBuffer({ size: bytes, usage: MAP_READ | COPY_DST });
  const commands = device().createCommandEncoder();
  commands.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
  device().queue.submit([commands.finish()]);
  await staging.mapAsync(READ);
  const copy = new Uint8Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return copy;
}
