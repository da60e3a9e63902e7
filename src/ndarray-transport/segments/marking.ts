/** How V8 marks, in an engine whose heap is small, while arrays that stay there come and go. */

import { getHeapStatistics, setFlagsFromString } from "node:v8";

/** Whether V8 has threads of its own for it. In engines it has not. */
export const HAS_THREADS: boolean = !process.execArgv.includes("--single-threaded-gc");
/** To mark more than that at once takes long. */
export const SMALL_HEAP: number = 64 << 20;

let isAtOnce = false;

export function isHeapSmall(): boolean {
  return getHeapStatistics().used_heap_size < SMALL_HEAP;
}

/** A little at a time, as V8 has it. */
export function markAsUsual(): void {
  setAtOnce(false);
}

/**
 * All at once, when V8 would begin: what it has begun stays in the way, and what comes before it has ended survives it. The
 * flag is looked at only then, so it can be set at any time.
 */
export function markAtOnce(): void {
  setAtOnce(isHeapSmall());
}

function setAtOnce(atOnce: boolean): void {
  if (atOnce === isAtOnce) return;
  isAtOnce = atOnce;
  setFlagsFromString(atOnce ? "--no-incremental-marking" : "--incremental-marking");
}
