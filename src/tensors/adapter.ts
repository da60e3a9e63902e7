/** What a tensor library looks like from here, and the libraries that are known. */

import { SerializationError } from "../errors.ts";
import type { DeviceInfo } from "./device.ts";

/** Element types on the wire: those of tfjs, and the further ones of NumPy. */
export type TensorDType =
  | "bool"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float16"
  | "float32"
  | "float64"
  | "complex64"
  | "string";

/** What is known of a tensor without a look at its elements. */
export interface TensorSpec {
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
}

/** What happens around one task on an engine. */
export interface TaskScope<T = unknown> {
  /**
   * Called when the task has ended: done when the device has done its work.
   * @throws what went wrong on the device; the task fails with it
   */
  settle(): void | Promise<void>;
  /** Called when the result is on its way: frees the tensors made since the task began of which `lives` is false. */
  release(lives: (tensor: T) => boolean): void;
}

/**
 * A library of tensors. Elements travel in C order, little-endian: bool as one byte, complex64 as pairs of float32
 * (real, imaginary), strings as 32-bit lengths of all elements and then their UTF-8 bytes.
 */
export interface TensorAdapter<T = unknown> {
  /** Tells the library on both sides. */
  readonly name: string;
  /** Whether `value` is a tensor of this library. Asked often: by a look at its members, without loading anything. */
  is(value: unknown): value is T;
  spec(tensor: T): TensorSpec;
  /** Whether {@link fromHost} can be called. */
  readonly ready: boolean;
  /**
   * Loads the library, for the device that {@link assignedDevice} tells, if this process was given one.
   * @throws Error that says what to install
   */
  init(): Promise<DeviceInfo>;
  /** The elements: memory that the tensor itself uses, or a copy; a promise where only the device has them. */
  toHost(tensor: T): Uint8Array | Promise<Uint8Array>;
  /** A tensor of these elements. `bytes` may be unaligned, and never changes: the tensor may go on using its memory. */
  fromHost(bytes: Uint8Array, spec: TensorSpec): T;
  slice(tensor: T, axis: number, start: number, stop: number): T;
  reshape(tensor: T, shape: readonly number[]): T;
  concat(tensors: readonly T[], axis: number): T;
  dispose(tensor: T): void;
  /** Whether the program itself has said that the tensor lives on: it is not freed with a reference to it. */
  isHeld?(tensor: T): boolean;
  /** Called before each task of an engine: prepares what the program has loaded by itself, if that is to be waited for. */
  adopt?(): Promise<unknown> | undefined;
  /** Called before each task of an engine; undefined where there is nothing to look after. */
  begin?(): TaskScope<T> | undefined;
  /** The module that registers this adapter when it is imported; engines that lack the adapter import it. */
  readonly module?: string | undefined;
}

const adapters = new Map<string, TensorAdapter>();

/**
 * Makes a library of tensors known in this process: its tensors can then be sent, received, scattered, mapped and
 * gathered. An engine that receives one imports `module`, which is to call this function too.
 *
 * @param adapter what the library looks like
 * @param module URL of the module that makes this call, `import.meta.url`
 * @throws TypeError when the adapter lacks a member or its name is taken
 *
 * @example
 * ```ts
 * registerTensors(jaxAdapter, import.meta.url);
 * ```
 */
export function registerTensors<T>(adapter: TensorAdapter<T>, module?: string): void {
  const members = ["is", "spec", "init", "toHost", "fromHost", "slice", "reshape", "concat", "dispose"] as const;
  if (typeof adapter?.name !== "string" || adapter.name === "") {
    throw new TypeError("registerTensors(adapter): adapter.name must be a string that is not empty");
  }
  for (const member of members) {
    if (typeof adapter[member] !== "function") {
      throw new TypeError(`registerTensors(adapter): adapter.${member} of "${adapter.name}" must be a function`);
    }
  }
  const known = adapters.get(adapter.name);
  if (known !== undefined) {
    if (known.module === module && module !== undefined) return;
    throw new TypeError(`registerTensors(adapter): the name "${adapter.name}" is taken; choose another`);
  }
  // The adapter stays the prototype, so that its getters go on working.
  const entry = Object.create(adapter as object, { module: { value: module } }) as TensorAdapter;
  adapters.set(adapter.name, entry);
}

/** The adapters known in this process. */
export function tensorAdapters(): IterableIterator<TensorAdapter> {
  return adapters.values();
}

/** The adapter of the library that `value` is a tensor of. */
export function adapterOf(value: unknown): TensorAdapter | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const adapter of adapters.values()) if (adapter.is(value)) return adapter;
  return undefined;
}

/** Dtype and shape, if it is a tensor. */
export function specOfTensor(value: unknown): TensorSpec | undefined {
  const spec = adapterOf(value)?.spec(value);
  return spec && { dtype: spec.dtype, shape: [...spec.shape] };
}

/** Frees it, if it is a tensor. */
export function disposeTensor(value: unknown): void {
  adapterOf(value)?.dispose(value);
}

/**
 * The adapter of that name, ready to make tensors.
 * @throws SerializationError when it was not prepared
 */
export function readyAdapter(name: string): TensorAdapter {
  const adapter = adapters.get(name);
  if (adapter?.ready === true) return adapter;
  throw new SerializationError(`a tensor of "${name}" was received before that library was loaded`);
}

/** Libraries that are being loaded: once for all the tensors that wait for one. */
const loading = new Map<string, Promise<void>>();

/** Loads the library of that name, unless it is ready: then there is nothing to wait for. */
export function preparation(name: string, module: string | undefined): Promise<void> | undefined {
  if (adapters.get(name)?.ready === true) return undefined;
  let loaded = loading.get(name);
  if (loaded === undefined) {
    loaded = loadAdapter(name, module).finally(() => loading.delete(name));
    loading.set(name, loaded);
  }
  return loaded;
}

async function loadAdapter(name: string, module: string | undefined): Promise<void> {
  if (!adapters.has(name) && module !== undefined) await import(module);
  const adapter = adapters.get(name);
  if (adapter === undefined) {
    throw new SerializationError(
      `a tensor of "${name}" was received, but no adapter of that name is registered in this process; ` +
        "call registerTensors(adapter, import.meta.url) in a module that can be imported here",
    );
  }
  await adapter.init();
}
