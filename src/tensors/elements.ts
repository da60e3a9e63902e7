/** The elements of tensors in host memory: bytes, and typed arrays over them. */

import { bytesOf, isTypedArray, type TypedArray, type TypedArrayConstructor } from "../ndarray-transport/dtypes.ts";
import { sizeOf } from "../ndarray-transport/ndarrays.ts";
import type { TensorDType, TensorSpec } from "./adapter.ts";

/** The typed array for the elements of each type; complex64 is pairs of float32, and float16 travels as its bits. */
const classes: Readonly<Record<Exclude<TensorDType, "string">, TypedArrayConstructor>> = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
};

/** How many entries of the typed array one element takes. */
export function entriesPerElement(dtype: TensorDType): number {
  return dtype === "complex64" ? 2 : 1;
}

/**
 * The elements as a typed array (of strings: as they are), over the same memory where it is aligned.
 * @throws RangeError when there are not as many bytes as the shape needs
 */
export function elementsFrom(bytes: Uint8Array, { dtype, shape }: TensorSpec): TypedArray {
  if (dtype === "string") return bytes;
  const Class = classes[dtype];
  const length = sizeOf(shape) * entriesPerElement(dtype);
  const size = Class.BYTES_PER_ELEMENT;
  if (bytes.byteLength !== length * size) {
    throw new RangeError(
      `a ${dtype} tensor of shape [${shape.join(", ")}] has ${length * size} bytes, not ${bytes.byteLength}`,
    );
  }
  const { buffer, byteOffset } = byteOffsetFits(bytes, size) ? bytes : bytes.slice();
  return new Class(buffer, byteOffset, length);
}

function byteOffsetFits(bytes: Uint8Array, size: number): boolean {
  return bytes.byteOffset % size === 0;
}

/** The bytes of elements, without a copy. Whatever a typed array was marked with is not on the view. */
export function bytesFrom(elements: unknown): Uint8Array {
  if (!isTypedArray(elements)) throw new TypeError("a tensor was received without its elements");
  return bytesOf(elements);
}

/** Strings (their UTF-8 bytes) as one block: 32-bit lengths, then the bytes. */
export function packStrings(strings: readonly Uint8Array[]): Uint8Array {
  const total = strings.reduce((sum, { length }) => sum + length, 4 * strings.length);
  const block = new Uint8Array(total);
  const lengths = new DataView(block.buffer);
  let at = 4 * strings.length;
  for (const [i, text] of strings.entries()) {
    lengths.setUint32(4 * i, text.length, true);
    block.set(text, at);
    at += text.length;
  }
  return block;
}

/** The counterpart of {@link packStrings}. @throws RangeError when the block is too short or too long */
export function unpackStrings(block: Uint8Array, count: number): Uint8Array[] {
  const lengths = new DataView(block.buffer, block.byteOffset, block.byteLength);
  let at = 4 * count;
  const strings: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const end = at + lengths.getUint32(4 * i, true);
    strings.push(block.slice(at, end));
    at = end;
  }
  if (at !== block.byteLength) throw new RangeError(`${count} strings do not fill ${block.byteLength} bytes`);
  return strings;
}
