/** A tensor whose elements lie in host memory: what a tensor is divided as, without a copy. */

import type { TypedArray } from "../ndarray-transport/dtypes.ts";
import { makeNdArray, type NdArray, rowMajorData, sizeOf } from "../ndarray-transport/ndarrays.ts";
import { sliceAxis, strideAxis } from "../parallel-map/sequences.ts";
import type { TensorAdapter, TensorSpec } from "./adapter.ts";
import { bytesFrom, elementsFrom, packStrings, unpackStrings } from "./elements.ts";

export class HostTensor {
  readonly adapter: TensorAdapter;
  readonly spec: TensorSpec;
  /** The elements. Complex ones have a last axis of length 2 in addition, strings are byte arrays in a plain array. */
  readonly #array: NdArray;

  private constructor(adapter: TensorAdapter, spec: TensorSpec, array: NdArray) {
    this.adapter = adapter;
    this.spec = spec;
    this.#array = array;
  }

  /** @param bytes as {@link TensorAdapter.toHost} gives them */
  static from(adapter: TensorAdapter, spec: TensorSpec, bytes: Uint8Array): HostTensor {
    const { dtype, shape } = spec;
    const data = dtype === "string" ? unpackStrings(bytes, sizeOf(shape)) : elementsFrom(bytes, spec);
    return new HostTensor(adapter, spec, makeNdArray(data, dtype === "complex64" ? [...shape, 2] : shape));
  }

  /** Of the elements in their C-ordered ndarray, as join and the like make it. */
  static fromArray(adapter: TensorAdapter, dtype: TensorSpec["dtype"], array: NdArray): HostTensor {
    const shape = dtype === "complex64" ? array.shape.slice(0, -1) : [...array.shape];
    return new HostTensor(adapter, { dtype, shape }, array);
  }

  get array(): NdArray {
    return this.#array;
  }

  slice(axis: number, start: number, stop: number, step: number): HostTensor {
    const until = sliceAxis(this.#array, axis, 0, Math.max(start, stop));
    const part = step === 1 ? sliceAxis(until, axis, start, stop) : strideAxis(until, axis, start, step);
    return this.#like(part);
  }

  only(axis: number): HostTensor {
    return this.#like(this.#array.pick(...this.#array.shape.map((_, i) => (i === axis ? 0 : null))));
  }

  /** The elements in C order, as {@link TensorAdapter.fromHost} takes them. */
  bytes(): Uint8Array {
    const data = rowMajorData(this.#array);
    return this.spec.dtype === "string" ? packStrings(data as Uint8Array[]) : bytesFrom(data);
  }

  /** The same as a typed array, whose alignment survives sending. */
  elements(): TypedArray {
    return elementsFrom(this.bytes(), this.spec);
  }

  #like(array: NdArray): HostTensor {
    return HostTensor.fromArray(this.adapter, this.spec.dtype, array);
  }
}
