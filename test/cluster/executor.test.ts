/** The executor: single calls, ordered lazy maps with bounded work in flight, and its end. */

import { RemoteError } from "ndparallel";
import { describe, expect, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

function* naturals(taken: number[]): Generator<number> {
  for (let n = 0; ; n++) {
    taken.push(n);
    yield n;
  }
}

describe("submit", () => {
  test("calls go to the engine that is free", async () => {
    await using gate = await Gate.make();
    const executor = shared.rc.executor();
    expect(executor.maxWorkers).toBe(2);
    const results = [1, 2, 3, 4].map((n) => executor.submit(waitAt<number>, gate.url, n));
    await gate.arrived(2);
    const { unassigned, ...engines } = await shared.rc.queueStatus();
    expect(Object.values(engines).map(({ tasks }) => tasks)).toEqual([1, 1]);
    gate.open();
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4]);
    expect(new Set(results.map(({ engineIds }) => engineIds[0]))).toEqual(new Set([0, 1]));
  });

  test("of some engines only, by id or list", async () => {
    const results = [shared.rc.executor(1), shared.rc.executor([1])].map((executor) => executor.submit(() => 5));
    expect(await Promise.all(results)).toEqual([5, 5]);
    expect(results.map(({ engineIds }) => engineIds)).toEqual([[1], [1]]);
    expect(() => shared.rc.executor(99)).toThrow(RangeError);
  });
});

describe("map", () => {
  test("yields in order, over several sequences, until the shortest ends", async () => {
    const executor = shared.rc.executor();
    async function* later(): AsyncGenerator<number> {
      yield* [10, 20, 30, 40];
    }
    const work = async (a: number, b: number): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, a === 1 ? 20 : 0));
      return a + b;
    };
    const seen: number[] = [];
    for await (const sum of executor.map(work, [1, 2, 3], later())) seen.push(sum);
    expect(seen).toEqual([11, 22, 33]);
    for await (const _ of executor.map((x: number) => x, [])) throw new Error("there is nothing");
  });

  test("takes no more of an endless sequence than it needs, and stops when the loop is left", async () => {
    const executor = shared.rc.executor();
    const taken: number[] = [];
    const seen: number[] = [];
    for await (const n of executor.map((x: number) => x * x, naturals(taken), { maxOutstanding: 3 })) {
      seen.push(n);
      expect(taken.length).toBeLessThanOrEqual(seen.length + 2);
      if (seen.length === 10) break;
    }
    expect(seen).toEqual([0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
    await executor.shutdown();
    expect(taken.length).toBeLessThanOrEqual(12);
  });

  test("throws at the place of the failure", async () => {
    const executor = shared.rc.executor();
    const seen: number[] = [];
    const error = await failure(async () => {
      const work = (x: number): number => {
        if (x === 2) throw new RangeError("two");
        return x;
      };
      for await (const n of executor.map(work, [0, 1, 2, 3])) seen.push(n);
    });
    expect(seen).toEqual([0, 1]);
    expect(error).toBeInstanceOf(RemoteError);
  });

  test.each<[unknown[], RegExp]>([
    [[], /at least one sequence/],
    [[5], /sequence 0/],
    [[[1], { maxOutstanding: 0 }], /maxOutstanding/],
  ])("of %j is a TypeError", async (parameters, message) => {
    const map = shared.rc.executor().map(((x: unknown) => x) as never, ...(parameters as never));
    await expect(map.next()).rejects.toThrow(message);
  });
});

describe("shutdown", () => {
  test("lets a map that was made before go on, as far as it is iterated", async () => {
    let map: AsyncGenerator<number>;
    {
      await using executor = shared.rc.executor();
      map = executor.map((x: number) => x * x, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect((await map.next()).value).toBe(0);
    }
    const rest: number[] = [];
    for await (const value of map) rest.push(value);
    expect(rest).toEqual([1, 4, 9, 16, 25, 36, 49, 64, 81]);
  });

  test("waits for the calls that were made, takes no more, and leaves the engines running", async () => {
    await using gate = await Gate.make();
    let results: { ready: boolean }[];
    {
      await using executor = shared.rc.executor();
      results = Array.from({ length: 11 }, (_, n) => executor.submit(waitAt<number>, gate.url, n));
      gate.open();
    }
    expect(results.every(({ ready }) => ready)).toBe(true);
    const executor = shared.rc.executor();
    await executor.shutdown({ wait: false });
    expect(() => executor.submit(() => 1)).toThrow(/shut down/);
    expect(() => executor.map((x: number) => x, [1])).toThrow(/shut down/);
    expect(await shared.all.apply(() => 1)).toEqual([1, 1]);
  });
});
