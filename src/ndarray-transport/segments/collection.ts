/**
 * When memory outside the JavaScript heap can be let go: an action for each ArrayBuffer, run once it was collected, and
 * a push for the garbage collector where it does not come by itself. While arrays are handed out it mostly does: V8 counts
 * the bytes of external ArrayBuffers, and begins to mark after each 64 MiB of them.
 */

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After so many bytes were handed out anew, a collection is due. */
const DUE_BYTES = 192 << 20;
/** Time for the work at hand to be answered first; not given once so many were. */
const DUE_MS = 2;
const OVERDUE_FACTOR = 4 / 3;
/** For each large array V8 collects by itself: then as many of them, so that it is not done twice. */
const DUE_ARRAYS = 3;
/** When nothing was handed out for that long, a collection is due after fewer. */
const QUIET_MS = 300;
const QUIET_BYTES = 1 << 20;
/** Once more then, for what was in use still. */
const SECOND_LOOK_MS = 1000;
/** A large heap takes long to collect: then as many times its size must have been handed out. */
const DUE_HEAP_FACTOR = 8;
const QUIET_HEAP_FACTOR = 0.25;
const SMALL_HEAP = 64 << 20;

interface Watched {
  readonly byteLength: number;
  readonly collected: () => void;
}

/** Bytes handed out since a collection was asked for here, and those of them that V8 has not collected by itself. */
let handedOut = 0;
let sinceCollection = 0;
/** All bytes that have not been collected. */
let held = 0;
let scheduled: "soon" | "now" | undefined;
let quietTimer: NodeJS.Timeout | undefined;
let collect: (() => void) | undefined;

const registry = new FinalizationRegistry<Watched>(({ byteLength, collected }) => {
  held -= byteLength;
  sinceCollection = Math.max(0, sinceCollection - byteLength);
  collected();
});

/** Calls `collected` once nothing refers to `buffer` any more. It must not refer to it itself, and must not throw. */
export function whenCollected(buffer: ArrayBufferLike, collected: () => void): void {
  const { byteLength } = buffer;
  registry.register(buffer, { byteLength, collected });
  handedOut += byteLength;
  sinceCollection += byteLength;
  held += byteLength;
  const due = Math.max(DUE_BYTES, DUE_ARRAYS * byteLength);
  if (sinceCollection >= due && scheduled === undefined && isWorthwhile(sinceCollection, DUE_HEAP_FACTOR)) {
    scheduled = "soon";
    setTimeout(collectDue, DUE_MS).unref();
  }
  if (sinceCollection >= OVERDUE_FACTOR * due && scheduled === "soon") {
    scheduled = "now";
    setImmediate(collectDue);
  }
  if (handedOut >= QUIET_BYTES) collectWhenQuiet(QUIET_MS);
}

function isWorthwhile(byteLength: number, heapFactor: number): boolean {
  return byteLength >= heapFactor * (getHeapStatistics().used_heap_size - SMALL_HEAP);
}

function collectDue(): void {
  if (scheduled !== undefined) collectNow();
}

function collectWhenQuiet(afterMs: number): void {
  clearTimeout(quietTimer);
  quietTimer = setTimeout(() => {
    quietTimer = undefined;
    if (held < QUIET_BYTES || !isWorthwhile(handedOut, QUIET_HEAP_FACTOR)) return;
    collectNow();
    if (afterMs === QUIET_MS) collectWhenQuiet(SECOND_LOOK_MS);
  }, afterMs).unref();
}

function collectNow(): void {
  scheduled = undefined;
  sinceCollection = 0;
  handedOut = 0;
  collect ??= findCollector();
  collect();
}

/** The engine's own function for it, which is not a global unless one asks. */
function findCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const found = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  return found;
}
