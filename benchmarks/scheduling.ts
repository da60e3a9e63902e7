/**
 * What does the scheduler cost, and how good are its choices? `node --import tsx benchmarks/scheduling.ts [--quick]`.
 *
 * Asked: the time that the scheduler, alone, needs for one task, from its submission to its end, with 10 to 10,000 engines
 * and 1,000 to 1,000,000 tasks in its queue, under each scheme: processor time, the least of several rounds, so that what
 * else the machine does counts little. And how much longer than the best possible 200 tasks take whose lengths have a heavy
 * tail (Pareto, α = 1.5), on four engines of which one is four times slower: simulated, for many seeds, and on four real
 * engines. The best possible is bounded from below by the work over the speed of all engines, and by the longest task; a
 * plan that begins with the longest is printed beside it, so that it shows how close the bound is. So is what somebody
 * reaches who knows all lengths, but begins the tasks in the order in which they came.
 * Expected: the cost constant, but for the logarithm of the number of engines, and for what the caches of the processor no
 * longer hold; within 1.25 of the best possible wherever the order allows. Not always: nobody knows beforehand which task
 * is long, and one that begins last ends last.
 * Seen: the table is in benchmarks/README.md.
 */

import { parseArgs } from "node:util";
import { Cluster } from "ndparallel";
import { Scheduler } from "../src/controller/scheduler.ts";
import type { Instruction } from "../src/controller/scheduling/events.ts";
import { type SchemeName, schemeNames } from "../src/protocol/schemes.ts";
import { request, Simulation, seeded } from "../test/controller/simulation.ts";
import { inOrder, longestFirst, lowerBound } from "./lib/best-makespan.ts";
import { describeMachine, machineFacts } from "./lib/machine.ts";

const { values: given } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const MOST_QUEUED = given.quick ? 100_000 : 1_000_000;
const SEEDS = given.quick ? 30 : 300;
const TASKS = 200;
const SLOWNESS = [1, 1, 1, 4];
/** Tasks of a round, and rounds of which the least counts. */
const MEASURED = 4_000;
const ROUNDS = 6;

/** Microseconds for one task among so many engines and queued tasks. */
function costOfOne(scheme: SchemeName, engines: number, queued: number): number {
  const scheduler = new Scheduler({ scheme, random: seeded(1) });
  // A ring, so that what is measured here takes as long for any number of engines.
  const dispatched = new Array<string>(2 * engines + 1);
  let [first, end] = [0, 0];
  const obey = (instructions: readonly Instruction[]): void => {
    for (const instruction of instructions) {
      if (instruction.type === "dispatch") dispatched[end++ % dispatched.length] = instruction.taskId;
    }
  };
  for (let engineId = 0; engineId < engines; engineId++) scheduler.handle({ type: "engineUp", engineId }, 0);
  let next = 0;
  const submit = (now: number): void =>
    obey(scheduler.handle({ type: "submitBalanced", taskId: `client-${next++}`, request: request() }, now));
  for (let i = 0; i < queued + engines; i++) submit(0);
  let now = 0;
  const round = (tasks: number): number => {
    const began = process.cpuUsage();
    for (let i = 0; i < tasks; i++) {
      now += 0.1;
      // Long ones, so that an engine has one at a time.
      const taskId = dispatched[first++ % dispatched.length] as string;
      obey(scheduler.handle({ type: "finish", taskId, duration: 50 }, now));
      submit(now);
    }
    const { user, system } = process.cpuUsage(began);
    return (user + system) / tasks;
  };
  round(2_000);
  return Math.min(...Array.from({ length: ROUNDS }, () => round(MEASURED)));
}

function costs(): void {
  console.log(`\nmicroseconds of the scheduler for one task, the least of ${ROUNDS} rounds`);
  for (const scheme of schemeNames) costOfOne(scheme, 10, 1_000);
  const rows: Record<string, Record<string, string>> = {};
  for (const scheme of schemeNames) {
    const row: Record<string, string> = {};
    for (const engines of [10, 100, 1_000, 10_000])
      row[`${engines} engines`] = costOfOne(scheme, engines, 1_000).toFixed(1);
    for (let queued = 10_000; queued <= MOST_QUEUED; queued *= 10) {
      row[`${queued} queued`] = costOfOne(scheme, 100, queued).toFixed(1);
    }
    rows[scheme] = row;
  }
  console.table(rows);
}

function lengths(seed: number, shortest: number): number[] {
  const random = seeded(seed);
  return Array.from({ length: TASKS }, () => shortest / (1 - random()) ** (1 / 1.5));
}

function simulated(): void {
  let [loosest, outOfReach, over] = [1, 0, 0];
  const ratios = Array.from({ length: SEEDS }, (_, seed) => {
    const durations = lengths(seed + 1, 5);
    const bound = lowerBound(durations, SLOWNESS);
    const simulation = new Simulation({ engines: SLOWNESS, durationOf: (taskId) => durations[Number(taskId)] ?? 0 });
    for (let i = 0; i < TASKS; i++) {
      simulation.tell({ type: "submitBalanced", taskId: String(i), request: request() });
    }
    const ratio = simulation.run() / bound;
    loosest = Math.max(loosest, longestFirst(durations, SLOWNESS) / bound);
    if (ratio > 1.25) {
      over++;
      if (inOrder(durations, SLOWNESS, seeded(seed)) / bound > 1.25) outOfReach++;
    }
    return ratio;
  }).sort((a, b) => a - b);
  const at = (fraction: number): string => (ratios[Math.floor(fraction * (SEEDS - 1))] as number).toFixed(3);
  console.log(`\nheavy tail, simulated: makespan over the best possible, ${SEEDS} seeds`);
  console.log(`median ${at(0.5)}, 80 % below ${at(0.8)}, 90 % below ${at(0.9)}; above 1.25: ${over}, of which`);
  console.log(
    `${outOfReach} also for who knows the lengths and keeps the order; the bound is less than the longest first`,
  );
  console.log(`by ${(100 * (loosest - 1)).toFixed(2)} % at most`);
}

async function real(): Promise<void> {
  await using cluster = await Cluster.start({ engines: SLOWNESS.length });
  await using client = await cluster.connect();
  await Promise.all(client.ids.map((id, index) => client.view(id).push({ slowness: SLOWNESS[index] as number })));
  const work = async (milliseconds: number): Promise<void> => {
    const { slowness } = globalThis as unknown as { slowness: number };
    await new Promise((resolve) => setTimeout(resolve, milliseconds * slowness));
  };
  const ratios: number[] = [];
  for (let seed = 1; seed <= (given.quick ? 1 : 5); seed++) {
    const durations = lengths(seed, 10);
    const view = client.loadBalancedView().with({ label: `seed ${seed}` });
    const began = performance.now();
    await Promise.all(durations.map((duration) => view.apply(work, duration)));
    ratios.push((performance.now() - began) / lowerBound(durations, SLOWNESS));
  }
  console.log(
    "\nheavy tail, four real engines whose tasks wait, one of them four times as long: over the best possible",
  );
  console.log(ratios.map((ratio) => ratio.toFixed(3)).join(", "));
}

console.log(describeMachine(machineFacts()));
costs();
simulated();
await real();
