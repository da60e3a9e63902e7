/**
 * When memory outside the JavaScript heap can be let go: an action for each ArrayBuffer, run once it was collected, and
 * a push for the garbage collector, which otherwise waits until more than a gigabyte hangs on a few small objects.
 */

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After so many bytes were handed out anew, a collection is due. */
const DUE_BYTES = 256 << 20;
/**
 * Bytes whose pages are new count as many times: new memory costs several times what memory does that is used again, so
 * as long as some is made, what could be used instead is worth looking for. A collection takes about 4 ms, new pages for
 * 64 MiB at least 13 ms more than old ones.
 */
const NEW_FACTOR = 4;
/** Time for the work at hand to be answered first; not given when this much more was handed out meanwhile. */
const DUE_MS = 2;
const OVERDUE_BYTES = DUE_BYTES + (DUE_BYTES >> 2);
/** When nothing was handed out for that long, a collection is due after fewer. */
const QUIET_MS = 100;
const QUIET_BYTES = 1 << 20;
/** Once more then, for what was in use still. */
const SECOND_LOOK_MS = 1000;
/** A large heap takes long to collect: then as many times its size must have been handed out. */
const DUE_HEAP_FACTOR = 8;
const QUIET_HEAP_FACTOR = 0.25;
const SMALL_HEAP = 64 << 20;

interface Watched {
  /** Its bytes, as they count. */
  readonly weight: number;
  /** How many collections had been asked for when it was handed out. */
  readonly collections: number;
  readonly collected: () => void;
}

let sinceCollection = 0;
let collections = 0;
/** Bytes that have not been collected. */
let held = 0;
let scheduled: "soon" | "now" | undefined;
let quietTimer: NodeJS.Timeout | undefined;
let collect: (() => void) | undefined;

const registry = new FinalizationRegistry<Watched>((watched) => {
  held -= watched.weight;
  if (watched.collections === collections) sinceCollection -= watched.weight;
  watched.collected();
});

/**
 * Calls `collected` once nothing refers to `buffer` any more. It must not refer to it itself, and must not throw.
 *
 * @param isNew whether its memory was not used before
 */
export function whenCollected(buffer: ArrayBuffer, collected: () => void, isNew = false): void {
  const weight = buffer.byteLength * (isNew ? NEW_FACTOR : 1);
  registry.register(buffer, { weight, collections, collected });
  sinceCollection += weight;
  held += weight;
  if (sinceCollection >= DUE_BYTES && scheduled === undefined && isWorthwhile(DUE_HEAP_FACTOR)) {
    scheduled = "soon";
    setTimeout(collectDue, DUE_MS).unref();
  }
  if (sinceCollection >= OVERDUE_BYTES && scheduled === "soon") {
    scheduled = "now";
    setImmediate(collectDue);
  }
  if (sinceCollection >= QUIET_BYTES) collectWhenQuiet(QUIET_MS);
}

function isWorthwhile(heapFactor: number): boolean {
  return sinceCollection >= heapFactor * (getHeapStatistics().used_heap_size - SMALL_HEAP);
}

function collectDue(): void {
  if (scheduled !== undefined) collectNow();
}

function collectWhenQuiet(afterMs: number): void {
  clearTimeout(quietTimer);
  quietTimer = setTimeout(() => {
    quietTimer = undefined;
    if (Math.max(sinceCollection, afterMs === QUIET_MS ? 0 : held) < QUIET_BYTES) return;
    if (!isWorthwhile(QUIET_HEAP_FACTOR)) return;
    collectNow();
    if (afterMs === QUIET_MS) collectWhenQuiet(SECOND_LOOK_MS);
  }, afterMs).unref();
}

function collectNow(): void {
  scheduled = undefined;
  sinceCollection = 0;
  collections++;
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
