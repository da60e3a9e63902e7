/**
 * Read-only arrays: marking what was received, telling it, and copying it for writing.
 *
 * A mark consists of own, non-enumerable members on the one array (the prototype stays, so that a marked array equals an
 * unmarked one), and an entry in a set. Members that write throw; members that give a view of the same memory, or the
 * memory itself, mark it.
 */

import { types } from "node:util";
import { ReadOnlyError, shown } from "../errors.ts";
import { isCopyOnWrite } from "./copy-on-write.ts";
import { allocate, bytesOf, dtypeOf, isTypedArray, type TypedArray } from "./dtypes.ts";
import { copyRowMajor, isNdArray, makeNdArray, type NdArray, sizeOf } from "./ndarrays.ts";
import { isArrayKind, isContainer, replaceArrays } from "./nested.ts";

type Method = (this: object, ...args: never[]) => unknown;

/** What is defined on each array of one kind: names, and at the same positions their property descriptors. */
interface Members {
  readonly names: readonly string[];
  readonly descriptors: readonly PropertyDescriptor[];
}

const marked = new WeakSet<object>();

const writers = ["set", "fill", "sort", "reverse", "copyWithin", "setFromBase64", "setFromHex"];
// The last are such as `utf8Write`, by which Node's own `write` works.
const bufferWriters = Object.keys(Buffer.prototype).filter((name) => /^(write|swap)|Write$/.test(name));
const dataViewWriters = Object.getOwnPropertyNames(DataView.prototype).filter((name) => name.startsWith("set"));

const typedArrayMembers = membersOf(Float64Array.prototype, writers, ["subarray"]);
const byteMembers = membersOf(Uint8Array.prototype, writers, ["subarray"]);
const bufferMembers = membersOf(Buffer.prototype, [...writers, ...bufferWriters], ["subarray", "slice"]);
const dataViewMembers = membersOf(DataView.prototype, dataViewWriters, []);
const ndarrayMembers = membersOf(undefined, ["set"], ["lo", "hi", "step", "transpose", "pick"]);

/** The members for arrays with that prototype; names that this runtime does not have are left out. */
function membersOf(prototype: object | undefined, refused: readonly string[], views: readonly string[]): Members {
  const isThere = (name: string): boolean => prototype === undefined || name in prototype;
  const methods = [...refused.filter(isThere).map(refusal), ...views.filter(isThere).map(markedView)];
  const memory = prototype === undefined ? [] : [markedMemory(prototype)];
  return {
    names: [...methods.map((method) => method.name), ...memory.map(() => "buffer")],
    descriptors: [...methods.map((value) => ({ value })), ...memory],
  };
}

/** What gives the ArrayBuffer of a view, marked. */
function markedMemory(prototype: object): PropertyDescriptor {
  for (let owner = prototype; ; owner = Object.getPrototypeOf(owner) as object) {
    const original = Object.getOwnPropertyDescriptor(owner, "buffer")?.get;
    if (original !== undefined)
      return {
        get: function (this: object) {
          return markReadonly(original.call(this));
        },
      };
  }
}

/** A method of that name that throws. */
function refusal(name: string): Method {
  const method = {
    [name](): never {
      throw new ReadOnlyError(
        `${name}() would write to an array that was received, which is read-only; ` +
          "writable() gives a copy that may be written: writable(array)",
      );
    },
  };
  return method[name] as Method;
}

/** A method of that name that calls the array's own one and marks what it returns. */
function markedView(name: string): Method {
  const method = {
    [name](this: object, ...args: never[]): unknown {
      const original = (Object.getPrototypeOf(this) as Record<string, Method>)[name] as Method;
      return markReadonly(original.apply(this, args));
    },
  };
  return method[name] as Method;
}

function define(target: object, { names, descriptors }: Members): void {
  for (let i = 0; i < names.length; i++) {
    Reflect.defineProperty(target, names[i] as string, descriptors[i] as PropertyDescriptor);
  }
}

/**
 * Marks an array as read-only, for good: methods that write to it throw {@link ReadOnlyError}, and views taken from it
 * (`subarray`, an ndarray's `hi`, `pick`, …) are marked too. An ndarray's `data` is marked with it.
 * Writes by index (`a[0] = 1`) are not noticed. An ArrayBuffer has no methods that write: it is only remembered.
 *
 * @param value a typed array, Buffer, DataView, ArrayBuffer or ndarray; anything else is left as it is
 * @returns `value`
 */
export function markReadonly<T>(value: T): T {
  if (typeof value !== "object" || value === null || marked.has(value)) return value;
  if (isTypedArray(value)) {
    const isBytes = value instanceof Uint8Array;
    define(value, Buffer.isBuffer(value) ? bufferMembers : isBytes ? byteMembers : typedArrayMembers);
  } else if (types.isDataView(value)) {
    define(value, dataViewMembers);
  } else if (isNdArray(value)) {
    define(value, ndarrayMembers);
    markReadonly(value.data);
  } else if (!types.isAnyArrayBuffer(value)) {
    return value;
  }
  marked.add(value);
  return value;
}

/**
 * Whether `array` was received and may therefore not be written: a marked array, or an ndarray over one.
 * `false` for everything else, also for what is no array.
 */
export function isReadonly(array: unknown): boolean {
  if (typeof array !== "object" || array === null) return false;
  if (marked.has(array)) return true;
  return isNdArray(array) && marked.has(array.data as unknown as object) && !isCopyOnWrite(array);
}

/**
 * `array` itself if it may be written, else a copy that may be: of the same class, dtype and shape. The copy of an
 * ndarray is in C order.
 *
 * @param array a typed array, Buffer, DataView, ArrayBuffer or ndarray; or plain objects, lists, Maps and Sets that hold
 *   some, at any depth: what holds a read-only one is copied with it, all else stays the same
 * @throws TypeError when `array` is none of them
 *
 * @example
 * ```ts
 * await view.apply((weights: Float64Array) => {
 *   const own = writable(weights); // a copy: weights was received
 *   own[0] = 1;
 *   return own;
 * }, weights);
 * ```
 */
export function writable<T>(array: T): T {
  if (!isArrayKind(array) && !isContainer(array)) {
    const wanted = "a typed array, Buffer, DataView, ArrayBuffer or ndarray, or a plain object, list, Map or Set";
    throw new TypeError(`writable(array): array must be ${wanted}; given: ${shown(array)}`);
  }
  return replaceArrays(array, (found) => (isReadonly(found) ? copyOf(found as ArrayKind) : found)) as T;
}

type ArrayKind = TypedArray | DataView | ArrayBufferLike | NdArray;

/** A copy that may be written, of the same class, dtype and shape; that of an ndarray is in C order. */
export function copyOf(array: ArrayKind): ArrayKind {
  if (Buffer.isBuffer(array)) return Buffer.from(array);
  if (isTypedArray(array)) return copyOfTypedArray(array);
  if (types.isDataView(array)) return new DataView(bytesOf(array).slice().buffer);
  if (types.isAnyArrayBuffer(array)) return array.slice(0);
  const { data, shape } = array as NdArray & { data: TypedArray | unknown[] };
  const size = sizeOf(shape);
  let copy: TypedArray | unknown[] = isTypedArray(data) ? allocate(dtypeOf(data), size) : new Array<unknown>(size);
  copyRowMajor(array as NdArray, copy, 0);
  if (Buffer.isBuffer(data)) copy = Buffer.from((copy as Uint8Array).buffer);
  return makeNdArray(copy, shape);
}

function copyOfTypedArray(array: TypedArray): TypedArray {
  const copy = allocate(dtypeOf(array), array.length);
  (copy as Float64Array).set(array as Float64Array);
  return copy;
}
