/**
 * When memory outside the JavaScript heap can be let go: an action for each ArrayBuffer, run once it was collected, and
 * a push for the garbage collector where it does not come by itself. While arrays are handed out it mostly does: V8 counts
 * the bytes of external ArrayBuffers, and begins to mark after each 64 MiB of them.
 */

import { getHeapCodeStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After so many bytes were handed out anew, and so many arrays if they are large, a collection is due. */
interface Due {
  readonly byteLength: number;
  readonly arrays: number;
}

/** Whether V8 has threads of its own for it. In engines it has not. */
const HAS_THREADS: boolean = !process.execArgv.includes("--single-threaded-gc");
/**
 * With threads V8 marks meanwhile, and collects large arrays by itself: this is for what it leaves. Without them it begins
 * to mark after 64 MiB, and goes on with it in the way of what comes next: then all is done at once when it is least
 * in the way.
 */
const DUE: Due = HAS_THREADS ? { byteLength: 192 << 20, arrays: 3 } : { byteLength: 128 << 20, arrays: 2 };
/** Time for the work at hand to be answered first; not given once so many were. */
const DUE_MS = 4;
const OVERDUE_BYTES = 256 << 20;
const OVERDUE_FACTOR = 4 / 3;
/** When nothing was handed out for that long, a collection is due after fewer. */
const PAUSE_MS = 40;
const PAUSE_BYTES = 16 << 20;
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

/** What is thorough also finds what was handed out since V8 began to mark, and takes twice as long. */
type Collector = (isThorough: boolean) => void;

/** Bytes handed out since a collection was asked for here, and those of them that V8 has not collected by itself. */
let handedOut = 0;
let sinceCollection = 0;
/** All bytes that have not been collected. */
let held = 0;
let scheduled: "soon" | "now" | undefined;
/** Whether the last collection was not thorough. */
let isPartial = false;
let quietTimer: NodeJS.Timeout | undefined;
let collector: Collector | undefined;

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
  const due = Math.max(DUE.byteLength, DUE.arrays * byteLength);
  if (sinceCollection >= due && scheduled === undefined && isWorthwhile(sinceCollection, DUE_HEAP_FACTOR)) {
    scheduled = "soon";
    setTimeout(collectDue, DUE_MS).unref();
  }
  if (sinceCollection >= Math.max(OVERDUE_BYTES, OVERDUE_FACTOR * due) && scheduled === "soon") {
    scheduled = "now";
    setImmediate(collectDue);
  }
  if (handedOut >= QUIET_BYTES) awaitQuiet();
}

function isWorthwhile(byteLength: number, heapFactor: number): boolean {
  return byteLength >= heapFactor * (getHeapStatistics().used_heap_size - SMALL_HEAP);
}

function collectDue(): void {
  if (scheduled !== undefined) collectNow(HAS_THREADS || scheduled === "now");
}

function awaitQuiet(): void {
  later(PAUSE_MS, () => {
    if (handedOut >= PAUSE_BYTES || isPartial) collectQuietly();
    else later(QUIET_MS - PAUSE_MS, collectQuietly);
  });
}

function collectQuietly(): void {
  if (handedOut >= QUIET_BYTES || isPartial) collectHeld();
  later(SECOND_LOOK_MS, collectHeld);
}

function collectHeld(): void {
  if (held >= QUIET_BYTES && isWorthwhile(handedOut, QUIET_HEAP_FACTOR)) collectNow(true);
}

/** Instead of what was to be done later before. */
function later(afterMs: number, action: () => void): void {
  clearTimeout(quietTimer);
  quietTimer = setTimeout(action, afterMs).unref();
}

function collectNow(isThorough: boolean): void {
  scheduled = undefined;
  sinceCollection = 0;
  handedOut = 0;
  isPartial = !isThorough;
  collector ??= findCollector();
  collector(isThorough);
}

/**
 * The engine's own function, which is not a global unless one asks, first ends what V8 has begun to mark, and then does it
 * all once more. Once is had by asking for a small collection, and for all of them to be full ones.
 */
function findCollector(): Collector {
  setFlagsFromString("--expose-gc");
  const run = runInNewContext("gc") as (options?: { type: "minor" }) => void;
  setFlagsFromString("--no-expose-gc");
  return (isThorough) => {
    if (isThorough) {
      run();
    } else {
      setFlagsFromString("--gc-global");
      run({ type: "minor" });
      setFlagsFromString("--no-gc-global");
    }
    // It looks at all of the heap, for which V8 must finish sweeping: else it does so before it marks the next time.
    if (!HAS_THREADS) getHeapCodeStatistics();
  };
}
