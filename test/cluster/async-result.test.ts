/** What a result tells before, while and after it arrives. */

import {
  type AsyncResult,
  Client,
  CompositeError,
  type Metadata,
  RemoteError,
  TaskAborted,
  TimeoutError,
} from "ndparallel";
import { describe, expect, expectTypeOf, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

const fail = (): never => {
  throw new TypeError("no good");
};
/** Keeps the engine busy for at least so many milliseconds by its clock. */
const spin = (ms: number): number => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return ms;
};

function metadataOf(result: AsyncResult<unknown>): Metadata[] {
  return [result.metadata].flat();
}

describe("the value", () => {
  test("has the shape of the targets: bare for one id, an array for a list or a slice", async () => {
    const { rc } = shared;
    expect(await rc.view(0).apply(() => 1)).toBe(1);
    expect(await rc.at(1).apply(() => 1)).toBe(1);
    expect(await rc.view([0]).apply(() => 1)).toEqual([1]);
    expect(await rc.slice(0, 1).apply(() => 1)).toEqual([1]);
    expect(await rc.view([1, 0]).apply(() => 1)).toEqual([1, 1]);
    expect(await rc.view().apply(() => 1)).toEqual([1, 1]);
  });

  test("a list stays a list, whatever the shape of the targets", async () => {
    const { rc } = shared;
    expect(await rc.at(0).apply(() => [1, 2])).toEqual([1, 2]);
    expect(await rc.view([0]).apply(() => [1, 2])).toEqual([[1, 2]]);
    expect(await rc.at(0).apply(() => [])).toEqual([]);
  });

  test("can be had again and again, in every way there is", async () => {
    const result = shared.rc.at(0).apply(() => ({ n: 5 }));
    expectTypeOf(result).toEqualTypeOf<AsyncResult<{ n: number }>>();
    const value = await result.get();
    expect(value).toEqual({ n: 5 });
    expect(await result.get()).toBe(value);
    expect(await result).toBe(value);
    expect(await result.result).toBe(value);
    expect(await result.r).toBe(value);
    expect(await result.then(({ n }) => n)).toBe(5);
    expect(result.result).toBeInstanceOf(Promise);
  });

  test("before it is there, get with a timeout rejects with TimeoutError, and the call goes on", async () => {
    await using gate = await Gate.make();
    const result = shared.rc.at(0).apply(waitAt<string>, gate.url, "there");
    await gate.arrived();
    expect(result.ready).toBe(false);
    const error = await failure(() => result.get({ timeout: 0 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect((error as TimeoutError).timeout).toBe(0);
    const reason = new Error("tired of waiting");
    await expect(result.get({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    gate.open();
    expect(await result.get()).toBe("there");
    expect(await result.get({ timeout: 0 })).toBe("there");
    expect(result.ready).toBe(true);
  });

  test("catch and finally are those of a promise", async () => {
    const one = shared.rc.at(0);
    expect(await one.apply(fail).catch((error) => (error as Error).message)).toBe("no good");
    let finals = 0;
    expect(await one.apply(() => 3).finally(() => finals++)).toBe(3);
    await expect(one.apply(fail).finally(() => finals++)).rejects.toThrow("no good");
    expect(finals).toBe(2);
    expect(await Promise.all([one.apply(() => 1), one.apply(() => 2)])).toEqual([1, 2]);
    expect(await Promise.race([one.apply(() => 1)])).toBe(1);
  });
});

describe("errors", () => {
  test("one target rejects with RemoteError, each time", async () => {
    const result = shared.rc.at(0).apply(fail);
    for (let i = 0; i < 3; i++) {
      const error = await failure(() => result);
      expect(error).toBeInstanceOf(RemoteError);
      expect(error).toMatchObject({
        code: "RemoteError",
        name: "TypeError",
        remoteName: "TypeError",
        message: "no good",
      });
    }
    await expect(result.get()).rejects.toBe(await failure(() => result));
    await expect(result.resultByEngine()).rejects.toBeInstanceOf(RemoteError);
    expect(result.successful()).toBe(false);
  });

  test("several targets reject with CompositeError, also a list of one", async () => {
    const { rc, all } = shared;
    const result = all.apply(fail);
    const error = (await failure(() => result)) as CompositeError;
    expect(error).toBeInstanceOf(CompositeError);
    expect(error.errors).toHaveLength(2);
    expect(error.message).toMatch(/engine 0.*no good[\s\S]*engine 1.*no good/);
    await expect(result.get()).rejects.toBeInstanceOf(CompositeError);
    await expect(result.resultByEngine()).rejects.toBeInstanceOf(CompositeError);
    expect(await failure(() => rc.view([1]).apply(fail))).toBeInstanceOf(CompositeError);
  });

  test("each error knows its engine and its task, of apply and of execute", async () => {
    const { all } = shared;
    const uuids = (await shared.rc.status()).engines.map(({ uuid }) => uuid);
    for (const result of [all.apply(fail), all.execute("throw new TypeError('no good')"), all.map(fail, [1, 2])]) {
      const { errors } = (await failure(() => result)) as CompositeError;
      expect(errors).toMatchObject([
        { engineId: 0, engineUuid: uuids[0], messageId: result.messageIds[0], remoteName: "TypeError" },
        { engineId: 1, engineUuid: uuids[1], messageId: result.messageIds[1], remoteName: "TypeError" },
      ]);
    }
  });

  test("the stack is the remote one, and says on which engine", async () => {
    function outer(): void {
      const inner = (): void => {
        throw new Error("deep inside");
      };
      inner();
    }
    const error = await failure(() => shared.rc.at(1).apply(outer));
    expect(error.stack).toMatch(/Error: deep inside[\s\S]*inner[\s\S]*outer/);
    expect(error.stack).toMatch(/engine 1/);
  });

  test.each<[string, () => unknown, string, RegExp]>([
    [
      "a text",
      () => {
        throw "just text";
      },
      "Error",
      /just text/,
    ],
    [
      "undefined",
      () => {
        throw undefined;
      },
      "Error",
      /undefined/,
    ],
    [
      "null, later",
      async () => {
        throw null;
      },
      "Error",
      /null/,
    ],
    [
      "a record",
      () => {
        throw { code: 5 };
      },
      "Error",
      /5/,
    ],
    [
      "a symbol",
      () => {
        throw Symbol("s");
      },
      "Error",
      /Symbol\(s\)/,
    ],
    [
      "an object with a message that throws",
      () => {
        throw {
          get message(): string {
            throw new Error("again");
          },
        };
      },
      "Error",
      /./,
    ],
    [
      "an error of a class of one's own",
      () => {
        throw new (class MyError extends Error {
          override name = "MyError";
        })("mine");
      },
      "MyError",
      /^mine$/,
    ],
    [
      "too deep a recursion",
      () => {
        const f = (): unknown => f();
        return f();
      },
      "RangeError",
      /stack/,
    ],
  ])("whatever is thrown becomes an error: %s", async (_what, fn, name, message) => {
    const error = (await failure(() => shared.rc.at(0).apply(fn))) as RemoteError;
    expect(error).toBeInstanceOf(RemoteError);
    expect(error.remoteName).toBe(name);
    expect(error.message).toMatch(message);
    expect(await shared.rc.at(0).apply(() => "still there")).toBe("still there");
  });

  test("returnExceptions puts each error in the place of its value", async () => {
    const { rc, all } = shared;
    await rc.at(0).push({ bad: false });
    await rc.at(1).push({ bad: true });
    const mixed = (): string => {
      if ((globalThis as unknown as { bad: boolean }).bad) throw new RangeError("bad");
      return "good";
    };
    const result = all.apply(mixed);
    expect(await failure(() => result)).toBeInstanceOf(CompositeError);
    // Also after it was thrown, and again.
    for (let i = 0; i < 2; i++) {
      const [good, bad] = await result.get({ returnExceptions: true });
      expect(good).toBe("good");
      expect(bad).toMatchObject({ remoteName: "RangeError", engineId: 1 });
    }
    expect(await failure(() => result)).toBeInstanceOf(CompositeError);
    expect(await rc.at(1).apply(mixed).get({ returnExceptions: true })).toBeInstanceOf(RemoteError);
    expect(await rc.at(0).apply(mixed).get({ returnExceptions: true })).toBe("good");
    const byEngine = await result.resultByEngine({ returnExceptions: true });
    expect(byEngine.get(0)).toBe("good");
    expect(byEngine.get(1)).toBeInstanceOf(RemoteError);
  });

  test("what failed can be asked again: it throws each time, and gives the errors in their places on request", async () => {
    await shared.rc.at(0).push({ fails: true });
    const result = shared.all.apply(() => {
      if ((globalThis as { fails?: boolean }).fails) throw new Error("first");
      return process.pid;
    });
    for (let time = 0; time < 2; time++) {
      await expect(result.get()).rejects.toThrow(CompositeError);
      await expect(result.resultByEngine()).rejects.toThrow(CompositeError);
      const [error, ...pids] = await result.get({ returnExceptions: true });
      expect(error).toBeInstanceOf(RemoteError);
      expect(pids.every((pid) => typeof pid === "number")).toBe(true);
      expect((await result.resultByEngine({ returnExceptions: true })).get(0)).toBe(error);
    }
  });

  test("returnExceptions of a map puts the error in the place of each item of the part", async () => {
    const result = shared.all.map(
      (x) => {
        if (x === 3) throw new Error("three");
        return 10 * x;
      },
      [0, 1, 2, 3, 4],
    );
    const values = await result.get({ returnExceptions: true });
    expect(values.slice(0, 3)).toEqual([0, 10, 20]);
    expect(values.slice(3)).toEqual([expect.any(RemoteError), expect.any(RemoteError)]);
    const fine = await shared.all.map((x) => x + 1, Float32Array.of(1, 2)).get({ returnExceptions: true });
    expect(fine).toEqual(Float32Array.of(2, 3));
  });

  test("a failing result that nobody awaits does no harm", async () => {
    const results = [shared.all.apply(fail), shared.rc.at(0).apply(fail), shared.all.map(fail, [1, 2, 3])];
    for (const result of results) expect(await result.wait()).toBe(true);
    // An unhandled rejection would make the run of the tests fail.
    await new Promise((resolve) => setImmediate(resolve));
    expect(results.map((result) => result.successful())).toEqual([false, false, false]);
  });
});

describe("waiting", () => {
  test("wait tells whether the result is ready, and never rejects for a failure", async () => {
    await using gate = await Gate.make();
    const result = shared.rc.at(0).apply(waitAt<number>, gate.url, 1);
    const failing = shared.rc.at(0).apply(fail);
    await gate.arrived();
    expect(await result.wait({ timeout: 0 })).toBe(false);
    expect(await result.wait({ timeout: 1 })).toBe(false);
    expect(await result.wait({ signal: AbortSignal.abort() })).toBe(false);
    const waiting = result.wait({ timeout: 60_000 });
    gate.open();
    expect(await waiting).toBe(true);
    expect(await result.wait()).toBe(true);
    expect(await result.wait({ timeout: 0 })).toBe(true);
    expect(await failing.wait()).toBe(true);
  });

  test("a signal ends a wait that has begun", async () => {
    await using gate = await Gate.make();
    const controller = new AbortController();
    const result = shared.rc.at(0).apply(waitAt<number>, gate.url, 1);
    const waiting = result.wait({ signal: controller.signal });
    const getting = failure(() => result.get({ signal: controller.signal }));
    controller.abort(new Error("stop waiting"));
    expect(await waiting).toBe(false);
    expect((await getting).message).toBe("stop waiting");
    gate.open();
    expect(await result).toBe(1);
  });

  test.each<[unknown]>([[5], [null], [{ timeout: "1" }], [{ timeout: Number.NaN }], [{ signal: {} }]])(
    "wait(%o) is a TypeError",
    async (wait) => {
      const result = shared.rc.at(0).apply(() => 1);
      await expect(result.wait(wait as never)).rejects.toThrow(TypeError);
      await expect(result.get(wait as never)).rejects.toThrow(TypeError);
      await expect(result.waitForSend(wait as never)).rejects.toThrow(TypeError);
      expect(await result).toBe(1);
    },
  );

  test("what is known at the end only throws before", async () => {
    await using gate = await Gate.make();
    const call = [gate.url, 1] as const;
    for (const result of [
      shared.rc.at(0).apply(waitAt<number>, ...call),
      shared.all.apply(waitAt<number>, ...call),
      shared.rc.loadBalancedView().apply(waitAt<number>, ...call),
    ]) {
      expect(() => result.successful()).toThrow(/ready/);
      expect(() => result.serialTime).toThrow(/ready/);
      expect(() => result.wallTime).toThrow(/ready/);
      expect(() => result.speedup).toThrow(/ready/);
    }
    gate.open();
  });

  test("successful once everything went well", async () => {
    const result = shared.all.apply(() => 1);
    await result;
    expect(result.successful()).toBe(true);
  });
});

describe("by engine", () => {
  test.each([
    ["a number", 5],
    ["a list", [1, 2]],
    ["an empty list", []],
    ["a text", "text"],
    ["undefined", undefined],
    ["a record", { a: 1 }],
  ])("one engine, %s", async (_kind, value) => {
    const byEngine = await shared.rc
      .at(1)
      .apply((x: unknown) => x, value)
      .resultByEngine();
    expect(byEngine).toEqual(new Map([[1, value]]));
  });

  test("several engines", async () => {
    for (const [id, view] of [...shared.rc].entries()) await view.push({ id: 10 * id });
    const result = shared.rc.view([1, 0]).apply(() => (globalThis as unknown as { id: number }).id);
    expect([...(await result.resultByEngine())]).toEqual([
      [1, 10],
      [0, 0],
    ]);
  });

  test("is refused when engines have several chunks of a map", async () => {
    const result = shared.rc
      .loadBalancedView()
      .with({ chunkSize: 1 })
      .map((x: number) => x, [1, 2, 3, 4, 5]);
    const error = await failure(() => result.resultByEngine());
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/engine \d has more than one task/);
    expect(await result).toEqual([1, 2, 3, 4, 5]);
  });

  test("is refused when an engine has several tasks of the call", async () => {
    const result = shared.rc.view([0, 1, 0]).apply(() => 1);
    expect(await result).toEqual([1, 1, 1]);
    const error = await failure(() => result.resultByEngine());
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/engine 0/);
  });

  test("rejects with TimeoutError while it is computed", async () => {
    await using gate = await Gate.make();
    const result = shared.all.apply(waitAt<number>, gate.url, 1);
    await expect(result.resultByEngine({ timeout: 0 })).rejects.toBeInstanceOf(TimeoutError);
    gate.open();
    await result;
  });
});

describe("iteration", () => {
  test("gives the value of each engine, in order, while others compute", async () => {
    await using gate = await Gate.make();
    const { rc, all } = shared;
    await rc.at(0).push({ url: "" });
    await rc.at(1).push({ url: gate.url });
    const task = async (): Promise<string> => {
      const { url } = globalThis as unknown as { url: string };
      if (url !== "") await fetch(url);
      return url === "" ? "first" : "second";
    };
    const result = all.apply(task);
    const seen: string[] = [];
    for await (const value of result) {
      seen.push(value);
      if (value === "first") {
        expect(result.ready).toBe(false);
        gate.open();
      }
    }
    expect(seen).toEqual(["first", "second"]);
    const again: string[] = [];
    for await (const value of result) again.push(value);
    expect(again).toEqual(seen);
  });

  test("throws at the place of what failed, before and after the rest is there", async () => {
    await shared.rc.at(1).push({ bad: true });
    const result = shared.all.apply(() => {
      if ("bad" in globalThis) throw new Error("bad one");
      return 1;
    });
    for (let i = 0; i < 2; i++) {
      const seen: number[] = [];
      const error = await failure(async () => {
        for await (const value of result) seen.push(value);
      });
      expect(error.message).toBe("bad one");
      expect(seen).toEqual([1]);
      await result.wait();
    }
  });

  test("a single value is not iterated over", async () => {
    const result = shared.rc.at(0).apply(() => [1, 2]);
    const error = await failure(async () => {
      for await (const _ of result) break;
    });
    expect(error).toBeInstanceOf(TypeError);
  });

  test("a map on a single engine is", async () => {
    const seen: number[] = [];
    for await (const value of shared.rc.at(0).map((x) => x + 1, [1, 2, 3])) seen.push(value);
    expect(seen).toEqual([2, 3, 4]);
  });
});

describe("metadata", () => {
  test("is one record for one target, and a list for several", async () => {
    const single = shared.rc.at(1).apply(() => 1);
    await single;
    expect(Array.isArray(single.metadata)).toBe(false);
    expect((single.metadata as Metadata).engineId).toBe(1);
    expect(single.stdout).toBe("");
    expect(single.stderr).toBe("");
    const several = shared.rc.view([1]).apply(() => 1);
    await several;
    expect(metadataOf(several).map(({ engineId }) => engineId)).toEqual([1]);
    expect(Array.isArray(several.metadata)).toBe(true);
    expect(several.stdout).toEqual([""]);
  });

  test("tells when and where, in order of time", async () => {
    const before = Date.now();
    const result = shared.all.apply(() => 1);
    expect(metadataOf(result)[0]).toMatchObject({
      submitted: expect.any(Date),
      received: undefined,
      status: undefined,
    });
    await result;
    const after = Date.now();
    const engines = (await shared.rc.status()).engines;
    for (const [i, metadata] of metadataOf(result).entries()) {
      expect(metadata).toMatchObject({
        msgId: result.messageIds[i],
        engineId: i,
        engineUuid: engines[i]?.uuid,
        status: "ok",
      });
      expect(metadata).toMatchObject({ error: undefined, executeResult: undefined, outputs: [], data: undefined });
      const times = [metadata.submitted, metadata.started, metadata.completed, metadata.received];
      expect(times.every((time) => time instanceof Date)).toBe(true);
      const inOrder = [before, ...times.map((time) => (time as Date).getTime()), after];
      expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
    }
  });

  test("of a call that runs has no end yet; what a result does not have is not there", async () => {
    await using gate = await Gate.make();
    const result = shared.all.apply(waitAt<number>, gate.url, 1);
    expect(metadataOf(result).map(({ completed, received }) => [completed, received])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(["foo" in result, "foo" in (metadataOf(result)[0] as Metadata)]).toEqual([false, false]);
    gate.open();
    await result;
    expect(metadataOf(result).every(({ completed }) => completed instanceof Date)).toBe(true);
    expect(metadataOf(result).map(({ engineId }) => engineId)).toEqual(result.engineIds);
  });

  test("holds the error of what failed", async () => {
    const result = shared.rc.at(0).apply(fail);
    const error = await failure(() => result);
    expect(result.metadata).toMatchObject({ status: "error", error });
  });

  test("messageIds and engineIds are in the order of the targets, known at once", () => {
    const result = shared.rc.view([1, 0]).apply(() => 1);
    expect(result.engineIds).toEqual([1, 0]);
    expect(new Set(result.messageIds).size).toBe(2);
    expect(shared.rc.history.slice(-2)).toEqual(result.messageIds);
  });

  test("size is the number of items of a map, else of engines", () => {
    const { rc, all } = shared;
    expect(rc.at(0).apply(() => [1, 2, 3]).size).toBe(1);
    expect(all.apply(() => [1, 2, 3]).size).toBe(2);
    expect(all.map((x) => x, [1, 2, 3, 4, 5]).size).toBe(5);
    expect(rc.at(0).map((x) => x, [1, 2, 3]).size).toBe(3);
    const balanced = rc.loadBalancedView();
    expect(balanced.map((x: number) => x, Array(10).fill(0)).size).toBe(10);
    expect(balanced.apply((x: number[]) => x, [1, 2, 3]).size).toBe(1);
  });

  test("progress goes from none to all", async () => {
    await using gate = await Gate.make();
    const result = shared.all.apply(waitAt<number>, gate.url, 1);
    await gate.arrived(2);
    expect(result.progress).toBe(0);
    gate.open();
    await result;
    expect(result.progress).toBe(2);
    expect(result.size).toBe(2);
  });
});

describe("times", () => {
  const MS = 60;
  /** Clocks of whole milliseconds, one for each end. */
  const ROUNDING = 2;

  test("serialTime is the sum of what the engines computed, wallTime what passed here", async () => {
    for (const [view, engines] of [
      [shared.rc.loadBalancedView(), 1],
      [shared.rc.at(0), 1],
      [shared.all, 2],
    ] as const) {
      const result = (view as typeof shared.all).apply(spin, MS) as AsyncResult<unknown>;
      await result;
      const metadata = metadataOf(result);
      const durations = metadata.map(
        ({ started, completed }) => (completed as Date).getTime() - (started as Date).getTime(),
      );
      expect(durations).toHaveLength(engines);
      for (const duration of durations) expect(duration).toBeGreaterThanOrEqual(MS - ROUNDING);
      expect(result.serialTime).toBe(durations.reduce((sum, duration) => sum + duration, 0));
      const received = Math.max(...metadata.map((one) => (one.received as Date).getTime()));
      const submitted = Math.min(...metadata.map((one) => (one.submitted as Date).getTime()));
      expect(result.wallTime).toBe(received - submitted);
      expect(result.wallTime).toBeGreaterThanOrEqual(MS - ROUNDING);
      expect(result.speedup).toBe(result.serialTime / result.wallTime);
    }
  });

  test("elapsed grows until the result is there, and then is wallTime", async () => {
    await using gate = await Gate.make();
    const result = shared.all.apply(waitAt<number>, gate.url, 1);
    const first = result.elapsed;
    expect(first).toBeGreaterThanOrEqual(0);
    await shared.rc.status();
    const begin = Date.now();
    while (Date.now() < begin + 3);
    expect(result.elapsed).toBeGreaterThanOrEqual(first + 3);
    gate.open();
    await result;
    expect(result.elapsed).toBe(result.wallTime);
  });
});

describe("abort", () => {
  test("tasks that have not started fail with TaskAborted; the one that runs does not", async () => {
    await using gate = await Gate.make();
    const one = shared.rc.at(0);
    const running = one.apply(waitAt<string>, gate.url, "done");
    await gate.arrived();
    const queued = [1, 2, 3].map((x) => one.apply((y: number) => y, x));
    await queued[0]?.abort();
    const error = await failure(() => queued[0]);
    expect(error).toBeInstanceOf(TaskAborted);
    expect(error).toMatchObject({ engineId: 0, messageId: queued[0]?.messageIds[0] });
    expect(queued[0]?.metadata).toMatchObject({ status: "aborted" });
    await running.abort();
    expect(running.ready).toBe(false);
    gate.open();
    expect(await running).toBe("done");
    expect(await queued[1]).toBe(2);
    expect(await queued[2]).toBe(3);
  });

  test("of several targets those that wait are aborted", async () => {
    await using gate = await Gate.make();
    const { rc, all } = shared;
    const blocker = rc.at(0).apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    const result = all.apply(() => "ran");
    await rc.at(1).apply(() => 0);
    await result.abort();
    const values = await result.get({ returnExceptions: true });
    expect(values[0]).toBeInstanceOf(TaskAborted);
    expect(values[1]).toBe("ran");
    expect(((await failure(() => result)) as CompositeError).errors).toEqual([values[0]]);
    gate.open();
    expect(await blocker).toBe(1);
  });

  test("hundreds of queued tasks are aborted, those beyond the engine's own queue too", async () => {
    await using gate = await Gate.make();
    const one = shared.rc.at(0);
    const running = one.apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    const queued = Array.from({ length: 600 }, () => one.apply(() => 1));
    await shared.rc.abort(queued);
    const errors = await Promise.all(queued.map((result) => failure(() => result)));
    expect(errors.every((error) => error instanceof TaskAborted)).toBe(true);
    gate.open();
    expect(await running).toBe(1);
    expect(await one.apply(() => "next")).toBe("next");
  });

  test("of what is there already is an error", async () => {
    const result = shared.rc.at(0).apply(() => 1);
    await result;
    await expect(result.abort()).rejects.toThrow(/already/);
    expect(await result).toBe(1);
  });
});

describe("sending", () => {
  test("without track a call counts as sent at once", async () => {
    const result = shared.all.push({ array: new Float64Array(1 << 17) });
    expect(result.sent).toBe(true);
    await result.waitForSend({ timeout: 0 });
    await result;
  });

  test("tracked calls of 1 MiB become sent: apply, push, map and scatter", async () => {
    const view = shared.all.with({ track: true });
    const array = new Float64Array(1 << 17);
    const calls = [
      view.apply((x: Float64Array) => x.length, array),
      view.push({ array }),
      view.map((x) => x, array),
      view.scatter("part", array),
    ];
    expect(calls.map((call) => call.sent)).toEqual([false, false, false, false]);
    await Promise.all(calls.map((call) => call.waitForSend()));
    expect(calls.map((call) => call.sent)).toEqual([true, true, true, true]);
    await Promise.all(calls);
  });

  test("tracked calls without arrays, or without tasks, become sent too", async () => {
    const view = shared.all.with({ track: true });
    for (const call of [view.apply(() => 1), view.execute("1"), view.map((x) => x, [])]) await call.waitForSend();
  });

  test("what is changed once it was sent does not change what the engines see", async () => {
    const array = new Float64Array(1 << 17).fill(1);
    const result = shared.all.with({ track: true }).apply((x: Float64Array) => [x[0], x.at(-1)], array);
    await result.waitForSend();
    array.fill(2);
    expect(await result).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  test("while the controller takes nothing, waitForSend times out; then it resolves", async () => {
    const { pid } = await shared.rc.status();
    const array = new Uint8Array(64 << 20);
    // In shared memory there would be a copy at once.
    await using relayed = await Client.connect({ clusterId: shared.cluster.clusterId, dataWay: "relay" });
    process.kill(pid, "SIGSTOP");
    try {
      const result = relayed
        .at(0)
        .with({ track: true })
        .apply((x: Uint8Array) => x.length, array);
      await expect(result.waitForSend({ timeout: 20 })).rejects.toBeInstanceOf(TimeoutError);
      expect(result.sent).toBe(false);
      process.kill(pid, "SIGCONT");
      await result.waitForSend();
      expect(result.sent).toBe(true);
      expect(await result).toBe(array.length);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  test("when the connection ends first, the wait ends too, and the call rejects", async () => {
    const { cluster, rc } = shared;
    const { pid } = await rc.status();
    const other = await cluster.connect();
    const view = other.at(0).with({ track: true });
    process.kill(pid, "SIGSTOP");
    try {
      const result = view.push({ array: new Uint8Array(64 << 20) });
      other.close();
      expect(await failure(() => result)).toMatchObject({ code: "ConnectionError" });
      await result.waitForSend();
      const later = view.push({ a: 1 });
      expect(await failure(() => later)).toMatchObject({ code: "ConnectionError" });
      await later.waitForSend();
    } finally {
      process.kill(pid, "SIGCONT");
    }
    expect(await rc.at(0).apply(() => 1)).toBe(1);
  });
});
