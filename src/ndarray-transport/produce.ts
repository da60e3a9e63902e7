/** `produce`: the next value from a value and a recipe that changes a draft of it, sharing all that stays the same. */

import { bytesOf, isTypedArray, type TypedArray } from "./dtypes.ts";
import { bytesShown } from "./memory.ts";
import { isNdArray, type NdArray } from "./ndarrays.ts";
import { isArrayKind, isContainer } from "./nested.ts";
import { copyOf } from "./readonly.ts";
import type { Memory } from "./types.ts";

/** What a recipe gets: the value, all of it writable. */
export type Draft<T> = T extends ArrayBufferView | ArrayBufferLike | NdArray | ((...parameters: never[]) => unknown)
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? Map<K, Draft<V>>
    : T extends ReadonlySet<infer V>
      ? Set<Draft<V>>
      : T extends object
        ? { -readonly [K in keyof T]: Draft<T[K]> }
        : T;

/**
 * The value that `recipe` makes of `base` by changing a draft of it. `base` never changes, and is returned itself if
 * nothing was changed; of a nested value, the parts that did not change are those of `base`.
 *
 * An array in the draft is copied when the recipe first gets at it, and reads and writes of its elements run at full
 * speed. At the end it is compared with the original, byte by byte: writing what was there already is no change.
 * Records, lists, Maps and Sets are copied one level at a time, as the recipe gets at them.
 *
 * @param base a typed array, Buffer, DataView, ArrayBuffer, an ndarray of any stride, or plain objects, lists, Maps and
 *   Sets, at any depth; other objects in it are passed to the recipe as they are. What refers to itself has no draft.
 * @param recipe changes the draft it is given; what it returns is ignored
 * @throws TypeError when `base` is none of these, or when `recipe` is asynchronous
 *
 * @example
 * ```ts
 * const next = produce(model, (draft) => {
 *   draft.weights[0] = 1;
 * });
 * next.biases === model.biases; // true
 * ```
 */
export function produce<T>(base: T, recipe: (draft: Draft<T>) => void): T {
  if (!isArrayKind(base) && !isContainer(base)) {
    const given = base === null ? "null" : typeof base;
    throw new TypeError(
      `produce(base, recipe): base must be an array of numbers, or a plain object, list, Map or Set, not ${given}`,
    );
  }
  if (typeof recipe !== "function") throw new TypeError("produce(base, recipe): recipe must be a function");
  const drafts = new Drafts();
  const returned: unknown = recipe(drafts.of(base) as Draft<T>);
  if (returned instanceof Promise) {
    returned.catch(() => undefined);
    throw new TypeError("produce(base, recipe): recipe must not be asynchronous; wait for what it needs before");
  }
  return drafts.finish(drafts.of(base)) as T;
}

/** A draft, and how it ends: the next value in place of it. */
interface Open {
  readonly finish: () => unknown;
}

class Drafts {
  /** The draft of each original. */
  readonly #drafts = new Map<unknown, unknown>();
  readonly #open = new Map<unknown, Open>();
  readonly #finishing = new Set<unknown>();
  readonly #finished = new Map<unknown, unknown>();

  /** The draft that stands for `base`; `base` itself where it needs none. */
  of(base: unknown): unknown {
    const known = this.#drafts.get(base);
    if (known !== undefined) return known;
    if (this.#open.has(base)) return base;
    if (isArrayKind(base))
      return this.#add(base, copyOf(base as never), (draft) => (isSame(base, draft) ? base : draft));
    if (base instanceof Map) return this.#map(base);
    if (base instanceof Set) return this.#set(base);
    return isContainer(base) ? this.#record(base as Record<string, unknown>) : base;
  }

  /** What becomes of a value in which there may be drafts. */
  finish(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (this.#finished.has(value)) return this.#finished.get(value);
    const open = this.#open.get(value);
    if (open === undefined) return isContainer(value) && !this.#drafts.has(value) ? this.#finishNew(value) : value;
    if (this.#finishing.has(value)) {
      throw new TypeError(
        "produce(base, recipe): the recipe reached a part of base that refers to itself; copy it first",
      );
    }
    this.#finishing.add(value);
    const finished = open.finish();
    this.#finished.set(value, finished);
    return finished;
  }

  #add<D>(base: object, draft: D, finish: (draft: D) => unknown): D {
    this.#drafts.set(base, draft);
    this.#open.set(draft, { finish: () => finish(draft) });
    return draft;
  }

  #record(base: Record<string, unknown>): unknown {
    const copy =
      // Not Object.assign, for which a key of its own named __proto__ is the prototype.
      (Array.isArray(base) ? base.slice() : Object.setPrototypeOf({ ...base }, Object.getPrototypeOf(base))) as Record<
        string,
        unknown
      >;
    const draft = new Proxy(copy, {
      get: (target, key, receiver) => {
        const value: unknown = Reflect.get(target, key, receiver);
        if (typeof value !== "object" || value === null || !Object.hasOwn(target, key)) return value;
        const inner = this.#isOfBase(base, key, value) ? this.of(value) : value;
        if (inner !== value) Reflect.set(target, key, inner);
        return inner;
      },
    });
    return this.#add(base, draft, () => this.#finishRecord(base, copy));
  }

  /** What the recipe put there itself gets no draft. */
  #isOfBase(base: object, key: PropertyKey, value: unknown): boolean {
    return Reflect.get(base, key) === value || (Array.isArray(base) && base.includes(value));
  }

  #finishRecord(base: Record<string, unknown>, copy: Record<string, unknown>): unknown {
    const keys = Object.keys(copy);
    for (const key of keys) copy[key] = this.finish(copy[key]);
    const before = Object.keys(base);
    const isSameRecord =
      keys.length === before.length &&
      (!Array.isArray(base) || base.length === copy["length"]) &&
      before.every((key, index) => keys[index] === key && Object.is(base[key], copy[key]));
    return isSameRecord ? base : copy;
  }

  #map(base: Map<unknown, unknown>): unknown {
    const draft = new DraftMap(base, (value) => this.of(value));
    return this.#add(base, draft, () => {
      const next = new Map([...draft.entriesAsTheyAre()].map(([key, value]) => [key, this.finish(value)]));
      return isSameSequence([...base].flat(), [...next].flat()) ? base : next;
    });
  }

  #set(base: Set<unknown>): unknown {
    const draft = new Set([...base].map((item) => this.of(item)));
    return this.#add(base, draft, () => {
      const next = new Set([...draft].map((item) => this.finish(item)));
      return isSameSequence([...base], [...next]) ? base : next;
    });
  }

  /** A container that the recipe made: the drafts in it become what they stand for. */
  #finishNew(value: object): unknown {
    this.#finished.set(value, value);
    if (value instanceof Map) for (const [key, item] of value) value.set(key, this.finish(item));
    else if (value instanceof Set) {
      const items = [...value].map((item) => this.finish(item));
      value.clear();
      for (const item of items) value.add(item);
    } else {
      const record = value as Record<string, unknown>;
      for (const key of Object.keys(record)) {
        const finished = this.finish(record[key]);
        if (finished !== record[key]) record[key] = finished;
      }
    }
    return value;
  }
}

/** A Map whose values become drafts when they are asked for. */
class DraftMap extends Map<unknown, unknown> {
  readonly #draftOf: (value: unknown) => unknown;
  readonly #base: ReadonlyMap<unknown, unknown>;

  constructor(base: ReadonlyMap<unknown, unknown>, draftOf: (value: unknown) => unknown) {
    super();
    this.#base = base;
    this.#draftOf = draftOf;
    for (const [key, value] of base) super.set(key, value);
  }

  override get(key: unknown): unknown {
    const value = super.get(key);
    if (value === undefined || value !== this.#base.get(key)) return value;
    const draft = this.#draftOf(value);
    if (draft !== value) super.set(key, draft);
    return draft;
  }

  override *entries(): MapIterator<[unknown, unknown]> {
    for (const key of super.keys()) yield [key, this.get(key)];
  }

  override *values(): MapIterator<unknown> {
    for (const key of super.keys()) yield this.get(key);
  }

  override [Symbol.iterator](): MapIterator<[unknown, unknown]> {
    return this.entries();
  }

  override forEach(callback: (value: unknown, key: unknown, map: Map<unknown, unknown>) => void, self?: unknown): void {
    for (const [key, value] of this.entries()) callback.call(self, value, key, this);
  }

  /** Without making drafts. */
  entriesAsTheyAre(): Iterable<[unknown, unknown]> {
    return super.entries();
  }
}

function isSameSequence(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => Object.is(item, other[index]));
}

/** Whether the elements are the same, bit for bit. */
function isSame(base: object, draft: object): boolean {
  if (!isNdArray(base) || !isNdArray(draft)) {
    return Buffer.compare(bytesShown(base as Memory), bytesShown(draft as Memory)) === 0;
  }
  if (base.shape.length !== draft.shape.length || base.shape.some((length, axis) => length !== draft.shape[axis])) {
    return false;
  }
  const expected = (copyOf(base) as NdArray).data as unknown as TypedArray | unknown[];
  const found = draft.data as unknown as TypedArray | unknown[];
  if (isTypedArray(expected) && isTypedArray(found)) return Buffer.compare(bytesOf(expected), bytesOf(found)) === 0;
  return isSameSequence(expected as unknown[], found as unknown[]);
}
