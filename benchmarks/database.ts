/**
 * What a task database in SQLite costs beside the one in memory: 10,000 trivial tasks, load-balanced and sent to one
 * engine, in turns. Rates depend on how many processors there are for the database's thread; what the controller's own
 * thread, which schedules, spends on a task, does not (Linux). `node --import tsx benchmarks/database.ts [rounds]`
 */

import { readFileSync } from "node:fs";
import { type Client, Cluster } from "ndparallel";
import { summarize } from "./lib/statistics.ts";

const TASKS = 10_000;
const rounds = Number(process.argv[2] ?? 5);

const clusters = await Promise.all(
  (["memory", "sqlite"] as const).map(async (database) => {
    const cluster = await Cluster.start({ engines: 1, controller: { database } });
    const rc = await cluster.connect();
    const { pid } = await rc.status();
    const [times, cpu] = [
      () => ({ direct: [] as number[], balanced: [] as number[] }),
      `/proc/${pid}/task/${pid}/schedstat`,
    ];
    return { cluster, rc, cpu, elapsed: times(), spent: times() };
  }),
);

async function run(rc: Client, how: "direct" | "balanced"): Promise<number> {
  const view = how === "direct" ? rc.at(0) : rc.loadBalancedView();
  const fn = (x: number): number => x;
  const began = performance.now();
  await Promise.all(Array.from({ length: TASKS }, (_, n) => view.apply(fn, n)));
  return performance.now() - began;
}

/** What a thread has computed, in milliseconds; NaN where the system does not say. */
function computed(schedstat: string): number {
  try {
    return Number(readFileSync(schedstat, "latin1").split(" ")[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}

for (let round = -1; round < rounds; round++) {
  for (const how of ["direct", "balanced"] as const) {
    for (const { rc, cpu, elapsed, spent } of clusters) {
      const before = computed(cpu);
      const time = await run(rc, how);
      // What is written a moment later belongs to it.
      await rc.dbQuery({ msgId: "none" });
      if (round < 0) continue;
      elapsed[how].push(time);
      spent[how].push(computed(cpu) - before);
    }
  }
}
const median = (values: readonly number[] | undefined): number => summarize(values ?? []).median;
const [memory, sqlite] = clusters;
for (const how of ["direct", "balanced"] as const) {
  const [inMemory, onDisk] = [memory, sqlite].map((each) => TASKS / (median(each?.elapsed[how]) / 1000)) as [
    number,
    number,
  ];
  const [m, s] = [memory, sqlite].map((each) => (1000 * median(each?.spent[how])) / TASKS) as [number, number];
  console.log(
    `${how}: memory ${Math.round(inMemory)} tasks/s, sqlite ${Math.round(onDisk)} tasks/s, ratio ${(onDisk / inMemory).toFixed(2)}; ` +
      `the controller's thread ${m.toFixed(1)} and ${s.toFixed(1)} µs a task, ratio ${(m / s).toFixed(2)}`,
  );
}
for (const { rc, cluster } of clusters) {
  rc.close();
  await cluster.stop();
}
