/** The types of what calls take and give. */

import type { AsyncResult } from "./async-result.ts";
import type { RemoteRef } from "./remote-ref.ts";
import type { Shape } from "./targets.ts";

/** One value for one target, an array for several. */
export type Shaped<S extends Shape, T> = S extends "one" ? T : T[];

/** With the flag `keep` a reference to the value, else the value. */
export type Kept<K extends boolean, T> = K extends true ? RemoteRef<T> : T;

/** With the flag `block` a promise, else an AsyncResult. */
export type Returned<B extends boolean, T> = B extends true ? Promise<T> : AsyncResult<T>;

/** The arguments of a function that takes `A`: values, values that engines keep, or results of other calls. */
export type Arguments<A extends unknown[]> = {
  [I in keyof A]: A[I] | RemoteRef<A[I]> | AsyncResult<A[I]> | AsyncResult<RemoteRef<A[I]>>;
};
