/**
 * Arrays of other libraries, as this folder sees them: something with a shape that can be divided and joined. Whoever
 * knows such a library (the tensors, above) says how; without it there are no foreign arrays.
 */

import type { Distribution } from "./plan.ts";

declare const FOREIGN: unique symbol;

/** An array of another library, told by {@link isForeign}. What it is made of is that library's own business. */
export interface Foreign {
  readonly [FOREIGN]: true;
}

/** The output of a map over a foreign array. `library` and `dtype` are those of the first sequence. */
export interface ForeignOutput {
  readonly kind: "foreign";
  readonly library: string;
  readonly dtype: string;
  readonly rank: number;
}

/** What can be done with foreign arrays. Axes count from 0. */
export interface ForeignArrays {
  is(value: unknown): value is object;
  shape(array: object): readonly number[];
  /** The array in the form in which it is divided best; the slices of it can be sent, but not computed with. */
  divisible(array: object): object;
  /** A divisible array, or a slice of one, as something to compute with. */
  whole(array: object): object | Promise<object>;
  /** Every `step`-th item from `start` up to, not including, `stop`. */
  slice(array: object, axis: number, start: number, stop: number, step: number): object;
  /** The one item of a slice of length one, without that axis. */
  only(array: object, axis: number): object;
  /** The items from `start` to `stop` along axis 0. */
  items(array: object, start: number, stop: number): unknown[];
  /** @throws TypeError when the parts do not fit together */
  join(parts: readonly object[], dist: Distribution, axis: number): object | Promise<object>;
  outputKind(array: object): ForeignOutput;
  /** How many items lie in which processes already, one after another; undefined for what can go anywhere. */
  layout?(array: object): readonly { readonly engineId: number; readonly length: number }[] | undefined;
  /**
   * Results of one kind along a new axis 0.
   * @param offset the index of the first of them in the whole map, for messages
   * @throws TypeError that names the index of a result which does not fit
   */
  stack(results: readonly unknown[], output: ForeignOutput, offset: number): object | Promise<object>;
}

let known: ForeignArrays | undefined;

/** Says how foreign arrays are told and handled, once for the process. */
export function setForeignArrays(arrays: ForeignArrays): void {
  known = arrays;
}

/** Whether `value` is an array of another library with one axis at least. */
export function isForeign(value: unknown): value is Foreign {
  return known?.is(value) === true && known.shape(value).length > 0;
}

/** What can be done with a value of which {@link isForeign} holds. */
export function foreignArrays(): ForeignArrays {
  if (known === undefined) throw new TypeError("no library for tensors is known in this process");
  return known;
}

/** The results of a map over a foreign array, collected one by one and then put together by its library. */
export class ForeignResults {
  readonly #output: ForeignOutput;
  readonly #offset: number;
  readonly #values: unknown[] = [];

  constructor(output: ForeignOutput, offset: number) {
    this.#output = output;
    this.#offset = offset;
  }

  write(values: readonly unknown[], from: number, to: number): void {
    for (let i = from; i < to; i++) this.#values.push(values[i]);
  }

  finish(): unknown {
    return foreignArrays().stack(this.#values, this.#output, this.#offset);
  }
}
