/** What a map puts out: the kinds of output, their element types, and the words for a result that does not fit. */

import {
  allocate,
  constructorOf,
  type DType,
  dtypeOf,
  isTypedArray,
  type TypedArray,
} from "../ndarray-transport/dtypes.ts";
import type { NdArray } from "../ndarray-transport/ndarrays.ts";
import { allocateArray, type Elements } from "../ndarray-transport/strided-copy.ts";
import { withArticle } from "./describe.ts";
import type { ForeignOutput } from "./foreign.ts";

/** The type of an ndarray's elements: a dtype, or anything, over a plain array. */
export type ElementType = DType | "array";

/** What kind of output a map gives; travels to the engines. `dtype` and `rank` are those of the first sequence. */
export type OutputKind =
  | { readonly kind: "array" }
  | { readonly kind: "typed"; readonly dtype: DType }
  | { readonly kind: "ndarray"; readonly dtype: ElementType; readonly rank: number }
  | ForeignOutput;

export function elementTypeOf(array: NdArray): ElementType {
  const data: unknown = array.data;
  return isTypedArray(data) ? dtypeOf(data) : "array";
}

export function allocateElements(type: ElementType, length: number): Elements {
  return type === "array" ? allocateArray(length) : allocate(type, length);
}

export function isBigIntType(type: ElementType): boolean {
  return type === "bigint64" || type === "biguint64";
}

/** The least and the greatest number that an integer dtype can hold; `undefined` for all other types. */
export function integerLimits(type: ElementType): { least: number; greatest: number } | undefined {
  if (type === "array" || type.startsWith("float") || isBigIntType(type)) return undefined;
  const values = 2 ** (8 * constructorOf(type).BYTES_PER_ELEMENT);
  return type.startsWith("u") ? { least: 0, greatest: values - 1 } : { least: -values / 2, greatest: values / 2 - 1 };
}

/**
 * The element type that holds results of both types, which partitions of one map chose for themselves: an integer
 * dtype and float64 give float64, biguint64 and bigint64 give bigint64. `undefined` when there is none.
 */
export function commonType(first: ElementType, second: ElementType): ElementType | undefined {
  if (first === second) return first;
  const [from, to] = first === "float64" || first === "bigint64" ? [second, first] : [first, second];
  if (to === "float64" && integerLimits(from) !== undefined) return to;
  return from === "biguint64" && to === "bigint64" ? to : undefined;
}

/** Whether elements of biguint64 are the same numbers as bigint64. */
export function fitsBigInt64(values: BigUint64Array): boolean {
  return values.every((value) => BigInt.asIntN(64, value) === value);
}

/** Elements of another type with the same values. */
export function converted(elements: TypedArray, dtype: DType): TypedArray {
  const copy = allocate(dtype, elements.length);
  (copy as Float64Array).set(elements as Float64Array);
  return copy;
}

/** The error for a result that does not fit: where, what it is, what would fit, and the way out. */
export function misfit(output: OutputKind, index: number, result: string, wanted: string): TypeError {
  return new TypeError(
    `map over ${subject(output)}: the result for index ${index} is ${result}, not ${wanted}; ${remedy(output)}`,
  );
}

/** The error for bigints that neither bigint64 nor biguint64 can hold together, which shows at that index. */
export function mixedSigns(output: OutputKind, index: number): TypeError {
  const found = `with the results from index ${index} on, some are negative and others 2^63 or more, which fit no dtype`;
  return new TypeError(`map over ${subject(output)}: ${found}; ${remedy(output)}`);
}

/** What is mapped over, in words. */
function subject(output: OutputKind): string {
  if (output.kind === "array") return "an array";
  if (output.kind === "foreign") return `a ${output.dtype} tensor`;
  if (output.kind === "typed") return withArticle(constructorOf(output.dtype).name);
  return output.dtype === "array" ? "an ndarray" : `${withArticle(output.dtype)} ndarray`;
}

/** How to get a plain array, which takes any result. */
function remedy(output: OutputKind): string {
  const member = output.kind === "ndarray" && output.rank === 1 ? "get" : "pick";
  const items =
    output.kind === "ndarray" ? `Array.from({ length: x.shape[0] }, (_, i) => x.${member}(i))` : "Array.from(x)";
  return `map over ${items} to get a plain array`;
}
