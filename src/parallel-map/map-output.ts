/** The client's end of a map: partitions of results, as they arrive, written into one output. */

import { constructorOf, type DType, dtypeOf, isTypedArray, type TypedArray } from "../ndarray-transport/dtypes.ts";
import { isNdArray, makeNdArray, type NdArray, rowMajorStride, sizeOf } from "../ndarray-transport/ndarrays.ts";
import { allocateOutput } from "../ndarray-transport/output-memory.ts";
import { readonlyWhole } from "../ndarray-transport/reception.ts";
import { copyNdArray, type Elements, runCopier } from "../ndarray-transport/strided-copy.ts";
import { describe, withArticle } from "./describe.ts";
import { foreignArrays, isForeign } from "./foreign.ts";
import { joinInPlace } from "./join.ts";
import {
  allocateElements,
  commonType,
  converted,
  type ElementType,
  elementTypeOf,
  fitsBigInt64,
  misfit,
  mixedSigns,
  type OutputKind,
} from "./output.ts";
import type { Range } from "./plan.ts";
import type { Sequence } from "./sequences.ts";

/** What kind of output a map gives whose first sequence is `first`: what goes in decides what comes out. */
export function outputKind(first: Sequence): OutputKind {
  if (isNdArray(first)) return { kind: "ndarray", dtype: elementTypeOf(first), rank: first.shape.length };
  if (isForeign(first)) return foreignArrays().outputKind(first);
  return isTypedArray(first) ? { kind: "typed", dtype: dtypeOf(first) } : { kind: "array" };
}

/**
 * What a map gives whose first sequence is `first`, of its parts as they were received: read-only, and without a copy
 * where large arrays can be joined as they lie. Of a Buffer it is a Buffer, whatever engines made.
 *
 * @param ranges the indices of the items of each part
 */
export function joinResults(
  first: Sequence,
  kind: OutputKind,
  length: number,
  parts: readonly unknown[],
  ranges: readonly Range[],
): unknown {
  const inPlace = kind.kind === "typed" || kind.kind === "ndarray" ? joinInPlace(parts) : undefined;
  if (inPlace !== undefined) return readonlyWhole(likeBuffer(first, inPlace));
  const joined = new MapOutput(kind, length);
  for (const [index, part] of parts.entries()) joined.write((ranges[index] as Range).start, part);
  return readonlyWhole(likeBuffer(first, joined.finish()));
}

function likeBuffer(first: Sequence, whole: unknown): unknown {
  if (!Buffer.isBuffer(first)) return whole;
  const { buffer, byteOffset, byteLength } = whole as Uint8Array;
  return Buffer.from(buffer, byteOffset, byteLength);
}

/**
 * Collects the partitions that `mapPartition` made, in any order, in one output allocated beforehand; that of a map
 * over an ndarray is allocated with the first partition, which shows the shape of an item.
 *
 * @example
 * ```ts
 * const output = new MapOutput({ kind: "typed", dtype: "float64" }, 4);
 * output.write(2, Float64Array.of(3, 4));
 * output.write(0, Float64Array.of(1, 2));
 * output.finish(); // Float64Array [1, 2, 3, 4]
 * ```
 */
export class MapOutput {
  readonly #length: number;
  readonly #assembly: Assembly;
  #written = 0;

  /** @param length how many results there will be */
  constructor(kind: OutputKind, length: number) {
    this.#length = length;
    if (kind.kind === "foreign") this.#assembly = new ForeignAssembly();
    else this.#assembly = kind.kind === "ndarray" ? new StackAssembly(kind, length) : new ListAssembly(kind, length);
  }

  /**
   * Puts in the results for the items from index `start` on.
   * @throws TypeError when they do not fit with those already there
   * @throws RangeError when there are more of them than places
   */
  write(start: number, part: unknown): void {
    const count = this.#assembly.count(part);
    if (!(start >= 0 && start + count <= this.#length)) {
      throw new RangeError(`${count} results from index ${start} on do not fit in an output of ${this.#length}`);
    }
    if (count > 0) this.#assembly.write(start, part);
    this.#written += count;
  }

  /**
   * The whole output; a promise of it where a tensor lies on a device.
   * @throws RangeError while results are missing
   */
  finish(): unknown {
    if (this.#written < this.#length) {
      throw new RangeError(`only ${this.#written} of ${this.#length} results have been written`);
    }
    return this.#assembly.finish();
  }
}

interface Assembly {
  /** How many results `part` holds. @throws TypeError when it is of the wrong kind */
  count(part: unknown): number;
  write(start: number, part: unknown): void;
  finish(): unknown;
}

/** A plain array or a typed array. */
class ListAssembly implements Assembly {
  readonly #elements: Elements;

  constructor(kind: Extract<OutputKind, { kind: "typed" | "array" }>, length: number) {
    this.#elements = kind.kind === "typed" ? allocateOutput(kind.dtype, length) : allocateElements("array", length);
  }

  count(part: unknown): number {
    const elements = this.#elements;
    const isFit = isTypedArray(elements)
      ? isTypedArray(part) && dtypeOf(part) === dtypeOf(elements)
      : Array.isArray(part);
    if (isFit) return (part as Elements).length;
    const wanted = isTypedArray(elements) ? withArticle(constructorOf(dtypeOf(elements)).name) : "an array";
    throw new TypeError(`a partition of results must be ${wanted}, not ${describe(part)}`);
  }

  write(start: number, part: unknown): void {
    runCopier(part as Elements, this.#elements)(0, 1, start, 1, (part as Elements).length);
  }

  finish(): Elements {
    return this.#elements;
  }
}

/** A tensor with the items along axis 0, joined by its library when all are there. */
class ForeignAssembly implements Assembly {
  readonly #parts = new Map<number, object>();

  count(part: unknown): number {
    if (isForeign(part)) return foreignArrays().shape(part)[0] as number;
    throw new TypeError(`a partition of results must be a tensor, not ${describe(part)}`);
  }

  write(start: number, part: object): void {
    this.#parts.set(start, part);
  }

  finish(): unknown {
    const parts = [...this.#parts].sort(([a], [b]) => a - b).map(([, part]) => part);
    return foreignArrays().join(parts, "block", 0);
  }
}

/** An ndarray with the items along axis 0. */
class StackAssembly implements Assembly {
  readonly #kind: Extract<OutputKind, { kind: "ndarray" }>;
  readonly #length: number;
  #elements: Elements | undefined;
  #type: ElementType;
  #itemShape: readonly number[] = [];

  constructor(kind: Extract<OutputKind, { kind: "ndarray" }>, length: number) {
    this.#kind = kind;
    this.#length = length;
    this.#type = kind.dtype;
  }

  count(part: unknown): number {
    if (isNdArray(part) && part.shape.length > 0) return part.shape[0] as number;
    throw new TypeError(`a partition of results must be an ndarray, not ${describe(part)}`);
  }

  write(start: number, part: NdArray): void {
    const type = elementTypeOf(part);
    const itemShape = part.shape.slice(1);
    if (this.#elements === undefined) {
      const size = this.#length * sizeOf(itemShape);
      this.#elements = type === "array" ? allocateElements(type, size) : allocateOutput(type, size);
      this.#type = type;
      this.#itemShape = itemShape;
    }
    const common = this.#commonType(type, itemShape);
    if (common === undefined) throw this.#misfit(start, type, itemShape);
    this.#elements = this.#as(common, this.#elements, this.#type, start);
    this.#type = common;
    const place = this.#place(start, part.shape);
    if (type === common) copyNdArray(part, place);
    else copyNdArray(this.#convertedPart(part, common, start), place);
  }

  finish(): NdArray {
    const elements = this.#elements ?? allocateElements(this.#kind.dtype, 0);
    return makeNdArray(elements, [this.#length, ...this.#itemShape]);
  }

  /** The type for all; numbers alone are of a type that each partition chose for itself, so only theirs may differ. */
  #commonType(type: ElementType, itemShape: readonly number[]): ElementType | undefined {
    const isSameShape = `${itemShape}` === `${this.#itemShape}` && itemShape.length === this.#itemShape.length;
    if (!isSameShape) return undefined;
    return itemShape.length === 0 ? commonType(this.#type, type) : this.#type === type ? type : undefined;
  }

  #convertedPart(part: NdArray, type: ElementType, start: number): NdArray {
    const packed = makeNdArray(allocateElements(elementTypeOf(part), sizeOf(part.shape)), part.shape);
    copyNdArray(part, packed);
    const elements = this.#as(type, packed.data as unknown as Elements, elementTypeOf(part), start);
    return makeNdArray(elements, part.shape);
  }

  /** `elements` with type `wanted`. */
  #as(wanted: ElementType, elements: Elements, type: ElementType, start: number): Elements {
    if (wanted === type) return elements;
    if (elements instanceof BigUint64Array && !fitsBigInt64(elements)) {
      throw mixedSigns(this.#kind, start);
    }
    return converted(elements as TypedArray, wanted as DType);
  }

  #place(start: number, shape: readonly number[]): NdArray {
    return makeNdArray(this.#elements as Elements, shape, rowMajorStride(shape), start * sizeOf(this.#itemShape));
  }

  #misfit(start: number, type: ElementType, itemShape: readonly number[]): TypeError {
    const found = describeItem(type, itemShape);
    return misfit(this.#kind, start, found, `${describeItem(this.#type, this.#itemShape)} as other results are`);
  }
}

function describeItem(type: ElementType, shape: readonly number[]): string {
  return describe(makeNdArray(allocateElements(type, 0), shape));
}
