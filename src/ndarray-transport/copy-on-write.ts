/** `copyOnWrite`: ndarrays that show the memory of others until they are written to. */

import { allocate, dtypeOf, isTypedArray, type TypedArray } from "./dtypes.ts";
import { spanOf } from "./layout.ts";
import { isNdArray, makeNdArray, type NdArray } from "./ndarrays.ts";
import { isArrayKind, isContainer, replaceArrays } from "./nested.ts";

/** What {@link copyOnWrite} makes of a value: an ndarray of each array in it. */
export type CopyOnWrite<T> = T extends NdArray
  ? T
  : T extends TypedArray
    ? NdArray
    : T extends ReadonlyMap<infer K, infer V>
      ? Map<K, CopyOnWrite<V>>
      : T extends ReadonlySet<infer V>
        ? Set<CopyOnWrite<V>>
        : T extends object
          ? { -readonly [K in keyof T]: CopyOnWrite<T[K]> }
          : T;

type Method = (this: NdArray, ...parameters: never[]) => unknown;

/** An array and all views that were taken from it: they show the same memory, and move to the copy together. */
interface Family {
  /** Held weakly: reading a large array row by row takes many views. */
  members: WeakRef<NdArray>[];
  /** How many there may be before those that are gone are left out. */
  room: number;
}

const families = new WeakMap<object, Family>();

const viewMethods = ["lo", "hi", "step", "transpose", "pick"] as const;

/**
 * An ndarray over the memory of `array` that copies itself at its first write, by `set`: reading costs nothing extra,
 * and neither does writing after the first time. Views taken from it (`pick`, `hi`, …) belong to it: what is written to
 * one shows in the others. `array` itself never changes.
 *
 * Write by `set`. Its `data` is the memory of `array` until the first write, and a copy afterwards.
 *
 * @param array an ndarray of any stride; a typed array, which becomes an ndarray of one dimension; or plain objects,
 *   lists, Maps and Sets that hold some, at any depth: then a copy of those with such an ndarray for each array
 * @throws TypeError when `array` is none of them
 *
 * @example
 * ```ts
 * await view.apply((weights: NdArray) => {
 *   const own = copyOnWrite(weights);
 *   if (own.get(0, 0) < 0) own.set(0, 0, 0); // copies only if need be
 *   return own;
 * }, weights);
 * ```
 */
export function copyOnWrite<T>(array: T): CopyOnWrite<T> {
  if (!isArrayKind(array) && !isContainer(array)) {
    const given = array === null ? "null" : typeof array;
    throw new TypeError(
      `copyOnWrite(array): array must be a typed array, an ndarray, or an object that holds some, not ${given}`,
    );
  }
  return replaceArrays(array, show) as CopyOnWrite<T>;
}

/** Whether `array` copies itself at its first write. */
export function isCopyOnWrite(array: object): boolean {
  return families.has(array);
}

function show(array: object): NdArray {
  if (isTypedArray(array)) return join(makeNdArray(array, [array.length]), { members: [], room: 16 });
  if (isNdArray(array)) {
    const data = array.data as unknown;
    if (isTypedArray(data) || Array.isArray(data)) {
      return join(makeNdArray(data, array.shape, array.stride, array.offset), { members: [], room: 16 });
    }
  }
  throw new TypeError(
    "copyOnWrite(array): only typed arrays and ndarrays over typed arrays or lists have elements to set; " +
      "make a typed array over a DataView or ArrayBuffer",
  );
}

/** Makes `view` a member: its first write moves the family to a copy. */
function join(view: NdArray, family: Family): NdArray {
  if (family.members.length >= family.room) {
    family.members = family.members.filter((member) => member.deref() !== undefined);
    family.room = 2 * family.members.length + 16;
  }
  family.members.push(new WeakRef(view));
  families.set(view, family);
  define(view, "set", function set(this: NdArray, ...parameters: never[]) {
    separate(family);
    return (this as unknown as { set(...values: never[]): unknown }).set(...parameters);
  });
  for (const name of viewMethods) {
    define(view, name, function take(this: NdArray, ...parameters: never[]) {
      const method = (Object.getPrototypeOf(this) as Record<string, Method>)[name] as Method;
      return join(method.apply(this, parameters) as NdArray, family);
    });
  }
  return view;
}

function define(view: NdArray, name: string, value: Method): void {
  Object.defineProperty(view, name, { value, configurable: true });
}

/** Gives all members a copy of the memory that they show. From then on they are ordinary ndarrays. */
function separate(family: Family): void {
  const members = family.members.map((member) => member.deref()).filter((member) => member !== undefined);
  const [{ data }] = members as unknown as [{ data: TypedArray | unknown[] }];
  const spans = members.map(({ shape, stride, offset }) => spanOf(shape, stride, offset));
  const occupied = spans.filter(({ first, last }) => last >= first);
  const start = Math.min(data.length, ...occupied.map(({ first }) => first));
  const end = Math.max(start, ...occupied.map(({ last }) => last + 1));
  const copy = isTypedArray(data) ? copyOf(data, start, end) : data.slice(start, end);
  for (const member of members) {
    const fields = member as unknown as { data: unknown; offset: number };
    fields.data = copy;
    fields.offset = Math.max(0, fields.offset - start);
    for (const name of ["set", ...viewMethods]) Reflect.deleteProperty(member, name);
    families.delete(member);
  }
  family.members = [];
}

function copyOf(data: TypedArray, start: number, end: number): TypedArray {
  const copy = allocate(dtypeOf(data), end - start);
  (copy as Float64Array).set(data.subarray(start, end) as Float64Array);
  return Buffer.isBuffer(data) ? Buffer.from(copy.buffer as ArrayBuffer) : copy;
}
