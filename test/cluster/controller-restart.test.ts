/** What becomes of everything when the controller is killed and another one takes its place. */

import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Client,
  Cluster,
  type ClusterOptions,
  ConnectionError,
  closure,
  display,
  type Metadata,
  publish,
} from "ndparallel";
import { describe, expect, test } from "vitest";
import { computeUntil, FileGate, Gate, waitAt } from "./gate.ts";
import { failureWithin, gone, pidsOf, runScript, until, useSandbox } from "./processes.ts";
import { failure } from "./shared-cluster.ts";

const sandbox = useSandbox();

const ON_DISK: ClusterOptions = { controller: { database: "sqlite" } };

async function started(options: ClusterOptions): Promise<{ cluster: Cluster; rc: Client } & AsyncDisposable> {
  const cluster = await Cluster.start(options);
  const rc = await cluster.connect();
  return {
    cluster,
    rc,
    [Symbol.asyncDispose]: async () => {
      rc.close();
      await cluster.stop();
    },
  };
}

/** Kills the controller; done when it is gone. */
async function killController(rc: Client): Promise<number> {
  const { pid } = await rc.status();
  process.kill(pid, "SIGKILL");
  await gone([pid], 2_000);
  return pid;
}

/** Counts how often each task ran: a line for each run. */
class Log {
  readonly path = join(process.env["TMPDIR"] as string, "runs.log");

  constructor() {
    writeFileSync(this.path, "");
  }

  lines(): string[] {
    return readFileSync(this.path, "utf8").split("\n").slice(0, -1);
  }

  [Symbol.asyncDispose](): Promise<void> {
    unlinkSync(this.path);
    return Promise.resolve();
  }
}

/** Runs on engines. */
const run = closure(async (path: string, n: number, ms: number): Promise<number> => {
  const { appendFileSync } = await import("node:fs");
  appendFileSync(path, `${n}\n`);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return n * 2;
}, {});

function numbers(lines: readonly string[]): number[] {
  return lines.map(Number).sort((a, b) => a - b);
}

describe("with the database in SQLite", () => {
  test("1,000 running and queued tasks all end, each having run once", { timeout: 60_000 }, async () => {
    await using log = new Log();
    await using shared = await started({ engines: 3, ...ON_DISK });
    const { rc } = shared;
    const lview = rc.loadBalancedView();
    const results = Array.from({ length: 1_000 }, (_, n) =>
      n % 2 === 0 ? lview.apply(run, log.path, n, 8) : rc.at(n % 3).apply(run, log.path, n, 8),
    );
    await until(() => log.lines().length > 100, "tasks ran", 20_000);
    const before = rc.ids;
    const killed = await killController(rc);
    expect(rc.outstanding.size).toBeGreaterThan(100);
    expect(await Promise.all(results)).toEqual(results.map((_, n) => 2 * n));
    expect(numbers(log.lines())).toEqual(results.map((_, n) => n));
    expect(rc.ids).toEqual(before);
    expect((await rc.status()).pid).not.toBe(killed);
    const rows = await rc.dbQuery({}, ["status", "result", "engineId"]);
    expect(rows.length).toBe(1_000);
    expect(rows.every(({ status }) => status === "ok")).toBe(true);
    expect(rc.outstanding.size).toBe(0);
  });

  test("it may be killed again and again", { timeout: 60_000 }, async () => {
    await using log = new Log();
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc } = shared;
    const results = Array.from({ length: 300 }, (_, n) => rc.loadBalancedView().apply(run, log.path, n, 20));
    for (const count of [20, 100, 200]) {
      await until(() => log.lines().length > count, "tasks ran", 20_000);
      await killController(rc);
    }
    expect(await Promise.all(results)).toEqual(results.map((_, n) => 2 * n));
    expect(numbers(log.lines())).toEqual(results.map((_, n) => n));
  });

  test("tasks run once also where engines compute without a break when it happens", { timeout: 90_000 }, async () => {
    await using log = new Log();
    await using shared = await started({ engines: 3, ...ON_DISK });
    const { rc } = shared;
    const lview = rc.loadBalancedView();
    const busy = closure((path: string, n: number): number => {
      const { appendFileSync } = process.getBuiltinModule("node:fs");
      appendFileSync(path, `${n}\n`);
      // Longer than anybody could wait for an engine that does not answer.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
      return n * 2;
    }, {});
    const results: PromiseLike<number>[] = [];
    const send = (count: number): void => {
      for (let n = 0; n < count; n++) results.push(lview.apply(busy, log.path, results.length));
    };
    for (let round = 0; round < 3; round++) {
      const { pid } = await rc.status();
      const before = log.lines().length;
      // Fewer than there are engines, and more.
      send([2, 4, 1][round] as number);
      // At once, so that nothing of it is in the database.
      await until(() => log.lines().length > before, "one has begun", 20_000);
      process.kill(pid, "SIGKILL");
      await gone([pid], 2_000);
      // Whoever is idle gets something meanwhile.
      const quick = lview.apply(run, log.path, 1_000 + round, 0);
      expect(await Promise.all(results)).toEqual(results.map((_, n) => 2 * n));
      expect(await quick).toBe(2 * (1_000 + round));
    }
    const expected = [...results.map((_, n) => n), 1_000, 1_001, 1_002];
    expect(numbers(log.lines())).toEqual(expected);
  });

  test("what engines have completed is counted on", { timeout: 60_000 }, async () => {
    await using log = new Log();
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc, cluster } = shared;
    const counts = async (): Promise<number[]> => {
      const { unassigned: _, ...queues } = await rc.queueStatus();
      return Object.values(queues).map(({ completed }) => completed);
    };
    await Promise.all(Array.from({ length: 30 }, (_, n) => rc.at(n % 3 === 0 ? 0 : 1).apply(run, log.path, n, 0)));
    await failure(() => rc.at(0).apply(() => Promise.reject(new Error("no luck"))));
    expect(await counts()).toEqual([11, 20]);
    // What has not been written comes again, and is counted once.
    const late = Array.from({ length: 10 }, (_, n) => rc.at(0).apply(run, log.path, n, 0));
    await late.at(-1);
    for (let n = 0; n < 2; n++) {
      await killController(rc);
      await until(async () => (await rc.status()).engines.length === 2, "the engines are known", 20_000);
      await rc.view().apply(() => 1);
      expect(await counts()).toEqual([22 + n, 21 + n]);
    }
    await cluster.restartEngines();
    await rc.waitForEngines(2);
    expect(await counts()).toEqual([0, 0]);
  });

  test("what ended just before is known with its result, to the client that has it and to others", async () => {
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc, cluster } = shared;
    await using other = await Client.connect({ file: cluster.file });
    const { pid } = await rc.status();
    const results = Array.from({ length: 40 }, (_, n) =>
      n % 2 === 0 ? rc.at(0).apply((x: number) => 2 * x, n) : rc.loadBalancedView().apply((x: number) => 2 * x, n),
    );
    const ids = results.flatMap(({ messageIds }) => messageIds);
    await Promise.all(results);
    // At once, so that little of it is in the database.
    process.kill(pid, "SIGKILL");
    const others = ids.map((id) => other.getResult(id));
    const rows = await rc.dbQuery({ msgId: { $in: ids } }, ["status", "result"]);
    expect(rows.map(({ msgId, status, result }) => [msgId, status, result]).sort()).toEqual(
      ids.map((id, n) => [id, "ok", 2 * n]).sort(),
    );
    expect(await Promise.all(others)).toEqual(ids.map((_, n) => 2 * n));
    expect((await rc.resultStatus(ids)).completed.sort()).toEqual([...ids].sort());
  });

  test("engines keep their ids and namespaces, also those that compute without a break", async () => {
    await using log = new Log();
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc } = shared;
    await rc.view().push({ a: 5 });
    const { engines } = await pidsOf(rc);
    using gate = new FileGate();
    const busy = rc.at(0).apply(computeUntil<number>, gate.path, 7);
    const queued = Array.from({ length: 20 }, (_, n) => rc.at(0).apply(run, log.path, n, 0));
    await until(async () => (await rc.queueStatus())[0]?.tasks === 1, "the engine computes");
    await killController(rc);
    const free = Array.from({ length: 20 }, (_, n) => rc.loadBalancedView().apply(run, log.path, 100 + n, 0));
    expect(await Promise.all(free)).toEqual(free.map((_, n) => 2 * (100 + n)));
    expect([rc.ids, (await pidsOf(rc)).engines]).toEqual([[0, 1], engines]);
    gate.open();
    expect(await busy).toBe(7);
    expect(await Promise.all(queued)).toEqual(queued.map((_, n) => 2 * n));
    expect(numbers(log.lines())).toEqual([...queued.map((_, n) => n), ...free.map((_, n) => 100 + n)]);
    expect(await rc.view().pull("a")).toEqual([5, 5]);
  });

  test("what tasks wrote, published and showed is there, once", async () => {
    await using gate = await Gate.make();
    await using shared = await started({ engines: 1, ...ON_DISK });
    const { rc } = shared;
    const [tell, show] = [publish, display];
    const result = rc.at(0).apply(async (url: string) => {
      console.log("before");
      show("first");
      tell(1);
      await fetch(url);
      console.log("after");
      show("second");
      tell(2);
    }, gate.url);
    await until(() => result.stdout.includes("before"), "the task wrote");
    await gate.arrived();
    await killController(rc);
    gate.open();
    await result;
    await until(() => result.stdout.includes("after"), "the task wrote more");
    expect([result.stdout, result.outputs.length, result.data]).toEqual(["before\nafter\n", 2, 2]);
    const [row] = await rc.dbQuery({ msgId: result.messageIds[0] as string }, ["stdout", "outputs", "data"]);
    expect([row?.stdout, row?.outputs?.length, row?.data]).toEqual(["before\nafter\n", 2, 2]);
  });

  test("large arrays of arguments and results are where they were", async () => {
    await using gate = await Gate.make();
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc } = shared;
    const array = Float64Array.from({ length: 100_000 }, (_, n) => n);
    const early = rc.at(0).apply((a: Float64Array) => a.map((x) => 2 * x), array);
    await early.wait();
    const held = rc.at(0).apply(waitAt<number>, gate.url, 1);
    const late = rc.at(0).apply((a: Float64Array) => a.map((x) => 3 * x), array);
    await gate.arrived();
    await killController(rc);
    gate.open();
    expect(await held).toBe(1);
    expect((await late)[99_999]).toBe(3 * 99_999);
    expect(((await rc.getResult(early.messageIds[0], { owner: false })) as Float64Array)[99_999]).toBe(2 * 99_999);
    expect(await rc.view().apply((a: Float64Array) => a.length, array)).toEqual([100_000, 100_000]);
  });

  test("tasks that others depend on, and their dependents, go on", async () => {
    await using gate = await Gate.make();
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc } = shared;
    const lview = rc.loadBalancedView();
    const done = lview.apply(() => 1);
    await done;
    const first = lview.apply(waitAt<number>, gate.url, 2);
    const second = lview.with({ after: [first, done] }).apply(() => 3);
    const third = lview.with({ follow: second }).apply(() => 4);
    await gate.arrived();
    await killController(rc);
    const later = lview.with({ after: done }).apply(() => 5);
    gate.open();
    expect(await Promise.all([first, second, third, later])).toEqual([2, 3, 4, 5]);
    const places = [second, third].map(({ metadata }) => (metadata as Metadata).engineId);
    expect(places[0]).toBe(places[1]);
  });

  test("a task is not repeated more often than its policy says", async () => {
    await using log = new Log();
    await using gate = await Gate.make();
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc } = shared;
    const lview = rc.loadBalancedView().with({ retries: { error: 3, backoff: 0 } });
    const result = lview.apply(
      async (path: string, url: string) => {
        const { appendFileSync, readFileSync } = await import("node:fs");
        appendFileSync(path, "1\n");
        if (readFileSync(path, "utf8").length === 6) await fetch(url);
        throw new Error("no luck");
      },
      log.path,
      gate.url,
    );
    await gate.arrived();
    await killController(rc);
    await until(async () => (await rc.status()).engines.length === 2, "the engines are back");
    gate.open();
    expect((await failure(() => result)).message).toBe("no luck");
    expect(log.lines()).toHaveLength(4);
  });

  test("an engine that dies meanwhile is noticed, and its tasks end as they would have", async () => {
    await using gate = await Gate.make();
    await using shared = await started({ engines: 2, ...ON_DISK });
    const { rc } = shared;
    const heard: unknown[] = [];
    rc.on("engineDown", ({ engineId }) => heard.push(engineId));
    const direct = rc.at(0).apply(waitAt<number>, gate.url, 1);
    const queued = rc.at(0).apply(() => 2);
    await gate.arrived();
    const { controller, engines } = await pidsOf(rc);
    for (const pid of [controller, engines[0] as number]) process.kill(pid, "SIGKILL");
    await failureWithin(5_000, direct, "EngineError");
    await failureWithin(5_000, queued, "EngineError");
    expect([heard, rc.ids]).toEqual([[0], [1]]);
    await shared.cluster.startEngines(1);
    await rc.waitForEngines(2);
    expect(rc.ids).toEqual([1, 2]);
  });

  test("engines that are on their way come all the same", async () => {
    await using shared = await started({ engines: 1, ...ON_DISK });
    const { rc, cluster } = shared;
    const { pid } = await rc.status();
    await cluster.startEngines(2);
    process.kill(pid, "SIGKILL");
    await rc.waitForEngines(3);
    expect(rc.ids).toEqual([0, 1, 2]);
    expect(await rc.view().apply(() => 1)).toEqual([1, 1, 1]);
    await cluster.restartEngines();
    await rc.status();
    expect(rc.ids).toEqual([3, 4, 5]);
  });

  test.each(["direct", "relay"] as const)("arrays that travel by way of %s still do", async (dataWay) => {
    await using gate = await Gate.make();
    await using shared = await started({ engines: 2, dataWay, ...ON_DISK });
    const { rc } = shared;
    const array = Float64Array.from({ length: 100_000 }, (_, n) => n);
    const held = [0, 1].map((id) => rc.at(id).apply(waitAt<number>, gate.url, 1));
    const late = rc.view().apply((a: Float64Array) => a.map((x) => 3 * x), array);
    await gate.arrived(2);
    await killController(rc);
    gate.open();
    expect(await Promise.all(held)).toEqual([1, 1]);
    expect((await late).map((part) => part[99_999])).toEqual([3 * 99_999, 3 * 99_999]);
  });

  test("clients of other processes, and those that come later, see the same", async () => {
    await using gate = await Gate.make();
    await using shared = await started({ engines: 1, ...ON_DISK });
    const { rc, cluster } = shared;
    const other = await Client.connect({ file: cluster.file });
    const result = rc.at(0).apply(waitAt<number>, gate.url, 9);
    const [id] = result.messageIds as [string];
    // Not before: over another connection the question could come before the task.
    await gate.arrived();
    const followed = other.getResult(id);
    const killed = await killController(rc);
    expect((await other.status()).pid).not.toBe(killed);
    gate.open();
    expect(await Promise.all([result, followed])).toEqual([9, 9]);
    await using late = await Client.connect({ file: cluster.file });
    expect(await late.getResult(id)).toBe(9);
    const { pid } = await rc.status();
    await until(async () => (await Cluster.list())[0]?.controllerPid === pid, "the connection file says so");
    other.close();
  });

  test("what changes nothing is asked again, of other orders it is said that nobody knows", async () => {
    await using shared = await started({ engines: 1, ...ON_DISK });
    const { rc, cluster } = shared;
    const { pid } = await rc.status();
    process.kill(pid, "SIGSTOP");
    const [asked, ordered] = [rc.hubHistory(), cluster.startEngines(1)];
    const rejected = failureWithin(5_000, ordered, "ConnectionError");
    process.kill(pid, "SIGKILL");
    expect(await asked).toEqual([]);
    expect((await rejected).message).toMatch(/not known whether.*startEngines/);
  });

  test("one that is asked to end is not restarted, and nothing is left", async () => {
    const cluster = await Cluster.start({ engines: 1, ...ON_DISK });
    const rc = await cluster.connect();
    const { controller, all } = await pidsOf(rc);
    process.kill(controller, "SIGTERM");
    await gone(all, 5_000);
    await failureWithin(2_000, rc.status(), "ConnectionError");
    await cluster.stop();
  });

  test("one that dies too often is given up: typed errors, and nothing is left", async () => {
    await using gate = await Gate.make();
    const restart = { times: 1, within: 60_000 };
    const cluster = await Cluster.start({ engines: 1, controller: { database: "sqlite", restart, patience: 3_000 } });
    const rc = await cluster.connect();
    const result = rc.at(0).apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    const { all } = await pidsOf(rc);
    await killController(rc);
    await killController(rc);
    await failureWithin(10_000, result, "ConnectionError");
    await gone(all, 5_000);
    await cluster.stop();
  });

  test("after a restart everything ends with its owner, too", async () => {
    const script = runScript("restarted-owner.mjs");
    const { pids } = await script.next<{ pids: number[] }>();
    script.child.kill("SIGKILL");
    await gone(pids, 5_000);
  });
});

describe("with the database in memory", () => {
  test("tasks that have not ended fail with a typed error; the engines and their namespaces are there", async () => {
    await using gate = await Gate.make();
    await using shared = await started({ engines: 2, controller: { restart: true } });
    const { rc } = shared;
    await rc.view().push({ a: 5 });
    const direct = Array.from({ length: 200 }, (_, n) => rc.at(n % 2).apply(waitAt<number>, gate.url, n));
    const balanced = Array.from({ length: 200 }, (_, n) => rc.loadBalancedView().apply(waitAt<number>, gate.url, n));
    await gate.arrived(2);
    await killController(rc);
    const failures = await Promise.all(
      [...direct, ...balanced].map((result) => failureWithin(5_000, result, "ConnectionError")),
    );
    expect(
      failures.every((error) => error instanceof ConnectionError && /database: "sqlite"/.test(error.message)),
    ).toBe(true);
    gate.open();
    expect([rc.ids, await rc.view().pull("a")]).toEqual([
      [0, 1],
      [5, 5],
    ]);
    expect(await rc.hubHistory()).toHaveLength(2);
  });
});

test("ndparallel start --database restarts its controller", async () => {
  const script = runScript("../../../dist/cli/main.js", ["start", "-n", "1", "--database", "sqlite", "--json"]);
  const lines: string[] = [];
  script.child.stdout?.on("data", (text: Buffer) => lines.push(String(text)));
  await until(() => lines.join("").includes("}"), "it started", 15_000);
  const { clusterId } = JSON.parse(lines.join("")) as { clusterId: string };
  const rc = await Client.connect({ clusterId });
  const result = await rc.at(0).apply((x: number) => x + 1, 1);
  await killController(rc);
  expect([result, await rc.at(0).apply((x: number) => x + 1, 2), (await rc.hubHistory()).length]).toEqual([2, 3, 2]);
  rc.close();
  script.child.kill("SIGTERM");
  expect((await script.exit).code).toBe(0);
  expect(sandbox.processes()).toEqual([]);
});
