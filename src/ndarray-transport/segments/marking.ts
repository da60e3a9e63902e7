/**
 * How V8 marks, in a process whose heap is small, while large arrays come and go. It is told by flags, which V8 looks at
 * whenever it begins.
 */

import { getHeapStatistics, setFlagsFromString } from "node:v8";

/** Whether V8 has threads of its own for it. In engines it has not. */
export const HAS_THREADS: boolean = !process.execArgv.includes("--single-threaded-gc");
/** To mark more than that at once takes long. */
export const SMALL_HEAP: number = 64 << 20;

/** Whether it is as V8 has it: with threads on them, without a little at a time. */
let isUsual = true;

export function isHeapSmall(): boolean {
  return getHeapStatistics().used_heap_size < SMALL_HEAP;
}

/** As V8 has it. */
export function markAsUsual(): void {
  setUsual(true);
}

/**
 * On the main thread: V8's own take several times as long for a small heap, if the cores are few and the caches full of
 * arrays; and the cores are wanted for copying. Without threads all at once: what was begun stays in the way, and what comes
 * before it has ended survives it.
 */
export function markByItself(): void {
  setUsual(!isHeapSmall());
}

function setUsual(usual: boolean): void {
  if (usual === isUsual) return;
  isUsual = usual;
  setFlagsFromString(`--${usual ? "" : "no-"}${HAS_THREADS ? "concurrent" : "incremental"}-marking`);
}
