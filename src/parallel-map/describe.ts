/** Values in words, for error messages. */

import { dtypeOf, isTypedArray, type TypedArray } from "../ndarray-transport/dtypes.ts";
import { isNdArray, type NdArray } from "../ndarray-transport/ndarrays.ts";

const SHOWN_CHARACTERS = 40;

/** What `value` is, with its article: `a string ("a")`, `a Float64Array of length 3`, `an object`. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `a string (${JSON.stringify(shortened(value))})`;
  if (typeof value === "bigint") return `a bigint (${shortened(`${value}`)}n)`;
  if (typeof value === "number" || typeof value === "boolean") return `a ${typeof value} (${value})`;
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`;
  if (isTypedArray(value)) return `${withArticle(typedArrayName(value))} of length ${value.length}`;
  if (isNdArray(value)) return `${describeNdArray(value)} of shape [${value.shape.join(", ")}]`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  const className: unknown = value.constructor?.name;
  return typeof className === "string" && className !== "" && className !== "Object"
    ? withArticle(className)
    : "an object";
}

/** `a float64 ndarray`; an ndarray over anything but a typed array has no dtype to name. */
export function describeNdArray(array: NdArray): string {
  const data: unknown = array.data;
  if (isTypedArray(data)) return `${withArticle(dtypeOf(data))} ndarray`;
  return Array.isArray(data) ? "an ndarray over a plain array" : "an ndarray over a custom store";
}

/** The name of the class of typed arrays that `array` belongs to. A Buffer is a Uint8Array. */
export function typedArrayName(array: TypedArray): string {
  return Object.prototype.toString.call(array).slice("[object ".length, -1);
}

/** The name after `a` or `an`. Names with a U at the start (Uint8Array) are spoken "you". */
export function withArticle(name: string): string {
  return `${/^[aeio]/i.test(name) ? "an" : "a"} ${name}`;
}

function shortened(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
