/** The beginnings of calls that came lately: calls of one function differ in their arguments alone. */

import type { CallValue } from "../protocol/calls.ts";

/** How many are remembered. */
const REMEMBERED = 8;

interface Known {
  readonly bytes: Uint8Array;
  readonly call: CallValue;
  readonly fn: object;
  /** What the function and its prototype have when nobody has put anything on them. */
  readonly properties: number;
}

export class KnownCalls {
  /** The latest first. */
  #known: Known[] = [];

  /**
   * The call that these bytes stand for, of which only the arguments are missing: read once, unless a task has put
   * something on its function since, which is nobody else's concern.
   */
  get(bytes: Uint8Array, read: () => unknown): CallValue {
    const found = this.#known.find((known) => Buffer.compare(known.bytes, bytes) === 0);
    if (found !== undefined && properties(found.fn) === found.properties) return found.call;
    const call = read() as CallValue;
    const fn = (call as { readonly fn?: unknown }).fn;
    if (typeof fn !== "function") return call;
    // A copy, because the bytes lie in the packet that they came with.
    const known = { bytes: bytes.slice(), call, fn, properties: properties(fn) };
    this.#known = [known, ...this.#known.filter((other) => other !== found).slice(0, REMEMBERED - 1)];
    return call;
  }
}

function properties(fn: { readonly prototype?: object }): number {
  const { prototype } = fn;
  return Reflect.ownKeys(fn).length + (prototype === undefined ? 0 : Reflect.ownKeys(prototype).length);
}
