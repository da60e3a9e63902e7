/**
 * Instances of classes that travel. What a function captured may be one; elsewhere only instances of a class that
 * travels in the same message are sent as such.
 */

import { Refusal } from "../ndarray-transport/refusal.ts";
import type { SteppedHandler, Steps } from "../ndarray-transport/types.ts";
import { builtinPath } from "./builtins.ts";
import { sourceOf } from "./capture.ts";
import { nameOf } from "./refusals.ts";
import { moduleOf } from "./scripts.ts";
import type { AnyFunction } from "./wire.ts";

interface InstanceHead {
  readonly of: AnyFunction;
  readonly isFrozen?: true;
}

export const instanceHandler: SteppedHandler = {
  name: "instance",
  turn: "last",
  test: (value, state) => {
    const maker = makerOf(value);
    if (!maker || !(state.isInside("function") || state.hasMet(maker))) return false;
    return classesOf(maker).every((one) => sourceOf(one).kind === "readable" && !builtinPath(one));
  },
  takeApart: (value: object): Steps => {
    const maker = makerOf(value) as AnyFunction;
    for (const one of classesOf(maker)) refusePrivates(one, maker);
    const head: InstanceHead = { of: maker, ...(Object.isFrozen(value) && { isFrozen: true as const }) };
    return { head, body: { ...value }, runsCode: false };
  },
  begin: ({ of, isFrozen }: InstanceHead) => {
    const value = Object.create(of.prototype as object) as object;
    const complete = (fields: Record<string, unknown>): void => {
      for (const [key, field] of Object.entries(fields)) {
        Object.defineProperty(value, key, { value: field, writable: true, enumerable: true, configurable: true });
      }
      if (isFrozen) Object.freeze(value);
    };
    return { value, complete };
  },
  refusalIn: (value: object, refusal: Refusal, part?: object) => {
    const maker = makerOf(value) as AnyFunction;
    if (moduleOf(maker)?.isNode) return new Refusal(`is an instance of Node's class ${nameOf(maker)}; ${USE_INSIDE}`);
    if (refusal.steps.at(-1) === ".of") refusal.steps.pop();
    if (refusal.steps.length === 0 && (part || refusal.refusedFunction)) refusal.steps.push(".constructor");
    return refusal;
  },
};

const USE_INSIDE = "make it inside the function, or send plain data";

/** The class that `value` is a direct instance of. */
function makerOf(value: object): AnyFunction | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  const maker = prototype && (Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown);
  if (typeof maker !== "function" || maker.prototype !== prototype) return undefined;
  return maker as AnyFunction;
}

/** A class and those that it extends. */
function classesOf(maker: AnyFunction): AnyFunction[] {
  const classes: AnyFunction[] = [];
  for (let one: unknown = maker; typeof one === "function" && one !== Function.prototype; ) {
    classes.push(one as AnyFunction);
    one = Object.getPrototypeOf(one);
  }
  return classes;
}

function refusePrivates(one: AnyFunction, maker: AnyFunction): void {
  const source = sourceOf(one);
  if (source.kind !== "readable" || source.privateMember === undefined) return;
  const kind = nameOf(maker) === "" ? "a class without a name" : `class ${nameOf(maker)}`;
  throw new Refusal(
    `is an instance of ${kind}, which has private members (#${source.privateMember}) that nobody outside can read; ` +
      "send plain data, or register the type with registerType",
  );
}
