/** Which items go to which partition: plans of index ranges, without a look at the items. */

/** How items are dealt out: neighbours together, or one to each partition in turn. */
export type Distribution = "block" | "roundRobin";

/** The indices from `start` up to, but not including, `stop`. */
export interface Range {
  readonly start: number;
  readonly stop: number;
}

/** Items of one partition and their places in the whole: item `from + i` lies at `start + i * step`, for i < `count`. */
export interface Placement {
  readonly part: number;
  readonly from: number;
  readonly count: number;
  readonly start: number;
  readonly step: number;
}

/** How many items are interleaved before the next part's turn; so few that they stay in the processor's cache. */
const INTERLEAVED_ITEMS = 32_768;

/**
 * The ranges of `parts` block partitions of `length` items: the first `length mod parts` have one item more.
 * @throws RangeError unless `length` is an integer >= 0 and `parts` an integer >= 1
 */
export function blockRanges(length: number, parts: number): Range[] {
  checkInteger("length", length, 0);
  checkInteger("parts", parts, 1);
  const size = Math.floor(length / parts);
  const longer = length % parts;
  return Array.from({ length: parts }, (_, part) => {
    const start = part * size + Math.min(part, longer);
    return { start, stop: start + size + (part < longer ? 1 : 0) };
  });
}

/**
 * The ranges of chunks of `chunkSize` items; the last may be shorter. No chunk for no items.
 * @throws RangeError unless `length` is an integer >= 0 and `chunkSize` an integer >= 1
 */
export function chunkRanges(length: number, chunkSize: number): Range[] {
  checkInteger("length", length, 0);
  checkInteger("chunkSize", chunkSize, 1);
  return Array.from({ length: Math.ceil(length / chunkSize) }, (_, chunk) => {
    const start = chunk * chunkSize;
    return { start, stop: Math.min(start + chunkSize, length) };
  });
}

/** @throws TypeError unless `dist` is a distribution. */
export function checkDistribution(dist: unknown): asserts dist is Distribution {
  if (dist !== "block" && dist !== "roundRobin") {
    throw new TypeError(`dist must be "block" or "roundRobin", not ${JSON.stringify(dist) ?? String(dist)}`);
  }
}

/**
 * Where the items of parts of those lengths lie in the whole. Round robin takes an item of each part in turn; parts
 * that have come to their end are passed over, so that any lengths will do.
 */
export function placements(lengths: readonly number[], dist: Distribution): Placement[] {
  return dist === "block" ? consecutive(lengths) : interleaved(lengths);
}

function consecutive(lengths: readonly number[]): Placement[] {
  let start = 0;
  return lengths.map((count, part) => {
    const placement = { part, from: 0, count, start, step: 1 };
    start += count;
    return placement;
  });
}

function interleaved(lengths: readonly number[]): Placement[] {
  const placed: Placement[] = [];
  let unfinished = [...lengths.keys()];
  let from = 0;
  let start = 0;
  for (;;) {
    unfinished = unfinished.filter((part) => (lengths[part] as number) > from);
    const step = unfinished.length;
    if (step === 0) return placed;
    const shortest = unfinished.reduce((least, part) => Math.min(least, lengths[part] as number), Infinity);
    const count = Math.min(shortest - from, Math.max(1, Math.floor(INTERLEAVED_ITEMS / step)));
    for (const [position, part] of unfinished.entries())
      placed.push({ part, from, count, start: start + position, step });
    from += count;
    start += count * step;
  }
}

function checkInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be an integer of ${least} or more, not ${String(value)}`);
  }
}
