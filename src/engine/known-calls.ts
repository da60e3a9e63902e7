/** The beginnings of calls that came lately: calls of one function differ in their arguments alone. */

import { PAIR_START } from "../ndarray-transport/serializer.ts";
import type { CallValue } from "../protocol/calls.ts";

/** How many are remembered. */
const REMEMBERED = 8;

interface Known {
  readonly bytes: Buffer;
  readonly call: CallValue;
  readonly fn: object;
  /** What the function and its prototype have when nobody has put anything on them. */
  readonly properties: number;
}

export class KnownCalls {
  /** The latest first. */
  #known: Known[] = [];

  /**
   * The call with which a head begins, up to `middle`, and of which only the arguments are missing: read once, unless a
   * task has put something on its function since, which is nobody else's concern.
   */
  get(head: Uint8Array, middle: number, read: (beginning: Uint8Array) => unknown): CallValue {
    const found = this.#find(head, middle);
    if (found !== undefined && properties(found.fn) === found.properties) return found.call;
    // A copy, because the bytes lie in the packet that they came with.
    const bytes = Buffer.from(head.subarray(PAIR_START, middle));
    const call = read(bytes) as CallValue;
    const fn = (call as { readonly fn?: unknown }).fn;
    if (typeof fn !== "function") return call;
    const known = { bytes, call, fn, properties: properties(fn) };
    this.#known = [known, ...this.#known.filter((other) => other !== found).slice(0, REMEMBERED - 1)];
    return call;
  }

  #find(head: Uint8Array, middle: number): Known | undefined {
    for (const known of this.#known) {
      const isAsLong = known.bytes.byteLength === middle - PAIR_START;
      if (isAsLong && known.bytes.compare(head, PAIR_START, middle) === 0) return known;
    }
    return undefined;
  }
}

function properties(fn: { readonly prototype?: object }): number {
  const { prototype } = fn;
  return Reflect.ownKeys(fn).length + (prototype === undefined ? 0 : Reflect.ownKeys(prototype).length);
}
