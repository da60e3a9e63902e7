/** Checks of what is given to the methods of views. */

import { shown } from "../errors.ts";
import { Reference } from "../functions/references.ts";

const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*(\.[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)*$/u;

/** @throws TypeError when `fn` is neither a function nor a reference to one. */
export function checkFunction<F>(fn: F): F {
  if (typeof fn === "function" || fn instanceof Reference) return fn;
  throw new TypeError(`fn must be a function, or ref("name") of one in the engines' namespaces; given: ${shown(fn)}`);
}

/** @throws TypeError when `name` could not be the name of a variable, or a dotted path of such names. */
export function checkName(name: unknown): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  throw new TypeError(`a name must be an identifier, or several with dots between; given: ${shown(name)}`);
}

/** @throws TypeError when `record` is no plain object of valid names. */
export function checkRecord(record: unknown): Readonly<Record<string, unknown>> {
  const prototype = typeof record === "object" && record !== null ? Object.getPrototypeOf(record) : undefined;
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(
      `what is pushed must be a plain object of names and values, e.g. push({ a: 5 }); given: ${shown(record)}`,
    );
  }
  for (const name of Object.keys(record as object)) checkName(name);
  return record as Readonly<Record<string, unknown>>;
}

/** @throws TypeError when `names` is no list of valid names. */
export function checkNames(names: unknown): readonly string[] {
  if (!Array.isArray(names)) throw new TypeError(`names must be a name or a list of names; given: ${shown(names)}`);
  return names.map(checkName);
}
