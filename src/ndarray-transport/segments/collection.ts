/**
 * When memory outside the JavaScript heap can be let go: an action for each ArrayBuffer, run once it was collected, and
 * a push for the garbage collector where it does not come by itself. While arrays are handed out it mostly does: V8 counts
 * the bytes of external ArrayBuffers, and begins to mark after each 64 MiB of them.
 */

import { getHeapCodeStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HAS_THREADS, isHeapSmall, markAsUsual, markAtOnce, SMALL_HEAP } from "./marking.ts";
import { canWatchReferences, findCollected, watchedCount, watchReferences } from "./references.ts";

/** After so many bytes were handed out anew, and so many arrays if they are large, a collection is due. */
interface Due {
  readonly byteLength: number;
  readonly arrays: number;
}

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
/** Of buffers of so many bytes a small collection tells, too, as long as there are few: looking takes a microsecond each. */
const LARGE_BYTES = 1 << 20;
const MOST_LOOKED_AT = 512;
/** Time for the answer of a task to leave, and the least that tasks were given for a collection of new objects. */
const ANSWER_MS = 1;
const NEW_BYTES = 16 << 20;
/** While they mark, V8s of Node 23 and later make a full collection of it, which finds no more and takes 5 ms. */
const HAS_SMALL_COLLECTIONS: boolean = Number.parseInt(process.versions.node, 10) < 23;
/** After so many bytes V8 begins to mark. */
const V8_MARKS_BYTES = 64 << 20;
/** So much may have been replaced before it is collected. */
const REPLACED_BYTES = 64 << 20;

interface Watched {
  readonly byteLength: number;
  readonly collected: () => void;
}

/** New objects only; all that V8 did not see alive since it began to mark; or all, which takes twice as long. */
type Scope = "new" | "all" | "thorough";

/** Bytes handed out since a collection was asked for here, and those of them that V8 has not collected by itself. */
let handedOut = 0;
let sinceCollection = 0;
/** All bytes that have not been collected. */
let held = 0;
/** Bytes handed out since it was looked whether new objects are gone. */
let young = 0;
let scheduled: "soon" | "now" | undefined;
/** Whether the last collection was not thorough. */
let isPartial = false;
let quietTimer: NodeJS.Timeout | undefined;
let newTimer: NodeJS.Timeout | undefined;
let collector: ((scope: Scope) => void) | undefined;
/** Whether what is handed out stays, in the place of something else. */
let isReplacing = false;
let isNoticing = false;

const registry = new FinalizationRegistry<Watched>(letGo);

/** V8 collects by itself, too: the object of this registry is gone then. */
const collections = new FinalizationRegistry<undefined>(() => {
  isNoticing = false;
  findCollected();
  noticeCollections();
});

function noticeCollections(): void {
  if (isNoticing || watchedCount() === 0) return;
  isNoticing = true;
  collections.register({}, undefined);
}

function letGo({ byteLength, collected }: Watched): void {
  held -= byteLength;
  sinceCollection = Math.max(0, sinceCollection - byteLength);
  collected();
}

/** To be called before memory of so many bytes becomes an ArrayBuffer, of which {@link whenCollected} hears then. */
export function beforeHandingOut(byteLength: number): void {
  if (HAS_THREADS || byteLength < LARGE_BYTES) return;
  // For what is given to a task V8 only begins to mark: it is gone before that ends.
  if (isReplacing) markAtOnce();
  else markAsUsual();
}

/**
 * Hands out an array that is to stay, most likely in the place of another one, which is collected first. For 64 MiB V8 does
 * so by itself, if it cannot begin to mark.
 */
export function collectingFirst<T>(byteLength: number, handOut: () => T): T {
  if (HAS_THREADS) return handOut();
  const isLeftToV8 = byteLength >= V8_MARKS_BYTES && isHeapSmall();
  if (!isLeftToV8 && sinceCollection >= REPLACED_BYTES && isWorthwhile(sinceCollection, DUE_HEAP_FACTOR)) {
    collectNow("all");
  }
  isReplacing = true;
  try {
    return handOut();
  } finally {
    isReplacing = false;
    findCollected();
  }
}

/**
 * Calls `collected` once nothing refers to `buffer` any more. It must not refer to it itself, and must not throw.
 *
 * @param byteLength how much memory is given back then
 */
export function whenCollected(
  buffer: ArrayBufferLike,
  collected: () => void,
  byteLength: number = buffer.byteLength,
): void {
  const watched = { byteLength, collected };
  if (buffer.byteLength >= LARGE_BYTES && canWatchReferences()) {
    watchReferences(buffer, () => letGo(watched));
    noticeCollections();
  } else {
    registry.register(buffer, watched);
  }
  handedOut += byteLength;
  sinceCollection += byteLength;
  held += byteLength;
  young += byteLength;
  const due = Math.max(DUE.byteLength, DUE.arrays * byteLength);
  if (sinceCollection >= due && scheduled === undefined && isWorthwhile(sinceCollection, DUE_HEAP_FACTOR)) {
    scheduled = "soon";
    setTimeout(collectDue, DUE_MS).unref();
  }
  if (sinceCollection >= Math.max(OVERDUE_BYTES, OVERDUE_FACTOR * due) && scheduled === "soon") {
    scheduled = "now";
    setImmediate(collectDue);
  }
  // V8 makes small collections by itself, of which nothing is heard.
  if (young >= NEW_BYTES) afterwards(() => findCollected());
  if (handedOut >= QUIET_BYTES) awaitQuiet();
}

/**
 * Work is done that something was handed out for: most of it is not needed any more, and a collection of new objects finds
 * that, unless V8 has made two of them since. For arrays that are to stay it would be no good: it makes them old.
 */
export function collectNewSoon(): void {
  if (young >= NEW_BYTES && HAS_SMALL_COLLECTIONS) afterwards(() => collect("new"));
}

/** Once the answer has left. */
function afterwards(action: () => void): void {
  clearTimeout(newTimer);
  newTimer = setTimeout(() => {
    young = 0;
    if (watchedCount() > 0 && watchedCount() <= MOST_LOOKED_AT) action();
  }, ANSWER_MS).unref();
}

/** Collects all garbage of this process, now. */
export function collectGarbage(): void {
  collect("thorough");
}

function isWorthwhile(byteLength: number, heapFactor: number): boolean {
  return byteLength >= heapFactor * (getHeapStatistics().used_heap_size - SMALL_HEAP);
}

function collectDue(): void {
  if (scheduled !== undefined) collectNow(scheduled === "now" || HAS_THREADS ? "thorough" : "all");
}

function awaitQuiet(): void {
  later(PAUSE_MS, () => {
    if (handedOut >= PAUSE_BYTES || isPartial) collectQuietly();
    else later(QUIET_MS - PAUSE_MS, collectQuietly);
  });
}

function collectQuietly(): void {
  if (handedOut >= QUIET_BYTES || isPartial) collectHeld();
  later(SECOND_LOOK_MS, () => {
    collectHeld();
    markAsUsual();
  });
}

function collectHeld(): void {
  if (held >= QUIET_BYTES && isWorthwhile(handedOut, QUIET_HEAP_FACTOR)) collectNow("thorough");
}

/** Instead of what was to be done later before. */
function later(afterMs: number, action: () => void): void {
  clearTimeout(quietTimer);
  quietTimer = setTimeout(action, afterMs).unref();
}

function collectNow(scope: "all" | "thorough"): void {
  scheduled = undefined;
  sinceCollection = 0;
  handedOut = 0;
  isPartial = scope === "all";
  collect(scope);
}

function collect(scope: Scope): void {
  collector ??= findCollector();
  collector(scope);
  findCollected();
}

/**
 * The engine's own function, which is not a global unless one asks, first ends what V8 has begun to mark, and then does it
 * all once more. Once is had by asking for a small collection, and for all of them to be full ones.
 */
function findCollector(): (scope: Scope) => void {
  setFlagsFromString("--expose-gc");
  const run = runInNewContext("gc") as (options?: { type: "minor" }) => void;
  setFlagsFromString("--no-expose-gc");
  return (scope) => {
    if (scope === "new") {
      run({ type: "minor" });
      return;
    }
    if (scope === "thorough") {
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
