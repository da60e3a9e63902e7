/** What a script sees when an engine, the agent or the controller dies under it. */

import { existsSync, readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AsyncResult,
  Client,
  type ClientEvents,
  Cluster,
  type CompositeError,
  ConnectionError,
  EngineError,
} from "ndparallel";
import { describe, expect, it } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failureWithin, freeze, gone, pidsOf, rejectionWithin, until, useSandbox } from "./processes.ts";
import { nap, running, spin } from "./tasks.ts";

useSandbox();

const increment = (x: number): number => x + 1;
const MEGABYTE = 1024 * 1024;

function kill(pid: number | undefined, signal: NodeJS.Signals = "SIGKILL"): void {
  process.kill(pid as number, signal);
}

/** Everything that the client hears of engines that end, as it comes. */
function engineDowns(client: Client): ClientEvents["engineDown"][] {
  const heard: ClientEvents["engineDown"][] = [];
  client.on("engineDown", (detail) => heard.push(detail));
  return heard;
}

describe("an engine that is killed", () => {
  it.each<[string, (client: Client) => AsyncResult<unknown>]>([
    ["in an asynchronous task", (client) => client.at(0).apply(nap, 60_000)],
    ["in an endless loop", (client) => client.at(0).apply(spin)],
  ])("%s fails its tasks, also those behind, and no others", async (_, start) => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const { engines } = await pidsOf(client);
    const uuid = (await client.status()).engines[0]?.uuid;
    const heard = engineDowns(client);
    await using gate = await Gate.make();
    const other = client.at(1).apply(waitAt<string>, gate.url, "rested");
    const doomed = start(client);
    await running(doomed);
    const behind = [client.at(0).apply(increment, 1), client.at(0).pull("nothing"), client.at(0).push({ a: 1 })];

    // The controller answers in the order of the questions: it has these tasks now.
    expect((await client.queueStatus())[0]).toMatchObject({ tasks: 1, queue: 3 });
    kill(engines[0]);
    const errors = await Promise.all([doomed, ...behind].map((call) => failureWithin(1_000, call, "EngineError")));
    for (const [index, error] of errors.entries()) {
      expect(error).toBeInstanceOf(EngineError);
      expect(error).toMatchObject({
        engineId: 0,
        engineUuid: uuid,
        messageId: [doomed, ...behind][index]?.messageIds[0],
      });
      expect(error.message).toMatch(/engine 0 is gone: its process was ended by SIGKILL/);
    }
    expect(client.ids).toEqual([1]);
    expect(heard).toEqual([{ engineId: 0, uuid, reason: expect.stringMatching(/SIGKILL/) }]);
    expect(client.outstanding).toEqual(new Set(other.messageIds));

    gate.open();
    expect(await other).toBe("rested");
    expect(await client.view().apply(increment, 1)).toEqual([2]);
    await cluster.startEngines(1);
    await client.waitForEngines(2);
    expect(client.ids).toEqual([1, 2]);
    expect(await client.view().apply(increment, 2)).toEqual([3, 3]);
  });

  it("while it is idle leaves the ids, and later calls to it fail", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const heard = engineDowns(client);
    const [first, both] = [client.view(0), client.view([0, 1])];
    kill((await pidsOf(client)).engines[0]);
    await until(() => client.size === 1, "the client heard of it", 1_000);
    expect(client.ids).toEqual([1]);
    expect(heard).toMatchObject([{ engineId: 0, reason: expect.stringMatching(/SIGKILL/) }]);

    expect(await failureWithin(1_000, first.apply(increment, 1), "EngineError")).toMatchObject({ engineId: 0 });
    const error = (await failureWithin(1_000, both.apply(increment, 1), "CompositeError")) as CompositeError;
    expect(error.errors).toMatchObject([{ code: "EngineError", engineId: 0 }]);
    expect(await both.apply(increment, 1).get({ returnExceptions: true })).toEqual([expect.any(EngineError), 2]);
    expect(() => client.view(0)).toThrow(RangeError);
    expect(await client.at(0).apply(increment, 1)).toBe(2);
    expect(Object.keys(await client.queueStatus())).toEqual(["1", "unassigned"]);
  });

  it("in a call to several fails that call with CompositeError, and gives the rest on request", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const { engines } = await pidsOf(client);
    const numbers = [0, 1, 2, 3];
    const map = client.view().map(async (x: number) => {
      process.stdout.write("running");
      if (x >= 2) await new Promise(() => undefined);
      return 10 * x;
    }, numbers);
    await running(map);
    const seen: number[] = [];
    const iteration = (async () => {
      for await (const value of map) seen.push(value);
    })();
    kill(engines[1]);
    const error = (await failureWithin(1_000, map, "CompositeError")) as CompositeError;
    expect(error.errors).toMatchObject([{ code: "EngineError", engineId: 1 }]);
    expect(error.message).toMatch(/SIGKILL/);
    await failureWithin(1_000, iteration, "EngineError");
    expect(seen).toEqual([0, 10]);
    const lost = expect.any(EngineError);
    expect(await map.get({ returnExceptions: true })).toEqual([0, 10, lost, lost]);
  });

  it.each<[string, () => void, RegExp]>([
    ["exits", () => process.exit(3), /exited with code 3$/],
    ["aborts", () => process.abort(), /ended by SIGABRT/],
    [
      "says why on its standard error",
      () => {
        const { writeSync } = process.getBuiltinModule("node:fs");
        writeSync(2, "the dog ate the array\n");
        process.exit(4);
      },
      /exited with code 4; its last words were:\nthe dog ate the array$/,
    ],
    [
      "says why with console.error",
      () => {
        console.error("the cat ate the array");
        process.exit(5);
      },
      /exited with code 5; its last words were:\nthe cat ate the array$/,
    ],
  ])("by a task that %s is described by its end", async (_, task, reason) => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const heard = engineDowns(client);
    const error = await failureWithin(2_000, client.at(0).apply(task), "EngineError");
    expect(error.message).toMatch(reason);
    expect(heard).toMatchObject([{ engineId: 0, reason: expect.stringMatching(reason) }]);
  });

  it("as the last of its set ends a wait for more", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const waiting = client.waitForEngines(2);
    kill((await pidsOf(client)).engines[0]);
    const error = await failureWithin(1_000, waiting, "EngineError");
    expect(error.message).toMatch(/stopped while waiting for 2 engines.*SIGKILL/);
  });

  it("with half of a large argument fails the call, and the next engine works", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const { engines } = await pidsOf(client);
    await freeze(engines[0] as number);
    const big = new Float64Array((64 * MEGABYTE) / 8).fill(1);
    const call = client
      .at(0)
      .with({ track: true })
      .apply((x: Float64Array) => x.length, big);
    // The controller has it all and the engine, which reads nothing, as much as fits between them.
    await call.waitForSend();
    expect((await client.queueStatus())[0]).toMatchObject({ tasks: 1 });
    kill(engines[0]);
    await failureWithin(1_000, call, "EngineError");
    const sum = (x: Float64Array): number => x.reduce((total, value) => total + value, 0);
    expect(await client.at(0).apply(sum, big)).toBe(big.length);
  });

  it("before its large result was fetched fails the call, and the next engine works", async () => {
    // Shared memory could be reached as long as the system takes the process down.
    await using cluster = await Cluster.start({ engines: 2, dataWay: "direct" });
    await using client = await cluster.connect();
    const { engines, controller } = await pidsOf(client);
    const make = (megabytes: number): Float64Array => new Float64Array((megabytes * 1024 * 1024) / 8).fill(1);
    const marker = join(tmpdir(), "sending");
    const call = client.at(0).apply(
      async (megabytes: number, path: string) => {
        process.stdout.write("running");
        await new Promise((done) => setTimeout(done, 300));
        // When the loop turns next, the engine has announced its result.
        setImmediate(() => process.getBuiltinModule("node:fs").writeFileSync(path, ""));
        return new Float64Array((megabytes * 1024 * 1024) / 8).fill(1);
      },
      64,
      marker,
    );
    await running(call);
    await freeze(controller);
    await until(() => existsSync(marker), "the engine announced its result");
    rmSync(marker);
    kill(engines[0]);
    kill(controller, "SIGCONT");
    await failureWithin(1_000, call, "EngineError");
    await until(() => client.ids.length === 1, "the engine is known to be gone");
    const result = await client.at(0).apply(make, 64);
    expect([result.byteLength, result[0], result.at(-1)]).toEqual([64 * MEGABYTE, 1, 1]);
  });

  it.each([
    { retries: undefined, outcome: "has the call run again on another" },
    { retries: { death: 0 }, outcome: "fails a call that is not to be run again" },
  ])("before the large result of a load-balanced call was fetched $outcome", async ({ retries }) => {
    await using cluster = await Cluster.start({ engines: 2, dataWay: "direct" });
    await using client = await cluster.connect();
    const { controller } = await pidsOf(client);
    const directory = await mkdtemp(join(tmpdir(), "announced-"));
    const call = client
      .loadBalancedView()
      .with({ retries })
      .apply(
        async (megabytes: number, path: string) => {
          process.stdout.write("running");
          await new Promise((done) => setTimeout(done, 300));
          // When the loop turns next, the engine has announced its result.
          setImmediate(() => process.getBuiltinModule("node:fs").writeFileSync(`${path}/${process.pid}`, ""));
          return new Float64Array((megabytes * 1024 * 1024) / 8).fill(1);
        },
        64,
        directory,
      );
    await running(call);
    await freeze(controller);
    await until(() => readdirSync(directory).length > 0, "the engine announced its result");
    const [first] = readdirSync(directory);
    kill(Number(first));
    kill(controller, "SIGCONT");
    if (retries !== undefined) {
      await failureWithin(10_000, call, "EngineError");
      expect(readdirSync(directory)).toEqual([first]);
    } else {
      const result = await call;
      expect([result.byteLength, result[0], result.at(-1)]).toEqual([64 * MEGABYTE, 1, 1]);
      await until(() => readdirSync(directory).length === 2, "the other engine announced its result");
      await until(() => client.ids.length === 1, "the engine is known to be gone");
      expect(call.metadata).toMatchObject({ engineId: client.ids[0], status: "ok" });
    }
    rmSync(directory, { recursive: true });
  });
});

describe("an agent that is killed", () => {
  it("takes its engines with it, also busy ones, and the script goes on", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const { agent, engines, controller } = await pidsOf(client);
    const heard = engineDowns(client);
    const calls = [client.at(0).apply(spin), client.at(1).apply(nap, 60_000)];
    await Promise.all(calls.map(running));
    const waiting = client.waitForEngines(3);

    kill(agent);
    for (const error of await Promise.all(calls.map((call) => failureWithin(2_000, call, "EngineError")))) {
      expect(error.message).toMatch(/its host agent died/);
    }
    await failureWithin(2_000, waiting, "EngineError");
    await gone(engines, 2_000);
    expect(client.ids).toEqual([]);
    expect(heard.map(({ engineId }) => engineId).sort()).toEqual([0, 1]);
    expect(await client.status()).toMatchObject({ pid: controller, agents: [], engines: [] });
    expect(() => client.view().apply(increment, 1)).toThrow(EngineError);
    const error = await failureWithin(1_000, cluster.startEngines(1), "EngineError");
    expect(error.message).toMatch(/no host agent/);
    await cluster.stopEngines();
  });

  it("politely ends its engines first", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const { agent, engines } = await pidsOf(client);
    const call = client.view().apply(spin);
    await running(call);
    kill(agent, "SIGTERM");
    await failureWithin(2_000, call, "CompositeError");
    await gone([agent, ...engines], 2_000);
    expect((await client.status()).agents).toEqual([]);
  });
});

describe("a controller that is killed", () => {
  it("fails everything that waits, takes agent and engines with it, and the script goes on", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const { controller, all } = await pidsOf(client);
    const tasks = [client.at(0).apply(spin), client.at(1).apply(nap, 60_000)];
    await Promise.all(tasks.map(running));
    const disconnected: Error[] = [];
    client.on("disconnected", ({ error }) => disconnected.push(error));
    const map = client.view().map(increment, new Float64Array(1_000));
    const iterate = async (): Promise<void> => {
      for await (const _ of map);
    };
    // It can answer none of these any more, and cannot take all of the last.
    await freeze(controller);
    const tracked = client
      .at(1)
      .with({ track: true })
      .apply((x: Float64Array) => x.length, new Float64Array(8 * MEGABYTE));
    const waiting: PromiseLike<unknown>[] = [
      ...tasks,
      map,
      iterate(),
      client.view().reduce((a: number, b: number) => a + b, [1, 2, 3]),
      client.view().pull("a"),
      client.at(0).push({ a: 1 }),
      client.at(0).with({ block: true }).execute("1"),
      client.view().gather("a"),
      client.waitForEngines(9),
      client.queueStatus(),
      client.status(),
      client.abort(),
      client.getResult("somebody's"),
      cluster.startEngines(1),
      cluster.stopEngines(),
      cluster.restartEngines(),
      cluster.connect(),
      tracked,
    ];
    expect(tracked.sent).toBe(false);
    const everything = client.wait();

    kill(controller);
    for (const error of await Promise.all(waiting.map((promise) => rejectionWithin(1_000, promise)))) {
      const errors = "errors" in error ? (error as CompositeError).errors : [error];
      for (const each of errors) expect(each).toBeInstanceOf(ConnectionError);
    }
    expect(await everything).toBe(true);
    await tracked.waitForSend();
    expect(disconnected).toMatchObject([
      { code: "ConnectionError", message: expect.stringContaining(cluster.clusterId) },
    ]);
    expect([client.ids, client.outstanding.size]).toEqual([[], 0]);
    await gone(all, 2_000);
    await until(() => !existsSync(cluster.file), "the connection file was removed", 1_000);

    await failureWithin(1_000, client.status(), "ConnectionError");
    expect(() => client.at(0)).toThrow(ConnectionError);
    await failureWithin(1_000, Client.connect({ file: cluster.file, timeout: 100 }), "ConnectionError");
    await cluster.stop();
    await using next = await Cluster.start({ engines: 1 });
    await using nextClient = await next.connect();
    expect(await nextClient.at(0).apply(increment, 1)).toBe(2);
  });

  it("together with the agent leaves nothing either", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const { controller, agent, all } = await pidsOf(client);
    const calls = [client.at(0).apply(spin), client.at(1).apply(nap, 60_000)];
    await Promise.all(calls.map(running));
    for (const pid of [agent, controller]) kill(pid);
    await Promise.all(calls.map((call) => rejectionWithin(1_000, call)));
    await gone(all, 2_000);
    await until(() => !existsSync(cluster.file), "the connection file was removed", 1_000);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("politely, by %s, ends the cluster", async (signal) => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const { controller, all } = await pidsOf(client);
    const call = client.at(0).apply(spin);
    await running(call);
    kill(controller, signal);
    await rejectionWithin(2_000, call);
    await gone(all, 2_000);
    expect(existsSync(cluster.file)).toBe(false);
    await failureWithin(1_000, client.status(), "ConnectionError");
  });
});

describe("client.close", () => {
  it("fails what is outstanding here, and lets it go on there", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using other = await cluster.connect();
    const client = await cluster.connect();
    const call = client.at(0).apply(nap, 200);
    await running(call);
    const behind = client.at(0).push({ arrived: 1 });
    const iterate = async (): Promise<void> => {
      for await (const _ of client.view().map(increment, [1, 2]));
    };
    const waiting = [call, behind, iterate(), client.waitForEngines(5), client.status(), client.queueStatus()];
    client.close();
    for (const error of await Promise.all(waiting.map((promise) => rejectionWithin(1_000, promise)))) {
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error.message).toMatch(/client was closed/);
    }
    expect(await other.getResult(call.messageIds[0] as string)).toBe("rested");
    await other.getResult(behind.messageIds[0] as string);
    expect(await other.at(0).get("arrived")).toBe(1);
    expect(await other.status()).toMatchObject({ clients: 2 });
  });

  it("makes later calls fail, and can be called again", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    const client = await cluster.connect();
    const view = client.at(0);
    client.close();
    client.close();
    expect(client.ids).toEqual([]);
    expect(() => client.at(0)).toThrow(ConnectionError);
    expect(() => client.view(0)).toThrow(ConnectionError);
    expect(() => client.slice(0, 1)).toThrow(ConnectionError);
    expect(() => client.view().apply(increment, 1)).toThrow(ConnectionError);
    const late: PromiseLike<unknown>[] = [
      view.apply(increment, 1),
      view.push({ a: 1 }),
      view.get("a"),
      client.status(),
      client.queueStatus(),
      client.waitForEngines(1),
      client.getResult("some-id"),
    ];
    await Promise.all(late.map((promise) => failureWithin(1_000, promise, "ConnectionError")));
    expect(await client.wait()).toBe(true);
  });

  it("sends what was on its way first", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using other = await cluster.connect();
    const client = await cluster.connect();
    const call = client.at(0).apply((x: Float64Array) => x.length, new Float64Array(2 * MEGABYTE));
    const [id] = call.messageIds as [string];
    client.close();
    await failureWithin(1_000, call, "ConnectionError");
    const known = (): Promise<unknown> => Promise.resolve(other.getResult(id)).catch(() => undefined);
    expect(await until(known, "the task arrived")).toBe(2 * MEGABYTE);
  });
});
