/** The types of maps: what a sequence's elements are, and what a map over it gives. */

import type { TypedArray } from "../ndarray-transport/dtypes.ts";
import type { NdArray } from "../ndarray-transport/ndarrays.ts";

import type { RemoteRef } from "./remote-ref.ts";

/** A tensor of any library, told by what all of them have. */
export interface TensorLike {
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Anything that can be partitioned. */
// biome-ignore lint/suspicious/noExplicitAny: whether a kept value can be divided shows when it is
export type SequenceInput = Iterable<unknown> | TypedArray | NdArray | TensorLike | RemoteRef<any>;

/** Anything whose elements can be taken one after another, also an endless or an asynchronous sequence. */
export type ImapInput = SequenceInput | AsyncIterable<unknown>;

/** What `fn` is called with for each element of `Q`. */
export type ElementOf<Q> =
  Q extends RemoteRef<infer T>
    ? ElementOf<T>
    : Q extends TypedArray
      ? Q[number]
      : Q extends NdArray
        ? // biome-ignore lint/suspicious/noExplicitAny: numbers or sub-arrays, depending on the rank, which has no type
          any
        : Q extends Iterable<infer E>
          ? E
          : Q extends AsyncIterable<infer E>
            ? E
            : Q extends TensorLike
              ? // biome-ignore lint/suspicious/noExplicitAny: a tensor of a rank lower, for which the library has its own type
                any
              : never;

/** The parameters of a function that is mapped over the sequences `Q`. */
export type ElementsOf<Q extends readonly unknown[]> = { [K in keyof Q]: ElementOf<Q[K]> };

/** What goes in decides what comes out. */
export type MapResult<Q, R> =
  Q extends RemoteRef<infer T>
    ? MapResult<T, R>
    : Q extends TypedArray
      ? Q
      : Q extends NdArray
        ? NdArray
        : Q extends Iterable<unknown>
          ? R[]
          : Q extends TensorLike
            ? StackedTensor
            : R[];

/** The results of a map over a tensor, stacked: a tensor of the same library. */
// biome-ignore lint/suspicious/noExplicitAny: the general tensor type of a library cannot be told from a special one
export type StackedTensor = any;
