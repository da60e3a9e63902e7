/** TensorFlow.js: its tensors, on whichever of its backends is active in the process. */

import { bytesOf } from "../ndarray-transport/dtypes.ts";
import { sizeOf } from "../ndarray-transport/ndarrays.ts";
import type { TaskScope, TensorAdapter, TensorDType, TensorSpec } from "./adapter.ts";
import { elementsFrom, packStrings, unpackStrings } from "./elements.ts";
import { prepareTfjs } from "./tfjs-backends.ts";
import { type TfBackend, type TfDType, type TfEngine, type TfTensor, type TfValues, tfEngine } from "./tfjs-engine.ts";

/** Tensors that outlived the task that made them, because something in the namespace holds them. */
const held = new Set<TfTensor>();

/** Whether no backend was found for a TensorFlow.js that the program had loaded. */
let isGivenUp = false;

export const tfjsAdapter: TensorAdapter<TfTensor> = {
  name: "tfjs",

  is(value): value is TfTensor {
    const { data, dataSync, throwIfDisposed } = value as Record<string, unknown>;
    return typeof throwIfDisposed === "function" && typeof dataSync === "function" && typeof data === "function";
  },

  spec: ({ dtype, shape }) => ({ dtype, shape }),

  get ready(): boolean {
    const engine = tfEngine();
    return engine !== undefined && engine.backendInstance !== null && engine.backendName !== undefined;
  },

  init: prepareTfjs,

  toHost(tensor) {
    tensor.throwIfDisposed();
    const engine = presentEngine();
    const pack = (values: TfValues): Uint8Array => toBytes(values, tensor.dtype);
    if (!isOnDeviceAlone(engine, tensor)) return pack(engine.readSync(tensor.dataId));
    return engine.read(tensor.dataId).then(pack);
  },

  fromHost(bytes, spec) {
    const engine = presentEngine();
    const { dtype, shape } = spec;
    if (!isTfDType(dtype)) {
      throw new TypeError(`TensorFlow.js has no tensors of dtype ${dtype}; its dtypes are: ${TF_DTYPES.join(", ")}`);
    }
    if (dtype === "string") return engine.makeTensor(unpackStrings(bytes, sizeOf(shape)), shape, dtype);
    if (dtype === "complex64") return complexFrom(engine, bytes, spec);
    return engine.makeTensor(elementsFrom(bytes, spec), shape, dtype);
  },

  slice(tensor, axis, start, stop) {
    const begin = tensor.shape.map((_, i) => (i === axis ? start : 0));
    const size = tensor.shape.map((length, i) => (i === axis ? stop - start : length));
    return onParts([tensor], ([x]) => presentEngine().runKernel("Slice", { x: x as TfTensor }, { begin, size }));
  },

  reshape(tensor, shape) {
    return onParts([tensor], ([x]) => presentEngine().runKernel("Reshape", { x: x as TfTensor }, { shape }));
  },

  concat(tensors, axis) {
    return onParts(tensors, (parts) => presentEngine().runKernel("Concat", parts as never, { axis }));
  },

  dispose: (tensor) => tensor.dispose(),
  // Given to tf.keep, or a variable.
  isHeld: (tensor) => tensor.kept || "trainable" in tensor,

  adopt() {
    if (this.ready || tfEngine() === undefined || isGivenUp) return undefined;
    return prepareTfjs().catch(() => {
      // The program may be about to choose a backend itself; if not, it hears of it from TensorFlow.js.
      isGivenUp = true;
    });
  },

  begin: () => {
    const engine = tfEngine();
    return engine === undefined ? undefined : beginScope(engine);
  },
};

const TF_DTYPES: readonly TfDType[] = ["float32", "int32", "bool", "complex64", "string"];

function isTfDType(dtype: TensorDType): dtype is TfDType {
  return (TF_DTYPES as readonly string[]).includes(dtype);
}

function presentEngine(): TfEngine {
  const engine = tfEngine();
  if (engine === undefined) throw new TypeError("TensorFlow.js is not loaded in this process");
  return engine;
}

/** Whether reading the elements takes an await: only WebGPU keeps them where nothing can read them at once. */
function isOnDeviceAlone(engine: TfEngine, { dataId, dtype }: TfTensor): boolean {
  const backend = engine.state.tensorInfo.get(dataId)?.backend;
  if (backend?.device === undefined || dtype === "string") return false;
  return dtype === "complex64" || backend.tensorMap?.get(dataId)?.values == null;
}

function toBytes(values: TfValues, dtype: TfDType): Uint8Array {
  if (dtype === "string") return packStrings(values as Uint8Array[]);
  // Reading a bool tensor gives whatever the backend stores: 1 byte or 4.
  if (dtype === "bool" && !(values instanceof Uint8Array)) return Uint8Array.from(values as Int32Array);
  return bytesOf(values as Exclude<TfValues, Uint8Array[]>);
}

function complexFrom(engine: TfEngine, bytes: Uint8Array, spec: TensorSpec): TfTensor {
  const pairs = elementsFrom(bytes, spec) as Float32Array;
  const real = new Float32Array(pairs.length / 2);
  const imag = new Float32Array(pairs.length / 2);
  for (let i = 0; i < real.length; i++) {
    real[i] = pairs[2 * i] as number;
    imag[i] = pairs[2 * i + 1] as number;
  }
  const parts = [real, imag].map((part) => engine.makeTensor(part, spec.shape, "float32"));
  return complexOf(engine, parts as [TfTensor, TfTensor]);
}

/** A complex tensor of two real ones, which are freed. */
function complexOf(engine: TfEngine, [real, imag]: readonly [TfTensor, TfTensor]): TfTensor {
  try {
    return engine.runKernel("Complex", { real, imag }, {});
  } catch (error) {
    if (!/not registered/.test((error as Error).message)) throw error;
    throw new TypeError(
      `the backend "${engine.backendName}" of TensorFlow.js has no complex64; ` +
        'use the backend cpu or webgpu (an engine\'s with Cluster.start({ devices: ["cpu"] }))',
      { cause: error },
    );
  } finally {
    real.dispose();
    imag.dispose();
  }
}

/** `compute` on tensors; on complex ones, for which few kernels exist, on their real and their imaginary parts. */
function onParts(tensors: readonly TfTensor[], compute: (parts: readonly TfTensor[]) => TfTensor): TfTensor {
  if (tensors[0]?.dtype !== "complex64") return compute(tensors);
  const engine = presentEngine();
  const part = (kernel: "Real" | "Imag"): TfTensor => {
    const parts = tensors.map((input) => engine.runKernel(kernel, { input }, {}));
    const result = compute(parts);
    for (const tensor of parts) tensor.dispose();
    return result;
  };
  return complexOf(engine, [part("Real"), part("Imag")]);
}

/** What `tf.tidy` does, for a task that may await: tasks run one after another, so all tensors in between are its own. */
function beginScope(engine: TfEngine): TaskScope<TfTensor> {
  engine.startScope("task");
  const scope = engine.state.activeScope;
  return {
    settle: () => submitCommands(engine.backendInstance),
    release: (lives) => {
      const { state } = engine;
      if (scope === null || !state.scopeStack.includes(scope)) return;
      while (state.activeScope !== scope) engine.endScope([]);
      for (const tensor of held) {
        if (!tensor.isDisposed && lives(tensor)) continue;
        held.delete(tensor);
        if (!tensor.kept) tensor.dispose();
      }
      const survivors = scope.track.filter((tensor) => !tensor.isDisposed && !tensor.kept && lives(tensor));
      for (const tensor of survivors) held.add(tensor);
      engine.endScope(survivors);
    },
  };
}

/** The WebGPU backend collects commands; those of a task must have run when it is done. */
function submitCommands(backend: TfBackend | null): void {
  if (backend?.commandEncoder == null) return;
  backend.endComputePassEncoder?.();
  backend.submitQueue?.();
}
