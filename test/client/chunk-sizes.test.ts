/** Chunks of a map take about as long as they should, are worth their way, and leave no engine without work. */

import { describe, expect, test } from "vitest";
import { ChunkSizes } from "../../src/client/chunk-sizes.ts";

/** The sizes of the chunks of a map whose items take so many milliseconds each. */
function chunksOf(fn: () => void, length: number, engines: number, itemTime: number): number[] {
  const sizes = new ChunkSizes(fn, engines, length);
  const chunks: number[] = [];
  for (let left = length; left > 0; left -= chunks.at(-1) as number) {
    const chunk = sizes.next(left);
    chunks.push(chunk);
    sizes.note(chunk, chunk * itemTime);
  }
  return chunks;
}

describe("chunks of a map", () => {
  test("have one item each at first, and grow with what is learned", () => {
    const chunks = chunksOf(() => undefined, 100_000, 2, 0.001);
    expect(chunks[0]).toBe(1);
    expect(chunks[1]).toBe(16);
    expect(Math.max(...chunks)).toBeLessThanOrEqual(10_000);
    expect(chunks.reduce((sum, size) => sum + size)).toBe(100_000);
  });

  test("of a function that is known take 10 ms at most, and 1 ms at least but for the last", () => {
    const fn = (): void => undefined;
    chunksOf(fn, 10_000, 2, 0.001);
    const chunks = chunksOf(fn, 100_000, 2, 0.001);
    expect(Math.max(...chunks)).toBeLessThanOrEqual(10_001);
    expect(Math.min(...chunks.slice(0, -1))).toBeGreaterThanOrEqual(990);
  });

  test("are one for each engine where all of it is not worth more", () => {
    const fn = (): void => undefined;
    chunksOf(fn, 10_000, 2, 0.000_05);
    expect(chunksOf(fn, 10_000, 2, 0.000_05)).toEqual([5_000, 5_000]);
    expect(chunksOf(fn, 7, 3, 0.000_05)).toEqual([3, 3, 1]);
  });

  test("of long items are single ones", () => {
    const fn = (): void => undefined;
    chunksOf(fn, 10, 2, 50);
    expect(chunksOf(fn, 10, 2, 50)).toEqual(new Array(10).fill(1));
  });
});
