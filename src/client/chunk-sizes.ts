/** How many items go into the next chunk of a map: as many as take a given time, by what the last ones took. */

/** What a chunk is to take, in milliseconds: long beside a round trip, short beside a person's patience. */
const CHUNK_MS = 10;
/** What a chunk takes at least, if there are enough items, in milliseconds: less is not worth the way. */
const LEAST_MS = 1;
/** A chunk has at most so many times the items of those before it, since few items tell little. */
const GROWTH = 16;
/** Items that a first chunk has, when nothing is known. */
const FIRST = 1;
/** Shorter times are taken for this one, in milliseconds an item. */
const SHORTEST_MS = 1e-6;

/** What items of functions took in earlier maps, in milliseconds. */
const known = new WeakMap<object, number>();

export class ChunkSizes {
  readonly #fn: object | undefined;
  readonly #engines: number;
  /** What an engine would have if all had as many. */
  readonly #share: number;
  #itemTime: number | undefined;
  #largest = FIRST;

  /** @param length how many items there are */
  constructor(fn: unknown, engines: number, length: number) {
    this.#fn = typeof fn === "function" || (typeof fn === "object" && fn !== null) ? fn : undefined;
    this.#engines = Math.max(1, engines);
    this.#share = Math.ceil(length / this.#engines);
    this.#itemTime = this.#fn === undefined ? undefined : known.get(this.#fn);
    if (this.#itemTime !== undefined) this.#largest = Number.POSITIVE_INFINITY;
  }

  /** Chunks that are under way at once: one that runs and one that waits for each engine. */
  get mostUnderWay(): number {
    return this.#itemTime === undefined ? this.#engines : 2 * this.#engines;
  }

  /** The size of the next chunk when so many items are left: never so many that engines would have nothing in the end. */
  next(left: number): number {
    const fair = Math.ceil(left / (2 * this.#engines));
    const time = this.#itemTime;
    const wanted = time === undefined ? FIRST : Math.floor(CHUNK_MS / time);
    const least = time === undefined ? FIRST : Math.min(Math.floor(LEAST_MS / time), this.#share);
    return Math.max(1, Math.min(Math.max(least, Math.min(fair, wanted)), this.#largest * GROWTH, left));
  }

  /** So many items took so long. */
  note(items: number, milliseconds: number): void {
    const time = Math.max(SHORTEST_MS, milliseconds / items);
    // The time of a small chunk says less than that of a large one.
    const weight = items >= this.#largest ? 0.5 : 0.25;
    this.#itemTime = this.#itemTime === undefined ? time : this.#itemTime + weight * (time - this.#itemTime);
    if (Number.isFinite(this.#largest)) this.#largest = Math.max(this.#largest, items);
    if (this.#fn !== undefined) known.set(this.#fn, this.#itemTime);
  }
}
