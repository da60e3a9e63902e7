/** Tensors as the arrays that are scattered, mapped and gathered. */

import { dtypeOf, isTypedArray } from "../ndarray-transport/dtypes.ts";
import { copyRowMajor, isNdArray, makeNdArray, type NdArray, sizeOf } from "../ndarray-transport/ndarrays.ts";
import { describe } from "../parallel-map/describe.ts";
import type { ForeignArrays, ForeignOutput } from "../parallel-map/foreign.ts";
import { join } from "../parallel-map/join.ts";
import { allocateElements } from "../parallel-map/output.ts";
import type { Distribution } from "../parallel-map/plan.ts";
import { adapterOf, readyAdapter, type TensorAdapter, type TensorDType, type TensorSpec } from "./adapter.ts";
import { bytesFrom } from "./elements.ts";
import { HostTensor } from "./host-tensor.ts";

export const foreignTensors: ForeignArrays = {
  is: (value): value is object => value instanceof HostTensor || adapterOf(value) !== undefined,
  shape: (array) => specOf(array).shape,
  divisible(array) {
    if (array instanceof HostTensor) return array;
    const adapter = adapterIn(array);
    const bytes = adapter.toHost(array);
    if (bytes instanceof Uint8Array) return HostTensor.from(adapter, adapter.spec(array), bytes);
    // It is on a device alone: divided there, and each part comes down on its own.
    bytes.catch(() => undefined);
    return array;
  },
  whole: (array) => (array instanceof HostTensor ? fromHostTensor(array) : array),
  slice(array, axis, start, stop, step) {
    if (array instanceof HostTensor) return array.slice(axis, start, stop, step);
    const adapter = adapterIn(array);
    if (step === 1) return adapter.slice(array, axis, start, stop) as object;
    const picked = range(start, stop, step).map((i) => adapter.slice(array, axis, i, i + 1));
    return picked.length === 0
      ? (adapter.slice(array, axis, 0, 0) as object)
      : (adapter.concat(picked, axis) as object);
  },
  only(array, axis) {
    if (array instanceof HostTensor) return array.only(axis);
    const adapter = adapterIn(array);
    return adapter.reshape(array, adapter.spec(array).shape.toSpliced(axis, 1)) as object;
  },
  items(array, start, stop) {
    if (array instanceof HostTensor)
      return range(start, stop, 1).map((i) => fromHostTensor(array.slice(0, i, i + 1, 1).only(0)));
    const adapter = adapterIn(array);
    const shape = adapter.spec(array).shape.slice(1);
    return range(start, stop, 1).map((i) => {
      const slice = adapter.slice(array, 0, i, i + 1);
      const item = adapter.reshape(slice, shape);
      adapter.dispose(slice);
      return item;
    });
  },
  join: joinTensors,
  outputKind(array) {
    const { dtype, shape } = specOf(array);
    return { kind: "foreign", library: adapterIn(array).name, dtype, rank: shape.length };
  },
  stack,
};

function adapterIn(array: object): TensorAdapter {
  return array instanceof HostTensor ? array.adapter : (adapterOf(array) as TensorAdapter);
}

function specOf(array: object): TensorSpec {
  return array instanceof HostTensor ? array.spec : adapterIn(array).spec(array);
}

function fromHostTensor(tensor: HostTensor): object {
  return readyAdapter(tensor.adapter.name).fromHost(tensor.bytes(), tensor.spec) as object;
}

function range(start: number, stop: number, step: number): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, i) => start + i * step);
}

/** Of neighbours the library itself makes one; interleaved ones, and strings, are joined in host memory. */
function joinTensors(parts: readonly object[], dist: Distribution, axis: number): object | Promise<object> {
  const first = parts[0] as object;
  const adapter = adapterIn(first);
  const { dtype } = specOf(first);
  checkAlike(parts, axis);
  const isAllThere = parts.every((part) => !(part instanceof HostTensor));
  if (dist === "block" && dtype !== "string" && isAllThere) {
    const full = parts.filter((part) => sizeOf(specOf(part).shape) > 0);
    return full.length === 0 ? first : (adapter.concat(full, axis) as object);
  }
  const together = (arrays: readonly HostTensor[]): object => {
    const joined = join(
      arrays.map(({ array }) => array),
      { dist, axis },
    );
    return fromHostTensor(HostTensor.fromArray(adapter, dtype, joined as NdArray));
  };
  const hosts = parts.map(hostTensor);
  return hosts.every((host) => host instanceof HostTensor) ? together(hosts) : Promise.all(hosts).then(together);
}

function hostTensor(part: object): HostTensor | Promise<HostTensor> {
  if (part instanceof HostTensor) return part;
  const adapter = adapterIn(part);
  const bytes = adapter.toHost(part);
  const wrap = (block: Uint8Array): HostTensor => HostTensor.from(adapter, adapter.spec(part), block);
  return bytes instanceof Uint8Array ? wrap(bytes) : bytes.then(wrap);
}

function checkAlike(parts: readonly object[], axis: number): void {
  const first = parts[0] as object;
  const rank = specOf(first).shape.length;
  if (!(Number.isInteger(axis) && axis >= 0 && axis < rank)) {
    throw new RangeError(`axis must be an integer from 0 to ${rank - 1} for ${inWords(first)}, not ${String(axis)}`);
  }
  for (const [index, part] of parts.entries()) {
    if (adapterIn(part).name === adapterIn(first).name && fits(specOf(part), specOf(first), axis)) continue;
    const found = `part 0 is ${inWords(first)} and part ${index} is ${inWords(part)}`;
    throw new TypeError(
      `the parts cannot be joined: ${found}; they must be of one library and dtype, and of one shape but for axis ${axis}`,
    );
  }
}

function fits(part: TensorSpec, first: TensorSpec, axis: number): boolean {
  const { shape } = first;
  const isSameShape = part.shape.length === shape.length && part.shape.every((n, i) => i === axis || n === shape[i]);
  return isSameShape && part.dtype === first.dtype;
}

function inWords(array: object): string {
  const { dtype, shape } = specOf(array);
  return `a ${dtype} tensor of shape [${shape.join(", ")}]`;
}

/** Numbers, arrays or tensors of one shape, as one tensor of the library that was mapped over. */
function stack(results: readonly unknown[], output: ForeignOutput, offset: number): object {
  const adapter = readyAdapter(output.library);
  const first = results[0];
  if (first === undefined && results.length === 0) return emptyLike(adapter, output);
  if (typeof first === "number") return stackNumbers(adapter, results, output, offset);
  if (isTypedArray(first) || isNdArray(first)) return stackArrays(adapter, results, output, offset);
  if (adapter.is(first)) return stackTensors(adapter, results, output, offset);
  throw misfit(output, offset, first, "a number, an ndarray or a tensor");
}

function emptyLike(adapter: TensorAdapter, { dtype }: ForeignOutput): object {
  return adapter.fromHost(new Uint8Array(0), { dtype: dtype as TensorDType, shape: [0] }) as object;
}

/** Numbers keep the dtype that was mapped over if it is float32, or int32 and they are such; else they are float32. */
function stackNumbers(
  adapter: TensorAdapter,
  results: readonly unknown[],
  output: ForeignOutput,
  offset: number,
): object {
  const at = results.findIndex((value) => typeof value !== "number");
  if (at >= 0) throw misfit(output, offset + at, results[at], "a number, as the result before it is");
  const numbers = results as readonly number[];
  const isInt = output.dtype === "int32" && numbers.every((value) => (value | 0) === value);
  const elements = isInt ? Int32Array.from(numbers) : Float32Array.from(numbers);
  const spec: TensorSpec = { dtype: isInt ? "int32" : "float32", shape: [numbers.length] };
  return adapter.fromHost(bytesFrom(elements), spec) as object;
}

const DTYPES: Readonly<Record<string, TensorDType>> = {
  uint8_clamped: "uint8",
  bigint64: "int64",
  biguint64: "uint64",
};

function stackArrays(
  adapter: TensorAdapter,
  results: readonly unknown[],
  output: ForeignOutput,
  offset: number,
): object {
  const first = asNdArray(results[0]) as NdArray;
  const dtype = dtypeOf(first.data as never);
  const size = sizeOf(first.shape);
  const elements = allocateElements(dtype, results.length * size);
  for (const [i, result] of results.entries()) {
    const array = asNdArray(result);
    if (array === undefined || dtypeOf(array.data as never) !== dtype || `${array.shape}` !== `${first.shape}`) {
      throw misfit(output, offset + i, result, `${describe(results[0])} as the result before it is`);
    }
    copyRowMajor(array, elements, i * size);
  }
  const spec: TensorSpec = { dtype: (DTYPES[dtype] ?? dtype) as TensorDType, shape: [results.length, ...first.shape] };
  return adapter.fromHost(bytesFrom(elements), spec) as object;
}

function asNdArray(value: unknown): NdArray | undefined {
  if (isTypedArray(value)) return makeNdArray(value, [value.length]);
  return isNdArray(value) && isTypedArray(value.data) ? value : undefined;
}

function stackTensors(
  adapter: TensorAdapter,
  results: readonly unknown[],
  output: ForeignOutput,
  offset: number,
): object {
  const first = adapter.spec(results[0]);
  const rows = results.map((result, i) => {
    const spec = adapter.is(result) ? adapter.spec(result) : undefined;
    if (spec?.dtype !== first.dtype || `${spec.shape}` !== `${first.shape}`) {
      throw misfit(output, offset + i, result, `${inWords(results[0] as object)} as the result before it is`);
    }
    return adapter.reshape(result, [1, ...first.shape]) as object;
  });
  if (first.dtype !== "string") return adapter.concat(rows, 0) as object;
  return joinTensors(rows, "roundRobin", 0) as object;
}

function misfit(output: ForeignOutput, index: number, result: unknown, wanted: string): TypeError {
  const found = foreignTensors.is(result) ? inWords(result) : describe(result);
  return new TypeError(
    `map over a ${output.dtype} tensor: the result for index ${index} is ${found}, not ${wanted}; ` +
      "map over a plain array of tensors (tf.unstack) to get a plain array",
  );
}
