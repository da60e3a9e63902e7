/**
 * Whether there is room for more shared memory. The system would not say no: it gives pages until there are none, and
 * then kills a process.
 */

import { SegmentError } from "./segment-error.ts";

/** What stays free, as a part of what is available. */
const KEPT_FREE = 1 / 8;
/** How long a look at the system is good for, in milliseconds; it takes 50 µs. */
const GOOD_MS = 50;

let room = 0;
let lookedAt = Number.NEGATIVE_INFINITY;

/**
 * Counts `byteLength` as taken.
 *
 * @throws SegmentError with reason `noMemory`
 */
export function takeRoom(byteLength: number): void {
  const now = performance.now();
  if (now - lookedAt > GOOD_MS || byteLength > room) {
    // Within the limit of the container, if there is one.
    room = process.availableMemory() * (1 - KEPT_FREE);
    lookedAt = now;
  }
  if (byteLength > room) {
    throw new SegmentError(
      "noMemory",
      `there is no room for ${byteLength} bytes of shared memory: ${Math.floor(room)} are left`,
    );
  }
  room -= byteLength;
}
