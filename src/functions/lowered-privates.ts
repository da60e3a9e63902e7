/**
 * Private members of classes that a compiler has turned into WeakMaps and WeakSets beside the class. The engine's class
 * gets empty ones of its own, for the instances that it makes.
 */

import { types } from "node:util";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import type { AnyFunction } from "./wire.ts";

/** Stands for a WeakMap or WeakSet of private members, which starts empty on the engine. */
class EmptyWeakCollection {
  readonly kind: "WeakMap" | "WeakSet";

  constructor(kind: "WeakMap" | "WeakSet") {
    this.kind = kind;
  }
}

export const weakCollectionHandler: TypeHandler = {
  name: "weak",
  test: (value) => value instanceof EmptyWeakCollection,
  encode: ({ kind }: EmptyWeakCollection): string => kind,
  decode: (kind: string): object => (kind === "WeakMap" ? new WeakMap() : new WeakSet()),
};

/** What TypeScript's, esbuild's and swc's output calls to reach a private member. */
const PRIVATE_ACCESS = /\b(?:__classPrivateField\w*|__private\w*|_class_private_\w+|_class_static_private_\w+)\(/;

const copies = new WeakMap<object, EmptyWeakCollection>();

/** What is sent for `value` if it holds private members that `fn` uses under `name`; undefined for any other value. */
export function emptyCopy(fn: AnyFunction, name: string, value: unknown): object | undefined {
  if (!types.isWeakMap(value) && !types.isWeakSet(value)) return undefined;
  const text = Function.prototype.toString.call(fn);
  if (!PRIVATE_ACCESS.test(text) || !text.includes(name)) return undefined;
  let copy = copies.get(value);
  if (!copy) {
    copy = new EmptyWeakCollection(types.isWeakMap(value) ? "WeakMap" : "WeakSet");
    copies.set(value, copy);
  }
  return copy;
}
