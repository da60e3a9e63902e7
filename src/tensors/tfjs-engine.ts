/**
 * The part of TensorFlow.js that is used here. All copies of tfjs-core in a process share one engine, on the global
 * object; so tensors of any copy can be read and made without importing one.
 */

import type { TypedArray } from "../ndarray-transport/dtypes.ts";

export type TfDType = "float32" | "int32" | "bool" | "complex64" | "string";
type DataId = object;

export interface TfTensor {
  readonly id: number;
  readonly dtype: TfDType;
  readonly shape: number[];
  readonly dataId: DataId;
  readonly kept: boolean;
  readonly isDisposed: boolean;
  dispose(): void;
  throwIfDisposed(): void;
}

/** Elements as a backend gives them; strings as their UTF-8 bytes. */
export type TfValues = TypedArray | Uint8Array[];

export interface TfBackend {
  readonly device?: unknown;
  readonly tensorMap?: { get(dataId: DataId): { readonly values?: unknown } | undefined };
  isUsingGpuDevice?: boolean;
  readonly commandEncoder?: unknown;
  endComputePassEncoder?(): void;
  submitQueue?(): void;
}

interface TfScope {
  readonly track: TfTensor[];
}

export interface TfEngine {
  readonly backendName: string;
  readonly backendInstance: TfBackend | null;
  /** Makes a backend of what is registered, if there is none yet. Throws where that takes an await. */
  readonly backend: TfBackend;
  readonly registryFactory: Readonly<Record<string, unknown>>;
  readonly state: {
    readonly tensorInfo: { get(dataId: DataId): { readonly backend: TfBackend } | undefined };
    readonly scopeStack: TfScope[];
    activeScope: TfScope | null;
  };
  ready(): Promise<void>;
  setBackend(name: string): Promise<boolean>;
  removeBackend(name: string): void;
  registerBackend(name: string, factory: () => unknown, priority: number): boolean;
  makeTensor(values: TfValues, shape: readonly number[], dtype: TfDType): TfTensor;
  runKernel(name: string, inputs: Record<string, TfTensor>, attributes: Record<string, unknown>): TfTensor;
  readSync(dataId: DataId): TfValues;
  read(dataId: DataId): Promise<TfValues>;
  memory(): { readonly numBytes: number };
  startScope(name?: string): void;
  endScope(result: readonly TfTensor[]): void;
}

/** The engine of TensorFlow.js, if it has been loaded in this process. */
export function tfEngine(): TfEngine | undefined {
  return (globalThis as { _tfengine?: TfEngine })._tfengine;
}
