/**
 * Does memory stay flat? `node --import tsx benchmarks/flat-memory.ts [--case round-trips|tasks] [--quick] [--json file]`.
 *
 * Asked: `round-trips`, 10,000 arrays of 1 MB to an engine and back, one after another; `tasks`, 100,000 tasks with
 * results of 1 KB, 1,000 at once. What the client, the controller and the engine take of memory is written down as they
 * go on. `rss` is what the system counts (without shared memory, of which each process counts all that it maps),
 * `shared` that memory, `heap` and `external` are what V8 says.
 * Expected: after the first tenth nothing grows by more than 10 %.
 * Seen: see README.md, "Memory that stays flat".
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Client, Cluster, type DataWay } from "ndparallel";
import { currentLoad, describeMachine, machineFacts } from "./lib/machine.ts";
import { formatTable } from "./lib/table.ts";

const { values: given } = parseArgs({
  options: {
    case: { type: "string" },
    way: { type: "string", default: "auto" },
    count: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const CHECKPOINTS = 10;
const ROUND_TRIPS = Number(given.count ?? (given.quick ? 1_000 : 10_000));
const TASKS = Number(given.count ?? (given.quick ? 20_000 : 100_000));
const AT_ONCE = 1_000;
const MEGABYTE = 1e6;

interface Usage {
  readonly rss: number;
  readonly shared: number;
  readonly heap: number;
  readonly external: number;
}

interface Checkpoint {
  readonly done: number;
  readonly seconds: number;
  readonly processes: Readonly<Record<string, Usage>>;
}

const directory = mkdtempSync(join(tmpdir(), "ndparallel-memory-"));
process.env["NDPARALLEL_BENCHMARK_MEMORY"] = directory;
process.env["NODE_OPTIONS"] = `--require=${fileURLToPath(new URL("./memory/report-memory.cjs", import.meta.url))}`;

const cases: Readonly<Record<string, () => Promise<Checkpoint[]>>> = { "round-trips": roundTrips, tasks };
console.log(describeMachine(machineFacts()));
try {
  const run = cases[given.case ?? ""];
  if (run !== undefined) {
    const checkpoints = await run();
    show(given.case as string, checkpoints);
    if (given.json !== undefined) writeFileSync(given.json, JSON.stringify(checkpoints, undefined, 2));
  } else if (given.case === undefined) {
    // Each in a client of its own.
    for (const name of Object.keys(cases)) {
      const options = [...process.execArgv, process.argv[1] as string, ...process.argv.slice(2), "--case", name];
      process.exitCode ||= spawnSync(process.execPath, options, { stdio: "inherit" }).status ?? 1;
    }
  } else {
    throw new Error(`there is no case "${given.case}"; there are: ${Object.keys(cases).join(", ")}`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log(`load afterwards ${currentLoad().join(" ")}`);

async function roundTrips(): Promise<Checkpoint[]> {
  await using cluster = await Cluster.start({ engines: 1, dataWay: given.way as DataWay });
  await using rc = await cluster.connect();
  const engine = rc.at(0);
  const array = new Float64Array(MEGABYTE / 8).fill(1.5);
  return await watch(rc, ROUND_TRIPS, async (from, to) => {
    for (let trip = from; trip < to; trip++) {
      array[trip % array.length] = trip;
      const back = await engine.apply((x: Float64Array) => x, array);
      if (back[trip % array.length] !== trip || back.length !== array.length) throw new Error(`trip ${trip} is wrong`);
    }
  });
}

async function tasks(): Promise<Checkpoint[]> {
  await using cluster = await Cluster.start({ engines: 2 });
  await using rc = await cluster.connect();
  const view = rc.loadBalancedView();
  return await watch(rc, TASKS, async (from, to) => {
    for (let first = from; first < to; first += AT_ONCE) {
      const calls = Array.from({ length: Math.min(AT_ONCE, to - first) }, (_, i) =>
        view.apply((n: number) => String.fromCharCode(97 + (n % 26)).repeat(1024), first + i),
      );
      for (const [i, text] of (await Promise.all(calls)).entries()) {
        const n = first + i;
        if (text.length !== 1024 || text.charCodeAt(512) !== 97 + (n % 26)) throw new Error(`task ${n} is wrong`);
      }
    }
  });
}

/** Runs steps up to `count` and looks at every process ten times on the way, and once when a tenth of a tenth is done. */
async function watch(
  rc: Client,
  count: number,
  run: (from: number, to: number) => Promise<void>,
): Promise<Checkpoint[]> {
  const { pid, engines } = await rc.status();
  const others: Record<string, number> = { controller: pid };
  for (const [i, engine] of engines.entries()) others[`engine ${i}`] = engine.pid;
  const checkpoints: Checkpoint[] = [];
  const began = performance.now();
  let done = 0;
  for (const part of [0.1, ...Array.from({ length: CHECKPOINTS }, (_, i) => i + 1)]) {
    const next = Math.round((count * part) / CHECKPOINTS);
    await run(done, next);
    done = next;
    const processes: Record<string, Usage> = { client: usageOf(process.pid, process.memoryUsage()) };
    for (const [name, other] of Object.entries(others)) processes[name] = usageOf(other, await ask(other));
    checkpoints.push({ done, seconds: (performance.now() - began) / 1e3, processes });
  }
  return checkpoints;
}

type HeapUsage = Pick<NodeJS.MemoryUsage, "heapUsed" | "external">;

async function ask(pid: number): Promise<HeapUsage> {
  const path = join(directory, String(pid));
  rmSync(path, { force: true });
  process.kill(pid, "SIGUSR2");
  for (let i = 0; i < 500; i++) {
    await delay(10);
    try {
      return JSON.parse(readFileSync(path, "utf8")) as HeapUsage;
    } catch {
      // Not written yet.
    }
  }
  throw new Error(`process ${pid} did not answer`);
}

function usageOf(pid: number, { heapUsed, external }: HeapUsage): Usage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) * 1024;
  return { rss: bytes("RssAnon") + bytes("RssFile"), shared: bytes("RssShmem"), heap: heapUsed, external };
}

function show(name: string, checkpoints: readonly Checkpoint[]): void {
  const first = checkpoints[1] as Checkpoint;
  const last = checkpoints.at(-1) as Checkpoint;
  const processes = Object.keys(first.processes);
  const usages = ["rss", "shared", "heap", "external"] as const;
  const megabytes = (value: number): string => (value / MEGABYTE).toFixed(1);
  const rows = checkpoints.map(({ done, seconds, processes: at }) => [
    `${done.toLocaleString("en-US")}, ${seconds.toFixed(0)} s`,
    ...processes.map((process) => usages.map((usage) => megabytes((at[process] as Usage)[usage])).join(" ")),
  ]);
  console.log(`\n${name}: MB of ${usages.join(", ")}`);
  console.log(formatTable(["done", ...processes], rows));
  for (const process of processes) {
    const before = (first.processes[process] as Usage).rss;
    const most = Math.max(...checkpoints.slice(1).map(({ processes: at }) => (at[process] as Usage).rss));
    const growth = ((last.processes[process] as Usage).rss / before - 1) * 100;
    console.log(
      `${process}: ${growth.toFixed(1)} % from ${first.done} to ${last.done}; at most ${((most / before - 1) * 100).toFixed(1)} %`,
    );
  }
}
