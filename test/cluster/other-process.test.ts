/** Clusters that are shared between processes, and what is left of them when the process that started one ends. */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Cluster, type ClusterJson, type ClusterSummary } from "ndparallel";
import { describe, expect, it } from "vitest";
import { failureWithin, gone, isAlive, pidsOf, rejectionWithin, runScript, until, useSandbox } from "./processes.ts";

const sandbox = useSandbox();

interface Owned {
  readonly cluster: ClusterJson;
  readonly pids: { readonly controller: number; readonly agent: number; readonly engines: readonly number[] };
}

/** Starts a cluster in a process of its own that ends as it is told to. */
async function own(
  end: string,
  work = "idle",
): Promise<Owned & { readonly script: ReturnType<typeof runScript>; readonly all: number[] }> {
  const script = runScript("owner.mjs", [end, work]);
  const { cluster, pids } = await script.next<Owned>();
  return { script, cluster, pids, all: [pids.controller, pids.agent, ...pids.engines] };
}

function visit(what: string, given: unknown): ReturnType<typeof runScript> {
  return runScript("visitor.mjs", [what, JSON.stringify(given)]);
}

describe("a script that ends without disposing of its cluster", () => {
  const ends: readonly [
    string,
    { readonly code?: number; readonly signal?: NodeJS.Signals; readonly stderr?: RegExp },
  ][] = [
    ["naturally", { code: 0, stderr: /^$/ }],
    ["by process.exit", { code: 3, stderr: /^$/ }],
    ["by an uncaught exception", { code: 1, stderr: /nobody catches this/ }],
    ["by SIGTERM", { signal: "SIGTERM", stderr: /^$/ }],
    ["by SIGKILL", { signal: "SIGKILL", stderr: /^$/ }],
  ];
  const cases = ends.flatMap(([end, expected]) => ["idle", "busy"].map((work) => [end, work, expected] as const));

  it.each([
    ...cases,
    ["by a rejection", "idle", { code: 1 }],
    ["with a second client", "idle", { code: 0 }],
  ] as typeof cases)("%s leaves nothing behind, the engine being %s", async (end, work, expected) => {
    const { script, cluster, all } = await own(end, work);
    if (expected.signal !== undefined) {
      expect(all.map(isAlive)).toEqual(all.map(() => true));
      expect(existsSync(cluster.file)).toBe(true);
      script.child.kill(expected.signal);
    }
    const exit = await script.exit;
    const { code = null, signal = null, stderr = /.*/ } = expected;
    expect(exit).toMatchObject({ code, signal, stderr: expect.stringMatching(stderr) });
    await gone(all, 5_000);
    expect(existsSync(cluster.file)).toBe(false);
    await until(() => !existsSync(sandbox.profileDir), "the directory was removed", 1_000);
  });

  it("early, at any moment of the start, leaves nothing behind", async () => {
    for (const milliseconds of [40, 80, 120, 160, 240, 320]) {
      const script = runScript("owner.mjs", ["by SIGKILL", "idle"]);
      await delay(milliseconds);
      script.child.kill("SIGKILL");
      await script.exit;
    }
    await until(() => sandbox.processes().length === 0, "everything ended");
    expect(existsSync(sandbox.profileDir)).toBe(false);
  });
});

describe("another process", () => {
  it.each(["clusterId", "file", "info"] as const)(
    "connects by %s, and ends without harm to the cluster",
    async (way) => {
      await using cluster = await Cluster.start({ engines: 1 });
      await using client = await cluster.connect();
      const { engines } = await pidsOf(client);
      const { clusterId, file } = cluster;
      const visitor = visit("connect", { clusterId: { clusterId }, file: { file }, info: { info: infoOf(file) } }[way]);
      expect(await visitor.next()).toEqual({ ids: [0], engine: engines[0] });
      expect(await visitor.exit).toEqual({ code: 0, signal: null, stderr: "" });
      expect(await client.at(0).get("visited")).toBe(visitor.pid);
      await until(async () => (await client.status()).clients === 2, "the controller noticed that it left");
    },
  );

  it("that is killed while its task runs leaves the task to others", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const visitor = visit("ask and be killed", { file: cluster.file });
    const id = await visitor.next<string>();
    visitor.child.kill("SIGKILL");
    await visitor.exit;
    expect(await client.getResult(id)).toBe("rested");
    expect(await client.at(0).apply((x: number) => x + 1, 1)).toBe(2);
  });

  it("that waits for arrays it lent, and for nothing else, goes on until it has them", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await cluster.connect().then((client) => client.close());
    const visitor = visit("wait for what was lent", { file: cluster.file });
    expect(await visitor.exit).toEqual({ code: 0, signal: null, stderr: "" });
    expect(await visitor.next()).toBe(10);
  });

  it("lets engines let go of what they kept for a client that was killed", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const visitor = visit("keep and be killed", { file: cluster.file });
    expect(await visitor.next()).toEqual([0]);
    visitor.child.kill("SIGKILL");
    await visitor.exit;
    const isCollected = async (): Promise<boolean> => {
      const v8 = await import("node:v8");
      v8.setFlagsFromString("--expose-gc");
      ((await import("node:vm")).runInNewContext("gc") as () => void)();
      return (globalThis as unknown as { weak: WeakRef<object> }).weak.deref() === undefined;
    };
    while (!(await client.at(0).apply(isCollected)));
  });

  it("takes a cluster up, and leaves it running when it ends", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const before = await pidsOf(client);
    const visitor = visit("adopt", cluster);
    expect(await visitor.next()).toEqual({ json: cluster.toJSON(), ids: [1, 2], engineSet: expect.any(String) });
    expect(await visitor.exit).toEqual({ code: 0, signal: null, stderr: "" });
    const after = await pidsOf(client);
    expect([after.controller, after.agent]).toEqual([before.controller, before.agent]);
    expect(client.ids).toEqual([1, 2]);
    expect(await client.view().apply(() => process.pid)).toEqual(after.engines);
  });

  it("takes a cluster up and stops it", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const { all } = await pidsOf(client);
    const visitor = visit("adopt", { ...cluster.toJSON(), stop: true });
    await visitor.next();
    expect(await visitor.next()).toBe("stopped");
    await gone(all, 500);
    expect(existsSync(cluster.file)).toBe(false);
    expect(await visitor.exit).toEqual({ code: 0, signal: null, stderr: "" });
    await failureWithin(1_000, client.status(), "ConnectionError");
    await cluster.stop();
  });

  it("finds its cluster stopped by this one", async () => {
    const { script, cluster: place, all } = await own("when the cluster is gone");
    const adopted = await Cluster.from(place);
    expect(adopted.toJSON()).toEqual(place);
    await using client = await adopted.connect();
    expect(await client.at(0).apply((x: number) => x + 1, 1)).toBe(2);
    await Promise.all([adopted.stop(), adopted.stop()]);
    await gone(all, 500);
    expect(existsSync(place.file)).toBe(false);
    expect(await script.next()).toBe("stopped");
    expect(await script.exit).toEqual({ code: 0, signal: null, stderr: "" });
    await adopted.stop();
  });
});

describe("Cluster.from", () => {
  it("takes the path of a connection file, and does not stop what it does not own", async () => {
    await using cluster = await Cluster.start({ engines: 1, clusterId: "lent" });
    const adopted = await Cluster.from(cluster.file);
    expect(adopted.clusterId).toBe("lent");
    await using client = await adopted.connect();
    const error = await rejectionWithin(1_000, adopted.stopEngines("nowhere"));
    expect(error).toBeInstanceOf(RangeError);
    expect(await client.at(0).apply((x: number) => x + 1, 1)).toBe(2);
  });

  it.each([undefined, null, 7, {}, { file: 7 }])("refuses %j", async (source) => {
    const error = await rejectionWithin(1_000, Cluster.from(source as unknown as string));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/connection file.*toJSON/);
  });

  it("fails for a cluster that is no more", async () => {
    const cluster = await Cluster.start({ engines: 0 });
    await cluster.stop();
    await failureWithin(1_000, Cluster.from(cluster.toJSON()), "ConnectionError");
  });
});

describe("Cluster.list", () => {
  it("shows the running clusters, oldest first, and removes the files of dead ones", async () => {
    expect(await Cluster.list()).toEqual([]);
    await using first = await Cluster.start({ engines: 0, clusterId: "first" });
    await using second = await Cluster.start({ engines: 0, clusterId: "second" });
    const { script, cluster: dead, all } = await own("by SIGKILL");
    const here = (clusters: ClusterSummary[]): string[] => clusters.map(({ clusterId }) => clusterId);
    expect(here(await Cluster.list())).toEqual(["first", "second", dead.clusterId]);

    // All three at once, the script last: the others would tidy up after it.
    for (const pid of [...all, script.pid]) process.kill(pid, "SIGKILL");
    await gone(all, 1_000);
    expect(existsSync(dead.file)).toBe(true);

    await using client = await first.connect();
    const { controller } = await pidsOf(client);
    const shown = await visit("list", {}).next<Record<string, unknown>[]>();
    expect(shown.map((summary) => summary["clusterId"])).toEqual(["first", "second"]);
    expect(shown[0]).toEqual({
      clusterId: "first",
      file: first.file,
      controllerPid: controller,
      startedAt: expect.stringMatching(/^20\d\d-/),
    });
    expect(existsSync(dead.file)).toBe(false);
    expect([first, second].map(({ file }) => existsSync(file))).toEqual([true, true]);
    const [summary] = await Cluster.list();
    expect(Math.abs(Date.now() - (summary?.startedAt.getTime() ?? 0))).toBeLessThan(60_000);
    expect(await Cluster.list({ profileDir: "/nowhere" })).toEqual([]);
  });

  it("leaves files alone that are not its own, or whose controller is slow", async () => {
    await using cluster = await Cluster.start({ engines: 0, clusterId: "slow" });
    const { controllerPid } = infoOf(cluster.file);
    writeFileSync(`${sandbox.profileDir}/notes.txt`, "mine", { mode: 0o600 });
    process.kill(controllerPid, "SIGSTOP");
    expect(await Cluster.list()).toEqual([]);
    expect(existsSync(cluster.file)).toBe(true);
    const error = await rejectionWithin(3_000, Cluster.start({ clusterId: "slow" }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/does not answer/);
    process.kill(controllerPid, "SIGCONT");
    expect(await Cluster.list()).toMatchObject([{ clusterId: "slow", controllerPid }]);
    await cluster.stop();
    expect(readFileSync(`${sandbox.profileDir}/notes.txt`, "utf8")).toBe("mine");
    rmSync(sandbox.profileDir, { recursive: true });
  });
});

function infoOf(file: string): { readonly controllerPid: number } {
  return JSON.parse(readFileSync(file, "utf8"));
}
