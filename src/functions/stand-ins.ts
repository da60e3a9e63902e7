/**
 * Functions that travel as others: wrappers as what they wrap, and functions with captures stated by hand.
 */

import type { AnyFunction } from "./wire.ts";

/** How imports of local modules travel: their values, or the name of the module, to be imported on the engine. */
export type ModuleMode = "value" | "reference";

/** The function that a wrapper stands for, and what was stated by hand. */
export interface StandIn {
  readonly original: AnyFunction;
  readonly captures: Readonly<Record<string, unknown>> | undefined;
  readonly modules: ModuleMode | undefined;
}

const standIns = new WeakMap<object, StandIn>();

/** What `fn` stands for; undefined if it stands for itself. */
export function standInOf(fn: object): StandIn | undefined {
  return standIns.get(fn);
}

export function rememberStandIn(wrapper: AnyFunction, standIn: StandIn): void {
  standIns.set(wrapper, standIn);
}

/**
 * Makes `wrapper` travel as the function it wraps: for callables that submit work, and would be of no use on an engine.
 */
export function travelsAs(wrapper: AnyFunction, original: AnyFunction): void {
  standIns.set(wrapper, { original, captures: undefined, modules: undefined });
}

/** The function that is sent for `fn`: wrappers are the same as what they wrap. Those with captures stay themselves. */
export function unwrap(fn: AnyFunction): AnyFunction {
  const standIn = standIns.get(fn);
  return standIn === undefined || isStated(standIn) ? fn : unwrap(standIn.original);
}

/** Whether `value` is the function, or a wrapper that stands for it. */
export function isSame(value: unknown, fn: AnyFunction): boolean {
  return value === fn || (typeof value === "function" && standIns.get(value)?.original === fn);
}

function isStated({ captures, modules }: StandIn): boolean {
  return captures !== undefined || modules !== undefined;
}
