/** The types of what calls give. */

import type { AsyncResult } from "./async-result.ts";
import type { Shape } from "./targets.ts";

/** One value for one target, an array for several. */
export type Shaped<S extends Shape, T> = S extends "one" ? T : T[];

/** With the flag `block` a promise, else an AsyncResult. */
export type Returned<B extends boolean, T> = B extends true ? Promise<T> : AsyncResult<T>;
