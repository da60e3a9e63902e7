/** Clusters from their start to their end, with real processes. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Client, Cluster, type ClusterOptions, ConnectionError } from "ndparallel";
import { describe, expect, it } from "vitest";
import {
  failureWithin,
  freeze,
  gone,
  isAlive,
  parentOf,
  pidsOf,
  rejectionWithin,
  until,
  useSandbox,
} from "./processes.ts";
import { nap, running, spin } from "./tasks.ts";

const sandbox = useSandbox();

const pid = (): number => process.pid;

describe("Cluster.start", () => {
  it.each([1, 2, 3])("makes a controller, one agent and %i engines, and stop ends them all", async (count) => {
    await using cluster = await Cluster.start({ engines: count });
    await using client = await cluster.connect();
    const { controller, agent, engines, all } = await pidsOf(client);
    expect(new Set(all).size).toBe(count + 2);
    expect(all.map(isAlive)).toEqual(all.map(() => true));
    expect([controller, agent].map(parentOf)).toEqual([process.pid, process.pid]);
    expect(engines.map(parentOf)).toEqual(engines.map(() => agent));
    expect(
      sandbox
        .processes()
        .map((found) => found.pid)
        .sort(),
    ).toEqual([...all].sort());
    expect(client.ids).toEqual(Array.from({ length: count }, (_, id) => id));
    expect(await client.view().apply(pid)).toEqual(engines);

    await cluster.stop();
    expect(all.map(isAlive)).toEqual(all.map(() => false));
    expect(existsSync(cluster.file)).toBe(false);
  });

  it("starts no engine when asked for none, and some later", async () => {
    await using cluster = await Cluster.start({ engines: 0, engine: { launcher: "local" }, controller: "local" });
    await using client = await cluster.connect();
    expect(client.ids).toEqual([]);
    const set = await cluster.startEngines(2);
    expect(set).toEqual(expect.any(String));
    await client.waitForEngines(2);
    expect(client.ids).toEqual([0, 1]);
    expect((await client.status()).engineSets).toMatchObject([{ engineSet: set, count: 2 }]);
  });

  it("starts one engine for each processor unless told otherwise", async () => {
    await using cluster = await Cluster.start();
    await using client = await Client.connect({ file: cluster.file });
    const { engineSets } = await client.status();
    expect(engineSets.map(({ count }) => count)).toEqual([availableParallelism()]);
  });

  it("makes up an id for each cluster, or takes the one it is given", async () => {
    await using first = await Cluster.start({ engines: 0 });
    await using second = await Cluster.start({ engines: 0 });
    await using third = await Cluster.start({ engines: 0, clusterId: "Third_one.3-x" });
    expect(first.clusterId).toMatch(/^\d+-[a-z]{4}$/);
    expect(second.clusterId).toMatch(/^\d+-[a-z]{4}$/);
    expect(second.clusterId).not.toBe(first.clusterId);
    expect(third.clusterId).toBe("Third_one.3-x");
    await using client = await Client.connect({ clusterId: "Third_one.3-x" });
    expect(client.clusterId).toBe("Third_one.3-x");
    expect((await client.status()).clusterId).toBe("Third_one.3-x");
  });

  it.each<[string, unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["no object", null, TypeError, /object/],
    ["an unknown option", { engine_count: 2 }, TypeError, /engine_count.*engines, clusterId, profileDir/],
    ["engines as text", { engines: "2" }, TypeError, /engines must be a number.*2/],
    ["half an engine", { engines: 1.5 }, TypeError, /engines must be a number.*1\.5/],
    ["fewer than no engines", { engines: -1 }, RangeError, /engines must be at least 0.*-1/],
    ["another launcher of engines", { engine: "ssh" }, TypeError, /engine must be "local".*ssh/],
    ["another launcher of the controller", { controller: "ssh" }, TypeError, /controller must be "local".*ssh/],
    ["an environment of numbers", { env: { A: 1 } }, TypeError, /env must be an object of strings/],
    ["a launcher of engines that there is not", { engine: { launcher: "ssh" } }, TypeError, /engine\.launcher.*ssh/],
    ["an unknown option of engines", { engine: { lancher: "local" } }, TypeError, /engine\.lancher.*launcher/],
    ["a directory without a name", { profileDir: "" }, TypeError, /profileDir must be.*empty/],
    ["a time limit that is no number", { engineTimeout: Number.NaN }, TypeError, /engineTimeout must be.*NaN/],
    ["a negative time limit", { engineTimeout: -5 }, RangeError, /engineTimeout must not be negative.*-5/],
    ["a time limit as text", { engineTimeout: "1 s" }, TypeError, /engineTimeout must be a number.*1 s/],
    ["an id that is no text", { clusterId: 7 }, TypeError, /clusterId must be a string.*7/],
    ["an empty id", { clusterId: "" }, TypeError, /clusterId must be 1 to 64 letters, digits/],
    ["an id that leads out of the directory", { clusterId: "../x" }, TypeError, /clusterId must be.*"\.\.\/x"/],
    ["an id with a zero byte", { clusterId: "a\0b" }, TypeError, /clusterId must be 1 to 64/],
    ["an id of 65 letters", { clusterId: "x".repeat(65) }, TypeError, /clusterId must be 1 to 64/],
    ["a directory that is no text", { profileDir: 1 }, TypeError, /profileDir must be a string.*1/],
  ])("refuses %s and starts nothing", async (_, options, type, message) => {
    const error = await rejectionWithin(1_000, Cluster.start(options as ClusterOptions));
    expect(error).toBeInstanceOf(type);
    expect(error.message).toMatch(message);
    expect(sandbox.processes()).toEqual([]);
  });

  it("keeps two clusters apart", async () => {
    await using one = await Cluster.start({ engines: 1 });
    await using other = await Cluster.start({ engines: 1 });
    await using client = await one.connect();
    await using otherClient = await other.connect();
    expect([client.ids, otherClient.ids]).toEqual([[0], [0]]);
    await client.view().push({ secret: 1 });
    const error = await rejectionWithin(1_000, otherClient.at(0).get("secret"));
    expect(error.message).toMatch(/secret is not defined/);
    await one.stop();
    expect(await otherClient.at(0).apply((x: number) => x + 1, 1)).toBe(2);
  });

  it("refuses the id of a running cluster, which goes on", async () => {
    await using cluster = await Cluster.start({ engines: 1, clusterId: "taken" });
    await using client = await cluster.connect();
    const before = sandbox.processes().length;
    const error = await rejectionWithin(5_000, Cluster.start({ engines: 1, clusterId: "taken" }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/"taken".*running/);
    await until(() => sandbox.processes().length === before, "what was started for nothing ended");
    expect(existsSync(cluster.file)).toBe(true);
    await using second = await Client.connect({ clusterId: "taken" });
    expect(await second.at(0).apply((x: number) => x + 1, 1)).toBe(2);
    expect(await client.at(0).apply((x: number) => x + 1, 2)).toBe(3);
  });

  it("ends with close() as with stop()", async () => {
    const cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const enginePid = await client.at(0).apply(pid);
    await Promise.all([cluster.close(), cluster.stop(), cluster.close()]);
    expect(existsSync(cluster.file)).toBe(false);
    expect(() => process.kill(enginePid, 0)).toThrow(/ESRCH/);
  });

  it("takes the id of a cluster that has stopped, or died without a trace of its end", async () => {
    await using cluster = await Cluster.start({ engines: 0, clusterId: "again" });
    const text = readFileSync(cluster.file, "utf8");
    await cluster.stop();
    mkdirSync(sandbox.profileDir, { mode: 0o700 });
    writeFileSync(cluster.file, text, { mode: 0o600 });
    await using successor = await Cluster.start({ engines: 1, clusterId: "again" });
    await using client = await Client.connect({ clusterId: "again" });
    await client.waitForEngines(1);
    expect(await client.at(0).apply(pid)).toBe((await pidsOf(client)).engines[0]);
    expect(successor.file).toBe(cluster.file);
  });

  it("puts the connection file into $NDPARALLEL_DIR or into profileDir", async () => {
    await using usual = await Cluster.start({ engines: 0, clusterId: "usual" });
    expect(usual.profileDir).toBe(sandbox.profileDir);
    expect(usual.file).toBe(join(sandbox.profileDir, "cluster-usual.json"));

    const profileDir = join(sandbox.profileDir, "deeper", "still");
    await using elsewhere = await Cluster.start({ engines: 0, clusterId: "elsewhere", profileDir });
    expect(elsewhere.profileDir).toBe(profileDir);
    expect(elsewhere.file).toBe(join(profileDir, "cluster-elsewhere.json"));
    expect(existsSync(elsewhere.file)).toBe(true);
    await using client = await Client.connect({ clusterId: "elsewhere", profileDir });
    expect(client.clusterId).toBe("elsewhere");
    const error = await failureWithin(
      1_000,
      Client.connect({ clusterId: "elsewhere", timeout: 100 }),
      "ConnectionError",
    );
    expect(error.message).toMatch(/running clusters: usual/);
    await elsewhere.stop();
    // The directory between is nobody's to remove, but empty.
    expect(readdirSync(join(sandbox.profileDir, "deeper"))).toEqual([]);
    rmdirSync(join(sandbox.profileDir, "deeper"));
  });

  it("writes a connection file that only its owner can read, and removes it", async () => {
    await using cluster = await Cluster.start({ engines: 0 });
    expect(statSync(cluster.file).mode & 0o777).toBe(0o600);
    expect(statSync(cluster.profileDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(cluster.profileDir)).toEqual([`cluster-${cluster.clusterId}.json`]);
    const info = JSON.parse(readFileSync(cluster.file, "utf8"));
    expect(info).toMatchObject({ version: 1, clusterId: cluster.clusterId, host: "127.0.0.1" });
    expect(info.key).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(cluster)).not.toContain(info.key);
    await cluster.stop();
    expect(existsSync(cluster.file)).toBe(false);
    expect(existsSync(cluster.profileDir)).toBe(false);
  });

  it("passes env to the engines, and the engines' own settings to nobody", async () => {
    await using cluster = await Cluster.start({ engines: 1, env: { FLAVOUR: "salt", SHAPE: "round" } });
    await using client = await cluster.connect();
    await cluster.startEngines(1, { env: { FLAVOUR: "sweet" } });
    await client.waitForEngines(2);
    const read = (): (string | undefined)[] => [process.env["FLAVOUR"], process.env["SHAPE"]];
    expect(await client.view().apply(read)).toEqual([
      ["salt", "round"],
      ["sweet", "round"],
    ]);
    const { key } = JSON.parse(readFileSync(cluster.file, "utf8"));
    const environment = await client.at(0).apply(() => JSON.stringify(process.env));
    expect(environment).not.toContain(key);
  });
});

describe("engines that do not come up", () => {
  it("end a wait for them with EngineError and their last words", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const waiting = client.waitForEngines(2);
    const set = await cluster.startEngines(1, { env: { NODE_OPTIONS: "--no-such-option" } });
    const error = await failureWithin(5_000, waiting, "EngineError");
    expect(error.message).toContain(set);
    expect(error.message).toContain("--no-such-option");
    const late = await failureWithin(5_000, cluster.connect(), "EngineError");
    expect(late.message).toContain("--no-such-option");
    expect(await client.at(0).apply((x: number) => x + 1, 1)).toBe(2);
  });

  it("end connect() when engineTimeout is over", async () => {
    await using cluster = await Cluster.start({ engines: 1, engineTimeout: 1 });
    const error = await failureWithin(1_000, cluster.connect(), "TimeoutError");
    expect(error.message).toMatch(/1 engines/);
  });

  it("are reported when the agent dies before they are asked for", async () => {
    const starting = Cluster.start({ engines: 1 });
    const agent = await until(() => sandbox.processes().find(({ command }) => command.includes("agent")), "it started");
    process.kill(agent.pid, "SIGKILL");
    const error = await failureWithin(8_000, starting, "EngineError");
    expect(error.message).toMatch(/agent/);
  });

  it("are not waited for when the controller dies before it is ready", async () => {
    const starting = Cluster.start({ engines: 1 });
    const found = await until(
      () => sandbox.processes().find(({ command }) => command.includes("controller")),
      "it started",
    );
    process.kill(found.pid, "SIGKILL");
    const error = await failureWithin(1_000, starting, "ConnectionError");
    expect(error.message).toMatch(/controller ended before it was ready \(SIGKILL\)/);
  });
});

describe("sets of engines", () => {
  it("are stopped one by one or all together, and ids are never used again", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const second = await cluster.startEngines(2);
    await client.waitForEngines(3);
    const { engines } = await pidsOf(client);

    await cluster.stopEngines(second);
    expect(engines.map(isAlive)).toEqual([true, false, false]);
    await until(() => client.size === 1, "the client heard of it");
    expect(client.ids).toEqual([0]);
    expect(await client.at(0).apply(pid)).toBe(engines[0]);

    await cluster.stopEngines();
    await until(() => client.size === 0, "the client heard of it");
    expect(engines.map(isAlive)).toEqual([false, false, false]);
    await cluster.startEngines(2);
    await client.waitForEngines(2);
    expect(client.ids).toEqual([3, 4]);
  });

  it("that do not exist are refused with the names of those that do", async () => {
    await using cluster = await Cluster.start({ engines: 0 });
    const set = await cluster.startEngines(1);
    for (const ask of [
      () => cluster.stopEngines("nowhere"),
      () => cluster.restartEngines("nowhere"),
      () => cluster.signalEngines("SIGUSR2", "nowhere"),
    ]) {
      const error = await rejectionWithin(1_000, ask());
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toBe(`there is no engine set "nowhere"; there are: "${set}"`);
    }
    for (const [count, type] of [
      [0, RangeError],
      [-1, RangeError],
      [1.5, TypeError],
      ["1", TypeError],
    ] as const) {
      expect(await rejectionWithin(1_000, cluster.startEngines(count as number))).toBeInstanceOf(type);
    }
  });

  it("start afresh in new processes with new ids", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    await client.view().push({ remembered: 1 });
    const before = await pidsOf(client);

    await cluster.restartEngines();
    await until(() => client.size === 2 && client.ids[0] === 2, "the client heard of it");
    const after = await pidsOf(client);
    expect(client.ids).toEqual([2, 3]);
    expect(before.engines.map(isAlive)).toEqual([false, false]);
    expect(after.engines.filter((engine) => before.engines.includes(engine))).toEqual([]);
    expect([after.controller, after.agent]).toEqual([before.controller, before.agent]);
    expect((await rejectionWithin(1_000, client.at(0).get("remembered"))).message).toMatch(/remembered is not defined/);
    await expect(cluster.connect().then((second) => [second.ids, second.close()][0])).resolves.toEqual([2, 3]);
  });

  it("start afresh alone, with the environment they had", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const set = await cluster.startEngines(1, { env: { FLAVOUR: "sweet" } });
    await client.waitForEngines(2);
    const kept = await client.at(0).apply(pid);
    const waiting = client.at(1).apply(nap, 60_000);
    await running(waiting);

    await cluster.restartEngines(set);
    await failureWithin(1_000, waiting, "EngineError");
    await until(() => client.ids[1] === 2, "the client heard of it");
    expect(client.ids).toEqual([0, 2]);
    expect(await client.at(0).apply(pid)).toBe(kept);
    expect(await client.at(1).apply(() => process.env["FLAVOUR"])).toBe("sweet");
  });

  it("get signals, by name or number, one set or all", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const second = await cluster.startEngines(1);
    await client.waitForEngines(2);
    await client.view().execute("signals = []; process.on('SIGUSR2', (name) => signals.push(name))");
    const counts = async (): Promise<string> =>
      String(await client.view().execute("signals.length", { silent: false }));

    await cluster.signalEngines("SIGUSR2");
    await until(async () => (await counts()) === "1,1", "both heard it");
    await cluster.signalEngines(12, second);
    await until(async () => (await counts()) === "1,2", "the second heard it");

    for (const signal of ["SIGNOTHING", 0, 999, undefined]) {
      const error = await rejectionWithin(1_000, cluster.signalEngines(signal as NodeJS.Signals));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(/unknown signal.*SIGTERM/);
    }

    const waiting = client.at(0).apply(spin);
    await running(waiting);
    await cluster.signalEngines("SIGKILL");
    expect((await failureWithin(1_000, waiting, "EngineError")).message).toMatch(/SIGKILL/);
    await until(() => client.size === 0, "both ended");
  });
});

describe("Cluster.stop", () => {
  it("can be called again, at once and later, and by await using", async () => {
    const cluster = await Cluster.start({ engines: 1 });
    const client = await cluster.connect();
    const { all } = await pidsOf(client);
    await Promise.all([cluster.stop(), cluster.stop(), cluster[Symbol.asyncDispose]()]);
    await gone(all, 0);
    await cluster.stop();
    await cluster[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    client.close();
  });

  it("happens when the scope of await using ends, also by an error", async () => {
    let pids: readonly number[] = [];
    const failing = async (): Promise<void> => {
      await using cluster = await Cluster.start({ engines: 1 });
      await using client = await cluster.connect();
      pids = (await pidsOf(client)).all;
      throw new Error("on purpose");
    };
    await expect(failing()).rejects.toThrow("on purpose");
    expect(pids).toHaveLength(3);
    await gone(pids, 0);
  });

  it("ends engines that compute without a break, and fails what waits", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    const client = await cluster.connect();
    const busy = client.view().apply(spin);
    await running(busy);
    const waiting = client.waitForEngines(3);
    const outcomes = Promise.all([
      failureWithin(1_500, waiting, "EngineError"),
      failureWithin(1_500, busy, "CompositeError"),
    ]);
    await cluster.stop();
    await outcomes;
    await failureWithin(1_000, client.status(), "ConnectionError");
    expect(() => client.view().apply(pid)).toThrow(ConnectionError);
    const late = [cluster.startEngines(1), cluster.stopEngines(), cluster.signalEngines("SIGTERM"), cluster.connect()];
    await Promise.all(late.map((promise) => failureWithin(1_000, promise, "ConnectionError")));
  });

  it("ends an engine, an agent or a controller that does not answer", async () => {
    const stopWithout = async (which: "engine" | "agent" | "controller"): Promise<void> => {
      await using cluster = await Cluster.start({ engines: 1 });
      await using client = await cluster.connect();
      const { engines, agent, controller, all } = await pidsOf(client);
      await freeze({ engine: engines[0] as number, agent, controller }[which]);
      await cluster.stop();
      await gone(all, 1_000);
      expect(existsSync(cluster.file)).toBe(false);
    };
    await Promise.all([stopWithout("engine"), stopWithout("agent"), stopWithout("controller")]);
  });

  it("ends an engine whose child process holds on to its output", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    await client.at(0).import("node:child_process");
    const child = (await client
      .at(0)
      .execute("child_process.spawn('sleep', ['60'], { stdio: 'inherit', detached: true }).pid", {
        silent: false,
      })) as number;
    try {
      const { engines, all } = await pidsOf(client);
      const waiting = client.at(0).apply(nap, 60_000);
      await running(waiting);
      process.kill(engines[0] as number, "SIGKILL");
      const error = await failureWithin(1_000, waiting, "EngineError");
      expect(error.message).toMatch(/SIGKILL/);
      await cluster.startEngines(1);
      await client.waitForEngines(1);
      await cluster.stop();
      await gone(all, 0);
      expect(isAlive(child)).toBe(true);
    } finally {
      process.kill(child, "SIGKILL");
    }
  });
});
