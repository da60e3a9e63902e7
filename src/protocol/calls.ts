/** What a client asks of an engine, by name: the value that a task's payload holds. */

import type { KeptArgument } from "./kept.ts";

/** The parameters of each operation. */
export interface Calls {
  /** Call a function; `range` says which items of the whole the parts among the arguments are. */
  apply: {
    readonly fn: unknown;
    readonly args: readonly unknown[];
    readonly range?: { readonly start: number; readonly stop: number } | undefined;
  };
  /**
   * Call a function for each element of partitions; `offset` is the index of the first in the whole. With `catches`,
   * errors stand in the places of values.
   */
  map: {
    readonly fn: unknown;
    readonly sequences: readonly unknown[];
    readonly output: unknown;
    readonly offset: number;
    readonly catches?: boolean | undefined;
  };
  /** Fold a partition. */
  reduce: { readonly fn: unknown; readonly sequence: unknown };
  /** Run source text; `file` is where it came from. */
  execute: { readonly code: string; readonly silent: boolean; readonly file?: string | undefined };
  /** Put values into the namespace. */
  push: { readonly record: Readonly<Record<string, unknown>> };
  /** Read values of the namespace: one for a name, a list for a list. */
  pull: { readonly names: string | readonly string[] };
  /** Load modules into the namespace, by name. */
  import: { readonly modules: Readonly<Record<string, string>> };
  /** Give back a value: one that is kept. */
  give: { readonly value: unknown };
  /** Empty the namespace. */
  clear: Record<never, never>;
}

export type Operation = keyof Calls;

/**
 * One call, as it is serialized. `types` are the registered types of the sender, for reading what follows; with `keep`
 * the result stays on the engine.
 */
export type CallValue = {
  [O in Operation]: { readonly operation: O; readonly types?: unknown; readonly keep?: boolean | undefined } & Calls[O];
}[Operation];

/**
 * What stands for the result of a call: which of the task's inputs it consists of, and whether it is one value, a list of
 * them, or all of them joined.
 */
export interface ResultArgument {
  readonly indices: readonly number[];
  readonly whole: KeptArgument["whole"];
}
