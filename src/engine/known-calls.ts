/** The beginnings of calls that came lately: calls of one function differ in their arguments alone. */

import { isBeginningOfPair, PAIR_START } from "../ndarray-transport/serializer.ts";
import type { CallValue } from "../protocol/calls.ts";
import { Pace } from "./pace.ts";

/** How many are remembered. */
const REMEMBERED = 8;
/** The calls of one function. */
export class KnownCall {
  readonly #bytes: Buffer;
  readonly call: CallValue;
  /** What is called; undefined for what is no call of a function. */
  readonly fn: AnyFunction | undefined;
  /** What the function and its prototype have when nobody has put anything on them. */
  readonly #properties: number;
  readonly #isOutOfReach: boolean;
  readonly pace: Pace = new Pace();

  constructor(bytes: Buffer, call: CallValue) {
    this.#bytes = bytes;
    this.call = call;
    const fn: unknown = call.operation === "apply" ? call.fn : undefined;
    this.fn = typeof fn === "function" ? (fn as AnyFunction) : undefined;
    this.#properties = this.fn === undefined ? 0 : countProperties(this.fn);
    this.#isOutOfReach = this.fn !== undefined && isArrow(this.fn);
  }

  /** Whether its bytes are those of the beginning that lies there. */
  isOf(bytes: Buffer, start: number, middle: number): boolean {
    const from = start + PAIR_START;
    return this.#bytes.byteLength === middle - from && this.#bytes.compare(bytes, from, middle) === 0;
  }

  /** Whether it can be used again: no task has put anything on its function, which would be nobody else's concern. */
  get isUntouched(): boolean {
    const fn = this.fn;
    if (fn === undefined) return false;
    // The code of an arrow function has no name for it; counting all properties takes longer than most short calls.
    if (this.#isOutOfReach) return !hasEnumerable(fn);
    return countProperties(fn) === this.#properties;
  }
}

type AnyFunction = { readonly prototype?: object };

export class KnownCalls {
  /** The latest first. */
  #known: KnownCall[] = [];
  /** What {@link findBeginning} was given last, and found. */
  #beginning: Buffer | undefined;
  #begun: KnownCall | undefined;

  /** The call whose beginning lies between these places: read once, as long as it can be used again. */
  get(bytes: Buffer, start: number, middle: number, read: (beginning: Uint8Array) => unknown): KnownCall {
    const found = this.find(bytes, start, middle);
    if (found !== undefined) return found;
    // A copy, because the bytes lie in the packet that they came with.
    const beginning = Buffer.from(bytes.subarray(start + PAIR_START, middle));
    const known = new KnownCall(beginning, read(beginning) as CallValue);
    if (known.fn === undefined) return known;
    const others = this.#known.filter((other) => !other.isOf(bytes, start, middle));
    this.#known = [known, ...others.slice(0, REMEMBERED - 1)];
    return known;
  }

  /** The call that all begin with whose payloads begin with these bytes, if it has been read and can be used again. */
  findBeginning(beginning: Buffer): KnownCall | undefined {
    if (beginning !== this.#beginning || this.#begun?.isUntouched !== true) {
      this.#begun = isBeginningOfPair(beginning) ? this.find(beginning, 0, beginning.byteLength) : undefined;
      this.#beginning = beginning;
    }
    return this.#begun;
  }

  /** The same, if it has been read and can be used again. */
  find(bytes: Buffer, start: number, middle: number): KnownCall | undefined {
    for (const known of this.#known) {
      if (known.isOf(bytes, start, middle)) return known.isUntouched ? known : undefined;
    }
    return undefined;
  }
}

function countProperties(fn: AnyFunction): number {
  const { prototype } = fn;
  return Reflect.ownKeys(fn).length + (prototype === undefined ? 0 : Reflect.ownKeys(prototype).length);
}

/** Of the functions that travel alike, which are arrow functions and plain ones. */
function isArrow(fn: AnyFunction): boolean {
  return fn.prototype === undefined && Object.getPrototypeOf(fn) === Function.prototype;
}

function hasEnumerable(fn: AnyFunction): boolean {
  for (const key in fn) if (Object.hasOwn(fn, key)) return true;
  return false;
}
