/**
 * What a task database in SQLite costs beside the one in memory: 10,000 trivial tasks, load-balanced and sent to one
 * engine, in turns. `node --import tsx benchmarks/database.ts [rounds]`
 */

import { type Client, Cluster } from "ndparallel";
import { summarize } from "./lib/statistics.ts";

const TASKS = 10_000;
const rounds = Number(process.argv[2] ?? 5);

const clusters = await Promise.all(
  (["memory", "sqlite"] as const).map(async (database) => {
    const cluster = await Cluster.start({ engines: 1, controller: { database } });
    return { database, cluster, rc: await cluster.connect(), direct: [] as number[], balanced: [] as number[] };
  }),
);

async function time(rc: Client, how: "direct" | "balanced"): Promise<number> {
  const view = how === "direct" ? rc.at(0) : rc.loadBalancedView();
  const fn = (x: number): number => x;
  const began = performance.now();
  await Promise.all(Array.from({ length: TASKS }, (_, n) => view.apply(fn, n)));
  return performance.now() - began;
}

for (let round = -1; round < rounds; round++) {
  for (const how of ["direct", "balanced"] as const) {
    for (const { rc, ...times } of clusters) {
      const elapsed = await time(rc, how);
      if (round >= 0) times[how].push(elapsed);
    }
  }
}
const rate = (times: readonly number[]): number => TASKS / (summarize(times).median / 1000);
const [memory, sqlite] = clusters;
for (const how of ["direct", "balanced"] as const) {
  const [inMemory, onDisk] = [rate(memory?.[how] ?? []), rate(sqlite?.[how] ?? [])];
  console.log(
    `${how}: memory ${Math.round(inMemory)} tasks/s, sqlite ${Math.round(onDisk)} tasks/s, ratio ${(onDisk / inMemory).toFixed(2)}`,
  );
}
for (const { rc, cluster } of clusters) {
  rc.close();
  await cluster.stop();
}
