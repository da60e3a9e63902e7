/**
 * Does every task come to its right end, whatever dies? `node --import tsx benchmarks/chaos.ts [--seconds 300]
 * [--tasks 20000] [--engines 4] [--seed 1]`. Linux only.
 *
 * Asked: 20,000 tasks in five minutes, on engines that are killed, stopped and continued at random: is every result right,
 * is none missing, is a process left behind?
 * Expected: every result right, no failure, no process.
 * Seen: the table is in benchmarks/README.md.
 */

import { parseArgs } from "node:util";
import { chaos } from "./lib/chaos.ts";
import { describeMachine, machineFacts } from "./lib/machine.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "300" },
    tasks: { type: "string", default: "20000" },
    engines: { type: "string", default: "4" },
    seed: { type: "string", default: "1" },
  },
});

console.log(describeMachine(machineFacts()));
const report = await chaos({
  seed: Number(values.seed),
  tasks: Number(values.tasks),
  duration: 1000 * Number(values.seconds),
  engines: Number(values.engines),
});
const { right, wrong, errors, seconds, killed, stopped, continued, processes, left } = report;
console.log(`${right} calls right, ${wrong} wrong, ${errors.length} failed, in ${seconds.toFixed(1)} s`);
console.log(`engines killed ${killed} times, stopped ${stopped} times, continued ${continued} times`);
console.log(`${processes} processes seen, ${left.length} left`);
for (const error of errors.slice(0, 10)) console.log(error);
process.exitCode = wrong + errors.length + left.length + Number(right !== Number(values.tasks)) === 0 ? 0 : 1;
