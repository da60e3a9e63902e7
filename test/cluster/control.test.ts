/** Orders past the queues: interrupts of running tasks, clearing, signals, and the end of engines. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { type AsyncResult, Cluster, EngineError, publish, RemoteError, TaskAborted } from "ndparallel";
import { describe, expect, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { gone, pidsOf } from "./processes.ts";
import { failure, shareCluster } from "./shared-cluster.ts";
import { running, spin } from "./tasks.ts";

const shared = shareCluster(2);

/** How soon an interrupt can work, in milliseconds; not each does, since the machine may have other things to do. */
const SOON = 500;

/** What a result fails with, and how long that took from now, in milliseconds. */
async function failsSoon(result: AsyncResult<unknown>): Promise<{ error: Error; after: number }> {
  const began = performance.now();
  const error = await failure(() => result);
  return { error, after: performance.now() - began };
}

test("an engine takes tasks only when they can be interrupted", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ndparallel-control-"));
  const [preload, began] = ["slow.cjs", "began"].map((name) => join(directory, name)) as [string, string];
  // The thread that interrupts is late.
  writeFileSync(
    preload,
    `if (!require("node:worker_threads").isMainThread) {
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
       require("node:fs").writeFileSync(${JSON.stringify(began)}, "");
     }`,
  );
  const env = { NODE_OPTIONS: `--require=${preload}` };
  await using cluster = await Cluster.start({ engines: 1, env });
  await using rc = await cluster.connect();
  expect(existsSync(began)).toBe(true);
  const looping = rc.at(0).apply(spin);
  await running(looping);
  await looping.abort({ running: true });
  expect(await failure(() => looping)).toBeInstanceOf(TaskAborted);
  rmSync(directory, { recursive: true });
});

describe("interrupting", () => {
  test("an endless loop ends within 500 ms, and the next task finds the namespace as it was", async () => {
    const { rc } = shared;
    const one = rc.at(0);
    const { engines } = await pidsOf(rc);
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      await one.push({ round, list: [1, 2, 3] });
      const looping = one.apply(spin);
      await running(looping);
      const [{ error, after }] = await Promise.all([failsSoon(looping), looping.abort({ running: true })]);
      expect(error).toBeInstanceOf(TaskAborted);
      expect(error.message).toContain("interrupted");
      times.push(after);
      expect(await one.pull(["round", "list"])).toEqual([round, [1, 2, 3]]);
    }
    expect((await pidsOf(rc)).engines).toEqual(engines);
    expect(Math.min(...times)).toBeLessThan(SOON);
  });

  test("a loop that catches everything, one in executed code, and one in a function with captured variables", async () => {
    const one = shared.rc.at(0);
    const captured = { word: "running" };
    const stubborn = (): void => {
      process.stdout.write("running");
      for (;;) {
        try {
          for (;;) JSON.stringify({});
        } catch {
          // Goes on.
        } finally {
          JSON.stringify({});
        }
      }
    };
    const capturing = (): void => {
      process.stdout.write(captured.word);
      for (;;);
    };
    for (const call of [
      () => one.apply(stubborn),
      () => one.apply(capturing),
      () => one.execute("process.stdout.write('running'); for (;;);"),
    ]) {
      const result = call();
      await running(result);
      const [{ error }] = await Promise.all([failsSoon(result), shared.rc.abort(result, { running: true })]);
      expect(error).toBeInstanceOf(TaskAborted);
      expect(await one.apply(() => 1 + 1)).toBe(2);
    }
  });

  test("a task that waits ends at once, and what it does later counts for nobody", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const waiting = rc.at(0).apply(async (url: string) => {
      await fetch(url);
      console.log("too late");
      throw new Error("too late");
    }, gate.url);
    await gate.arrived();
    const queued = rc.at(0).apply(() => "queued");
    const [{ error }] = await Promise.all([failsSoon(waiting), waiting.abort({ running: true })]);
    expect(error).toBeInstanceOf(TaskAborted);
    expect(await queued).toBe("queued");
    const next = rc.at(0).apply(waitAt<string>, gate.url, "next");
    await gate.arrived(2);
    gate.open();
    expect(await next).toBe("next");
    expect(next.stdout).toBe("");
  });

  test("everything of an engine: the one that runs and those that wait; the other engine goes on", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const other = rc.at(1).apply(waitAt<number>, gate.url, 5);
    const looping = rc.at(0).apply(spin);
    const queued = Array.from({ length: 300 }, (_, n) => rc.at(0).apply((x: number) => x, n));
    await running(looping);
    await rc.abort(null, { targets: 0, running: true });
    const results = await Promise.all([looping, ...queued].map((result) => failure(() => result)));
    expect(results.every((error) => error instanceof TaskAborted)).toBe(true);
    gate.open();
    expect(await other).toBe(5);
    const status = await rc.queueStatus();
    expect(status[0]).toMatchObject({ queue: 0, tasks: 0 });
  });

  test("without running, what runs goes on; of several engines each is interrupted", async () => {
    const { all } = shared;
    const looping = all.apply(spin);
    await running(looping);
    await looping.abort();
    expect(looping.ready).toBe(false);
    await looping.abort({ running: true });
    const error = await failure(() => looping);
    expect(error).toMatchObject({ code: "CompositeError", errors: [{ code: "TaskAborted" }, { code: "TaskAborted" }] });
    expect(await all.apply(() => 3)).toEqual([3, 3]);
  });

  test("an aborted queued task does not cut the one before it", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const first = rc.at(0).apply(async (url: string) => {
      await fetch(url);
      const end = performance.now() + 200;
      while (performance.now() < end);
      return "whole";
    }, gate.url);
    await gate.arrived();
    const second = rc.at(0).apply(() => 2);
    gate.open();
    await rc.abort(second, { running: true });
    expect(await failure(() => second)).toBeInstanceOf(TaskAborted);
    expect(await first).toBe("whole");
  });

  test("hundreds of tasks before, between and after interrupts are all answered, once", async () => {
    const one = shared.rc.at(1);
    for (let round = 0; round < 5; round++) {
      const before = Array.from({ length: 50 }, (_, n) => one.apply((x: number) => x, n));
      const looping = one.apply(spin);
      const after = Array.from({ length: 50 }, (_, n) => one.apply(async (x: number) => x, n));
      await running(looping);
      await looping.abort({ running: true });
      expect(await failure(() => looping)).toBeInstanceOf(TaskAborted);
      expect(await Promise.all([...before, ...after])).toEqual([...Array(50).keys(), ...Array(50).keys()]);
    }
  });
});

describe("interrupting a loop after an await", () => {
  /** What it has awaited decides in which of Node's callbacks it runs. */
  const awaits: readonly [string, () => Promise<unknown>][] = [
    ["nothing", () => Promise.resolve()],
    ["a timer", () => new Promise((resolve) => setTimeout(resolve, 1))],
    ["an immediate", () => new Promise((resolve) => setImmediate(resolve))],
    ["a tick", () => new Promise((resolve) => process.nextTick(resolve))],
    ["a file", async () => (await import("node:fs/promises")).readFile("/etc/hostname")],
    ["a child process", async () => (await import("node:child_process")).execFileSync("true")],
    ["an import", () => import("node:zlib")],
    ["a digest", () => crypto.subtle.digest("SHA-256", new Uint8Array(8))],
  ];

  test.each(awaits)("for %s works, and the engine goes on with its namespace", async (_, pause) => {
    const [before] = shared.rc.ids;
    const engine = shared.rc.at(0);
    await engine.push({ marker: "still here" });
    for (let time = 0; time < 3; time++) {
      const result = engine.apply(async (wait: () => Promise<unknown>) => {
        await wait();
        process.stdout.write("running");
        for (;;);
      }, pause);
      const waiting = engine.apply(() => "next");
      await running(result);
      await result.abort({ running: true });
      expect(await failure(() => result)).toBeInstanceOf(TaskAborted);
      expect(await waiting).toBe("next");
    }
    expect(shared.rc.ids[0]).toBe(before);
    expect(await engine.pull("marker")).toBe("still here");
    // Timers, contexts and output are as they were.
    const later = engine.apply(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      console.log("whose");
      return 1;
    });
    expect(await later).toBe(1);
    expect(later.stdout).toBe("whose\n");
  });

  test("that goes on awaiting without ever leaving the turn", async () => {
    const result = shared.rc.at(0).apply(async () => {
      process.stdout.write("running");
      for (;;) await null;
    });
    await running(result);
    await result.abort({ running: true });
    expect(await failure(() => result)).toBeInstanceOf(TaskAborted);
    expect(await shared.rc.at(0).apply(() => 2)).toBe(2);
  });

  test("by a signal, too", async () => {
    const result = shared.rc.at(1).apply(async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      process.stdout.write("running");
      for (;;);
    });
    await running(result);
    await shared.rc.sendSignal("SIGINT", { targets: 1 });
    expect(await failure(() => result)).toMatchObject({ remoteName: "InterruptedError" });
    expect(await shared.rc.at(1).apply(() => 2)).toBe(2);
  });
});

/** In the namespace of the engines. */
declare const writeSync: (descriptor: number, text: string) => number;

describe("interrupting a task that writes without a break", () => {
  test.each<[string, () => never]>([
    [
      "to the console",
      () => {
        for (;;) console.log("x");
      },
    ],
    [
      "to a descriptor",
      () => {
        for (;;) writeSync(1, "native ");
      },
    ],
    [
      "to both",
      () => {
        for (let n = 0; ; n++) {
          writeSync(1, "native ");
          if (n % 100 === 0) console.log("x");
        }
      },
    ],
    [
      "what it publishes",
      () => {
        for (let n = 0; ; n++) publish(n);
      },
    ],
  ])("%s leaves its engine whole, however often", async (_, flood) => {
    const [before] = shared.rc.ids;
    const engine = shared.rc.at(0);
    await engine.execute('import { writeSync } from "node:fs"; globalThis.marker = "still here"');
    for (let time = 0; time < 8; time++) {
      const result = engine.apply(flood);
      // At different moments of the loop.
      await new Promise((resolve) => setTimeout(resolve, 7 * time));
      await result.abort({ running: true });
      expect(await failure(() => result)).toBeInstanceOf(TaskAborted);
    }
    expect(shared.rc.ids[0]).toBe(before);
    expect(await engine.pull("marker")).toBe("still here");
  });
});

describe("signals", () => {
  test.each([["SIGINT"], [constants.signals.SIGINT]])(
    "%s ends what runs on all engines, which go on",
    async (signal) => {
      const { rc, all } = shared;
      await all.push({ kept: 1 });
      const looping = all.apply(spin);
      await running(looping);
      await rc.sendSignal(signal as NodeJS.Signals);
      const error = await failure(() => looping);
      expect(error).toMatchObject({ errors: [{ remoteName: "InterruptedError" }, { remoteName: "InterruptedError" }] });
      expect((error as { errors: Error[] } & Error).errors[0]).toBeInstanceOf(RemoteError);
      expect(await all.pull("kept")).toEqual([1, 1]);
    },
  );

  test("others reach the processes of the engines that are named; an idle engine overhears SIGINT", async () => {
    const { rc, all } = shared;
    await all.execute("heard = []; process.on('SIGUSR2', (name) => heard.push(name))");
    await rc.sendSignal("SIGINT");
    await rc.sendSignal("SIGUSR2", { targets: 1 });
    await expect
      .poll(async () => await all.execute("heard.join()", { silent: false }), { timeout: 60_000 })
      .toEqual(["", "SIGUSR2"]);
    await all.execute("process.removeAllListeners('SIGUSR2')");
    await expect(rc.sendSignal("SIGNOTHING" as never)).rejects.toThrow(/unknown signal/);
    await expect(rc.sendSignal("SIGINT", { targets: 99 })).rejects.toThrow(RangeError);
  });
});

describe("clear", () => {
  test("goes past the queue, of the engines that are named", async () => {
    await using gate = await Gate.make();
    const { rc, all } = shared;
    await all.push({ a: 1 });
    const there = (): boolean => "a" in globalThis;
    const before = rc.at(0).apply(waitAt<number>, gate.url, 1);
    const queued = rc.at(0).apply(there);
    await gate.arrived();
    await rc.clear({ targets: 0 });
    expect(before.ready).toBe(false);
    gate.open();
    expect(await queued).toBe(false);
    expect(await rc.at(1).apply(there)).toBe(true);
    await rc.clear();
    expect(await all.apply(there)).toEqual([false, false]);
    await before;
  });
});

describe("the end of engines", () => {
  test("named engines end, and what they ran fails; with restart others take their places", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using rc = await cluster.connect();
    const { engines } = await pidsOf(rc);
    const looping = rc.at(0).apply(spin);
    await running(looping);
    const [error] = await Promise.all([failure(() => looping), rc.shutdown({ targets: 0, restart: true })]);
    expect(error).toBeInstanceOf(EngineError);
    await gone(engines.slice(0, 1), 2_000);
    expect(rc.ids).toEqual([1, 2]);
    expect(await rc.view().apply(() => 1)).toEqual([1, 1]);
    await rc.shutdown({ targets: [1] });
    expect(rc.ids).toEqual([2]);
    expect(() => rc.view(1)).toThrow(RangeError);
    await rc.shutdown();
    expect(rc.ids).toEqual([]);
    const again = await pidsOf(rc);
    const ended = new Promise((resolve) => rc.on("disconnected", resolve));
    await rc.shutdown({ hub: true });
    await ended;
    await gone(again.all, 3_000);
  });

  test("an engine in a call that is not JavaScript cannot be interrupted, and is killed", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using rc = await cluster.connect();
    const result = rc.at(0).apply(() => {
      process.stdout.write("running");
      process.getBuiltinModule("node:child_process").execSync("sleep 5");
    });
    await running(result);
    await rc.abort(result, { running: true });
    const error = await failure(() => result);
    expect(error).toBeInstanceOf(EngineError);
  });
});
