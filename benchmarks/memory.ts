/**
 * What do shared memory and the noticing of writes cost? `node --import tsx benchmarks/memory.ts [--quick]`.
 *
 * Asked: the parts of a transfer beside a warm copy (`Float64Array.set`, which runs at memcpy speed), and what a task
 * pays for being watched; and by how many copies the memory of the host grows when one array is pushed to two engines,
 * gathered or passed on. Each line is the median of its repetitions, taken in turns with the copy.
 * Expected: a write into a segment that was used before, and a read of one that is mapped already, at least at half the
 * speed of the copy; new segments several times slower; nothing measurable for tasks without arrays.
 * Seen: see README.md, "Shared memory by its parts".
 */

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { Cluster, ref, shared } from "ndparallel";
import { bindLinuxCalls } from "../src/ndarray-transport/segments/linux-calls.ts";
import { type Koffi, pageScanners } from "../src/ndarray-transport/segments/page-scan.ts";
import { SegmentPool, type SegmentSlice } from "../src/ndarray-transport/segments/segment-pool.ts";
import { allocateShared, mapSlice, sliceOf, takeMappedChanges } from "../src/ndarray-transport/segments/slices.ts";
import { PrivateMemory } from "../src/ndarray-transport/write-guard/private-memory.ts";
import { currentLoad, describeMachine, machineFacts } from "./lib/machine.ts";
import { summarize } from "./lib/statistics.ts";

const { values: given } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const MEBIBYTE = 1 << 20;
const REPETITIONS = given.quick ? 5 : 15;

console.log(describeMachine(machineFacts()));
for (const size of given.quick ? [1, 16] : [1, 64, 256]) parts(size * MEBIBYTE);
await growth(given.quick ? 16 : 64);
await tasks(given.quick ? 2_000 : 20_000);
console.log(`load afterwards ${currentLoad().join(" ")}`);

/** Runs all of `steps` in turns and prints their median times, and their speeds as parts of the first one's. */
function compare(title: string, byteLength: number, steps: Readonly<Record<string, () => number>>): void {
  const seconds = new Map(Object.keys(steps).map((name) => [name, [] as number[]]));
  for (let i = -2; i < REPETITIONS; i++) {
    for (const [name, step] of Object.entries(steps)) {
      const taken = step();
      if (i >= 0) seconds.get(name)?.push(taken);
    }
  }
  console.log(`\n${title}`);
  const medians = [...seconds].map(([name, values]) => [name, summarize(values).median] as const);
  const first = medians[0]?.[1] as number;
  for (const [name, median] of medians) {
    const speed = (byteLength / median / 1e9).toFixed(1).padStart(7);
    console.log(
      `${name.padEnd(52)} ${(median * 1e3).toFixed(3).padStart(9)} ms ${speed} GB/s  ${(first / median).toFixed(2)}`,
    );
  }
}

function timed(step: () => unknown): number {
  const began = performance.now();
  step();
  return (performance.now() - began) / 1e3;
}

function parts(byteLength: number): void {
  const source = new Float64Array(byteLength / 8).fill(1.5);
  const bytes = new Uint8Array(source.buffer);
  const target = new Float64Array(source.length).fill(1);
  const pool = new SegmentPool({ idleBytes: 4 * byteLength });
  const [kept] = pool.write([bytes]) as [SegmentSlice];
  const mapped = new Float64Array(mapSlice(kept.describe()));
  const output = sliceOf(new Uint8Array(allocateShared(byteLength)))?.descriptor;
  if (output === undefined) throw new Error("there is no shared memory here");
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const calls = bindLinuxCalls(koffi);
  const scanners = pageScanners(koffi, koffi.load(null), calls.pageSize);
  const address = BigInt(koffi.address(mapped));
  const page = BigInt(calls.pageSize);
  const aligned = address - (address % page);
  const watched = new PrivateMemory(source);
  compare(`${byteLength / MEBIBYTE} MB`, byteLength, {
    "copy into ordinary memory, warm": () => timed(() => target.set(source)),
    "write into a segment used before": () => timed(() => (pool.write([bytes])[0] as SegmentSlice).release()),
    "write into a new segment": () => {
      const fresh = new SegmentPool();
      const taken = timed(() => (fresh.write([bytes])[0] as SegmentSlice).release());
      fresh.trim();
      return taken;
    },
    "map what is mapped already, or was a moment ago": () => timed(() => mapSlice(kept.describe())),
    "sum of ordinary memory": () => timed(() => sum(source)),
    "sum of mapped memory, mapped before": () => timed(() => sum(mapped)),
    "find written pages, by request": () => timed(() => scanners.request(aligned, byteLength)),
    "find written pages, by reading": () => timed(() => scanners.reading(aligned, byteLength)),
    "hash of ordinary memory": () => timed(() => watched.takeChange()),
    "find and undo one written page": () => {
      mapped[1000] = 2;
      return timed(() => takeMappedChanges([mapped.buffer]));
    },
  });
  kept.release();
  pool.trim();
}

function sum(array: Float64Array): number {
  let total = 0;
  for (let i = 0; i < array.length; i++) total += array[i] as number;
  return total;
}

/**
 * By how many times the size of an array the memory of this process and its children grows, shared memory counted once. One copy is what the engines see; nothing more is made when it is looked at, or joined, or passed on.
 */
async function growth(size: number): Promise<void> {
  await using cluster = await Cluster.start({ engines: 2 });
  await using client = await cluster.connect();
  const all = client.view();
  const array = new Float64Array((size * MEBIBYTE) / 8).fill(1.5);
  const lying = shared.from(array);
  const small = new Float64Array(100_000);
  await all.push({ whole: small });
  await all.scatter("part", small);
  await all.gather("part");
  let kept: unknown;
  const steps: Record<string, () => PromiseLike<unknown>> = {
    "push of an ordinary array to two engines": () => all.push({ whole: array }),
    "both engines add it up": () => all.apply(sum, ref("whole") as never),
    "scatter of an ordinary array": () => all.scatter("part", array),
    "gather of its parts": async () => {
      kept = await all.gather("part");
    },
    "a look at every element of the gathered array": async () => sum(kept as Float64Array),
    "scatter of the gathered array": () => all.scatter("again", kept as Float64Array),
    "push of an array in shared memory": () => all.push({ lying }),
  };
  console.log(`\ngrowth of the host's memory, in copies of an array of ${size} MB`);
  for (const [name, step] of Object.entries(steps)) {
    const before = hostMemory();
    await step();
    console.log(`${name.padEnd(52)} ${((hostMemory() - before) / array.byteLength).toFixed(2).padStart(9)}`);
  }
}

/** Bytes of this process and all its descendants: their own, and the shared memory that they keep, each segment once. */
function hostMemory(): number {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    const found = /^\d+$/.test(entry) ? /\) \S (\d+)/.exec(readIfThere(`/proc/${entry}/stat`)) : null;
    if (found !== null) parents.set(Number(entry), Number(found[1]));
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  let anonymous = 0;
  const files = new Map<number, number>();
  for (const pid of parents.keys()) {
    if (!isOurs(pid)) continue;
    anonymous += 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/status`))?.[1] ?? 0);
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`;
      const link = readlinkIfThere(path);
      if (!link.startsWith("/memfd:ndparallel")) continue;
      const { ino, blocks } = statSync(path);
      files.set(ino, 512 * blocks);
    }
  }
  return anonymous + [...files.values()].reduce((total, bytes) => total + bytes, 0);
}

/** Processes come and go. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readlinkIfThere(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** What a task takes with and without being watched, beside 0, 100 and 1000 arrays in the namespace. */
async function tasks(count: number): Promise<void> {
  await using watched = await Cluster.start({ engines: 1 });
  await using free = await Cluster.start({ engines: 1, writeDetection: "off" });
  await using watching = await watched.connect();
  await using ignoring = await free.connect();
  const views = { full: watching.at(0), off: ignoring.at(0) };
  let resident = 0;
  for (const wanted of [0, 100, 1000]) {
    for (; resident < wanted; resident++) {
      for (const view of Object.values(views)) await view.push({ [`array${resident}`]: new Float64Array(1000) });
    }
    for (const [what, argument] of [
      ["a number", 1],
      ["a Float64Array of 100", new Float64Array(100)],
    ] as const) {
      const taken = { full: [] as number[], off: [] as number[] };
      for (let i = -1; i < 5; i++) {
        for (const name of ["full", "off"] as const) {
          const began = performance.now();
          const calls = Array.from({ length: count / 5 }, () =>
            views[name].apply((x: unknown) => x === undefined, argument),
          );
          await Promise.all(calls);
          if (i >= 0) taken[name].push((performance.now() - began) / 1e3 / (count / 5));
        }
      }
      const [full, off] = [summarize(taken.full).median, summarize(taken.off).median];
      console.log(
        `task with ${what}, ${resident} arrays of 8 kB in the namespace: ` +
          `${(full * 1e6).toFixed(1)} µs watched, ${(off * 1e6).toFixed(1)} µs not`,
      );
    }
  }
}
