/**
 * Objects that belong to the client: views, clients and clusters. A function may have captured one by the way, because
 * the code around it uses it; on the engine there is then an object that says so to whoever touches it.
 */

import type { TypeHandler } from "../ndarray-transport/types.ts";

/** A class, also one whose constructor is private. */
type Class = { readonly prototype: object };

const kinds: (readonly [Class, string])[] = [];

/** Makes the instances of a class stay behind when a function captured one; `noun` names them in messages: `a view`. */
export function staysBehind(type: Class, noun: string): void {
  kinds.push([type, noun]);
}

export const inertHandler: TypeHandler = {
  name: "inert",
  test: (value, state) => state.isInside("function") && nounOf(value) !== undefined,
  encode: (value: object): string => nounOf(value) ?? "an object",
  decode: (noun: string): object => new Proxy({}, { get: (_, key) => refuseUse(noun, key), set: () => false }),
};

/** How an object that stays behind is called; undefined for any other. */
export function nounOf(value: object): string | undefined {
  return kinds.find(([type]) => Object.prototype.isPrototypeOf.call(type.prototype, value))?.[1];
}

function refuseUse(noun: string, key: string | symbol): undefined {
  // What the language and the console ask of any object.
  if (typeof key === "symbol" || key === "then" || key === "constructor" || key === "toJSON") return undefined;
  throw new TypeError(`"${key}" was asked of ${noun} on an engine; it stayed on the client, so use it there`);
}
