/** The task database that a cluster is started with: how it is chosen, what of it outlives the cluster, and what goes wrong. */

import { existsSync, readdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { Cluster, type ClusterOptions, ConnectionError } from "ndparallel";
import { describe, expect, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failureWithin, runScript, useSandbox } from "./processes.ts";
import { failure } from "./shared-cluster.ts";

const sandbox = useSandbox();

/** A file that the test removes. */
function file(): string {
  return join(process.env["TMPDIR"] as string, "tasks.sqlite");
}

/** Removes it, and tells what was there of it. */
function remove(): string[] {
  const directory = process.env["TMPDIR"] as string;
  const names = readdirSync(directory).filter((name) => name.startsWith("tasks.sqlite"));
  for (const name of names) unlinkSync(join(directory, name));
  return names;
}

describe("a file that was named", () => {
  test("outlives the cluster: later ones know its tasks, their results and what they were sent with", async () => {
    const options: ClusterOptions = { engines: 1, controller: { database: { file: file() } } };
    const ids: string[] = [];
    {
      await using cluster = await Cluster.start(options);
      const rc = await cluster.connect();
      const good = rc
        .at(0)
        .with({ label: "double" })
        .apply((x: number) => {
          console.log("doubling");
          return 2 * x;
        }, 21);
      const bad = rc.loadBalancedView().apply(() => {
        throw new RangeError("too far");
      });
      expect([await good, (await failure(() => bad)).message]).toEqual([42, "too far"]);
      ids.push(...good.messageIds, ...bad.messageIds);
      rc.close();
    }
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    {
      await using cluster = await Cluster.start(options);
      const rc = await cluster.connect();
      expect(await rc.hubHistory()).toEqual(ids);
      expect(await rc.getResult(ids[0])).toBe(42);
      expect((await failure(() => rc.getResult(ids[1]))).message).toBe("too far");
      expect(await rc.dbQuery({ status: "error" }, ["error", "engineId"])).toMatchObject([
        { msgId: ids[1], engineId: 0 },
      ]);
      expect(await rc.dbQuery({ label: { $glob: "dou*" } })).toMatchObject([
        { msgId: ids[0], status: "ok", stdout: "doubling\n", completed: expect.any(Date) },
      ]);
      expect(await rc.resubmit(ids[0] as string)).toBe(42);
      await rc.purgeHubResults([ids[1] as string]);
      expect(await rc.hubHistory()).toHaveLength(2);
      rc.close();
    }
    expect(remove()).toEqual(["tasks.sqlite"]);
  });

  test("says of tasks that had not ended that their cluster did", async () => {
    await using gate = await Gate.make();
    const options: ClusterOptions = { engines: 1, controller: { database: { file: file() }, restart: false } };
    let id = "";
    {
      await using cluster = await Cluster.start(options);
      const rc = await cluster.connect();
      const result = rc.at(0).apply(waitAt<number>, gate.url, 1);
      [id] = result.messageIds as [string];
      await gate.arrived();
      process.kill((await rc.status()).pid, "SIGKILL");
      await failureWithin(2_000, result, "ConnectionError");
    }
    await using cluster = await Cluster.start(options);
    const rc = await cluster.connect();
    expect((await failure(() => rc.getResult(id))).message).toMatch(/ended before/);
    rc.close();
    await cluster.stop();
    remove();
  });

  test("belongs to one cluster at a time", async () => {
    const options: ClusterOptions = { engines: 0, controller: { database: { file: file() } } };
    const cluster = await Cluster.start(options);
    const error = await failure(() => Cluster.start(options));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/tasks\.sqlite cannot be opened: another cluster/);
    await cluster.stop();
    remove();
  });
});

test("a file that was not named lies beside the connection file, and goes with the cluster", async () => {
  await using cluster = await Cluster.start({ engines: 0, clusterId: "disk", controller: { database: "sqlite" } });
  expect(readdirSync(sandbox.profileDir)).toContain("cluster-disk.sqlite");
  await cluster.stop();
  expect(existsSync(sandbox.profileDir)).toBe(false);
});

test("limits are those that were given", async () => {
  await using cluster = await Cluster.start({ engines: 1, controller: { database: { type: "sqlite", records: 10 } } });
  const rc = await cluster.connect();
  const results = Array.from({ length: 50 }, (_, n) => rc.at(0).apply((x: number) => x, n));
  expect(await Promise.all(results)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(await rc.hubHistory()).toEqual(results.slice(-10).flatMap(({ messageIds }) => messageIds));
  rc.close();
});

test("without a library for SQLite the error says what to install", async () => {
  const script = runScript("without-sqlite.mjs");
  const { name, message } = await script.next<{ name: string; message: string }>();
  expect(name).toBe("ConnectionError");
  expect(message).toMatch(/Node 22\.13.*npm install libsql/);
  await script.exit;
});

test.each<[unknown, RegExp]>([
  ["disk", /controller\.database must be "memory", "sqlite" or an object; given: "disk"/],
  [{ type: "mongo" }, /controller\.database\.type must be "memory" or "sqlite"; given: "mongo"/],
  [{ file: 3 }, /controller\.database\.file must be a string/],
  [{ type: "memory", file: "x" }, /controller\.database\.file is for a database of type sqlite/],
  [{ records: "3" }, /controller\.database\.records must be a number/],
  [{ size: 3 }, /unknown option "controller\.database\.size"; there are: records, bytes/],
])("%j is a TypeError", async (database, message) => {
  const error = await failure(() => Cluster.start({ controller: { database } as never }));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toMatch(message);
});
