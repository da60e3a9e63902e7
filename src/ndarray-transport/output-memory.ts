/** Memory for arrays that are about to be written from end to end. */

import { allocate, constructorOf, type DType, type TypedArray } from "./dtypes.ts";
import { SegmentError } from "./segments/segment-error.ts";
import { allocatePooled } from "./segments/slices.ts";
import { isSharedMemoryAvailable } from "./segments/system-calls.ts";

/** From how many bytes on the first touch of fresh memory costs so much that pooled memory is worth its while. */
const POOLED_BYTES = 1024 * 1024;

/** A new typed array of any content: it must be written before anybody sees it. Large ones come from the pool. */
export function allocateOutput(dtype: DType, length: number): TypedArray {
  const arrayClass = constructorOf(dtype);
  const byteLength = length * arrayClass.BYTES_PER_ELEMENT;
  if (byteLength < POOLED_BYTES || !isSharedMemoryAvailable()) return allocate(dtype, length);
  try {
    return new arrayClass(allocatePooled(byteLength));
  } catch (error) {
    if (error instanceof SegmentError) return allocate(dtype, length);
    throw error;
  }
}
