/** Results of other tasks among the arguments of the task in hand: put together while its call is read. */

import type { ReceivedBytes } from "../ndarray-transport/segments/slices.ts";
import type { DeserializeOptions, Serializer } from "../ndarray-transport/serializer.ts";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import { type JoinOptions, join } from "../parallel-map/join.ts";
import type { ResultArgument } from "../protocol/calls.ts";

/** A value as it came. */
export interface ReceivedInput {
  readonly payload: Uint8Array;
  readonly buffers: readonly ReceivedBytes[];
}

/** Gives the inputs of the task whose call is read, each read once. */
let inputOf: ((index: number) => unknown) | undefined;

/** Reads a call that takes these results. */
export function readingInputs<T>(
  inputs: readonly ReceivedInput[],
  serializer: Serializer,
  options: DeserializeOptions,
  read: () => T,
): T {
  const outer = inputOf;
  const values: unknown[] = [];
  inputOf = (index) => {
    const input = inputs[index];
    if (input === undefined) throw new Error(`the task has no input ${index}`);
    if (!(index in values)) values[index] = serializer.deserialize(input.payload, input.buffers, options);
    return values[index];
  };
  try {
    return read();
  } finally {
    inputOf = outer;
  }
}

export const resultHandler: TypeHandler = {
  name: "result",
  test: () => false,
  encode: () => undefined,
  decode: ({ indices, whole }: ResultArgument): unknown => {
    const values = indices.map((index) => inputOf?.(index));
    if (whole === "one") return values[0];
    if (whole === "list" || values.length === 0) return values;
    return joined(values, whole);
  },
};

function joined(values: readonly unknown[], how: JoinOptions): unknown {
  const whole = join(values, how);
  if (!(whole instanceof Promise)) return whole;
  whole.catch(() => undefined);
  throw new TypeError("tensors that only a device has cannot be joined here: await the result, and pass its value");
}
