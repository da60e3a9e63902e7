/** Loads TensorFlow.js with the backend that the device of the process asks for. */

import { createRequire } from "node:module";
import { type AssignedDevice, assignedDevice, type DeviceInfo } from "./device.ts";
import { gpuDevice, gpuDeviceInfo } from "./gpu.ts";
import { importLibrary, LibraryError, NotInstalledError } from "./import-library.ts";
import { type TfEngine, tfEngine } from "./tfjs-engine.ts";

type Module = Record<string, unknown>;

const CORE = "@tensorflow/tfjs-core";
const WASM = "@tensorflow/tfjs-backend-wasm";
const CPU = "@tensorflow/tfjs-backend-cpu";
const WEBGPU = "@tensorflow/tfjs-backend-webgpu";
const NODE_GPU = "@tensorflow/tfjs-node-gpu";

/**
 * Makes TensorFlow.js ready: with the backend for the device that this process was given, or, where it was given none,
 * with the one that the program has registered, else WebAssembly if it is installed, else plain JavaScript.
 * @throws LibraryError; NotInstalledError when a package is missing
 */
export async function prepareTfjs(): Promise<DeviceInfo> {
  const device = assignedDevice();
  if (device !== undefined) return await prepareBackend(device);
  const engine = tfEngine();
  if (engine === undefined || Object.keys(engine.registryFactory).length === 0) return await wasmOrCpu();
  await engine.ready();
  if (engine.backendName === "wasm") limitMemory(engine);
  return infoOf(engine.backendName === "wasm" ? "wasm" : "cpu");
}

async function prepareBackend(device: AssignedDevice): Promise<DeviceInfo> {
  if (device.kind === "cuda") return await cuda(device);
  if (device.kind === "webgpu") return await webgpu(device);
  await use(device.kind, device.kind === "wasm" ? WASM : CPU);
  return infoOf(device.kind);
}

function infoOf(kind: "cpu" | "wasm"): DeviceInfo {
  const name = kind === "wasm" ? "CPU (WebAssembly)" : "CPU";
  return { kind, id: kind, name, software: false, share: 1, gpu: 0 };
}

async function wasmOrCpu(): Promise<DeviceInfo> {
  try {
    return await prepareBackend({ kind: "wasm", share: 1 });
  } catch (error) {
    if (!(error instanceof NotInstalledError)) throw error;
  }
  try {
    return await prepareBackend({ kind: "cpu", share: 1 });
  } catch (error) {
    if (!(error instanceof NotInstalledError)) throw error;
    throw new NotInstalledError(
      `tensors of TensorFlow.js need it in this process too: npm install ${CORE} ${WASM} ` +
        `(or ${CPU}), where this process finds it: ${process.cwd()}`,
      { cause: error },
    );
  }
}

/** Loads the package of a backend and makes it the active one. */
async function use(name: string, specifier: string): Promise<{ engine: TfEngine; backend: Module }> {
  const purpose = `the backend "${name}" of TensorFlow.js`;
  await importLibrary(CORE, purpose);
  const backend = await importLibrary(specifier, purpose);
  const engine = tfEngine();
  if (engine === undefined) throw new LibraryError(`${CORE} was loaded, but its engine is not there`);
  if (!(await engine.setBackend(name))) throw new LibraryError(`${purpose} could not be started`);
  if (name === "wasm") limitMemory(engine);
  return { engine, backend };
}

async function webgpu(device: AssignedDevice): Promise<DeviceInfo> {
  const gpu = await gpuDevice(device);
  const purpose = 'the backend "webgpu" of TensorFlow.js';
  await importLibrary(CORE, purpose);
  // Kernels without a WebGPU form run on the CPU, and so do host tensors that are not worth the way.
  await importLibrary(CPU, purpose);
  const { WebGPUBackend } = (await importLibrary(WEBGPU, purpose)) as unknown as {
    WebGPUBackend: new (device: unknown, info: unknown) => unknown;
  };
  const engine = tfEngine();
  if (engine === undefined) throw new LibraryError(`${CORE} was loaded, but its engine is not there`);
  engine.removeBackend("webgpu");
  engine.registerBackend("webgpu", () => new WebGPUBackend(gpu.device, gpu.info), 10);
  if (!(await engine.setBackend("webgpu"))) throw new LibraryError(`${purpose} could not be started`);
  return gpuDeviceInfo();
}

/** A library has no memory left for its tensors. */
export class OutOfMemoryError extends LibraryError {
  override readonly name: string = "OutOfMemoryError";
}

/** What WebAssembly can address, in bytes. */
const WASM_BYTES = 2 ** 32;

interface WasmModule {
  _malloc(bytes: number): number;
}

/**
 * Lets the WebAssembly backend say when its memory is exhausted. By itself it aborts for good, or goes on at address 0.
 * All its tensors are allocated here.
 */
function limitMemory(engine: TfEngine): void {
  const { wasm } = engine.backendInstance as unknown as { wasm?: WasmModule };
  if (wasm === undefined || limited.has(wasm)) return;
  limited.add(wasm);
  let allocate = wasm._malloc;
  const allocateOrThrow = (bytes: number): number => {
    const address = bytes < WASM_BYTES ? allocate(bytes) : 0;
    if (address !== 0 || bytes === 0) return address;
    throw new OutOfMemoryError(
      `${bytes} bytes were asked for, but the memory of TensorFlow.js on WebAssembly has no room for them: it grows to ` +
        `${WASM_BYTES} bytes at most, and its tensors take ${engine.memory().numBytes}; ` +
        "dispose of some, or divide the work over more engines",
    );
  };
  // At its first call the function puts another in its own place.
  const set = (next: WasmModule["_malloc"]): void => {
    allocate = next;
  };
  Object.defineProperty(wasm, "_malloc", { get: () => allocateOrThrow, set });
}

const limited = new WeakSet<WasmModule>();

/** tfjs-node-gpu computes on the GPU that CUDA_VISIBLE_DEVICES names, which the agent has set. */
async function cuda(device: AssignedDevice): Promise<DeviceInfo> {
  restoreRemovedHelpers();
  try {
    await importLibrary(NODE_GPU, "a CUDA device");
  } catch (error) {
    throw explainNative(error as NodeJS.ErrnoException);
  }
  const engine = tfEngine();
  await engine?.ready();
  if (engine?.backendInstance?.isUsingGpuDevice !== true) {
    throw new LibraryError(
      `${NODE_GPU} was loaded but computes on the CPU: it did not find CUDA 11.2 and cuDNN 8.1, which it needs ` +
        "(CUDA 12 will not do), or no GPU is visible to it",
    );
  }
  const { share, memory, id = "cuda" } = device;
  return { kind: "cuda", id, name: device.name ?? id, software: false, share, memory, gpu: share };
}

/** Node 23 removed helpers that tfjs-node 4.22 still calls. */
function restoreRemovedHelpers(): void {
  const util = createRequire(import.meta.url)("node:util") as Record<string, unknown>;
  util["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  util["isArray"] ??= Array.isArray;
}

function explainNative(error: NodeJS.ErrnoException): Error {
  if (error instanceof LibraryError) return error;
  const cause = { cause: error };
  if (/tfjs_binding\.node/.test(error.message)) {
    const how = `npm install-scripts approve ${NODE_GPU}, then npm rebuild ${NODE_GPU}`;
    return new LibraryError(`${NODE_GPU} is installed, but its install script did not run: ${how}`, cause);
  }
  if (error.code === "ERR_DLOPEN_FAILED") {
    const what = "libtensorflow is missing or does not load";
    return new LibraryError(`${NODE_GPU} is installed, but ${what}: ${error.message}`, cause);
  }
  return error;
}
