/** An engine that is stopped and a client that does not answer, with large arrays on their way: nobody else waits for them. */

import { readFileSync } from "node:fs";
import { type Client, Cluster, type DataWay, type DirectView } from "ndparallel";
import { describe, expect, test } from "vitest";
import { freeze, pidsOf, runScript, useSandbox } from "./processes.ts";

useSandbox("file");

const WAYS: readonly DataWay[] = ["shared", "direct", "relay"];
const MEBIBYTE = 1024 * 1024;
const LARGE = 32 * MEBIBYTE;
/** What wait at the stopped processes, and what others send, is many times this. */
const GROWTH_LIMIT = 40 * MEBIBYTE;

/** Runs on engines and here: how many bytes are not `value`. */
function wrong(bytes: Uint8Array, value: number): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== value) count++;
  return count;
}

/** The most memory that a process has had in use. */
function mostBytes(pid: number): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** There and back, and between namespaces: large arrays of a client and an engine that are not stopped. */
async function roundTrips(one: DirectView<"one", false>, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) {
    const sent = new Uint8Array(LARGE).fill(i);
    const results = await Promise.all([
      one.apply((x: Uint8Array) => x, sent),
      one.apply(wrong, sent, i),
      one.apply((length: number, value: number) => new Uint8Array(length).fill(value), LARGE, i + 100),
    ]);
    expect([wrong(results[0], i), results[1], wrong(results[2], i + 100)]).toEqual([0, 0, 0]);
  }
}

describe.each(WAYS)("%s", { timeout: 120_000 }, (dataWay) => {
  test("a stopped engine and a stopped client hold back their own arrays only, and get them when they go on", async () => {
    await using cluster = await Cluster.start({ engines: 3, dataWay, heartbeat: { stopped: 600_000 } });
    await using client: Client = await cluster.connect();
    const { controller, engines } = await pidsOf(client);
    const [stopped] = engines as [number];
    const other = client.at(2);
    // As much as it will ever need for one call at a time.
    await roundTrips(other, 1);
    const before = mostBytes(controller);

    await freeze(stopped);
    const arrays = [1, 2, 3].map((value) => new Uint8Array(LARGE).fill(value));
    const there = arrays.map((array, i) => client.at(0).apply(wrong, array, i + 1));
    const made = client.at(0).apply((length: number) => new Uint8Array(length).fill(9), LARGE);
    // It asks engine 1 for large results, gives it large arrays, and is stopped before it can take or give one.
    const slow = runScript("slow-client.mjs", [cluster.file as string, String(LARGE)]);
    await slow.next();
    await freeze(slow.pid);

    await roundTrips(other, 3);
    expect([...there, made].map(({ ready }) => ready)).toEqual([false, false, false, false]);
    expect(mostBytes(controller) - before).toBeLessThan(GROWTH_LIMIT);

    process.kill(stopped, "SIGCONT");
    process.kill(slow.pid, "SIGCONT");
    expect(await Promise.all(there)).toEqual([0, 0, 0]);
    expect(wrong(await made, 9)).toBe(0);
    expect(await slow.next()).toEqual({ received: [0, 0], sent: [0, 0] });
    expect((await slow.exit).code).toBe(0);
    expect(mostBytes(controller) - before).toBeLessThan(GROWTH_LIMIT);
  });
});
