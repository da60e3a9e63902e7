/**
 * When memory outside the JavaScript heap can be let go: an action for each ArrayBuffer, run once it was collected, and
 * a push for the garbage collector, which otherwise waits until more than a gigabyte hangs on a few small objects.
 */

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After so many bytes were handed out anew, a collection is due. */
const DUE_BYTES = 256 << 20;
/** When nothing was handed out for that long, a collection is due after fewer. */
const QUIET_MS = 500;
const QUIET_BYTES = 1 << 20;
/** A large heap takes long to collect: then as many times its size must have been handed out. */
const DUE_HEAP_FACTOR = 8;
const QUIET_HEAP_FACTOR = 0.25;
const SMALL_HEAP = 64 << 20;

interface Watched {
  readonly byteLength: number;
  readonly collected: () => void;
}

let sinceCollection = 0;
let scheduled = false;
let quietTimer: NodeJS.Timeout | undefined;
let collect: (() => void) | undefined;

const registry = new FinalizationRegistry<Watched>(({ byteLength, collected }) => {
  sinceCollection = Math.max(0, sinceCollection - byteLength);
  collected();
});

/** Calls `collected` once nothing refers to `buffer` any more. It must not refer to it itself, and must not throw. */
export function whenCollected(buffer: ArrayBuffer, collected: () => void): void {
  const { byteLength } = buffer;
  registry.register(buffer, { byteLength, collected });
  sinceCollection += byteLength;
  if (sinceCollection >= DUE_BYTES && !scheduled && isWorthwhile(DUE_HEAP_FACTOR)) {
    scheduled = true;
    setImmediate(collectNow);
  }
  if (sinceCollection >= QUIET_BYTES) {
    if (quietTimer === undefined) quietTimer = setTimeout(collectWhenQuiet, QUIET_MS).unref();
    else quietTimer.refresh();
  }
}

function isWorthwhile(heapFactor: number): boolean {
  return sinceCollection >= heapFactor * (getHeapStatistics().used_heap_size - SMALL_HEAP);
}

function collectWhenQuiet(): void {
  quietTimer = undefined;
  if (sinceCollection >= QUIET_BYTES && isWorthwhile(QUIET_HEAP_FACTOR)) collectNow();
}

function collectNow(): void {
  scheduled = false;
  sinceCollection = 0;
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
