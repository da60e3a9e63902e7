/**
 * Where small received arrays live that outlast their task: in shared memory of this process, mapped as received memory
 * is, so that writes to them are noticed in the same way. They are packed, many to a page.
 */

import { partOf } from "../segments/descriptor.ts";
import { SegmentError } from "../segments/segment-error.ts";
import type { SegmentSlice } from "../segments/segment-pool.ts";
import { mapSlice, segmentPool } from "../segments/slices.ts";

const BLOCK_BYTES = 1 << 20;
const ALIGNMENT = 64;

let block: { readonly slice: SegmentSlice; readonly bytes: Uint8Array } | undefined;
let used = 0;

/**
 * A copy of `bytes` that is watched, as an ArrayBuffer of its own; undefined if there is no shared memory for it.
 *
 * @param bytes fewer than {@link BLOCK_BYTES}, and not none
 */
export function residentCopy(bytes: Uint8Array): ArrayBuffer | undefined {
  try {
    if (block === undefined || used + bytes.byteLength > BLOCK_BYTES) nextBlock();
    const { slice, bytes: memory } = block as NonNullable<typeof block>;
    memory.set(bytes, used);
    const descriptor = partOf(slice.describe(), used, bytes.byteLength);
    const buffer = mapSlice(descriptor, () => slice.release());
    slice.retain();
    used = Math.ceil((used + bytes.byteLength) / ALIGNMENT) * ALIGNMENT;
    return buffer;
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}

function nextBlock(): void {
  const slice = segmentPool.allocate(BLOCK_BYTES);
  const bytes = new Uint8Array(slice.buffer());
  // The arrays that lie in the old one keep it.
  block?.slice.release();
  block = { slice, bytes };
  used = 0;
}
