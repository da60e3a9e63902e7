/** Takes the language's own types apart for sending: Map, Set, Date, RegExp, URL, errors, and memory. */

import { types } from "node:util";
import { constructorOf, dtypes, isTypedArray } from "./dtypes.ts";
import { addMemory, bytesShown } from "./memory.ts";
import { mapValueStep, propertyStep, stepOut } from "./refusal.ts";
import type { ReceivedBytes } from "./segments/slices.ts";
import { standardErrors } from "./standard-errors.ts";
import type { Memory } from "./types.ts";
import { Kind } from "./wire.ts";

/** The walk that takes the parts of a value further apart. */
export interface Walker {
  readonly buffers: ReceivedBytes[];
  walk(value: unknown): unknown;
}

/** A built-in type: how its values are told where the prototype says nothing, and how they are taken apart. */
export interface BuiltIn {
  is(value: object): boolean;
  encode(value: never, walker: Walker): unknown[];
}

const memory: BuiltIn = {
  is: (value) => isTypedArray(value) || types.isDataView(value) || types.isAnyArrayBuffer(value),
  encode: (value: Memory, walker) => {
    const parts: unknown[] = [Kind.memory];
    addMemory(parts, walker.buffers, value, bytesShown(value));
    return parts;
  },
};
const map: BuiltIn = { is: types.isMap, encode: encodeMap };
const set: BuiltIn = { is: types.isSet, encode: encodeSet };
const date: BuiltIn = { is: types.isDate, encode: (value: Date) => [Kind.date, value.getTime()] };
const regExp: BuiltIn = {
  is: types.isRegExp,
  encode: (value: RegExp, walker) => [Kind.regExp, walker.walk(value.source), value.flags],
};
const url: BuiltIn = { is: (value) => value instanceof URL, encode: (value: URL) => [Kind.url, value.href] };
const error: BuiltIn = { is: types.isNativeError, encode: encodeError };

/** The built-in types by their class; errors are told in another way. */
const classes: readonly (readonly [new (...args: never[]) => object, BuiltIn])[] = [
  ...dtypes.map((dtype) => [constructorOf(dtype) as unknown as new () => object, memory] as const),
  [Buffer, memory],
  [DataView, memory],
  [ArrayBuffer, memory],
  [SharedArrayBuffer as new () => object, memory],
  [Map, map],
  [Set, set],
  [Date, date],
  [RegExp, regExp],
  [URL, url],
];

const byPrototype = new Map<object, BuiltIn>(classes.map(([builtIn, type]) => [builtIn.prototype as object, type]));

/** The type of the values that have exactly that prototype. */
export function builtInByPrototype(prototype: object): BuiltIn | undefined {
  return byPrototype.get(prototype);
}

/**
 * The built-in type of a value that {@link builtInByPrototype} does not know: one that was made in another realm (a `vm`
 * context), or an error of a class derived from a standard one.
 */
export function builtInByNature(value: object): BuiltIn | undefined {
  if (error.is(value)) return error;
  const name = classNameOf(value);
  const counterpart = classes.find(([builtIn, type]) => builtIn.name === name && type.is(value));
  // A class derived from a built-in one has one prototype more than it.
  if (counterpart === undefined || heightOf(counterpart[0].prototype as object) !== heightOf(value) - 1) {
    return undefined;
  }
  return counterpart[1];
}

/** Whether `value` is a record or list made in another realm. */
export function isForeignPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null) return true;
  if (Array.isArray(value)) return heightOf(value) === 2 && classNameOf(value) === "Array";
  return heightOf(value) === 1 && Object.hasOwn(prototype, "isPrototypeOf");
}

/** The name of the class of `value`, as far as its prototype tells. */
export function classNameOf(value: object): string | undefined {
  const valueClass = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor;
  return typeof valueClass === "function" && valueClass.name !== "" ? valueClass.name : undefined;
}

/** How many prototypes `value` has above it. */
function heightOf(value: object): number {
  let height = 0;
  for (let above = Object.getPrototypeOf(value); above !== null; above = Object.getPrototypeOf(above)) height++;
  return height;
}

function encodeMap(value: Map<unknown, unknown>, walker: Walker): unknown[] {
  const parts: unknown[] = [Kind.map];
  let position = 0;
  for (const [key, item] of value) {
    let step = `[map key ${position}]`;
    try {
      parts.push(walker.walk(key));
      step = mapValueStep(key, position);
      parts.push(walker.walk(item));
    } catch (failure) {
      throw stepOut(failure, step);
    }
    position++;
  }
  return parts;
}

function encodeSet(value: Set<unknown>, walker: Walker): unknown[] {
  const parts: unknown[] = [Kind.set];
  for (const item of value) {
    try {
      parts.push(walker.walk(item));
    } catch (failure) {
      throw stepOut(failure, `[set item ${parts.length - 1}]`);
    }
  }
  return parts;
}

/** Properties of an error that do not show when it is listed. */
const hiddenProperties = ["message", "stack", "cause", "errors"] as const;

function encodeError(value: Error, walker: Walker): unknown[] {
  const properties = value as unknown as Record<string, unknown>;
  const name = standardErrorNameOf(value);
  const shown = Object.keys(value);
  const hidden: string[] = hiddenProperties.filter((key) => Object.hasOwn(value, key) && !shown.includes(key));
  if (value.name !== name && !shown.includes("name")) hidden.push("name");
  const parts: unknown[] = [Kind.error, name, hidden.length];
  for (const key of [...hidden, ...shown]) {
    try {
      parts.push(walker.walk(key), walker.walk(properties[key]));
    } catch (failure) {
      throw stepOut(failure, propertyStep(key));
    }
  }
  return parts;
}

/** The name of the standard class that the class of `value` is, or derives from. */
function standardErrorNameOf(value: Error): string {
  for (let above = Object.getPrototypeOf(value); above !== null; above = Object.getPrototypeOf(above)) {
    if (Object.hasOwn(above, "name") && standardErrors.has(above.name)) return above.name as string;
  }
  return "Error";
}
