/**
 * Which large ArrayBuffers nothing refers to any more, told after any collection, also one of new objects alone, which
 * takes a tenth of a millisecond where one of all takes ten or more.
 *
 * A FinalizationRegistry hears of its objects only after a collection of all the heap, and both it and WeakRefs keep new
 * objects alive in the others. The keys of a WeakMap are kept by nothing, and `inspect` shows those that are there.
 */

import { inspect } from "node:util";

/** What is called once its buffer is gone. */
class Watched {
  readonly collected: () => void;
  seenAt: number;

  constructor(collected: () => void) {
    this.collected = collected;
    this.seenAt = looks;
  }

  [inspect.custom](): string {
    this.seenAt = looks;
    return "";
  }
}

const SHOW_ALL = { showHidden: true, customInspect: true, depth: 0, maxArrayLength: null, compact: true } as const;

let looks = 0;
/** Values of the map must not refer to its keys. */
const byBuffer = new WeakMap<ArrayBufferLike, Watched>();
const watched = new Set<Watched>();
/** One that is always there: a look that does not find it has told nothing. */
const present = { buffer: new ArrayBuffer(0), watched: new Watched(() => undefined) };
byBuffer.set(present.buffer, present.watched);

/** Whether this runtime shows what is in a WeakMap. */
let shows: boolean | undefined;

export function canWatchReferences(): boolean {
  shows ??= look();
  return shows;
}

/** How many buffers are watched: a look at them takes about a microsecond for each. */
export function watchedCount(): number {
  return watched.size;
}

/** `collected` is called by the first {@link findCollected} after `buffer` was collected. It must not refer to it. */
export function watchReferences(buffer: ArrayBufferLike, collected: () => void): void {
  const entry = new Watched(collected);
  byBuffer.set(buffer, entry);
  watched.add(entry);
}

/** Finds those that were collected. */
export function findCollected(): void {
  if (watched.size === 0 || !look()) return;
  for (const entry of [...watched]) {
    if (entry.seenAt === looks) continue;
    watched.delete(entry);
    entry.collected();
  }
}

/** Marks those that are there; whether all of them were shown. */
function look(): boolean {
  looks++;
  try {
    inspect(byBuffer, SHOW_ALL);
  } catch {
    // It calls what the user has taught ArrayBuffers.
    return false;
  }
  return present.watched.seenAt === looks;
}
