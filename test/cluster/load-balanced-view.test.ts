/** Load-balanced views: where tasks go, how maps are divided, what is bounded, and how tasks end. */

import {
  type Client,
  Cluster,
  type CompositeError,
  engineClient,
  isParallelError,
  parallel,
  RemoteError,
  remote,
} from "ndparallel";
import { describe, expect, it } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failureWithin, rejectionWithin, until, useSandbox } from "./processes.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

useSandbox("file");
const shared = shareCluster(4);
const lview = (): ReturnType<Client["loadBalancedView"]> => shared.rc.loadBalancedView();
const square = (x: number): number => x * x;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const pid = (): number => process.pid;

describe("a load-balanced view", () => {
  it("gives the bare value of one engine, and says which", async () => {
    const result = lview().apply((x: number) => x + 1, 2);
    expect(await result).toBe(3);
    expect(shared.rc.ids).toContain(result.engineIds[0]);
    expect(result.metadata).toMatchObject({ status: "ok", engineId: result.engineIds[0] });
    expect(await lview().applySync(square, 3)).toBe(9);
    expect(await lview().applyAsync(square, 4)).toBe(16);
    expect(lview().with({ block: true }).apply(square, 5)).toBeInstanceOf(Promise);
  });

  it("rejects with what the function threw, as one error", async () => {
    const error = await failure(() =>
      lview().apply(() => {
        throw new RangeError("no");
      }),
    );
    expect(isParallelError(error, "RemoteError") && error.remoteName).toBe("RangeError");
  });

  it("has no methods that move data", () => {
    for (const name of [
      "push",
      "pull",
      "get",
      "set",
      "update",
      "scatter",
      "gather",
      "execute",
      "run",
      "import",
      "clear",
    ]) {
      expect(name in lview()).toBe(false);
    }
  });

  it("uses every engine at the same time", async () => {
    await using gate = await Gate.make();
    const results = shared.rc.ids.map((id) => lview().apply(waitAt<number>, gate.url, id));
    await gate.arrived(4);
    gate.open();
    expect(await Promise.all(results)).toEqual(shared.rc.ids);
    expect(new Set(results.flatMap((result) => result.engineIds))).toEqual(new Set(shared.rc.ids));
  });

  it("is restricted by targets, also afterwards", async () => {
    const [first, , third] = shared.rc.ids as [number, number, number];
    const view = shared.rc.loadBalancedView([first, third]);
    expect(view.targets).toEqual([first, third]);
    expect(lview().targets).toBeNull();
    expect(shared.rc.loadBalancedView("all").targets).toBeNull();
    const results = upTo(20).map((x) => view.apply(square, x));
    expect(await Promise.all(results)).toEqual(upTo(20).map(square));
    for (const { engineIds } of results) expect([first, third]).toContain(engineIds[0]);
    expect(() => shared.rc.loadBalancedView([99])).toThrow(RangeError);
  });

  it("names an unknown flag, and says what a wrong one must be", () => {
    expect(() => lview().with({ colour: 1 } as never)).toThrow(/unknown flag "colour".*retries/);
    expect(() => lview().with({ retries: 1.5 })).toThrow(TypeError);
    expect(() => lview().with({ retries: -1 })).toThrow(RangeError);
    expect(() => lview().with({ timeout: -1 })).toThrow(RangeError);
    expect(() => lview().with({ chunkSize: 0 })).toThrow(RangeError);
    expect(() => lview().with({ after: 5 as never })).toThrow(TypeError);
  });

  it("records label and dependencies", async () => {
    const first = lview().apply(square, 1);
    const second = lview().with({ label: "fit", after: first }).apply(square, 2);
    await second;
    expect(second.metadata).toMatchObject({ label: "fit", after: first.messageIds });
  });
});

describe("map", () => {
  it("gives the squares of sixteen numbers, in order", async () => {
    const result = lview().map(square, upTo(16));
    expect(result.size).toBe(16);
    expect(await result).toEqual(upTo(16).map(square));
  });

  it("takes iterables, and stops at the shortest sequence", async () => {
    expect(await lview().map(square, upTo(101).values())).toEqual(upTo(101).map(square));
    const sum = (a: number, b: number): number => a + b;
    const shortFirst = lview().map(sum, [1, 2], [10, 20, 30]);
    expect([shortFirst.size, await shortFirst]).toEqual([2, [11, 22]]);
    const shortLast = lview().map(sum, [1, 2, 3], [10, 20]);
    expect([shortLast.size, await shortLast]).toEqual([2, [11, 22]]);
    expect(await lview().map(square, [])).toEqual([]);
  });

  it("keeps the kind of a typed array", async () => {
    expect(await lview().map((x) => x * 2, Float32Array.of(1, 2, 3))).toEqual(Float32Array.of(2, 4, 6));
  });

  it("sends one message for each chunk of a given size", async () => {
    const result = lview().with({ chunkSize: 3 }).map(square, upTo(7));
    expect(result.messageIds).toHaveLength(3);
    expect(await result).toEqual(upTo(7).map(square));
  });

  it("makes few chunks of many short items, and single ones of long items, by itself", async () => {
    const short = lview().map((x: number) => x + 1, upTo(10_000));
    expect(await short).toEqual(upTo(10_000).map((x) => x + 1));
    expect(short.messageIds.length).toBeLessThan(500);
    const long = lview().map((x: number) => {
      const end = performance.now() + 20;
      while (performance.now() < end);
      return x;
    }, upTo(24));
    expect(await long).toEqual(upTo(24));
    expect(long.messageIds).toHaveLength(24);
  });

  it("yields items as they arrive, in order or not, while others run", async () => {
    await using gate = await Gate.make();
    const slowFirst = async (x: number, url: string): Promise<number> => {
      if (x === 0) await fetch(url);
      return x;
    };
    const view = lview().with({ chunkSize: 1 });
    const urls = upTo(4).map(() => gate.url);
    const unordered = view.with({ ordered: false }).map(slowFirst, upTo(4), urls);
    const early: number[] = [];
    for await (const item of unordered) {
      early.push(item as number);
      if (early.length === 3) gate.open();
    }
    expect(early.slice(0, 3).toSorted()).toEqual([1, 2, 3]);
    expect(early).toHaveLength(4);
    const ordered: number[] = [];
    for await (const item of view.map(slowFirst, upTo(4), urls)) ordered.push(item as number);
    expect(ordered).toEqual(upTo(4));
  });

  it("puts errors in their places on request", async () => {
    const odd = (x: number): number => {
      if (x % 2 === 1) throw new Error(`odd ${x}`);
      return x;
    };
    const values = await lview().with({ chunkSize: 1, returnExceptions: true }).map(odd, upTo(4));
    expect(values.map((value) => ((value as unknown) instanceof Error ? "error" : value))).toEqual([
      0,
      "error",
      2,
      "error",
    ]);
    expect((await failure(() => lview().with({ chunkSize: 1 }).map(odd, upTo(4)))).message).toMatch(/odd 1/);
  });

  it("puts them in the places of single items, however the chunks are", async () => {
    const catching = lview().with({ returnExceptions: true });
    const third = (x: number): number => {
      if (x % 3 === 0) throw new RangeError(`third ${x}`);
      return x + 0.5;
    };
    const shape = (values: Iterable<unknown>): unknown[] =>
      [...values].map((value) => (value instanceof RemoteError ? `${value.remoteName} ${value.message}` : value));
    const expected = upTo(10).map((x) => (x % 3 === 0 ? expect.stringMatching(`RangeError.*third ${x}`) : x + 0.5));
    for (const view of [catching, catching.with({ chunkSize: 4 }), catching.with({ chunkSize: 10 })]) {
      const result = view.map(third, upTo(10));
      expect(shape(await result)).toEqual(expected);
      expect(result.successful()).toBe(false);
      const iterated: unknown[] = [];
      for await (const item of result) iterated.push(item);
      expect(shape(iterated)).toEqual(expected);
      const { errors } = (await failure(() => result.get({ returnExceptions: false }))) as CompositeError;
      expect(errors.length).toBe(4);
      expect(errors[0]).toMatchObject({ engineId: expect.any(Number), messageId: expect.stringContaining("-") });
    }
    const later = catching.with({ chunkSize: 10 }).map(async (x: number) => third(x), upTo(10));
    expect(shape(await later)).toEqual(expected);
    // Conversions stay those of the kind of the input.
    const typed = catching.with({ chunkSize: 5 });
    expect(await typed.map(third, Int32Array.of(1, 2, 4, 5))).toEqual(Int32Array.of(1, 2, 4, 5));
    expect(shape(await typed.map(third, Int32Array.of(1, 2, 3)))).toEqual([1, 2, expected[3]]);
    const misfit = await typed.map((x: number) => (x === 2 ? ("two" as never) : x), Float64Array.of(1, 2));
    expect(misfit[0]).toBe(1);
    expect((misfit as unknown as unknown[])[1]).toMatchObject({ remoteName: "TypeError" });
  });

  it("refuses what cannot be sent before anything is", async () => {
    const before = shared.rc.history.length;
    expect(() => lview().map(square, [Symbol("no")] as never)).toThrow(/symbol/);
    expect(shared.rc.history).toHaveLength(before);
  });

  it("is aborted with its items that were not sent", async () => {
    await using gate = await Gate.make();
    const controller = new AbortController();
    const view = lview().with({ signal: controller.signal });
    const result = view.map(
      waitAt<number>,
      upTo(1_000).map(() => gate.url),
      upTo(1_000),
    );
    await gate.arrived(4);
    controller.abort();
    gate.open();
    await rejectionWithin(5_000, result);
    expect(result.ready).toBe(true);
    expect(result.messageIds.length).toBeLessThan(50);
  });

  it("reduces", async () => {
    expect(await lview().reduce((a, b) => a + b, upTo(100))).toBe(4950);
    expect(await lview().reduce((a, b) => a + b, [] as number[], 7)).toBe(7);
    await expect((async () => lview().reduce((a, b) => a + b, [] as number[]))()).rejects.toThrow(TypeError);
  });
});

describe("imap", () => {
  function* endless(taken: { count: number }): Generator<number, void, undefined> {
    try {
      for (;;) yield taken.count++;
    } finally {
      taken.count = -taken.count;
    }
  }

  it("keeps a bounded number of tasks under way", async () => {
    const before = shared.rc.history.length;
    const results = lview().with({ maxOutstanding: 5 }).imap(square, upTo(100));
    expect((await results.next()).value).toBe(0);
    expect((await results.next()).value).toBe(1);
    const submitted = shared.rc.history.length - before;
    expect(submitted).toBeGreaterThanOrEqual(5);
    expect(submitted).toBeLessThanOrEqual(10);
    await results.return();
  });

  it("takes from an endless sequence only what it needs, and closes it when the loop is left", async () => {
    const before = shared.rc.history.length;
    const taken = { count: 0 };
    const seen: number[] = [];
    for await (const value of lview().imap(square, endless(taken))) {
      seen.push(value);
      if (seen.length === 20) break;
    }
    expect(seen).toEqual(upTo(20).map(square));
    expect(taken.count).toBeLessThan(0);
    expect(-taken.count).toBeLessThanOrEqual(30);
    expect(shared.rc.history.length - before).toBeLessThanOrEqual(30);
  });

  it("takes asynchronous sequences, and yields what has come while the next item has not", async () => {
    let more: (() => void) | undefined;
    const source = (async function* () {
      yield 1;
      yield 2;
      await new Promise<void>((resolve) => {
        more = resolve;
      });
      yield 3;
    })();
    const results = lview().imap(square, source);
    expect([(await results.next()).value, (await results.next()).value]).toEqual([1, 4]);
    await until(() => more !== undefined, "the third item was asked for");
    more?.();
    expect((await results.next()).value).toBe(9);
    expect((await results.next()).done).toBe(true);
  });

  it("yields the fast first when unordered, and errors as values on request", async () => {
    await using gate = await Gate.make();
    const slowFirst = async (x: number, url: string): Promise<number> => {
      if (x === 0) await fetch(url);
      if (x === 1) throw new Error("one");
      return x;
    };
    const urls = (function* () {
      for (;;) yield gate.url;
    })();
    const view = lview().with({ ordered: false, returnExceptions: true });
    const seen: unknown[] = [];
    for await (const value of view.imap(slowFirst, upTo(4), urls)) {
      seen.push((value as unknown) instanceof Error ? "error" : value);
      if (seen.length === 3) gate.open();
    }
    expect(seen.slice(0, 3).map(String).toSorted()).toEqual(["2", "3", "error"]);
    expect(seen.at(-1)).toBe(0);
  });

  it("puts errors in their places when ordered, too", async () => {
    const even = (n: number): number => {
      if (n % 2 === 0) throw new RangeError("even!");
      return n;
    };
    const seen: unknown[] = [];
    for await (const value of lview().with({ returnExceptions: true }).imap(even, upTo(5))) seen.push(value);
    expect(seen.map((value) => (value instanceof RemoteError ? value.remoteName : value))).toEqual([
      "RangeError",
      1,
      "RangeError",
      3,
      "RangeError",
    ]);
  });

  it("yields three fast ones while a slow one runs, and has sent six at most of ten with two outstanding", async () => {
    await using gate = await Gate.make();
    const view = lview().with({ maxOutstanding: 2, ordered: false });
    const work = async (n: number, url: string): Promise<number> => {
      if (n % 4 === 0) await fetch(url);
      return n;
    };
    const results = view.imap(work, upTo(10), Array(10).fill(gate.url));
    const seen: unknown[] = [];
    for (let taken = 0; taken < 3; taken++) seen.push((await results.next()).value);
    expect(seen).toEqual([1, 2, 3]);
    gate.open();
    await results.return();
    await view.wait();
    expect(view.history.length).toBeGreaterThanOrEqual(4);
    expect(view.history.length).toBeLessThanOrEqual(6);
  });

  it("throws what the sequence throws, and the error of a task", async () => {
    const broken = (function* () {
      yield 1;
      throw new Error("no more");
    })();
    const seen: number[] = [];
    const consume = async (): Promise<void> => {
      for await (const value of lview().imap(square, broken)) seen.push(value);
    };
    expect((await failure(consume)).message).toBe("no more");
    expect(seen).toEqual([1]);
  });

  it("goes round the targets of a direct view", async () => {
    const seen: number[] = [];
    for await (const value of shared.all.imap(pid, upTo(8))) seen.push(value);
    expect(seen.slice(0, 4)).toEqual(seen.slice(4));
    expect(new Set(seen).size).toBe(4);
  });
});

describe("decorators over a load-balanced view", () => {
  it("remote gives one bare value, parallel divides into chunks and joins", async () => {
    const norm = remote(lview())((x: Float64Array) => Math.hypot(...x));
    expect(await norm(Float64Array.of(3, 4))).toBe(5);
    expect(await norm.map([Float64Array.of(3, 4), Float64Array.of(6, 8)])).toEqual([5, 10]);
    const double = parallel(lview(), { chunkSize: 3 })((x: Float32Array) => x.map((v) => v * 2));
    const result = double(Float32Array.from(upTo(10)));
    expect(result.messageIds).toHaveLength(4);
    expect(await result).toEqual(Float32Array.from(upTo(10), (x) => x * 2));
    const sizes = lview().parallel()((x: number[]) => [x.length]);
    expect(await sizes(upTo(10))).toEqual([3, 3, 2, 2]);
    expect(await lview().remote({ label: "sq" })(square)(7)).toBe(49);
  });
});

describe("aborting and limits of time", () => {
  it("aborts what has not started", async () => {
    await using gate = await Gate.make();
    const running = shared.rc.ids.map((id) => lview().apply(waitAt<number>, gate.url, id));
    await gate.arrived(4);
    const waiting = lview().with({ label: "waits" }).apply(square, 2);
    expect((await shared.rc.queueStatus()).unassigned).toBe(1);
    await waiting.abort();
    await failureWithin(2_000, waiting, "TaskAborted");
    expect((await shared.rc.queueStatus()).unassigned).toBe(0);
    gate.open();
    expect(await Promise.all(running)).toEqual(shared.rc.ids);
  });

  it("fails with TaskTimeout what waits too long", async () => {
    await using gate = await Gate.make();
    const running = shared.rc.ids.map((id) => lview().apply(waitAt<number>, gate.url, id));
    await gate.arrived(4);
    const late = lview().with({ timeout: 50 }).apply(square, 2);
    const error = await failureWithin(5_000, late, "TaskTimeout");
    expect(error.message).toMatch(/50 ms/);
    expect(error).toMatchObject({ messageId: late.messageIds[0] });
    gate.open();
    expect(await Promise.all(running)).toEqual(shared.rc.ids);
  });

  it("runs what has a higher priority first", async () => {
    await using gate = await Gate.make();
    const [id] = shared.rc.ids as [number];
    const view = shared.rc.loadBalancedView(id);
    // Of a kind that nobody knows, so that the engine gets nothing more beside it.
    const first = view.with({ label: "gate" }).apply(waitAt<number>, gate.url, 0);
    await gate.arrived(1);
    const note = (x: number): number => {
      const place = globalThis as { seen?: number[] };
      place.seen ??= [];
      return place.seen.push(x);
    };
    const results = [1, 5, 3].map((priority) => view.with({ priority }).apply(note, priority));
    // All of them are there before the engine is free.
    await shared.rc.queueStatus();
    gate.open();
    await Promise.all([first, ...results]);
    expect(await shared.rc.view(id).get("seen")).toEqual([5, 3, 1]);
  });
});

describe("tasks that send tasks", () => {
  it("wait for them, also on a single engine, at any depth, with work of others in the queue", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using rc = await cluster.connect();
    const view = rc.loadBalancedView();
    const countDown = async (n: number, module: string): Promise<number> => {
      if (n === 0) return 0;
      const { engineClient: client } = (await import(module)) as { engineClient: typeof engineClient };
      const inner = (await client()).loadBalancedView();
      const self = (globalThis as unknown as { countDown: (n: number, module: string) => Promise<number> }).countDown;
      return 1 + (await inner.apply(self, n - 1, module));
    };
    await rc.view().push({ countDown });
    const module = import.meta.resolve("ndparallel");
    const results = upTo(10).map(() => view.apply(countDown, 5, module));
    const others = upTo(20).map((x) => view.apply(square, x));
    expect(await Promise.all(results)).toEqual(upTo(10).map(() => 5));
    expect(await Promise.all(others)).toEqual(upTo(20).map(square));
    expect(await rc.queueStatus()).toEqual({ 0: { queue: 0, tasks: 0, completed: expect.any(Number) }, unassigned: 0 });
  });

  it("cannot get a client where there is no engine", async () => {
    await expect(engineClient()).rejects.toThrow(/Client.connect/);
  });
});
