/** Parts of results, waits that end early, times, live output, and what tasks publish and show while they run. */

import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import {
  AsyncResult,
  Client,
  CompositeError,
  closure,
  display,
  type Metadata,
  publish,
  RemoteError,
  TaskAborted,
  TimeoutError,
} from "ndparallel";
import { describe, expect, test, vi } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

// Variables of this file, whose names survive the compiler of the tests.
const tell = publish;
const show = display;

const fail = (): never => {
  throw new TypeError("no good");
};

/** One engine fails at once, the other waits at the gate. */
async function oneFails(gate: Gate): Promise<{ result: AsyncResult<unknown[]> }> {
  for (const [id, view] of [...shared.rc].entries()) await view.push({ id });
  const result = shared.all.apply(async (url: string) => {
    if ((globalThis as unknown as { id: number }).id === 0) throw new RangeError("engine 0 cannot");
    await fetch(url);
    return 1;
  }, gate.url);
  return { result };
}

/** What a call prints on streams of the test's own. */
async function printed(print: (streams: { stdout: PassThrough; stderr: PassThrough }) => Promise<void>) {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  await print(streams);
  streams.stdout.end();
  streams.stderr.end();
  return { stdout: await text(streams.stdout), stderr: await text(streams.stderr) };
}

test("a load-balanced task has no engine until it is sent to one, and none if it is aborted before", async () => {
  await using gate = await Gate.make();
  const one = shared.rc.loadBalancedView().with({ targets: [0] });
  const before = one.apply(waitAt<number>, gate.url, 1);
  const [aborted, later] = [one.apply(() => 2), one.apply(() => 3)];
  expect([(aborted.metadata as Metadata).engineId, later.engineIds]).toEqual([undefined, [undefined]]);
  await aborted.abort();
  expect((await failure(() => aborted)).message).toMatch(/aborted before it started/);
  gate.open();
  expect(await before).toBe(1);
  expect(await later).toBe(3);
  expect(aborted.metadata).toMatchObject({ engineId: undefined, engineUuid: undefined, status: "aborted" });
  expect([(later.metadata as Metadata).engineId, later.engineIds]).toEqual([0, [0]]);
});

describe("split and join", () => {
  test("split gives a result with a bare value for each engine, and join is its inverse", async () => {
    const result = shared.all.apply((x: number) => x * 2, 4);
    const parts = result.split();
    expect(parts.map(({ messageIds }) => messageIds)).toEqual(result.messageIds.map((id) => [id]));
    expect(await Promise.all(parts)).toEqual([8, 8]);
    const joined = AsyncResult.join(...parts);
    expect(joined.messageIds).toEqual(result.messageIds);
    expect(await joined).toEqual(await result);
  });

  test("the parts of a map are plain results, each a list of its part", async () => {
    const result = shared.all.map((x) => x, [5, 6]);
    expect(await Promise.all(result.split())).toEqual([[[5]], [[6]]]);
    expect(await result).toEqual([5, 6]);
  });

  test("the parts of a load-balanced map of single items are plain results too", async () => {
    const view = shared.rc.loadBalancedView().with({ chunkSize: 1 });
    const parts = view.map((x: number) => x, [0, 1, 2, 3, 4]).split();
    expect(await Promise.all(parts)).toEqual([[[0]], [[1]], [[2]], [[3]], [[4]]]);
    expect(parts.map(({ ready }) => ready)).toEqual(Array(5).fill(true));
  });

  test("a result with one target is its own only part; one of a list of one is not", async () => {
    const one = shared.rc.at(0).apply(() => 1);
    expect(one.split()).toEqual([one]);
    const list = shared.rc.view([0]).apply(() => 1);
    expect(list.split()[0]).not.toBe(list);
    expect(await list.split()[0]).toBe(1);
    await one;
  });

  test("join takes results of any calls, and only results", async () => {
    const { rc, all } = shared;
    const joined = AsyncResult.join(
      rc.at(1).apply(() => "a"),
      all.apply(() => "b"),
    );
    expect(await joined).toEqual(["a", "b", "b"]);
    expect(joined.engineIds).toEqual([1, 0, 1]);
    expect(() => AsyncResult.join()).toThrow(TypeError);
    expect(() => AsyncResult.join(Promise.resolve(1) as never)).toThrow(TypeError);
  });

  test("the failures of many calls, asked for together, are one error that shows four of them", async () => {
    const calls = Array.from({ length: 10 }, () => shared.all.execute("null.x"));
    const error = (await failure(() => shared.rc.getResult(calls))) as CompositeError;
    expect(error).toBeInstanceOf(CompositeError);
    expect(error.errors).toHaveLength(20);
    const lines = error.message.split("\n");
    expect(lines.filter((line) => line.includes("TypeError: Cannot read properties of null"))).toHaveLength(4);
    expect(lines.at(-1)).toMatch(/16 more/);
    for (const call of calls) await call.wait();
  });

  test("a part that failed rejects by itself", async () => {
    await using gate = await Gate.make();
    gate.open();
    const [bad, good] = (await oneFails(gate)).result.split();
    expect(await failure(() => bad)).toBeInstanceOf(RemoteError);
    expect(await good).toBe(1);
  });
});

describe("returnWhen", () => {
  test("get rejects with the first failure, while others run", async () => {
    await using gate = await Gate.make();
    const { result } = await oneFails(gate);
    const error = await failure(() => result.get({ returnWhen: "firstException" }));
    expect(error).toBeInstanceOf(CompositeError);
    expect((error as CompositeError).errors).toMatchObject([{ engineId: 0, remoteName: "RangeError" }]);
    expect(result.ready).toBe(false);
    gate.open();
    expect(await result.wait()).toBe(true);
    expect(await result.get({ returnExceptions: true })).toEqual([(error as CompositeError).errors[0], 1]);
  });

  test("get without a failure waits for all", async () => {
    expect(await shared.all.apply(() => 1).get({ returnWhen: "firstException" })).toEqual([1, 1]);
  });

  test("wait tells which tasks have ended at the first failure; to wait for all is possible afterwards", async () => {
    await using gate = await Gate.make();
    const { result } = await oneFails(gate);
    const { done, pending } = await result.wait({ returnWhen: "firstException" });
    expect(done.map(({ engineIds }) => engineIds)).toEqual([[0]]);
    expect(pending.map(({ engineIds }) => engineIds)).toEqual([[1]]);
    expect(await result.wait({ timeout: 0 })).toBe(false);
    gate.open();
    expect(await result.wait()).toBe(true);
    expect(await pending[0]).toBe(1);
    expect(done[0]?.messageIds).toEqual(result.messageIds.slice(0, 1));
    const later = await result.wait({ returnWhen: "firstException", timeout: 0 });
    expect([later.done.length, later.pending.length]).toEqual([2, 0]);
  });

  test("a map stops waiting at its first failure, too", async () => {
    await using gate = await Gate.make();
    const work = async (url: string, index: number): Promise<number> => {
      if (index === 0) throw new Error("first");
      await fetch(url);
      return index;
    };
    const result = shared.all.map(work, [gate.url, gate.url], [0, 1]);
    const { done, pending } = await result.wait({ returnWhen: "FIRST_EXCEPTION" as never });
    expect([done.length, pending.length]).toEqual([1, 1]);
    expect(done[0]?.messageIds).toEqual(result.messageIds.slice(0, 1));
    gate.open();
    expect(await result.wait()).toBe(true);
    const later = await result.wait({ returnWhen: "firstException", timeout: 0 });
    expect([later.done.length, later.pending.length]).toEqual([2, 0]);
  });

  test("at the first that ends, and when time is over", async () => {
    await using gate = await Gate.make();
    const result = shared.all.apply(waitAt<number>, gate.url, 1);
    const none = await result.wait({ returnWhen: "firstCompleted", timeout: 0 });
    expect([none.done.length, none.pending.length]).toEqual([0, 2]);
    gate.open();
    const { done } = await result.wait({ returnWhen: "firstCompleted" });
    expect(done.length).toBeGreaterThan(0);
    const all = await result.wait({ returnWhen: "allCompleted" });
    expect([all.done.length, all.pending.length]).toEqual([2, 0]);
  });

  test.each([["soon"], [1], [null]])("of %o is a TypeError", async (returnWhen) => {
    const result = shared.rc.at(0).apply(() => 1);
    await expect(result.wait({ returnWhen: returnWhen as never })).rejects.toThrow(/firstException/);
    await expect(result.get({ returnWhen: returnWhen as never })).rejects.toThrow(/firstException/);
    await expect(result.get({ returnWhen: "firstCompleted" as never })).rejects.toThrow(TypeError);
  });
});

describe("timedelta", () => {
  test("goes from the first to the last, or as is asked; over stamps and over dates", async () => {
    const result = shared.all.apply(() => 1);
    await result;
    const metadata = [result.metadata].flat();
    const times = (key: "submitted" | "started" | "completed" | "received") =>
      metadata.map((one) => (one[key] as Date).getTime());
    const { min, max } = Math;
    expect(result.timedelta("submitted", "received")).toBe(max(...times("received")) - min(...times("submitted")));
    expect(result.timedelta("started", "completed", { startKey: max, endKey: min })).toBe(
      min(...times("completed")) - max(...times("started")),
    );
    expect(result.timedelta(new Date(1000), [new Date(1500), new Date(4000)])).toBe(3000);
    expect(result.timedelta("submitted", "received")).toBe(result.wallTime);
  });

  test("of what is not known yet, or is no time, is an error", async () => {
    await using gate = await Gate.make();
    const result = shared.rc.at(0).apply(waitAt<number>, gate.url, 1);
    expect(() => result.timedelta("submitted", "received")).toThrow(RangeError);
    expect(() => result.timedelta("submitted", "ended" as never)).toThrow(TypeError);
    expect(() => result.timedelta(5 as never, "received")).toThrow(TypeError);
    gate.open();
    await result;
  });
});

describe("iteration", () => {
  test("throws at the place of the failure, after what came before it", async () => {
    const result = shared.all.map(
      (x) => {
        if (x === 3) throw new Error("three");
        return x;
      },
      [1, 2, 3, 4],
    );
    const seen: unknown[] = [];
    const error = await failure(async () => {
      for await (const x of result) seen.push(x);
    });
    expect(seen).toEqual([1, 2]);
    expect(error).toMatchObject({ message: expect.stringContaining("three"), engineId: 1 });
  });
});

describe("publish", () => {
  test("data is at the client while the task runs, the last counts, and it keeps the shape of the targets", async () => {
    await using gate = await Gate.make();
    const work = closure(
      async (url: string) => {
        tell({ step: 1 });
        tell({ step: 2, values: Float64Array.of(1, 2) });
        await fetch(url);
        tell("done");
      },
      { tell },
    );
    const result = shared.all.apply(work, gate.url);
    const during = { step: 2, values: Float64Array.of(1, 2) };
    await vi.waitFor(() => expect(result.data).toEqual([during, during]));
    expect(result.ready).toBe(false);
    gate.open();
    await result;
    expect(result.data).toEqual(["done", "done"]);
    const bare = shared.rc.at(0).apply(closure(() => tell(5), { tell }));
    await bare;
    expect(bare.data).toBe(5);
    expect((bare.metadata as { data: unknown }).data).toBe(5);
  });

  test("works with the import of the engine, too, and belongs to the task after awaits", async () => {
    const work = async (n: number): Promise<void> => {
      const parallel = await import("ndparallel");
      await new Promise((resolve) => setTimeout(resolve, 1));
      parallel.publish(n);
    };
    const results = [1, 2, 3].map((n) => shared.rc.at(0).apply(work, n));
    await Promise.all(results);
    expect(results.map(({ data }) => data)).toEqual([1, 2, 3]);
  });

  test("outside of a task is an error that says so, and so is data that cannot be sent", async () => {
    expect(() => publish(1)).toThrow(/tasks/);
    expect(() => display(1)).toThrow(/tasks/);
    const error = await failure(() => shared.rc.at(0).apply(closure(() => tell(new WeakMap()), { tell })));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error.message).toMatch(/WeakMap/);
  });
});

describe("display", () => {
  test("what is shown arrives in order, in its forms, while the task runs", async () => {
    await using gate = await Gate.make();
    const work = closure(
      async (url: string) => {
        show("plain");
        show({ "text/html": "<b>1</b>", "text/plain": "1" }, { metadata: { width: 5 } });
        show({ [Symbol.for("Jupyter.display")]: () => ({ "image/png": Uint8Array.of(137, 80) }) });
        show({ answer: 42 });
        show({ "text/latex": "x" }, { raw: true });
        await fetch(url);
      },
      { show },
    );
    const result = shared.rc.at(0).apply(work, gate.url);
    await vi.waitFor(() => expect(result.outputs).toHaveLength(5));
    expect(result.outputs).toEqual([
      { data: { "text/plain": "plain" }, metadata: {} },
      { data: { "text/html": "<b>1</b>", "text/plain": "1" }, metadata: { width: 5 } },
      { data: { "image/png": Uint8Array.of(137, 80) }, metadata: {} },
      { data: { "text/plain": "{ answer: 42 }" }, metadata: {} },
      { data: { "text/latex": "x" }, metadata: {} },
    ]);
    expect(result.ready).toBe(false);
    gate.open();
    await result;
    const bad = shared.rc.at(0).apply(closure(() => show(5, { raw: true }), { show }));
    expect(await failure(() => bad)).toMatchObject({ remoteName: "TypeError" });
  });

  test("executed code and functions show values in order, on every engine of a direct and a broadcast view", async () => {
    const expected = [0, 1, 2, 3, 4].map((n) => ({ data: { "text/plain": String(n) }, metadata: {} }));
    const code = 'const { display } = await import("ndparallel"); for (let n = 0; n < 5; n++) display(n);';
    const work = closure(
      () => {
        for (let n = 0; n < 5; n++) show(n);
      },
      { show },
    );
    for (const view of [shared.all, shared.rc.broadcastView()]) {
      for (const result of [view.execute(code), view.apply(work)]) {
        await result;
        expect(result.outputs).toEqual([expected, expected]);
      }
    }
  });
});

describe("displayOutputs", () => {
  const work = closure(
    () => {
      const { id } = globalThis as unknown as { id: number };
      console.log(`out ${id}`);
      if (id === 1) console.error("err\n1");
      show(`first ${id}`);
      show(`second ${id}`);
    },
    { show },
  );

  async function call(): Promise<{ result: AsyncResult<unknown> }> {
    for (const [id, view] of [...shared.rc].entries()) await view.push({ id });
    const result = shared.all.apply(work);
    await result;
    return { result };
  }

  test("by type, by engine, by order; an empty stream has no heading", async () => {
    const { result } = await call();
    expect(await printed((streams) => result.displayOutputs({ ...streams }))).toEqual({
      stdout:
        "[stdout:0] out 0\n[stdout:1] out 1\n[output:0] first 0\n[output:0] second 0\n[output:1] first 1\n[output:1] second 1\n",
      stderr: "[stderr:1]\nerr\n1\n",
    });
    expect((await printed((streams) => result.displayOutputs({ ...streams, groupBy: "engine" }))).stdout).toBe(
      "[stdout:0] out 0\n[output:0] first 0\n[output:0] second 0\n[stdout:1] out 1\n[output:1] first 1\n[output:1] second 1\n",
    );
    expect((await printed((streams) => result.displayOutputs({ ...streams, groupBy: "order" }))).stdout).toBe(
      "[stdout:0] out 0\n[stdout:1] out 1\n[output:0] first 0\n[output:1] first 1\n[output:0] second 0\n[output:1] second 1\n",
    );
    expect(await printed((streams) => result.displayOutputs({ ...streams, resultOnly: true }))).toEqual({
      stdout: "[output:0] first 0\n[output:0] second 0\n[output:1] first 1\n[output:1] second 1\n",
      stderr: "",
    });
    await expect(result.displayOutputs({ groupBy: "color" as never })).rejects.toThrow(/groupBy/);
  });

  test("nothing written is nothing printed", async () => {
    for (const groupBy of ["type", "engine", "order"] as const) {
      const result = shared.all.apply(() => 1);
      expect(await printed((streams) => result.displayOutputs({ ...streams, groupBy }))).toEqual({
        stdout: "",
        stderr: "",
      });
    }
  });

  test("a single target has no heading; the value of executed code is shown; a failed task's output, too", async () => {
    const one = shared.rc.at(0).execute("console.log('hello'); ({ a: 1 })", { silent: false });
    expect((await printed((streams) => one.displayOutputs(streams))).stdout).toBe("hello\n{ a: 1 }\n");
    const bad = shared.rc.at(0).execute("console.log('before'); throw new Error('x')");
    expect((await printed((streams) => bad.displayOutputs(streams))).stdout).toBe("before\n");
    const list = shared.all.execute("6 * 7", { silent: false });
    expect((await printed((streams) => list.displayOutputs(streams))).stdout).toBe("[result:0] 42\n[result:1] 42\n");
  });
});

describe("streamOutput", () => {
  const speak = async (url: string): Promise<void> => {
    console.log("before");
    await fetch(url);
    console.error("after");
  };

  test("gives what was written, piece by piece, until the end", async () => {
    await using gate = await Gate.make();
    const result = shared.rc.at(1).apply(speak, gate.url);
    const seen: unknown[] = [];
    for await (const { stream, text: piece, engineId, messageId } of result.streamOutput()) {
      seen.push([stream, piece, engineId, messageId === result.messageIds[0]]);
      if (seen.length === 1) expect(result.ready).toBe(false);
      gate.open();
    }
    expect(seen).toEqual([
      ["stdout", "before\n", 1, true],
      ["stderr", "after\n", 1, true],
    ]);
    const again: string[] = [];
    for await (const piece of result.streamOutput()) again.push(piece.text);
    expect(again).toEqual(["before\n", "after\n"]);
  });

  test("else it is printed, with its engine, until it is disposed of", async () => {
    await using gate = await Gate.make();
    const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
    const result = shared.all.apply(speak, gate.url);
    {
      using _live = result.streamOutput(streams);
      await vi.waitFor(() => expect(result.stdout).toEqual(["before\n", "before\n"]));
    }
    gate.open();
    await result;
    streams.stdout.end();
    streams.stderr.end();
    expect((await text(streams.stdout)).split("\n").sort()).toEqual(["", "[stdout:0] before", "[stdout:1] before"]);
    expect(await text(streams.stderr)).toBe("");
    expect(result.stderr).toEqual(["after\n", "after\n"]);
  });
});

describe("results of odd calls", () => {
  test("output of a map that chooses its chunks as it goes is all there, with its engines", async () => {
    const numbers = Array.from({ length: 60 }, (_, n) => n);
    const slow = (n: number): number => {
      for (const end = performance.now() + 3; performance.now() < end; );
      console.log(n);
      return n;
    };
    const result = shared.rc.loadBalancedView().map(slow, numbers);
    const live = result.streamOutput();
    expect(() => result.split()).toThrow(/chunkSize/);
    expect(() => AsyncResult.join(result)).toThrow(/chunkSize/);
    let seen = "";
    for await (const { text, engineId } of live) {
      expect(shared.rc.ids).toContain(engineId);
      seen += text;
    }
    expect(sortedLines(seen)).toEqual(sortedLines(numbers.join("\n")));
    expect(await result).toEqual(numbers);
    expect((await Promise.all(result.split())).flat(2)).toEqual(numbers);
    expect((await AsyncResult.join(result)).flat()).toEqual(numbers);
  });

  test("output that is fetched from the hub names its engines", async () => {
    const result = shared.all.apply(() => console.log("told"));
    await result;
    await using other = await shared.cluster.connect();
    const seen: unknown[] = [];
    for await (const { text, engineId } of other.getResult(result.messageIds).streamOutput())
      seen.push([engineId, text]);
    expect(seen.sort()).toEqual(shared.rc.ids.map((id) => [id, "told\n"]));
  });

  test("printed lines of several engines are whole, each with its label", async () => {
    const sink = new PassThrough();
    const result = shared.all.apply(async () => {
      for (const part of ["a ", "whole ", "line\n", "\n", "no end"]) {
        process.stdout.write(part);
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    });
    result.streamOutput({ stdout: sink });
    await result;
    await shared.rc.spin();
    sink.end();
    const lines = (await text(sink)).split("\n");
    for (const line of lines) expect(line).toMatch(/^\[stdout:\d\] /);
    for (const id of shared.rc.ids) {
      const own = lines.filter((line) => line.startsWith(`[stdout:${id}] `)).map((line) => line.slice(11));
      expect(own.join("")).toBe("a whole lineno end");
    }
  });

  test("nothing to do: everything is known, and nothing shown", async () => {
    const sink = new PassThrough();
    for (const view of [shared.all, shared.rc.loadBalancedView()]) {
      const result = view.map((x: number) => x, []);
      expect(await result).toEqual([]);
      expect([result.ready, result.successful(), result.size, result.progress]).toEqual([true, true, 0, 0]);
      expect([result.split(), result.metadata, result.stdout, result.outputs]).toEqual([[], [], [], []]);
      expect([result.serialTime, result.wallTime]).toEqual([0, 0]);
      expect(await result.resultByEngine()).toEqual(new Map());
      await result.displayOutputs({ stdout: sink, stderr: sink });
      for await (const _ of result.streamOutput()) throw new Error("nothing was written");
      expect(() => result.timedelta("submitted", "completed")).toThrow(RangeError);
    }
    sink.end();
    expect(await text(sink)).toBe("");
  });

  test("an aborted one tells so, and does not hang", async () => {
    await using gate = await Gate.make();
    const one = shared.rc.at(0);
    const running = one.apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    const result = one.apply(() => console.log("never"));
    await result.abort();
    const sink = new PassThrough();
    await result.displayOutputs({ stdout: sink, stderr: sink });
    for await (const _ of result.streamOutput()) throw new Error("nothing was written");
    expect(await result.waitInteractive({ stream: sink })).toBe(true);
    sink.end();
    expect(await text(sink)).toMatch(/^1\/1 tasks after /);
    expect(result.successful()).toBe(false);
    expect(result.metadata).toMatchObject({ status: "aborted", error: expect.any(TaskAborted) });
    expect(() => result.timedelta("started", "completed")).toThrow(RangeError);
    expect(() => AsyncResult.join(result, running)).not.toThrow();
    gate.open();
    await running;
  });

  test("a signal ends every wait with its reason, and lets the call go on", async () => {
    await using gate = await Gate.make();
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const view = shared.all.with({ track: true });
    const result = view.apply(waitAt<number>, gate.url, 1);
    await expect(result.get({ signal })).rejects.toBe(reason);
    await expect(result.resultByEngine({ signal })).rejects.toBe(reason);
    await expect(result.displayOutputs({ signal })).rejects.toBe(reason);
    await expect(shared.rc.waitForEngines(99, { signal })).rejects.toBe(reason);
    await expect(shared.cluster.connect({ signal })).rejects.toBe(reason);
    await expect(Client.connect({ clusterId: "nowhere", signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/);
    const quiet = new PassThrough();
    expect(await result.wait({ signal })).toBe(false);
    expect(await result.waitInteractive({ signal, stream: quiet })).toBe(false);
    expect(await shared.rc.wait(result, { signal })).toBe(false);
    expect(await view.wait(undefined, { signal })).toBe(false);
    gate.open();
    expect(await result).toEqual([1, 1]);
  });

  test("a signal that has fired refuses every call of a view with its reason", async () => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const direct = shared.all.with({ signal });
    const balanced = shared.rc.loadBalancedView().with({ signal });
    for (const call of [
      () => direct.apply(() => 1),
      () => direct.execute("1"),
      () => direct.push({ a: 1 }),
      () => direct.scatter("a", [1]),
      () => direct.map((x: number) => x, [1]),
      () => direct.with({ block: true }).gather("a"),
      () => direct.imap((x: number) => x, [1]).next(),
      () => balanced.apply(() => 1),
      () => balanced.map((x: number) => x, [1]),
      () => balanced.with({ chunkSize: 1 }).map((x: number) => x, [1]),
      () => balanced.reduce((a: number, b: number) => a + b, [1, 2]),
      () => balanced.imap((x: number) => x, [1]).next(),
    ]) {
      expect(await failure(call)).toBe(reason);
    }
  });
});

describe("waitInteractive", () => {
  test("writes a line for each change where there is no terminal", async () => {
    await using gate = await Gate.make();
    const stream = new PassThrough();
    const result = shared.all.apply(waitAt<number>, gate.url, 1);
    const waiting = result.waitInteractive({ stream, interval: 5 });
    gate.open();
    expect(await waiting).toBe(true);
    stream.end();
    const lines = (await text(stream)).trim().split("\n");
    expect(lines.at(-1)).toMatch(/^2\/2 tasks after \d+\.\d s$/);
    expect(new Set(lines.map((line) => line.slice(0, 3))).size).toBe(lines.length);
  });

  test("draws a bar on a terminal", async () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80, cursorTo() {}, clearLine() {} });
    const result = shared.all.map((x) => x, [1, 2, 3]);
    expect(await result.waitInteractive({ stream: stream as never })).toBe(true);
    stream.end();
    expect(await text(stream)).toMatch(/█+ 3\/3 items/);
  });

  test("ends with time, with a signal, or with the first failure", async () => {
    await using gate = await Gate.make();
    const stream = new PassThrough().resume();
    const { result } = await oneFails(gate);
    expect(await result.waitInteractive({ stream, returnWhen: "firstException" })).toBe(false);
    const { done } = await result.wait({ returnWhen: "firstException", timeout: 0 });
    expect(done.map(({ messageIds }) => messageIds)).toEqual([result.messageIds.slice(0, 1)]);
    expect(await result.waitInteractive({ stream, timeout: 1 })).toBe(false);
    expect(await result.waitInteractive({ stream, signal: AbortSignal.abort() })).toBe(false);
    await expect(result.waitInteractive({ stream, interval: 0 })).rejects.toThrow(/interval/);
    await expect(result.waitInteractive({ timeout: "1" } as never)).rejects.toThrow(TypeError);
    gate.open();
    expect(await result.waitInteractive({ stream })).toBe(true);
  });
});

test("a wait that ran out is a TimeoutError for get, and false for wait", async () => {
  await using gate = await Gate.make();
  const result = shared.rc.at(0).apply(waitAt<number>, gate.url, 1);
  await expect(result.get({ timeout: 1, returnWhen: "firstException" })).rejects.toBeInstanceOf(TimeoutError);
  await expect(result.displayOutputs({ timeout: 1 })).rejects.toBeInstanceOf(TimeoutError);
  gate.open();
  expect(await result).toBe(1);
  expect(await failure(() => shared.all.apply(fail).get({ returnWhen: "firstException" }))).toBeInstanceOf(
    CompositeError,
  );
});

function sortedLines(all: string): string[] {
  return all.split("\n").filter(Boolean).sort();
}
