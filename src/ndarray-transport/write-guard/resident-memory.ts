/**
 * Where received arrays live that outlast their task and did not come through shared memory: in shared memory of this
 * process, mapped as received memory is, so that writes to them are noticed in the same way.
 */

import { partOf, type SliceDescriptor } from "../segments/descriptor.ts";
import { SegmentError } from "../segments/segment-error.ts";
import type { SegmentSlice } from "../segments/segment-pool.ts";
import { mapSlice, segmentPool } from "../segments/slices.ts";

/** Small ones are packed, many to a page. */
const BLOCK_BYTES = 1 << 20;
const SMALL_BYTES = 1 << 16;
const ALIGNMENT = 64;

let block: { readonly slice: SegmentSlice; readonly bytes: Uint8Array } | undefined;
let used = 0;

/** A copy of `bytes`, of which there are some, as an ArrayBuffer of its own; undefined without shared memory for it. */
export function residentCopy(bytes: Uint8Array): ArrayBuffer | undefined {
  try {
    if (bytes.byteLength > SMALL_BYTES) {
      const [slice] = segmentPool.write([bytes]) as [SegmentSlice];
      return mapOwn(slice, slice.describe());
    }
    if (block === undefined || used + bytes.byteLength > BLOCK_BYTES) nextBlock();
    const { slice, bytes: memory } = block as NonNullable<typeof block>;
    memory.set(bytes, used);
    const buffer = mapOwn(slice.retain(), partOf(slice.describe(), used, bytes.byteLength));
    used = Math.ceil((used + bytes.byteLength) / ALIGNMENT) * ALIGNMENT;
    return buffer;
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}

/** Maps memory of this process; the slice is released when it was collected. */
function mapOwn(slice: SegmentSlice, descriptor: SliceDescriptor): ArrayBuffer {
  try {
    return mapSlice(descriptor, () => slice.release());
  } catch (error) {
    slice.release();
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
