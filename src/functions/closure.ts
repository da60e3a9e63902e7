/** `closure`: what a function takes along, stated by hand. */

import { sourceOf } from "./capture.ts";
import { describeValue, labelOf } from "./refusals.ts";
import { type ModuleMode, rememberStandIn, standInOf } from "./stand-ins.ts";
import type { AnyFunction } from "./wire.ts";

/** How the captures that are not stated travel. */
export interface ClosureOptions {
  /** How imports of local modules travel: by value, or by name, to be imported on the engine. Default: as the view says. */
  readonly modules?: ModuleMode;
}

/**
 * States by hand what some of a function's variables are on the engine; the others are captured as ever.
 *
 * @param fn the function; where it is called on the client, it goes on using its own variables
 * @param captures the values, by the names that the function uses for them; they are sent as they are at the time of
 *   sending
 * @returns a callable that behaves as `fn`, and carries the captures when it is sent
 * @throws TypeError for a name that the function does not use, or captures that are no plain record
 *
 * @example
 * ```ts
 * const factor = 3;
 * const scale = (x: number) => x * factor;
 * await view.map(closure(scale, { factor: 10 }), [1, 2]);   // [10, 20]
 * ```
 */
export function closure<F extends AnyFunction>(
  fn: F,
  captures: Record<string, unknown>,
  options: ClosureOptions = {},
): F {
  if (typeof fn !== "function") throw new TypeError(`closure: fn must be a function, not ${describeValue(fn)}`);
  if (typeof captures !== "object" || captures === null || Array.isArray(captures)) {
    throw new TypeError(`closure: captures must be an object of names and values, not ${describeValue(captures)}`);
  }
  const { modules } = options;
  if (modules !== undefined && modules !== "value" && modules !== "reference") {
    throw new TypeError(`closure: modules must be "value" or "reference", not ${String(modules)}`);
  }
  const standIn = standInOf(fn);
  const original = standIn?.original ?? fn;
  const source = sourceOf(original);
  const used = new Set(source.kind === "readable" ? source.freeNames.map(({ name }) => name) : []);
  if (source.kind === "readable" && source.baseName !== undefined) used.add(source.baseName);
  const unused = Object.keys(captures).filter((name) => !used.has(name));
  if (unused.length > 0) {
    const names = unused.map((name) => `"${name}"`).join(", ");
    throw new TypeError(`closure: ${labelOf(original)} does not use ${names} from outside`);
  }
  const wrapper = new Proxy(fn, {});
  rememberStandIn(wrapper, {
    original,
    captures: { ...standIn?.captures, ...captures },
    modules: modules ?? standIn?.modules,
  });
  return wrapper;
}
