import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockRanges, checkDistribution, chunkRanges, placements } from "../../src/parallel-map/plan.ts";

const lengthsOf = (ranges: readonly { start: number; stop: number }[]): number[] =>
  ranges.map(({ start, stop }) => stop - start);

describe("blockRanges", () => {
  // [len(part) for part in np.array_split(np.arange(length), parts)]
  it.each([
    [10, 3, [4, 3, 3]],
    [16, 4, [4, 4, 4, 4]],
    [2, 3, [1, 1, 0]],
    [0, 2, [0, 0]],
    [101, 4, [26, 25, 25, 25]],
    [11, 4, [3, 3, 3, 2]],
    [5, 1, [5]],
  ])("divides %i items over %i engines as %j", (length, parts, expected) => {
    expect(lengthsOf(blockRanges(length, parts))).toEqual(expected);
  });

  it("gives neighbouring ranges that cover everything, with lengths that differ by one at most", () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.integer({ min: 1, max: 200 }), (length, parts) => {
        const ranges = blockRanges(length, parts);
        expect(ranges).toHaveLength(parts);
        expect(ranges[0]?.start).toBe(0);
        expect(ranges.at(-1)?.stop).toBe(length);
        for (let i = 1; i < parts; i++) expect(ranges[i]?.start).toBe(ranges[i - 1]?.stop);
        const lengths = lengthsOf(ranges);
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
        expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
      }),
    );
  });

  it.each([
    [10, 0, "parts must be an integer of 1 or more, not 0"],
    [10, -1, "parts must be an integer of 1 or more, not -1"],
    [10, 2.5, "parts must be an integer of 1 or more, not 2.5"],
    [10, Number.NaN, "parts must be an integer of 1 or more, not NaN"],
    [-1, 2, "length must be an integer of 0 or more, not -1"],
  ])("refuses %d items over %d engines", (length, parts, message) => {
    expect(() => blockRanges(length, parts)).toThrow(new RangeError(message));
  });
});

describe("chunkRanges", () => {
  it.each([
    [10, 4, [4, 4, 2]],
    [8, 4, [4, 4]],
    [3, 100, [3]],
    [0, 5, []],
  ])("cuts %i items into chunks of %i as %j", (length, chunkSize, expected) => {
    const ranges = chunkRanges(length, chunkSize);
    expect(lengthsOf(ranges)).toEqual(expected);
    expect(ranges.map(({ start }) => start)).toEqual(expected.map((_, i) => i * chunkSize));
  });

  it.each([0, -3, 1.5, Infinity])("refuses chunks of %d", (chunkSize) => {
    expect(() => chunkRanges(10, chunkSize)).toThrow(RangeError);
  });
});

describe("checkDistribution", () => {
  it.each(["r", "blocks", undefined, 3])("refuses %j and names what is allowed", (dist) => {
    expect(() => checkDistribution(dist)).toThrow(/dist must be "block" or "roundRobin", not /);
    expect(() => checkDistribution(dist)).toThrow(TypeError);
  });
});

describe("placements", () => {
  const anyLengths = fc.array(fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 40_000 })), { maxLength: 6 });

  /** The part that each place of the whole comes from. */
  const origins = (lengths: readonly number[], dist: "block" | "roundRobin"): [part: number, item: number][] => {
    const whole: [number, number][] = [];
    for (const { part, from, count, start, step } of placements(lengths, dist)) {
      for (let i = 0; i < count; i++) whole[start + i * step] = [part, from + i];
    }
    return whole;
  };

  it("takes an item of each part in turn, passing over those at their end", () => {
    expect(origins([3, 1, 2], "roundRobin")).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [0, 1],
      [2, 1],
      [0, 2],
    ]);
  });

  it("puts every item in a place of its own, in order within its part", () => {
    fc.assert(
      fc.property(anyLengths, fc.constantFrom("block", "roundRobin"), (lengths, dist) => {
        const whole = origins(lengths, dist);
        expect(whole).toHaveLength(lengths.reduce((sum, length) => sum + length, 0));
        const next = lengths.map(() => 0);
        let isOrdered = true;
        for (const [part, item] of whole) {
          isOrdered &&= item === next[part];
          next[part] = item + 1;
        }
        expect(isOrdered).toBe(true);
        expect(next).toEqual(lengths);
      }),
      { numRuns: 40 },
    );
  });
});
