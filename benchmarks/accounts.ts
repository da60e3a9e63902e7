/**
 * Does the hub account for every task? `node --import tsx benchmarks/accounts.ts [--count n]`.
 *
 * 100,000 tasks with results of 1 KB, half of them load-balanced, half direct, 1,000 at once. Every 1,000 tasks the sum of
 * what `queueStatus` says waits, runs and has been completed is compared with what was sent. At the end every task must
 * have one record in the database (SQLite, which keeps them all), and each client's result must be its own.
 * Seen: 100,000 tasks in 39 s on a machine busy with other things (2 cores, load 14): right at each of 100 looks, 100,000
 * records, all different, none missing, no wrong result.
 */

import { parseArgs } from "node:util";
import { type AsyncResult, Cluster } from "ndparallel";
import { describeMachine, machineFacts } from "./lib/machine.ts";

const { values: given } = parseArgs({ options: { count: { type: "string", default: "100000" } } });
const COUNT = Number(given.count);
const AT_ONCE = 1_000;

console.log(describeMachine(machineFacts()));
await using cluster = await Cluster.start({ engines: 2, controller: { database: "sqlite" } });
await using rc = await cluster.connect();
const balanced = rc.loadBalancedView();
const engines = [rc.at(0), rc.at(1)] as const;
const work = (n: number): string => String(n).padEnd(1024, "x");

const began = performance.now();
const open = new Map<number, AsyncResult<string>>();
const ids = new Set<string>();
let wrong = 0;
let looks = 0;
for (let n = 0; n < COUNT; n++) {
  const result =
    n % 2 === 0 ? balanced.apply(work, n) : (engines[n % 4 === 1 ? 0 : 1] as (typeof engines)[0]).apply(work, n);
  ids.add(result.messageIds[0] as string);
  open.set(n, result);
  if (open.size < AT_ONCE && n < COUNT - 1) continue;
  const { unassigned, ...byEngine } = await rc.queueStatus();
  const known = Object.values(byEngine).reduce(
    (sum, { queue, tasks, completed }) => sum + queue + tasks + completed,
    0,
  );
  looks++;
  if (known + unassigned !== n + 1) console.log(`WRONG after ${n + 1}: queueStatus accounts for ${known + unassigned}`);
  for (const [number, value] of open) if ((await value) !== work(number)) wrong++;
  open.clear();
}
const seconds = (performance.now() - began) / 1000;
const history = await rc.hubHistory();
const recorded = new Set(history);
const lost = [...ids].filter((id) => !recorded.has(id)).length;
console.log(`${COUNT} tasks in ${seconds.toFixed(1)} s; ${looks} looks at the queues; ${wrong} wrong results`);
console.log(`${history.length} records, ${recorded.size} of them different; ${lost} of the tasks sent have none`);
