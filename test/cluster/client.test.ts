/** The client's own members: what is outstanding, waiting for jobs, results of others, queues, and clearing. */

import {
  type AsyncResult,
  Client,
  type CompositeError,
  EngineError,
  RemoteError,
  TaskAborted,
  TimeoutError,
} from "ndparallel";
import { describe, expect, test, vi } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

function idOf(result: AsyncResult<unknown>): string {
  return result.messageIds[0] as string;
}

describe("outstanding and history", () => {
  test("a task is outstanding while it runs, and not after", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const result = rc.at(0).apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    expect(rc.outstanding).toEqual(new Set(result.messageIds));
    gate.open();
    await result;
    expect(rc.outstanding).toEqual(new Set());
  });

  test("a failed task is not outstanding either", async () => {
    const { rc } = shared;
    await failure(() => rc.at(0).execute("throw 1"));
    expect(rc.outstanding.size).toBe(0);
  });

  test("history has the ids in the order of sending, and is a copy", async () => {
    const { rc, all } = shared;
    const before = rc.history.length;
    const results = [rc.at(1).apply(() => 1), all.push({ a: 1 }), all.map((x) => x, [1, 2]), rc.at(0).pull("a")];
    await Promise.all(results);
    expect(rc.history.slice(before)).toEqual(results.flatMap(({ messageIds }) => messageIds));
    rc.history.push("x");
    rc.outstanding.add("x");
    expect(rc.history).not.toContain("x");
    expect(rc.outstanding.size).toBe(0);
  });
});

describe("wait", () => {
  test("without jobs waits for everything that is outstanding", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const results = [...rc].map((view) => view.apply(waitAt<number>, gate.url, 1));
    await gate.arrived(2);
    expect(await rc.wait(undefined, { timeout: 0 })).toBe(false);
    const waiting = rc.wait();
    gate.open();
    expect(await waiting).toBe(true);
    expect(rc.outstanding.size).toBe(0);
    expect(results.every(({ ready }) => ready)).toBe(true);
    expect(await rc.wait()).toBe(true);
  });

  test("takes a result, an id, an index into the history, a promise, and lists of them", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const result = rc.at(0).apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    const jobs = [result, idOf(result), -1, rc.history.length - 1, result.get(), [result, idOf(result)]] as const;
    for (const job of jobs) expect(await rc.wait(job as never, { timeout: 0 })).toBe(false);
    expect(await rc.wait(Promise.resolve(5))).toBe(true);
    gate.open();
    for (const job of jobs) expect(await rc.wait(job as never)).toBe(true);
  });

  test("waits for promises of others, whether they are kept or broken", async () => {
    const { rc } = shared;
    let resolve: (value: number) => void = () => undefined;
    const promise = new Promise<number>((done) => {
      resolve = done;
    });
    const waiting = rc.wait([promise, Promise.reject(new Error("broken"))]);
    expect(await rc.wait(promise, { timeout: 0 })).toBe(false);
    resolve(1);
    expect(await waiting).toBe(true);
  });

  test("does not reject for a job that failed, nor for one that it does not know", async () => {
    const { rc } = shared;
    const result = rc.at(0).execute("throw 1");
    expect(await rc.wait(result)).toBe(true);
    expect(result.successful()).toBe(false);
    expect(await rc.wait("of somebody else")).toBe(true);
  });

  test.each<[unknown]>([[{}], [null], [1e9], [[Symbol("s")]], [true]])("of %o rejects", async (job) => {
    await expect(shared.rc.wait(job as never)).rejects.toThrow(/history|jobs/);
  });

  test("with bad options is a TypeError", async () => {
    await expect(shared.rc.wait(undefined, { timeout: "1" } as never)).rejects.toThrow(TypeError);
    await expect(shared.rc.wait(undefined, null as never)).rejects.toThrow(TypeError);
  });
});

describe("waitForEngines", () => {
  test("resolves at once when enough are there", async () => {
    await shared.rc.waitForEngines(2, { timeout: 0 });
    await shared.rc.waitForEngines(0);
  });

  test("times out with TimeoutError", async () => {
    const error = await failure(() => shared.rc.waitForEngines(3, { timeout: 10 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect((error as TimeoutError).timeout).toBe(10);
  });

  test("resolves when they arrive, and engines that were shut down are there no more", async () => {
    const { rc, cluster } = shared;
    const before = rc.ids;
    const waiting = rc.waitForEngines(before.length + 2);
    await cluster.startEngines(2);
    await waiting;
    const [first, second] = rc.ids.slice(-2) as [number, number];
    expect(rc.ids).toEqual([...before, first, second]);
    const view = rc.view(second);
    await rc.shutdown({ targets: [first, second] });
    expect(rc.ids).toEqual(before);
    expect(() => rc.view(first)).toThrow(RangeError);
    expect(() => rc.at(before.length)).toThrow(RangeError);
    await expect(view.apply(() => 1)).rejects.toThrow(EngineError);
  });

  test("ends with the reason of a signal", async () => {
    const reason = new Error("never mind");
    await expect(shared.rc.waitForEngines(3, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test.each<[unknown]>([["2"], [-1], [1.5], [undefined]])("of %o is a TypeError", async (count) => {
    await expect(shared.rc.waitForEngines(count as number)).rejects.toThrow(TypeError);
  });
});

describe("getResult", () => {
  test("fetches another client's finished result by its id, with its times", async () => {
    const { rc, cluster } = shared;
    const result = rc.at(1).apply(() => ({ array: Float64Array.of(1, 2), text: "é" }));
    const value = await result;
    await using other = await cluster.connect();
    const fetched = other.getResult(idOf(result));
    expect(await fetched).toEqual(value);
    expect(await fetched.get()).toEqual(value);
    expect(fetched.messageIds).toEqual(result.messageIds);
    expect(fetched.engineIds).toEqual([1]);
    expect(fetched.serialTime).toBe(result.serialTime);
    expect(fetched.metadata).toMatchObject({ status: "ok", engineId: 1, started: expect.any(Date) });
    expect(other.outstanding.size).toBe(0);
  });

  test("of execute, too", async () => {
    const result = shared.rc.at(0).execute("[6 * 7]", { silent: false });
    await result;
    await using other = await shared.cluster.connect();
    expect(await other.getResult(idOf(result))).toEqual([42]);
  });

  test("a list of ids gives a list of values, in that order", async () => {
    const { rc, all, cluster } = shared;
    for (const [id, view] of [...rc].entries()) await view.push({ id });
    const result = all.apply(() => (globalThis as unknown as { id: number }).id);
    await result;
    await using other = await cluster.connect();
    expect(await other.getResult([...result.messageIds].reverse())).toEqual([1, 0]);
    expect(await other.getResult([idOf(result)])).toEqual([0]);
  });

  test("of one's own tasks: while they run, and when they have ended", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const result = rc.at(0).apply(waitAt<string>, gate.url, "own");
    const running = rc.getResult(idOf(result));
    await gate.arrived();
    expect(running.ready).toBe(false);
    gate.open();
    expect(await running).toBe("own");
    expect(await result).toBe("own");
    expect(await rc.getResult(idOf(result))).toBe("own");
    expect(await rc.getResult(idOf(result))).toBe("own");
  });

  test("of another client's running task, once it ends", async () => {
    await using gate = await Gate.make();
    const { rc, cluster } = shared;
    const result = rc.at(0).apply(waitAt<string>, gate.url, "later");
    await gate.arrived();
    await using other = await cluster.connect();
    const fetched = other.getResult(idOf(result));
    // Whatever is asked after it has been answered after it.
    await other.status();
    expect(fetched.ready).toBe(false);
    gate.open();
    expect(await result).toBe("later");
    expect(await fetched.get()).toBe("later");
  });

  test("an error comes as the error that it was", async () => {
    const result = shared.rc.at(1).apply(() => {
      throw new RangeError("out of it");
    });
    await result.wait();
    await using other = await shared.cluster.connect();
    const error = await failure(() => other.getResult(idOf(result)));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({
      remoteName: "RangeError",
      message: "out of it",
      engineId: 1,
      messageId: idOf(result),
    });
  });

  test("arrays are read-only, and as they were", async () => {
    const sent = Float32Array.from({ length: 50_000 }, (_, i) => i);
    const result = shared.rc.at(0).apply((x: Float32Array) => x, sent);
    await result;
    await using other = await shared.cluster.connect();
    const fetched = (await other.getResult(idOf(result))) as Float32Array;
    expect(
      Buffer.compare(Buffer.from(fetched.buffer, fetched.byteOffset, fetched.byteLength), Buffer.from(sent.buffer)),
    ).toBe(0);
    expect(() => fetched.fill(0)).toThrow(/writable/);
  });

  test("an id that the hub does not know rejects with RangeError", async () => {
    const result = shared.rc.getResult("unknown id");
    expect(await failure(() => result)).toBeInstanceOf(RangeError);
    expect((await failure(() => result)).message).toContain("unknown id");
    expect(shared.rc.outstanding.size).toBe(0);
  });

  test.each<[unknown]>([[{}], [true], [""], [[1.5]], [[null]]])("of %o is a TypeError", (ids) => {
    expect(() => shared.rc.getResult(ids as never)).toThrow(TypeError);
  });
});

describe("queueStatus", () => {
  test("counts what waits, runs and has been done, for each engine", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const before = await rc.queueStatus();
    expect(Object.keys(before).sort()).toEqual(["0", "1", "unassigned"]);
    expect(before[0]).toMatchObject({ queue: 0, tasks: 0 });
    expect(before.unassigned).toBe(0);
    const running = rc.at(0).apply(waitAt<number>, gate.url, 1);
    const queued = [1, 2, 3].map((x) => rc.at(0).apply((y: number) => y, x));
    await gate.arrived();
    const during = await rc.queueStatus();
    expect(during[0]).toEqual({ queue: 3, tasks: 1, completed: before[0]?.completed });
    expect(during[1]).toEqual(before[1]);
    const verbose = await rc.queueStatus({ verbose: true });
    expect(verbose[0]).toMatchObject({ queue: queued.map(idOf), tasks: [idOf(running)] });
    expect(verbose[1]).toMatchObject({ queue: [], tasks: [] });
    expect(verbose.unassigned).toEqual([]);
    gate.open();
    await Promise.all([running, ...queued]);
    expect(await rc.queueStatus()).toMatchObject({
      0: { queue: 0, tasks: 0, completed: (before[0]?.completed as number) + 4 },
    });
  });

  test("of some engines only", async () => {
    const { rc } = shared;
    expect(Object.keys(await rc.queueStatus({ targets: 1 }))).toEqual(["1", "unassigned"]);
    expect(Object.keys(await rc.queueStatus({ targets: [0] }))).toEqual(["0", "unassigned"]);
  });

  test("of an engine that does not exist rejects with RangeError", async () => {
    await expect(shared.rc.queueStatus({ targets: 99 })).rejects.toThrow(RangeError);
    await expect(shared.rc.queueStatus({ targets: "some" as never })).rejects.toThrow(TypeError);
  });
});

describe("abort", () => {
  test("by result, by id and by lists of both", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const running = rc.at(0).apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    const queued = Array.from({ length: 5 }, (_, i) => rc.at(0).apply((x: number) => x, i));
    await rc.abort(queued[0]);
    await rc.abort(idOf(queued[1] as AsyncResult<number>));
    await rc.abort([queued[2] as AsyncResult<number>, idOf(queued[3] as AsyncResult<number>)]);
    for (const result of queued.slice(0, 4)) expect(await failure(() => result)).toBeInstanceOf(TaskAborted);
    gate.open();
    expect([await running, await queued[4]]).toEqual([1, 4]);
  });

  test("without jobs aborts everything that waits; what is sent later runs", async () => {
    await using gate = await Gate.make();
    const { rc, all } = shared;
    const running = [...rc].map((view) => view.apply(waitAt<number>, gate.url, 1));
    await gate.arrived(2);
    const queued = [all.apply(() => 1), all.push({ a: 1 }), all.map((x) => x, [1, 2])];
    await rc.abort();
    for (const result of queued) {
      const { errors } = (await failure(() => result)) as CompositeError;
      expect(errors.map((error) => error instanceof TaskAborted)).toEqual([true, true]);
    }
    gate.open();
    expect(await Promise.all(running)).toEqual([1, 1]);
    expect(await all.apply(() => "in" + "formed")).toEqual(["informed", "informed"]);
    expect((await failure(() => rc.at(0).pull("a"))).name).toBe("ReferenceError");
  });

  test("of what has ended, is unknown, or is no job", async () => {
    const { rc } = shared;
    const result = rc.at(0).apply(() => 1);
    await result;
    await rc.abort(result);
    await rc.abort("unknown id");
    await rc.abort([]);
    expect(await result).toBe(1);
    await expect(rc.abort(1e9)).rejects.toThrow(RangeError);
    await expect(rc.abort([{}] as never)).rejects.toThrow(TypeError);
  });
});

describe("clear", () => {
  test("of one engine, then of all", async () => {
    const { rc, all } = shared;
    const there = (): boolean => "a" in globalThis;
    await all.push({ a: 1 });
    await rc.at(0).clear();
    expect(await all.apply(there)).toEqual([false, true]);
    await all.clear();
    expect(await all.apply(there)).toEqual([false, false]);
  });
});

describe("lazy views", () => {
  test("an engine that comes later is in the lazy view of all, and in no other; when it goes, it is out again", async () => {
    const { rc, all, cluster } = shared;
    const fixed = [rc.slice(), rc.view(rc.ids), rc.view([0])];
    const sizes = fixed.map(({ size }) => size);
    const up: number[] = [];
    const down: number[] = [];
    const onUp = ({ engineId }: { engineId: number }): number => up.push(engineId);
    const onDown = ({ engineId }: { engineId: number }): number => down.push(engineId);
    rc.on("engineUp", onUp).on("engineDown", onDown);
    const set = await cluster.startEngines(1);
    await rc.waitForEngines(3);
    const newest = rc.ids.at(-1) as number;
    expect(all.targets).toEqual(rc.ids);
    expect(all.size).toBe(3);
    expect(await all.apply(() => 1)).toEqual([1, 1, 1]);
    expect(all.map((x) => x, [1, 2, 3, 4]).engineIds).toEqual(rc.ids);
    await all.scatter("part", [1, 2, 3]);
    expect(await all.pull("part")).toEqual([[1], [2], [3]]);
    expect(fixed.map(({ size }) => size)).toEqual(sizes);
    expect(await fixed[0]?.apply(() => 1)).toEqual([1, 1]);
    expect(rc.at(-1).targets).toBe(newest);
    await cluster.stopEngines(set);
    await vi.waitFor(() => expect(rc.ids).not.toContain(newest));
    expect(await all.apply(() => 1)).toEqual([1, 1]);
    expect(() => rc.view(newest)).toThrow(RangeError);
    rc.off("engineUp", onUp).off("engineDown", onDown);
    expect([up, down]).toEqual([[newest], [newest]]);
  });

  test("an event that does not exist is a TypeError", () => {
    expect(() => shared.rc.on("engineSideways" as never, () => undefined)).toThrow(/engineUp/);
  });
});

describe("closing", () => {
  test("what is outstanding rejects with ConnectionError, and later calls too; other clients go on", async () => {
    await using gate = await Gate.make();
    const { cluster, rc } = shared;
    const other = await cluster.connect();
    const result = other.at(0).apply(waitAt<number>, gate.url, 1);
    const blocking = other
      .at(0)
      .with({ block: true })
      .apply(() => 1);
    await gate.arrived();
    const all = other.view();
    const one = other.at(1);
    other.close();
    other.close();
    for (const call of [
      () => result,
      () => blocking,
      () => one.apply(() => 1),
      () => all.apply(() => 1),
      () => other.status(),
    ]) {
      expect(await failure(call)).toMatchObject({ code: "ConnectionError" });
    }
    await expect(other.waitForEngines(1)).rejects.toMatchObject({ code: "ConnectionError" });
    expect(await other.wait()).toBe(true);
    gate.open();
    expect(await rc.at(0).apply(() => 2)).toBe(2);
  });

  test("a client can be disposed of", async () => {
    let kept: Client | undefined;
    {
      await using other = await shared.cluster.connect();
      kept = other;
      expect(await other.at(0).apply(() => 1)).toBe(1);
    }
    expect(kept).toBeInstanceOf(Client);
    expect(await failure(() => kept?.status())).toMatchObject({ code: "ConnectionError" });
  });
});
