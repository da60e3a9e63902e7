/** Results that stay on their engines (flag `keep`): of every kind, as arguments, joined, freed, and lost. */

import ndarray from "ndarray";
import { Client, EngineError, RemoteError, RemoteRef } from "ndparallel";
import { describe, expect, test } from "vitest";
import { shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

/** How often an engine was asked for values that it keeps, and for pieces of arrays: what moving would need. */
const rememberIdentity = (value: object): void => {
  (globalThis as Record<string, unknown>)["seen"] = value;
};
const isIdentical = (value: object): boolean => (globalThis as Record<string, unknown>)["seen"] === value;

describe("a value on one engine", () => {
  test("gives a reference with dtype, shape and place; get() gives the value", async () => {
    const one = shared.rc.at(1);
    const ref = await one.with({ keep: true }).apply(() => Float64Array.of(1, 2, 3));
    expect(ref).toBeInstanceOf(RemoteRef);
    expect([ref.dtype, ref.shape, ref.place.engineId]).toEqual(["float64", [3], shared.rc.ids[1]]);
    expect(await ref.get()).toEqual(Float64Array.of(1, 2, 3));
    expect(await ref.get()).toEqual(Float64Array.of(1, 2, 3)); // it goes on being kept
    ref.free();
  });

  test.each([
    ["a number", () => 5, 5, undefined],
    [
      "an ndarray",
      () => ndarray(Int32Array.of(1, 2, 3, 4), [2, 2]),
      ndarray(Int32Array.of(1, 2, 3, 4), [2, 2]),
      [2, 2],
    ],
    ["a list", () => [1, "two", null], [1, "two", null], undefined],
    ["a map", () => new Map([["a", new Set([1])]]), new Map([["a", new Set([1])]]), undefined],
    ["nothing", () => undefined, undefined, undefined],
  ])("%s", async (_, make, expected, shape) => {
    using ref = await shared.rc
      .at(0)
      .with({ keep: true })
      .apply(make as () => unknown);
    expect(ref.shape).toEqual(shape);
    expect(await ref.get()).toEqual(expected);
  });

  test("a task on its engine is given the value itself; no byte moves", async () => {
    const one = shared.rc.at(0);
    using ref = await one.with({ keep: true }).apply(() => new Float32Array(1_000_000).fill(2));
    await one.apply(rememberIdentity, ref);
    expect(await one.apply(isIdentical, ref)).toBe(true);
    expect(
      await one.apply((parts: { deep: { list: unknown[] } }) => parts.deep.list[1] === seen, {
        deep: { list: [0, ref] },
      } as never),
    ).toBe(true);
    // Nothing of it is kept for others, as whatever moves is.
    expect((await shared.rc.status()).buffers).toBe(0);
  });

  test("on another engine the value arrives, read-only", async () => {
    using ref = await shared.rc
      .at(0)
      .with({ keep: true })
      .apply(() => new Float32Array(1_000_000).fill(2));
    const sum = (x: Float32Array): number => x.reduce((a, b) => a + b, 0);
    expect(await shared.rc.at(1).apply(sum, ref)).toBe(2_000_000);
    expect(await shared.all.apply(sum, ref)).toEqual([2_000_000, 2_000_000]);
    await expect(shared.rc.at(1).apply((x: Float32Array) => x.fill(0), ref)).rejects.toThrow(/read-only/);
  });

  test("results of kept values can be kept in turn", async () => {
    const keeping = shared.rc.at(0).with({ keep: true });
    using first = await keeping.apply(() => Float64Array.of(1, 2));
    using second = await keeping.apply((x: Float64Array) => x.map((v) => v * 10), first);
    expect(await second.get()).toEqual(Float64Array.of(10, 20));
  });

  test("load-balanced tasks go to the engine that keeps it", async () => {
    const ids = shared.rc.ids;
    for (const index of [0, 1, 1, 0]) {
      using ref = await shared.rc
        .at(index)
        .with({ keep: true })
        .apply(() => new Float64Array(10));
      const result = shared.rc.loadBalancedView().apply((x: Float64Array) => x.length, ref);
      expect(await result).toBe(10);
      expect(result.engineIds).toEqual([ids[index]]);
    }
  });

  test("a load-balanced view keeps results where it ran the task", async () => {
    const result = shared.rc
      .loadBalancedView()
      .with({ keep: true })
      .apply(() => "here");
    using ref = await result;
    expect(ref.engineIds).toEqual(result.engineIds);
    expect(await ref.get()).toBe("here");
  });

  test("the result of a task that is kept can be an argument before it is there", async () => {
    const on = (index: number) => shared.rc.loadBalancedView([shared.rc.ids[index] as number]);
    const make = (): Float64Array => new Float64Array(100_000).fill(1);
    const sum = (x: Float64Array): number => x.reduce((a, b) => a + b, 0);
    const kept = on(0).with({ keep: true }).apply(make);
    expect(await Promise.all([on(0).apply(sum, kept as never), on(1).apply(sum, kept as never)])).toEqual([1e5, 1e5]);
    (await kept).free();
  });

  test("another client that asks for the result gets a reference, too", async () => {
    const result = shared.rc
      .at(0)
      .with({ keep: true })
      .apply(() => Float64Array.of(1, 2));
    using _ref = await result;
    await using other = await Client.connect({ clusterId: shared.rc.clusterId });
    const theirs = (await other.getResult(result.messageIds[0] as string)) as RemoteRef<Float64Array>;
    expect(await theirs.get()).toEqual(Float64Array.of(1, 2));
  });

  test("with block the call gives a promise of the reference", async () => {
    using ref = await shared.rc
      .at(0)
      .with({ keep: true, block: true })
      .apply(() => 7);
    expect(await ref.get()).toBe(7);
  });

  test("what a task throws rejects as without the flag", async () => {
    const failing = shared.rc
      .at(0)
      .with({ keep: true })
      .apply(() => {
        throw new RangeError("no");
      });
    await expect(failing.get()).rejects.toThrow(RemoteError);
  });

  test("pushed, it becomes the value under that name", async () => {
    using ref = await shared.rc
      .at(0)
      .with({ keep: true })
      .apply(() => Float64Array.of(4, 5));
    await shared.all.push({ pushed: ref });
    expect(await shared.all.apply(() => (globalThis as unknown as { pushed: Float64Array }).pushed[1])).toEqual([5, 5]);
  });
});

declare const seen: unknown;

describe("a value on several engines", () => {
  test("apply: get() gives the list of all, split() one reference for each", async () => {
    using refs = await shared.all.with({ keep: true }).apply(() => process.pid);
    const pids = await shared.all.apply(() => process.pid);
    expect(await refs.get()).toEqual(pids);
    expect(await Promise.all(refs.split().map((ref) => ref.get()))).toEqual(pids);
    expect(refs.engineIds).toEqual(shared.rc.ids);
  });

  test("map: get() joins, with the shape of the whole", async () => {
    const x = Float64Array.from({ length: 1001 }, (_, i) => i);
    using squares = await shared.all.with({ keep: true }).map((v: number) => v * v, x);
    expect([squares.dtype, squares.shape]).toEqual(["float64", [1001]]);
    expect(await squares.get()).toEqual(x.map((v) => v * v));
  });

  test("a map over it runs where its parts lie, with other sequences divided alike", async () => {
    const x = Float64Array.from({ length: 101 }, (_, i) => i);
    const keeping = shared.all.with({ keep: true });
    const { buffers } = await shared.rc.status();
    using squares = await keeping.map((v: number) => v * v, x);
    const result = shared.all.map((a: number, b: number) => a - b, squares, x);
    expect(await result).toEqual(x.map((v) => v * v - v));
    expect(result.engineIds).toEqual(squares.engineIds);
    expect((await shared.rc.status()).buffers).toBeLessThanOrEqual(buffers);
  });

  test("as an argument it is the joined whole, on any engine", async () => {
    const x = Float64Array.from({ length: 101 }, (_, i) => i);
    using squares = await shared.all.with({ keep: true }).map((v: number) => v * v, x);
    const last = (y: Float64Array): number => y[100] as number;
    expect(await shared.all.apply(last, squares as never)).toEqual([10_000, 10_000]);
  });

  test("a map on other engines, and in chunks, gives the same", async () => {
    const rows = ndarray(
      Float64Array.from({ length: 70 }, (_, i) => i),
      [7, 10],
    );
    using kept = await shared.all.with({ keep: true }).map((row: { data: Float64Array }) => row, rows as never);
    expect(kept.shape).toEqual([7, 10]);
    const sums = (view: { map: typeof shared.all.map }): PromiseLike<unknown> =>
      view.map((row: { get(i: number): number }) => row.get(0) + row.get(9), kept as never);
    const expected = ndarray(
      Float64Array.from({ length: 7 }, (_, i) => 20 * i + 9),
      [7],
    );
    expect(await sums(shared.rc.view([shared.rc.ids[1] as number]) as never)).toEqual(expected);
    expect(await sums(shared.rc.loadBalancedView().with({ chunkSize: 2 }) as never)).toEqual(expected);
  });

  test("parallel functions keep their parts and take kept ones", async () => {
    const { parallel } = await import("ndparallel");
    const x = Float32Array.from({ length: 31 }, (_, i) => i - 15);
    const relu = parallel(shared.all, { keep: true })((y: Float32Array) => y.map((v) => Math.max(v, 0)));
    const total = parallel(shared.all)((y: Float32Array) => y.reduce((a, b) => a + b, 0));
    using positive = await relu(x);
    expect(await positive.get()).toEqual(x.map((v) => Math.max(v, 0)));
    const sums = (await total(positive as never)) as unknown as number[];
    expect(sums.reduce((a, b) => a + b, 0)).toBe(120);
  });

  test("gather keeps the parts where they lie; join makes one of several", async () => {
    await shared.all.scatter("x", Int32Array.of(1, 2, 3, 4, 5));
    using whole = await shared.all.with({ keep: true }).gather("x");
    expect(await whole.get()).toEqual(Int32Array.of(1, 2, 3, 4, 5));
    const refs = await Promise.all([0, 1].map((i) => shared.rc.at(i).with({ keep: true }).get("x")));
    expect(await RemoteRef.join(refs).get()).toEqual(Int32Array.of(1, 2, 3, 4, 5));
  });

  test("an empty map", async () => {
    using none = await shared.all.with({ keep: true }).map((v: number) => v, new Float64Array(0));
    expect(await none.get()).toEqual(new Float64Array(0));
    expect(await shared.rc.at(0).apply((y: Float64Array) => y.length, none as never)).toBe(0);
  });

  test("calls that give no value do as without the flag", async () => {
    const keeping = shared.all.with({ keep: true });
    expect(await keeping.push({ a: 1 })).toBeUndefined();
    expect(await keeping.scatter("part", [1, 2, 3])).toBeUndefined();
    expect(await keeping.import("node:os")).toBeUndefined();
    expect(await shared.all.pull(["a", "part"])).toEqual([
      [1, [1, 2]],
      [1, [3]],
    ]);
    using sums = await keeping.execute("a + part.length", { silent: false });
    expect(await sums.get()).toEqual([3, 2]);
    expect(await keeping.clear()).toBeUndefined();
  });

  test("reduce and imap", async () => {
    const keeping = shared.all.with({ keep: true });
    using sum = await keeping.reduce((a: number, b: number) => a + b, [1, 2, 3, 4]);
    expect(await sum.get()).toBe(10);
    const values: unknown[] = [];
    for await (const ref of keeping.imap((v: number) => v + 1, [1, 2, 3])) values.push(await ref.get());
    expect(values).toEqual([2, 3, 4]);
  });
});

describe("freeing", () => {
  /** Whether the engine lets go of the value: it is collected there. */
  const keepWatched = (): object => {
    const place = globalThis as unknown as { freed: number; registry: FinalizationRegistry<undefined> };
    place.freed ??= 0;
    place.registry ??= new FinalizationRegistry(() => place.freed++);
    const value = { large: new Float64Array(1000) };
    place.registry.register(value, undefined);
    return value;
  };
  const untilFreed = async (count: number): Promise<void> => {
    const v8 = await import("node:v8");
    v8.setFlagsFromString("--expose-gc");
    const gc = (await import("node:vm")).runInNewContext("gc") as () => void;
    while ((globalThis as unknown as { freed: number }).freed < count) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  test("free(): the engine lets go, and its use is refused", async () => {
    const one = shared.rc.at(0);
    const ref = await one.with({ keep: true }).apply(keepWatched);
    ref.free();
    await one.apply(untilFreed, 1);
    expect(ref.isFreed).toBe(true);
    await expect(ref.get()).rejects.toThrow(/was freed/);
    expect(() => one.apply((x: unknown) => x, ref)).toThrow(/args\[0\] is a kept value that was freed/);
  });

  test("a call made before still finds it", async () => {
    const one = shared.rc.at(0);
    let result: PromiseLike<number>;
    {
      using ref = await one.with({ keep: true }).apply(() => new Float64Array(10));
      result = one.apply((x: Float64Array) => x.length, ref);
    }
    expect(await result).toBe(10);
  });

  test("collected here, it is freed there", async () => {
    const one = shared.rc.at(0);
    await (async () => {
      await one.with({ keep: true }).apply(keepWatched);
    })();
    const done = one.apply(untilFreed, 1).wait();
    const v8 = await import("node:v8");
    v8.setFlagsFromString("--expose-gc");
    const gc = (await import("node:vm")).runInNewContext("gc") as () => void;
    let isDone = false;
    void done.then(() => {
      isDone = true;
    });
    while (!isDone) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  test("a client that ends leaves nothing behind", async () => {
    const other = await Client.connect({ clusterId: shared.rc.clusterId });
    await other.at(0).with({ keep: true }).apply(keepWatched);
    other.close();
    await shared.rc.at(0).apply(untilFreed, 1);
  });
});

describe("an engine that ends", () => {
  test("get() and calls that need what it kept fail with EngineError, which names it", async () => {
    await shared.cluster.startEngines(1);
    await shared.rc.waitForEngines(3);
    const last = shared.rc.at(-1);
    const id = shared.rc.ids.at(-1) as number;
    const ref = await last.with({ keep: true }).apply(() => new Float64Array(10));
    const pid = await last.apply(() => process.pid);
    expect(await shared.rc.at(0).apply((x: Float64Array) => x.length, ref)).toBe(10);
    const down = new Promise((resolve) => shared.rc.on("engineDown", resolve));
    // Asked while it does not answer, and then it is gone.
    process.kill(pid, "SIGSTOP");
    const underWay = shared.rc.at(0).apply((x: Float64Array) => x.length, ref);
    const asked = shared.rc.at(1).apply((x: Float64Array) => x.length, ref);
    await shared.rc.spin();
    process.kill(pid, "SIGKILL");
    await down;
    for (const result of [underWay, asked]) {
      await expect(result.get()).rejects.toThrow(EngineError);
      await expect(result.get()).rejects.toMatchObject({ engineId: id });
    }
    await expect(ref.get()).rejects.toThrow(EngineError);
    await expect(ref.get()).rejects.toMatchObject({ engineId: id, message: expect.stringContaining(`engine ${id}`) });
    expect(() => shared.rc.at(0).apply((x: Float64Array) => x.length, ref)).toThrow(EngineError);
  });
});

test("what was got of the results of a map stays as it was, whatever tasks write to them later", async () => {
  const all = shared.rc.view();
  const numbers = Float64Array.from({ length: 400_000 }, (_, i) => i);
  using ref = await all.with({ keep: true }).map((x: number) => x + 1, numbers);
  const before = await ref.get();
  // Each engine is given what it keeps itself.
  await all.applyParts((kept: Float64Array) => [kept.fill(-1).length], [ref]);
  expect(((await ref.get()) as Float64Array).every((x) => x === -1)).toBe(true);
  expect((before as Float64Array).every((x, i) => x === i + 1)).toBe(true);
});
