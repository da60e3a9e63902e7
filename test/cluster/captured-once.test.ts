/** A large captured array crosses to each engine once, however many tasks use it. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);
const MEBIBYTE = 2 ** 20;
const SIZE = 64 * MEBIBYTE;

/** A number that Linux tells of a process. */
function told(pid: number, file: "io" | "status", name: string): number {
  const text = readFileSync(`/proc/${pid}/${file}`, "utf8");
  const value = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`/proc/${pid}/${file} has no ${name}`);
  return Number(value);
}

test.skipIf(process.platform !== "linux")(
  "64 MB captured by 100 tasks on 2 engines are read once by each, and lie there at most once",
  async () => {
    const { all, rc } = shared;
    const pids = await all.apply(() => process.pid);
    const table = new Float64Array(SIZE / 8).map((_, i) => i % 1000);
    const at = (i: number): number => table[i] ?? Number.NaN;
    await all.apply((i: number) => i, 0);
    const readBefore = pids.map((pid) => told(pid, "io", "rchar"));
    const mostBefore = pids.map((pid) => told(pid, "status", "VmHWM") * 1024);
    const mineBefore = process.memoryUsage().arrayBuffers;
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => rc.at(i % 2).apply(at, 1000 * i + i)));
    expect(results).toEqual(Array.from({ length: 100 }, (_, i) => i));
    for (const [i, pid] of pids.entries()) {
      expect(told(pid, "io", "rchar") - (readBefore[i] as number)).toBeLessThan(1.1 * SIZE);
      expect(told(pid, "status", "VmHWM") * 1024 - (mostBefore[i] as number)).toBeLessThan(1.5 * SIZE);
    }
    // The copy that was made for sending, which the user's later writes do not reach.
    expect(process.memoryUsage().arrayBuffers - mineBefore).toBeLessThan(1.1 * SIZE);
    table[5] = -1;
    expect(await rc.at(0).apply(at, 5)).toBe(-1);
  },
  120_000,
);
