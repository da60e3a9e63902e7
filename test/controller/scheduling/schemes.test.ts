/** The schemes, each against its definition, and the structures that make them fast against plain ones. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap } from "../../../src/controller/scheduling/heap.ts";
import { type Candidate, makePool } from "../../../src/controller/scheduling/schemes.ts";
import { WeightTree } from "../../../src/controller/scheduling/weight-tree.ts";
import { type SchemeName, schemeNames } from "../../../src/protocol/schemes.ts";
import { seeded } from "../simulation.ts";

interface Engine extends Candidate {
  readonly id: number;
  load: number;
  lastUsed: number;
}

const engine = (id: number, load: number, lastUsed: number): Engine => ({ id, load, lastUsed, place: -1 });

/** A pool of these. */
function pool(scheme: SchemeName, engines: readonly Engine[], random: () => number = seeded(1)) {
  const made = makePool<Engine>(scheme, random);
  for (const one of engines) made.add(one);
  return made;
}

/** Gives these numbers, one after another. */
function scripted(...numbers: number[]): () => number {
  return () => numbers.shift() as number;
}

const three = (): Engine[] => [engine(0, 2, 1), engine(1, 1, 3), engine(2, 1, 2)];

describe("the definitions", () => {
  test("leastload: the least load, of several the least recently used", () => {
    expect(pool("leastload", three()).pick()?.id).toBe(2);
  });

  test("lru: the least recently used, whatever its load", () => {
    expect(pool("lru", three()).pick()?.id).toBe(0);
  });

  test("plainrandom: each as likely as the others", () => {
    const made = pool("plainrandom", three(), seeded(7));
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[made.pick()?.id as number]!++;
    // 30,000 draws with p = 1/3: standard deviation 82.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(5 * 82);
  });

  test("twobin: of two drawn at random, the less recently used, whatever its load", () => {
    const draw = (first: number, second: number) => pool("twobin", three(), scripted(first, second)).pick()?.id;
    expect(draw(0.1, 0.5)).toBe(0);
    expect(draw(0.5, 0.1)).toBe(0);
    expect(draw(0.5, 0.9)).toBe(2);
    expect(draw(0.5, 0.5)).toBe(1);
  });

  test("weighted: two drawn with weight 1 / (1e-6 + load), the less loaded of them", () => {
    // Weights of loads 1, 3 and 4: 1, 1/3, 1/4, in all 19/12; running sums 12/19, 16/19, 1.
    const engines = (): Engine[] => [engine(0, 1, 1), engine(1, 3, 2), engine(2, 4, 3)];
    const draw = (first: number, second: number) => pool("weighted", engines(), scripted(first, second)).pick()?.id;
    expect(draw(12 / 19 + 0.01, 16 / 19 + 0.01)).toBe(1);
    expect(draw(16 / 19 + 0.01, 12 / 19 + 0.01)).toBe(1);
    expect(draw(0.99, 12 / 19 - 0.01)).toBe(0);
    expect(draw(0.99, 0.99)).toBe(2);
  });

  test("weighted: the shares are those of the definition", () => {
    const loads = [1, 2, 4];
    const weights = loads.map((load) => 1 / (1e-6 + load));
    const sum = weights.reduce((a, b) => a + b);
    const p = weights.map((weight) => weight / sum) as [number, number, number];
    // The less loaded of two draws: engine 2 only if both draws are 2, engine 0 if either is 0.
    const expected = [1 - (1 - p[0]) ** 2, (p[1] + p[2]) ** 2 - p[2] ** 2, p[2] ** 2];
    const made = pool(
      "weighted",
      loads.map((load, id) => engine(id, load, id)),
      seeded(3),
    );
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[made.pick()?.id as number]!++;
    counts.forEach((count, id) => {
      expect(Math.abs(count / 30_000 - (expected[id] as number))).toBeLessThan(0.015);
    });
  });

  test.each(schemeNames)("%s: nobody of nobody, and one of one", (scheme) => {
    expect(pool(scheme, []).pick()).toBeUndefined();
    expect(pool(scheme, []).choose([])).toBeUndefined();
    const only = engine(4, 9, 9);
    expect(pool(scheme, [only]).pick()).toBe(only);
    expect(pool(scheme, []).choose([only])).toBe(only);
  });
});

describe("under changes", () => {
  const step = fc.record({
    kind: fc.constantFrom("add", "remove", "load", "use"),
    id: fc.nat({ max: 9 }),
    load: fc.nat({ max: 4 }),
  });

  /** What the definition picks among these. */
  function defined(scheme: "leastload" | "lru", engines: readonly Engine[]): Engine | undefined {
    const before = (a: Engine, b: Engine): number => a.lastUsed - b.lastUsed;
    return engines.toSorted((a, b) => (scheme === "leastload" ? a.load - b.load : 0) || before(a, b))[0];
  }

  test.each(["leastload", "lru"] as const)("%s always picks what the definition does", (scheme) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const all = Array.from({ length: 10 }, (_, id) => engine(id, 0, id));
        const inside = new Set<Engine>();
        const made = pool(scheme, []);
        let time = 100;
        for (const { kind, id, load } of steps) {
          const one = all[id] as Engine;
          if (kind === "add" && !inside.has(one)) {
            inside.add(one);
            made.add(one);
          } else if (kind === "remove" && inside.delete(one)) {
            made.remove(one);
          } else if (inside.has(one)) {
            if (kind === "load") one.load = load;
            if (kind === "use") one.lastUsed = time++;
            made.moved(one);
          }
          expect(made.pick()).toBe(defined(scheme, [...inside]));
          expect(made.choose([...inside])).toBe(defined(scheme, [...inside]));
          expect(made.size).toBe(inside.size);
        }
      }),
    );
  });

  test.each(schemeNames)("%s picks only what is there", (scheme) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
        const all = Array.from({ length: 10 }, (_, id) => engine(id, id, id));
        const inside = new Set<Engine>();
        const made = pool(scheme, [], seeded(seed));
        for (const { kind, id, load } of steps) {
          const one = all[id] as Engine;
          if (kind === "add" && !inside.has(one)) {
            inside.add(one);
            made.add(one);
          } else if (kind === "remove" && inside.delete(one)) {
            made.remove(one);
          } else if (inside.has(one)) {
            one.load = load;
            made.moved(one);
          }
          const picked = made.pick();
          if (inside.size === 0) expect(picked).toBeUndefined();
          else expect(inside.has(picked as Engine)).toBe(true);
          expect(new Set(made)).toEqual(inside);
        }
      }),
    );
  });
});

describe("the structures", () => {
  test("a heap gives its items in order, whatever was changed and taken out", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 60 }), fc.array(fc.nat()), (keys, picks) => {
        const items = keys.map((key) => ({ key, place: -1 }));
        const heap = new Heap<{ key: number; place: number }>((a, b) => a.key < b.key);
        for (const item of items) heap.add(item);
        const left = [...items];
        for (const pick of picks) {
          const item = left[pick % Math.max(1, left.length)];
          if (item === undefined) break;
          if (pick % 3 === 0) {
            heap.remove(item);
            left.splice(left.indexOf(item), 1);
          } else {
            item.key = pick % 40;
            heap.moved(item);
          }
        }
        const drained: number[] = [];
        for (let first = heap.first; first !== undefined; first = heap.first) {
          drained.push(first.key);
          heap.remove(first);
        }
        expect(drained).toEqual(left.map(({ key }) => key).toSorted((a, b) => a - b));
      }),
    );
  });

  test.each([10, 1_000, 100_000])("a heap of %d compares no more often than its depth asks for", (size) => {
    let compared = 0;
    const heap = new Heap<{ place: number; key: number }>((left, right) => {
      compared++;
      return left.key < right.key;
    });
    const random = seeded(1);
    const items = Array.from({ length: size }, () => ({ place: -1, key: random() }));
    for (const item of items) heap.add(item);
    // Down a binary tree: two comparisons for each level, and one to see that it does not go up.
    const most = 2 * Math.ceil(Math.log2(size + 1)) + 2;
    for (let i = 0; i < 1_000; i++) {
      const item = items[Math.floor(random() * size)] as (typeof items)[number];
      item.key = random();
      compared = 0;
      heap.moved(item);
      expect(compared).toBeLessThanOrEqual(most);
    }
  });

  test("a weight tree finds what a running sum finds", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }),
        fc.nat(),
        (weights, seed) => {
          const tree = new WeightTree<number>();
          for (const [index, weight] of weights.entries()) tree.add(index, weight);
          const sum = weights.reduce((a, b) => a + b);
          const random = seeded(seed);
          for (let i = 0; i < 20; i++) {
            const fraction = random();
            let left = fraction * sum;
            const expected = weights.findIndex((weight) => {
              left -= weight;
              return left < 0;
            });
            expect(tree.at(fraction)).toBe(expected);
          }
        },
      ),
    );
  });
});
