/** In what memory received bytes end up, so that writes to them are refused, or noticed. */

import { constructorOf, dtypeOf, isTypedArray, type TypedArray } from "./dtypes.ts";
import { isNdArray, makeNdArray } from "./ndarrays.ts";
import { markReadonly } from "./readonly.ts";
import { hasImmutable, immutable } from "./segments/immutable.ts";
import { isMapped, isOwned } from "./segments/slices.ts";
import type { Memory } from "./types.ts";
import { residentCopy } from "./write-guard/resident-memory.ts";

/** One block of received memory. */
export interface ReceivedMemory {
  readonly memory: Memory;
  /** The bytes as they came, if they were copied from there. */
  readonly original: Uint8Array | undefined;
}

/** How the memory of one received value is treated. */
export interface Reception {
  /** The arrays will not be written to. */
  readonly readonly: boolean;
  /** They outlast the task that brings them. */
  readonly resident: boolean;
  /** The record whose arrays are put together late. */
  readonly lateIn: object | undefined;
  /** Where what was received is noted, for whoever watches it. */
  readonly arrays: ReceivedMemory[] | undefined;
}

/** By the memory in which they came: the immutable memory that it has become. */
const immutables = new WeakMap<ArrayBufferLike, ArrayBuffer>();

/** A copy of bytes that came inside the head, in memory of their own. */
export function copyReceived(content: Uint8Array, { readonly, resident }: Reception): Uint8Array {
  const watched = readonly && resident ? watchedCopy(content) : undefined;
  if (watched !== undefined) return watched;
  const copy = new Uint8Array(content);
  return readonly ? new Uint8Array(immutable(copy.buffer)) : copy;
}

/** A copy in memory that is watched for as long as it lives, where that is needed and can be had. */
function watchedCopy(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.byteLength === 0 || hasImmutable() || isMapped(bytes.buffer)) return undefined;
  const buffer = residentCopy(bytes);
  return buffer && new Uint8Array(buffer);
}

/** The bytes of a buffer that came beside the head; without a copy, unless they stay and must be watched. */
export function keepReceived(bytes: Uint8Array, { readonly, resident }: Reception): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (!readonly || byteLength === 0) return bytes;
  if (!hasImmutable()) return (resident ? watchedCopy(bytes) : undefined) ?? bytes;
  if (!(buffer instanceof ArrayBuffer)) return bytes;
  let made = immutables.get(buffer);
  if (made === undefined) {
    // Memory that holds something else too is not ours to make immutable.
    if (byteLength !== buffer.byteLength) return new Uint8Array(immutable(bytes.slice().buffer));
    made = immutable(buffer);
    immutables.set(buffer, made);
    immutables.set(made, made);
  }
  return new Uint8Array(made, byteOffset, byteLength);
}

/**
 * What this process joined from received parts is received, too: it is read-only.
 *
 * @param whole memory that nothing else uses, if it is an array; anything else comes back as it is
 */
export function readonlyWhole(whole: unknown): unknown {
  if (isTypedArray(whole)) return markReadonly(immutableArray(whole));
  if (isNdArray(whole) && isTypedArray(whole.data)) {
    return markReadonly(makeNdArray(immutableArray(whole.data), whole.shape, whole.stride, whole.offset));
  }
  return markReadonly(whole);
}

function immutableArray(array: TypedArray): TypedArray {
  const { buffer, byteLength } = array;
  const canBe = hasImmutable() && buffer instanceof ArrayBuffer && !immutables.has(buffer) && !isOwned(buffer);
  if (!canBe || byteLength === 0 || byteLength !== buffer.byteLength) return array;
  const made = immutable(buffer);
  immutables.set(made, made);
  return Buffer.isBuffer(array) ? Buffer.from(made) : new (constructorOf(dtypeOf(array)))(made);
}
