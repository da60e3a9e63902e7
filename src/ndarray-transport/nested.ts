/** Changing the arrays inside plain values: the parts that hold one are made anew, all others stay the same objects. */

import { types } from "node:util";
import { isNdArray } from "./ndarrays.ts";

/** Whether `value` is an array of numbers of any kind, or the memory of one. */
export function isArrayKind(value: unknown): value is object {
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || isNdArray(value);
}

/** Whether `value` is a plain object: one that a literal makes. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === Object.prototype || prototype === null;
}

/** Whether arrays may lie inside `value`. */
export function isContainer(value: unknown): value is object {
  return Array.isArray(value) || value instanceof Map || value instanceof Set || isPlainObject(value);
}

/**
 * `root` with each array in it, at any depth, replaced by what `replace` makes of it. What holds no array that changes
 * is not copied. An object that is met twice is replaced once; cycles stay cycles.
 */
export function replaceArrays(root: unknown, replace: (array: object) => unknown): unknown {
  return new Replacement(replace).walk(root);
}

class Replacement {
  readonly #replace: (array: object) => unknown;
  readonly #done = new Map<object, unknown>();

  constructor(replace: (array: object) => unknown) {
    this.#replace = replace;
  }

  walk(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (this.#done.has(value)) return this.#done.get(value);
    if (isArrayKind(value)) {
      const replaced = this.#replace(value);
      this.#done.set(value, replaced);
      return replaced;
    }
    if (!isContainer(value) || !this.#changes(value)) return value;
    return this.#copy(value);
  }

  /** Whether something in `value` is replaced. */
  #changes(value: object): boolean {
    const seen = new Set<object>();
    const stack: unknown[] = [value];
    while (stack.length > 0) {
      const part = stack.pop();
      if (typeof part !== "object" || part === null || seen.has(part)) continue;
      seen.add(part);
      if (isArrayKind(part)) {
        if (!this.#done.has(part)) this.#done.set(part, this.#replace(part));
        if (this.#done.get(part) !== part) return true;
      } else if (isContainer(part)) {
        for (const item of itemsOf(part)) stack.push(item);
      }
    }
    return false;
  }

  #copy(value: object): unknown {
    if (Array.isArray(value)) {
      const copy: unknown[] = new Array(value.length);
      this.#done.set(value, copy);
      for (const key of Object.keys(value)) Reflect.set(copy, key, this.walk(Reflect.get(value, key)));
      return copy;
    }
    if (value instanceof Map) {
      const copy = new Map<unknown, unknown>();
      this.#done.set(value, copy);
      for (const [key, item] of value) copy.set(this.walk(key), this.walk(item));
      return copy;
    }
    if (value instanceof Set) {
      const copy = new Set<unknown>();
      this.#done.set(value, copy);
      for (const item of value) copy.add(this.walk(item));
      return copy;
    }
    const copy = Object.create(Object.getPrototypeOf(value) as object | null) as Record<string, unknown>;
    this.#done.set(value, copy);
    for (const [key, item] of Object.entries(value)) {
      Object.defineProperty(copy, key, {
        value: this.walk(item),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return copy;
  }
}

function* itemsOf(value: object): Iterable<unknown> {
  if (value instanceof Map) {
    for (const entry of value) yield* entry;
  } else if (value instanceof Set) yield* value;
  else yield* Object.values(value);
}
