/**
 * The tensor libraries of the tests, which are too large to be dependencies of the project: they lie in a package of
 * their own, in the folder `libraries`, installed by `npm run test:tensors`. Engines and the tests run in that
 * folder, as in that of a program which depends on them.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { brotliDecompressSync } from "node:zlib";

export const folder: string = path.join(import.meta.dirname, "libraries");
const modules = path.join(folder, "node_modules");

export const isInstalled: boolean = existsSync(path.join(modules, "@tensorflow", "tfjs-core", "package.json"));
if (!isInstalled) {
  console.warn("Tests of tensors are left out: their libraries are not installed. npm run test:tensors says why.");
}

/** The parts of TensorFlow.js that the tests use; its own types are there only where it is installed. */
export interface Tf {
  tensor(values: unknown, shape?: readonly number[], dtype?: string): Tensor;
  tensor1d(values: unknown, dtype?: string): Tensor;
  tensor2d(values: unknown, shape?: readonly number[], dtype?: string): Tensor;
  scalar(value: unknown, dtype?: string): Tensor;
  complex(real: unknown, imag: unknown): Tensor;
  variable(initial: Tensor): Tensor & { assign(value: Tensor): void };
  ones(shape: readonly number[]): Tensor;
  zeros(shape: readonly number[]): Tensor;
  range(start: number, stop: number, step?: number, dtype?: string): Tensor;
  add(a: unknown, b: unknown): Tensor;
  mul(a: unknown, b: unknown): Tensor;
  sum(a: Tensor, axis?: number): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
  square(a: Tensor): Tensor;
  keep(a: Tensor): Tensor;
  memory(): { numTensors: number; numBytes: number };
  getBackend(): string;
  setBackend(name: string): Promise<boolean>;
  engine(): { startScope(): void; endScope(): void };
}

export interface Tensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly isDisposed: boolean;
  data(): Promise<ArrayLike<number> & Iterable<number>>;
  dataSync(): ArrayLike<number> & Iterable<number>;
  dispose(): void;
}

/** TensorFlow.js in this process, on its backend `cpu`. */
export async function loadTf(): Promise<Tf> {
  const load = createRequire(path.join(folder, "package.json"));
  const tf = load("@tensorflow/tfjs-core") as Tf;
  load("@tensorflow/tfjs-backend-cpu");
  await tf.setBackend("cpu");
  return tf;
}

/** The environment in which WebGPU finds SwiftShader, a driver that computes on the CPU. */
export function softwareGpu(): Record<string, string> {
  const target = path.join(modules, ".swiftshader");
  if (!existsSync(target)) {
    const packed = readFileSync(path.join(modules, "@sparticuz", "chromium", "bin", "swiftshader.tar.br"));
    const unpacking = `${target}-${process.pid}`;
    mkdirSync(unpacking, { recursive: true });
    writeFileSync(path.join(unpacking, "swiftshader.tar"), brotliDecompressSync(packed));
    execFileSync("tar", ["xf", "swiftshader.tar"], { cwd: unpacking });
    try {
      renameSync(unpacking, target);
    } catch {
      rmSync(unpacking, { recursive: true, force: true }); // somebody else was first
    }
  }
  return { VK_DRIVER_FILES: path.join(target, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: target };
}
