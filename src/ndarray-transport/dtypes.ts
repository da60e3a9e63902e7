/** The table of element types: names, sizes, and the typed-array class of each. */

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** Element types by the names that the `ndarray` package gives them. `float16` needs a runtime that has it. */
export type DType =
  | "int8"
  | "uint8"
  | "uint8_clamped"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "float16"
  | "float32"
  | "float64"
  | "bigint64"
  | "biguint64";

export interface TypedArrayConstructor {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
}

const tagToDType: Readonly<Record<string, DType>> = {
  Int8Array: "int8",
  Uint8Array: "uint8",
  Uint8ClampedArray: "uint8_clamped",
  Int16Array: "int16",
  Uint16Array: "uint16",
  Int32Array: "int32",
  Uint32Array: "uint32",
  Float16Array: "float16",
  Float32Array: "float32",
  Float64Array: "float64",
  BigInt64Array: "bigint64",
  BigUint64Array: "biguint64",
};

const constructors = new Map<DType, TypedArrayConstructor>();
for (const [name, dtype] of Object.entries(tagToDType)) {
  const arrayClass = (globalThis as Record<string, unknown>)[name];
  if (arrayClass !== undefined) constructors.set(dtype, arrayClass as TypedArrayConstructor);
}

const tagGetter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get;

/** The element types that this runtime has. */
export const dtypes: readonly DType[] = [...constructors.keys()];

/** The name of the typed-array class of `value`, whatever its prototype or realm; `undefined` for anything else. */
function typedArrayTag(value: unknown): string | undefined {
  return tagGetter?.call(value) as string | undefined;
}

export function isTypedArray(value: unknown): value is TypedArray {
  return typedArrayTag(value) !== undefined;
}

export function isDType(value: unknown): value is DType {
  return typeof value === "string" && constructors.has(value as DType);
}

/** @throws TypeError when `array` is not a typed array. */
export function dtypeOf(array: TypedArray): DType {
  const dtype = tagToDType[typedArrayTag(array) ?? ""];
  if (dtype === undefined) throw new TypeError("expected a typed array");
  return dtype;
}

/** @throws TypeError when this runtime has no such element type. */
export function constructorOf(dtype: DType): TypedArrayConstructor {
  const arrayClass = constructors.get(dtype);
  if (arrayClass === undefined) throw new TypeError(`this runtime has no typed array for dtype "${dtype}"`);
  return arrayClass;
}

/** A new typed array of `length` zeros. */
export function allocate(dtype: DType, length: number): TypedArray {
  return new (constructorOf(dtype))(length);
}

/** The bytes of `view`, without a copy. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
