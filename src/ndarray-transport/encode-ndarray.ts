/** Takes ndarrays apart for sending: their block of memory where they fill one, else their elements in C order. */

import { isTypedArray, type TypedArray } from "./dtypes.ts";
import type { Walker } from "./encode-builtins.ts";
import { denseStart, isLayout } from "./layout.ts";
import { addMemory, bytesShown } from "./memory.ts";
import { type NdArray, rowMajorData, rowMajorStride, sizeOf } from "./ndarrays.ts";
import { Refusal, stepOut } from "./refusal.ts";
import { Kind } from "./wire.ts";

/**
 * The parts of the special for `array`.
 *
 * @throws Refusal when its data is a store of another kind, or when its strides lead out of its data
 */
export function encodeNdArray(array: NdArray, walker: Walker): unknown[] {
  const data = array.data as unknown;
  if (!isTypedArray(data) && !Array.isArray(data)) {
    throw new Refusal("is an ndarray over a store with get and set; copy its elements into one over a typed array");
  }
  const bytes = isTypedArray(data) ? bytesShown(data) : undefined;
  const { shape, stride, offset } = array;
  if (!isLayout(shape, stride, offset, data.length)) {
    throw new Refusal(
      `is an ndarray of shape [${shape.join(", ")}], stride [${stride.join(", ")}] and offset ${offset}, ` +
        `which does not fit into its data of ${data.length} elements`,
    );
  }
  const size = sizeOf(shape);
  const start = denseStart(array);
  const layout = start === undefined ? [shape, rowMajorStride(shape), 0] : [shape, stride, offset - start];
  if (size === 0) layout[2] = 0;
  if (bytes === undefined) {
    const list = start === undefined ? rowMajorData(array) : (data as unknown[]).slice(start, start + size);
    return [Kind.ndarrayList, ...layout, listOf(list as unknown[], walker)];
  }
  const parts: unknown[] = [Kind.ndarray, ...layout];
  const itemSize = (data as TypedArray).BYTES_PER_ELEMENT;
  const block =
    start === undefined
      ? bytesShown(rowMajorData(array) as TypedArray)
      : bytes.subarray(start * itemSize, (start + size) * itemSize);
  addMemory(parts, walker.buffers, data as TypedArray, block);
  return parts;
}

function listOf(list: unknown[], walker: Walker): unknown {
  try {
    return walker.walk(list);
  } catch (error) {
    throw stepOut(error, ".data");
  }
}
