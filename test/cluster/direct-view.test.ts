/** Which engines a view addresses, what shape its results have, and its flags. */

import { AsyncResult, Client, RemoteError, TaskAborted } from "ndparallel";
import { beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

declare const marker: string;

const shared = shareCluster(3);
const readMarker = (): string => marker;

beforeEach(async () => {
  for (const [index, view] of [...shared.rc].entries()) await view.set("marker", `engine at ${index}`);
});

describe("views by index, slice and id", () => {
  test("ids are ascending and a copy", () => {
    const { rc } = shared;
    expect(rc.ids).toEqual([0, 1, 2]);
    expect(rc.size).toBe(3);
    rc.ids.push(17);
    expect(rc.ids).toEqual([0, 1, 2]);
  });

  test("at(i) addresses one engine and gives bare values; negative counts from the end", async () => {
    const { rc } = shared;
    const value = await rc.at(1).apply(readMarker);
    expectTypeOf(value).toEqualTypeOf<string>();
    expect(value).toBe("engine at 1");
    expect(await rc.at(-1).apply(readMarker)).toBe("engine at 2");
    expect(await rc.at(-3).apply(readMarker)).toBe("engine at 0");
  });

  test("an index that does not exist is a RangeError that names the ids", () => {
    const { rc } = shared;
    expect(() => rc.at(3)).toThrow(RangeError);
    expect(() => rc.at(-4)).toThrow(/0, 1, 2/);
  });

  test.each<[unknown]>([[1.5], [Number.NaN], ["0"], [null], [undefined], [[0]], [1n]])(
    "at(%s) is a TypeError",
    (index) => {
      expect(() => shared.rc.at(index as number)).toThrow(TypeError);
    },
  );

  // The slices of Python's list [0, 1, 2].
  test.each<[string, Parameters<Client["slice"]>, number[]]>([
    ["[:]", [], [0, 1, 2]],
    ["[::2]", [undefined, undefined, 2], [0, 2]],
    ["[1::3]", [1, undefined, 3], [1]],
    ["[:-1]", [undefined, -1], [0, 1]],
    ["[-1:]", [-1], [2]],
    ["[:100]", [undefined, 100], [0, 1, 2]],
    ["[-100:2]", [-100, 2], [0, 1]],
    ["[::-1]", [undefined, undefined, -1], [2, 1, 0]],
    ["[1::-1]", [1, undefined, -1], [1, 0]],
    ["[:0:-1]", [undefined, 0, -1], [2, 1]],
    ["[2:0:-2]", [2, 0, -2], [2]],
  ])("slice %s", async (_python, bounds, ids) => {
    const view = shared.rc.slice(...bounds);
    expect(view.targets).toEqual(ids);
    expect(view.size).toBe(ids.length);
    expect(await view.apply(readMarker)).toEqual(ids.map((id) => `engine at ${id}`));
  });

  test("a slice without engines, or a step of 0, is a RangeError; other bounds are TypeErrors", () => {
    const { rc } = shared;
    expect(() => rc.slice(3)).toThrow(RangeError);
    expect(() => rc.slice(undefined, -3)).toThrow(/0, 1, 2/);
    expect(() => rc.slice(0, 3, 0)).toThrow(RangeError);
    expect(() => rc.slice("0" as never)).toThrow(/start/);
    expect(() => rc.slice(0, 0.5)).toThrow(TypeError);
  });

  test("a number is one engine id and gives bare values, a list gives arrays, also a list of one", async () => {
    const { rc } = shared;
    const bare = await rc.view(1).apply(readMarker);
    const listed = await rc.view([1]).apply(readMarker);
    expectTypeOf(bare).toEqualTypeOf<string>();
    expectTypeOf(listed).toEqualTypeOf<string[]>();
    expect(bare).toBe("engine at 1");
    expect(listed).toEqual(["engine at 1"]);
    expect(await rc.slice(1, 2).apply(readMarker)).toEqual(["engine at 1"]);
  });

  test("results come in the order of the targets", async () => {
    const view = shared.rc.view([2, 0]);
    expect(view.targets).toEqual([2, 0]);
    expect(view.size).toBe(2);
    expect(await view.apply(readMarker)).toEqual(["engine at 2", "engine at 0"]);
  });

  test("results come in the order of the targets, also when the first engine ends last", async () => {
    await using gate = await Gate.make();
    const { rc, all } = shared;
    const result = all.map(
      async (url: string) => (url === "" ? "free" : (await fetch(url)).status),
      [gate.url, "", ""],
    );
    await gate.arrived();
    // Each engine's queue is worked off in order, so these have ended once a later task on the same engine has.
    for (const id of [1, 2]) await rc.at(id).apply(() => 0);
    expect(result.progress).toBe(2);
    gate.open();
    expect(await result).toEqual([200, "free", "free"]);
  });

  test("a list of targets is a copy", () => {
    const ids = [0, 1];
    const view = shared.rc.view(ids);
    ids.push(2);
    expect(view.targets).toEqual([0, 1]);
  });

  test("iterating over the client gives a view on each engine, in order of ids", async () => {
    const { rc } = shared;
    const views = [...rc];
    expect(views.map((view) => view.targets)).toEqual(rc.ids);
    expect(await Promise.all(views.map((view) => view.apply(readMarker)))).toEqual(
      rc.ids.map((id) => `engine at ${id}`),
    );
  });

  test.each<[string, unknown, new () => Error, RegExp]>([
    ["an unknown id", 99, RangeError, /0, 1, 2/],
    ["a negative id, which only at() and slice() take", -1, RangeError, /-1.*0, 1, 2/],
    ["an unknown id in a list", [0, 99], RangeError, /99/],
    ["an empty list", [], RangeError, /at least one/],
    ["another word", "some", TypeError, /"some"/],
    ["null", null, TypeError, /null/],
    ["an object", { id: 0 }, TypeError, /targets/],
    ["a list of strings", ["0"], TypeError, /integer/],
    ["a fraction", 0.5, TypeError, /integer/],
  ])("view of %s is refused", (_what, targets, error, message) => {
    expect(() => shared.rc.view(targets as never)).toThrow(error);
    expect(() => shared.rc.view(targets as never)).toThrow(message);
    expect(() => shared.all.with({ targets: targets as never })).toThrow(error);
  });

  test("no options to connect, or several, are a TypeError", async () => {
    await expect(Client.connect({})).rejects.toThrow(TypeError);
    await expect(Client.connect({ file: "a", clusterId: "b" })).rejects.toThrow(/exactly one/);
  });
});

describe("apply", () => {
  test("calls the function on each target with all of its arguments", async () => {
    const add = (a: number, b: number, c: number): number => a + 10 * b + 100 * c;
    expect(await shared.all.apply(add, 1, 2, 3)).toEqual([321, 321, 321]);
  });

  test("gives what an async function resolves to", async () => {
    const value = await shared.rc.at(0).apply(async (x: number) => x + 1, 4);
    expectTypeOf(value).toEqualTypeOf<number>();
    expect(value).toBe(5);
  });

  test("gives undefined for a function that returns nothing", async () => {
    expect(await shared.rc.at(0).apply(() => {})).toBeUndefined();
    expect(await shared.all.apply(() => {})).toEqual([undefined, undefined, undefined]);
  });

  test("options are never taken from the arguments", async () => {
    const options = { block: false, targets: [17], track: 1, f: "f", timeout: 0 };
    expect(await shared.rc.at(0).apply((given: unknown, f: string) => [given, f], options, "f")).toEqual([
      options,
      "f",
    ]);
  });

  test("text that is not ASCII arrives as it is, and is told from bytes", async () => {
    const text = "é ∂∆ 数 𝒳 \u0000 \ud800";
    const one = shared.rc.at(0);
    expect(await one.apply((x: string) => x, text)).toBe(text);
    expect(await one.apply((x: string) => x.length, text)).toBe(text.length);
    expect(await one.apply(() => "µ数")).toBe("µ数");
    const bytes = await one.apply((x: Uint8Array) => x, new TextEncoder().encode("µ"));
    expect(bytes).toEqual(Uint8Array.of(0xc2, 0xb5));
  });

  test("tasks of one engine run one after another, in the order they were sent", async () => {
    const one = shared.rc.at(0);
    await one.execute("log = []");
    const append = async (item: number): Promise<void> => {
      await null;
      (globalThis as unknown as { log: number[] }).log.push(item);
    };
    const expected = Array.from({ length: 50 }, (_, i) => i);
    for (const item of expected) one.apply(append, item);
    expect(await one.get("log")).toEqual(expected);
  });

  test("hundreds of tasks at once all come back with their own values", async () => {
    const { all } = shared;
    const results = Array.from({ length: 300 }, (_, i) => all.apply((x: number) => 2 * x, i));
    const values = await Promise.all(results);
    expect(values).toEqual(Array.from({ length: 300 }, (_, i) => [2 * i, 2 * i, 2 * i]));
  });
});

describe("flags", () => {
  test("with gives a new view and leaves the old one as it was", () => {
    const { all } = shared;
    const blocking = all.with({ block: true });
    expect(blocking).not.toBe(all);
    expect(blocking.block).toBe(true);
    expect(all.block).toBe(false);
    expect(all.with({}).block).toBe(false);
  });

  test("flags add up", () => {
    const view = shared.all.with({ block: true }).with({ targets: 1 });
    expect(view.block).toBe(true);
    expect(view.targets).toBe(1);
    expect(view.size).toBe(1);
  });

  test("block gives a plain promise of the value", async () => {
    const { rc } = shared;
    const call = rc
      .at(0)
      .with({ block: true })
      .apply((x: number) => x, 3);
    expectTypeOf(call).toEqualTypeOf<Promise<number>>();
    expect(call).toBeInstanceOf(Promise);
    expect(call).not.toBeInstanceOf(AsyncResult);
    expect(await call).toBe(3);
  });

  test("without block every call gives an AsyncResult", () => {
    const { all } = shared;
    const calls = [all.apply(() => 1), all.map((x) => x, [1]), all.push({ a: 1 }), all.pull("a"), all.execute("1")];
    calls.push(all.scatter("s", [1, 2]), all.gather("s"), all.import("node:os"), all.clear());
    for (const call of calls) expect(call).toBeInstanceOf(AsyncResult);
  });

  test("with block every call gives a promise", async () => {
    const all = shared.all.with({ block: true });
    const calls: unknown[] = [all.apply(() => 1), all.map((x) => x, [1]), all.push({ a: 1 }), all.pull("a")];
    calls.push(all.execute("1"), all.scatter("s", [1, 2]), all.gather("s"), all.import("node:os"), all.clear());
    for (const call of calls) expect(call).toBeInstanceOf(Promise);
    expect(await Promise.all(calls)).toEqual([
      [1, 1, 1],
      [1],
      undefined,
      [1, 1, 1],
      [undefined, undefined, undefined],
      undefined,
      [1, 2],
      undefined,
      undefined,
    ]);
  });

  test("the methods that end in Async and Sync do not look at block", async () => {
    for (const view of [shared.all, shared.all.with({ block: true })]) {
      expect(view.applyAsync(() => 1)).toBeInstanceOf(AsyncResult);
      expect(view.mapAsync((x) => x, [1])).toBeInstanceOf(AsyncResult);
      const calls = [view.applySync(() => 1), view.mapSync((x) => x, [1])];
      for (const call of calls) expect(call).toBeInstanceOf(Promise);
      expect(await Promise.all(calls)).toEqual([[1, 1, 1], [1]]);
    }
  });

  test("with block a failing call rejects and does not throw", async () => {
    const one = shared.rc.at(0).with({ block: true });
    const call = one.apply(() => {
      throw new RangeError("too far");
    });
    const error = await failure(() => call);
    expect(error).toBeInstanceOf(RemoteError);
    expect((error as RemoteError).remoteName).toBe("RangeError");
  });

  test("targets change the engines and the shape", async () => {
    const view = shared.all.with({ targets: [0, 2] });
    expect(await view.apply(readMarker)).toEqual(["engine at 0", "engine at 2"]);
    const bare = await view.with({ targets: 2 }).apply(readMarker);
    expectTypeOf(bare).toEqualTypeOf<string>();
    expect(bare).toBe("engine at 2");
    expect(
      await view
        .with({ targets: "all" })
        .with({ targets: "all" })
        .apply(() => 1),
    ).toEqual([1, 1, 1]);
  });

  test("an unknown flag is a TypeError that names the flags there are", () => {
    expect(() => shared.all.with({ blok: true } as never)).toThrow(TypeError);
    expect(() => shared.all.with({ blok: true } as never)).toThrow(/"blok".*block, track, targets, label, signal/);
    expect(() => shared.all.with({ chunkSize: 4 } as never)).toThrow(TypeError);
    expect(() => shared.all.with({ toString: true } as never)).toThrow(/"toString"/);
  });

  test.each([{ block: 1 }, { track: "yes" }, { label: 5 }, { signal: {} }, { targets: undefined }, null, undefined, 5])(
    "with(%o) is a TypeError",
    (flags) => {
      expect(() => shared.all.with(flags as never)).toThrow(TypeError);
    },
  );

  test("label is written into the metadata", async () => {
    const result = shared.all.with({ label: "epoch 3" }).apply(() => 1);
    await result;
    expect([result.metadata].flat().map(({ label }) => label)).toEqual(["epoch 3", "epoch 3", "epoch 3"]);
    expect([shared.rc.at(0).apply(() => 1).metadata].flat()[0]?.label).toBeUndefined();
  });

  test("signal aborts what has not started, and nothing else", async () => {
    await using gate = await Gate.make();
    const controller = new AbortController();
    const one = shared.rc.at(0);
    const view = one.with({ signal: controller.signal });
    const running = view.apply(waitAt<string>, gate.url, "done");
    const queued = view.apply(() => 1);
    const another = one.apply(() => 2);
    await gate.arrived();
    controller.abort();
    await expect(queued).rejects.toBeInstanceOf(TaskAborted);
    gate.open();
    expect(await running).toBe("done");
    expect(await another).toBe(2);
  });

  test("a signal that was aborted before refuses the call with its reason", async () => {
    const reason = new Error("enough");
    const view = shared.rc.at(0).with({ signal: AbortSignal.abort(reason) });
    expect(() => view.apply(() => 1)).toThrow(reason);
    await expect(view.with({ block: true }).apply(() => 1)).rejects.toBe(reason);
  });
});
