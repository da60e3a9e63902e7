/**
 * Keeps the memory of a controller that remembers little flat. V8 lets at least 8 MB of garbage be before it collects,
 * however small the heap is, and that is as much as such a controller needs in all.
 */

import { getHeapSpaceStatistics } from "node:v8";
import { collectGarbage } from "../ndarray-transport/segments/collection.ts";

const LOOK_MS = 1_000;
/** A heap of more is V8's business: to collect it takes longer, and 8 MB are little of it. */
const SMALL_BYTES = 24 << 20;
/** So much more than after the last collection is mostly garbage. */
const GROWTH_BYTES = 2 << 20;

export function keepSmallHeapFlat(): void {
  let least = Number.POSITIVE_INFINITY;
  setInterval(() => {
    const used = oldObjectsBytes();
    // V8 has collected by itself.
    least = Math.min(least, used);
    if (used > SMALL_BYTES || used < least + GROWTH_BYTES) return;
    collectGarbage();
    least = oldObjectsBytes();
  }, LOOK_MS).unref();
}

function oldObjectsBytes(): number {
  return getHeapSpaceStatistics().reduce(
    (sum, { space_name, space_used_size }) => (space_name.startsWith("new_") ? sum : sum + space_used_size),
    0,
  );
}
