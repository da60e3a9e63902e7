/** Memory for arrays that are about to be written from end to end. */

import { SerializationError } from "../errors.ts";
import { allocate, bytesOf, constructorOf, type DType, dtypeOf, type TypedArray } from "./dtypes.ts";
import { copyBytes } from "./segments/copying.ts";
import { SegmentError } from "./segments/segment-error.ts";
import {
  allocatePooled,
  allocateReceiving,
  allocateShared,
  joinMapped,
  type ReceivingMemory,
  sliceOf,
} from "./segments/slices.ts";
import { isSharedMemoryAvailable } from "./segments/system-calls.ts";

/** From how many bytes on the first touch of fresh memory costs so much that pooled memory is worth its while. */
const POOLED_BYTES = 1024 * 1024;

/** From how many bytes on results of a map lie in shared memory from the start: smaller ones travel inside messages. */
const SHARED_BYTES = 64 * 1024;
/** Mapping a part costs as much as copying so many bytes. */
const JOINED_BYTES = 1024 * 1024;

/**
 * A new typed array of any content: it must be written before anybody sees it. Large ones come from the pool.
 *
 * @throws SerializationError when there is no memory for it
 */
export function allocateOutput(dtype: DType, length: number): TypedArray {
  const arrayClass = constructorOf(dtype);
  const byteLength = length * arrayClass.BYTES_PER_ELEMENT;
  const isLarge = byteLength >= POOLED_BYTES && isSharedMemoryAvailable();
  const pooled = isLarge ? orNothing(() => allocatePooled(byteLength)) : undefined;
  if (pooled !== undefined) return new arrayClass(pooled);
  try {
    return allocate(dtype, length);
  } catch (error) {
    const message = `there is no memory for what is joined, an array of ${byteLength} bytes`;
    throw new SerializationError(message, undefined, { cause: error });
  }
}

/**
 * As {@link allocateOutput}, for a part of something larger that another process joins: it can be sent without a copy,
 * and joined without one.
 *
 * @param start the index, in the whole, of the first element
 */
export function allocatePart(dtype: DType, length: number, start: number): TypedArray {
  const arrayClass = constructorOf(dtype);
  const itemSize = arrayClass.BYTES_PER_ELEMENT;
  if (length * itemSize < SHARED_BYTES || !isSharedMemoryAvailable()) return allocate(dtype, length);
  const part = orNothing(() => allocateShared(length * itemSize, { zero: false, lead: start * itemSize }));
  return part === undefined ? allocate(dtype, length) : new arrayClass(part);
}

/** `array` in memory as {@link allocatePart} gives, if it is large, and not in shared memory already. */
export function copyPart(array: TypedArray, start: number): TypedArray {
  if (array.byteLength < SHARED_BYTES || !isSharedMemoryAvailable() || sliceOf(array) !== undefined) return array;
  const copy = allocatePart(dtypeOf(array), array.length, start);
  copyBytes(bytesOf(copy), bytesOf(array));
  return copy;
}

/**
 * Memory for bytes that are received, from the pool if they are many: then they are mapped as what comes through shared
 * memory is, and writes to them are noticed in the same way.
 */
export function receivingMemory(byteLength: number): ReceivingMemory {
  if (byteLength >= POOLED_BYTES && isSharedMemoryAvailable()) {
    const memory = orNothing(() => allocateReceiving(byteLength));
    if (memory !== undefined) {
      const copied = (): Uint8Array => {
        memory.drop();
        return new Uint8Array(memory.bytes);
      };
      return { ...memory, map: () => orNothing(() => memory.map()) ?? copied() };
    }
  }
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer, 0, byteLength);
  return { bytes, map: () => bytes, drop: () => undefined };
}

/**
 * Received arrays of one class, one after another, as one array without a copy; `undefined` where that is not possible,
 * or not worth its while.
 */
export function joinedArray(parts: readonly TypedArray[]): TypedArray | undefined {
  const filled = parts.filter(({ length }) => length > 0);
  const [first] = filled;
  const byteLength = filled.reduce((sum, part) => sum + part.byteLength, 0);
  if (first === undefined || byteLength < filled.length * JOINED_BYTES || Buffer.isBuffer(first)) return undefined;
  const dtype = dtypeOf(first);
  if (!filled.every((part) => dtypeOf(part) === dtype && !Buffer.isBuffer(part))) return undefined;
  // When the owner of a part is gone, it can be read and copied, but not mapped again.
  const buffer = orNothing(() => joinMapped(filled));
  return buffer && new (constructorOf(dtype))(buffer);
}

/** What `make` gives; `undefined` where shared memory is not to be had. */
function orNothing<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}
