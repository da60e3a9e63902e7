/** TensorFlow.js for the examples: the part of it that they use, loaded from where the program runs. */

import { createRequire } from "node:module";
import path from "node:path";

export const CORE = "@tensorflow/tfjs-core";
/** Has the gradients of the kernels, which the core lacks on Node. */
export const LAYERS = "@tensorflow/tfjs-layers";
const WASM = "@tensorflow/tfjs-backend-wasm";

export interface Tensor {
  readonly dtype: string;
  readonly shape: number[];
  data(): Promise<Float32Array | Int32Array>;
  dispose(): void;
}

type Pad = "same" | "valid";

export interface TensorFlow {
  tensor(values: unknown, shape?: readonly number[], dtype?: string): Tensor;
  variable(initial: Tensor): Tensor & { assign(value: Tensor): void };
  truncatedNormal(shape: readonly number[], mean: number, deviation: number, dtype: string, seed: number): Tensor;
  zeros(shape: readonly number[]): Tensor;
  add(a: Tensor, b: Tensor | number): Tensor;
  addN(all: readonly Tensor[]): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  div(a: Tensor, b: Tensor | number): Tensor;
  square(a: Tensor): Tensor;
  neg(a: Tensor): Tensor;
  sum(a: Tensor, axis?: number): Tensor;
  mean(a: Tensor): Tensor;
  relu(a: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  logSoftmax(a: Tensor): Tensor;
  oneHot(labels: Tensor, depth: number): Tensor;
  cast(a: Tensor, dtype: string): Tensor;
  argMax(a: Tensor, axis: number): Tensor;
  slice(a: Tensor, begin: number | readonly number[], size: number | readonly number[]): Tensor;
  gather(a: Tensor, rows: Tensor): Tensor;
  reshape(a: Tensor, shape: readonly number[]): Tensor;
  transpose(a: Tensor, order: readonly number[]): Tensor;
  conv2d(x: Tensor, filter: Tensor, stride: number, pad: Pad): Tensor;
  conv2dTranspose(x: Tensor, filter: Tensor, shape: readonly number[], stride: number, pad: Pad): Tensor;
  maxPool(x: Tensor, size: number, stride: number, pad: Pad): Tensor;
  customGrad(
    f: (
      x: Tensor,
      filter: Tensor,
      save: (saved: Tensor[]) => void,
    ) => {
      value: Tensor;
      gradFunc: (dy: Tensor, saved: Tensor[]) => Tensor[];
    },
  ): (x: Tensor, filter: Tensor) => Tensor;
  valueAndGrads(
    f: (...weights: Tensor[]) => Tensor,
  ): (weights: readonly Tensor[]) => { value: Tensor; grads: Tensor[] };
  tidy<T>(f: () => T): T;
  memory(): { numTensors: number };
  setBackend(name: string): Promise<boolean>;
}

/**
 * TensorFlow.js on its WebAssembly backend, under the name `tf` here as on the engines. Without it the program ends, and
 * says what to install.
 */
export async function loadTensorFlow(): Promise<TensorFlow> {
  const load = createRequire(path.join(process.cwd(), "package.json"));
  try {
    const tf = load(CORE) as TensorFlow;
    load(WASM);
    load(LAYERS);
    await tf.setBackend("wasm");
    Object.assign(globalThis, { tf });
    return tf;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    const packages = [CORE, LAYERS, WASM].map((name) => `${name}@4.22.0`);
    console.error(`This example needs TensorFlow.js: npm install --no-save ${packages.join(" ")}`);
    process.exit(1);
  }
}
