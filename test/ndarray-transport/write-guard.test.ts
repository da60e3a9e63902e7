import { describe, expect, it } from "vitest";
import { PrivateMemory } from "../../src/ndarray-transport/write-guard/private-memory.ts";
import { ResidentChecks } from "../../src/ndarray-transport/write-guard/resident-checks.ts";

describe("memory that is no mapping", () => {
  const hidden = [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => 1 << bit);

  it.each([1, 63, 64, 65, 4096, 65_537])("notices every single bit of %i bytes, by copy and by hash", (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
    const watches = [new PrivateMemory(bytes, bytes.slice()), new PrivateMemory(bytes)];
    for (const at of new Set([0, length >> 1, length - 1])) {
      for (const bit of hidden) {
        for (const watch of watches) {
          expect(watch.takeChange()).toBeUndefined();
          bytes[at] = (bytes[at] as number) ^ bit;
          expect(watch.takeChange()).toEqual(watch.isExact ? { start: at, end: at + 1 } : { start: 0, end: length });
          if (!watch.isExact) {
            // It stays, and counts once.
            expect(watch.takeChange()).toBeUndefined();
            bytes[at] = (bytes[at] as number) ^ bit;
            watch.takeChange();
          }
        }
      }
    }
  });

  it("looks at its own part of a buffer only", () => {
    const bytes = new Uint8Array(100);
    const watch = new PrivateMemory(bytes.subarray(10, 20), new Uint8Array(10));
    bytes[9] = bytes[20] = 1;
    expect(watch.takeChange()).toBeUndefined();
    bytes[12] = bytes[15] = 1;
    expect(watch.takeChange()).toEqual({ start: 12, end: 16 });
    expect([...bytes.subarray(9, 21)]).toEqual([1, ...new Array(10).fill(0), 1]);
  });
});

describe("resident arrays in ordinary memory", () => {
  const arrays = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(8));

  it("looks at those that the task names every time", () => {
    const checks = new ResidentChecks();
    const all = arrays(1000);
    for (const [index, array] of all.entries()) checks.add(new PrivateMemory(array), [`name${index}`]);
    for (let round = 0; round < 3; round++) {
      (all[777] as Uint8Array)[0] = round + 1;
      const changed = [...checks.due("() => name777[0]++", 0)].filter((memory) => memory.takeChange() !== undefined);
      expect(changed.map((memory) => memory.buffer.deref())).toEqual([(all[777] as Uint8Array).buffer]);
    }
  });

  it("looks at the others one after another, and at each in the end", () => {
    const checks = new ResidentChecks();
    const all = arrays(1000);
    for (const array of all) checks.add(new PrivateMemory(array), ["other"]);
    const seen = new Set<unknown>();
    for (let tasks = 0; seen.size < all.length; tasks++) {
      expect(tasks).toBeLessThan(10_000);
      for (const memory of checks.due("", 0)) seen.add(memory.buffer.deref());
    }
    expect(checks.size).toBe(1000);
  });

  it("takes the time that a long task allows", () => {
    const checks = new ResidentChecks();
    const all = arrays(1000);
    for (const array of all) checks.add(new PrivateMemory(array), ["other"]);
    expect(new Set([...checks.due("", 60_000)]).size).toBe(1000);
  });
});
