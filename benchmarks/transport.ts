/**
 * Which transport? `node --import tsx benchmarks/transport.ts [--quick] [--json path]`.
 *
 * Asked: the same chain of three processes, client → broker → engine → broker → client, with messages of 122 bytes and
 * 1, 100 and 1000 outstanding, over node:net with our framing (packed, signed) and over zeromq.js; and large messages one
 * way, each answered by a few bytes. All over TCP on loopback, wires in turns in one run.
 * Expected: node:net at least twice as fast as zeromq.js, since that wakes a thread of its own for each message.
 * Seen: twice the round trips of zeromq.js with one outstanding, three to four times with 1,000: ARCHITECTURE.md.
 */

import { parseArgs } from "node:util";
import { currentLoad, describeMachine, machineFacts } from "./lib/machine.ts";
import { peerVersion } from "./lib/pools.ts";
import { gigabytesPerSecond, MEBIBYTE, type Unit } from "./lib/question.ts";
import { type CaseRecord, formatCase, recordCase, writeRecord } from "./lib/report.ts";
import { shuffled } from "./lib/statistics.ts";
import { type Chain, startChain } from "./transport/chain.ts";
import { type WireName, wireNames } from "./transport/wires.ts";

const { values: given } = parseArgs({
  options: { quick: { type: "boolean", default: false }, json: { type: "string" } },
});
const REPETITIONS = given.quick ? 3 : 9;
const chains = new Map<WireName, Chain>();

try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
await closeAll();

async function main(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void closeAll().then(() => process.exit(130)));
  }
  const machine = machineFacts();
  console.log(describeMachine(machine));
  const missing = await startChains();
  const cases: CaseRecord[] = [];
  for (const [outstanding, count] of [
    [1, 2_000],
    [100, 20_000],
    [1_000, 50_000],
  ] as const) {
    const scaled = given.quick ? count / 10 : count;
    const unit: Unit = { name: "round trips/s", of: (seconds) => scaled / seconds };
    const run = (chain: Chain): Promise<number> => chain.roundTrips(scaled, Math.min(outstanding, scaled));
    const inChain = [...chains.keys()].filter((name) => name !== "node:net reused");
    cases.push(await measure(`122 bytes, ${outstanding} outstanding`, unit, inChain, run));
  }
  for (const size of given.quick ? [1, 8] : [1, 8, 64, 256]) {
    const bytes = new Uint8Array(size * MEBIBYTE).fill(size);
    const run = (chain: Chain): Promise<number> => chain.oneWay(bytes);
    cases.push(await measure(`${size} MB one way`, gigabytesPerSecond(bytes.byteLength), [...chains.keys()], run));
  }
  const versions = { zeromq: missing.length > 0 ? "not installed" : peerVersion("zeromq") };
  const command = ["node --import tsx benchmarks/transport.ts", ...process.argv.slice(2)].join(" ");
  const record = { command, machine, loadAverageAfter: currentLoad(), versions, missing, cases };
  console.log(
    `\nload afterwards ${record.loadAverageAfter.join(" ")}; written: ${writeRecord(record, given.json, "transport")}`,
  );
}

/** Gives the wires that are not there. */
async function startChains(): Promise<string[]> {
  const missing: string[] = [];
  for (const name of wireNames) {
    try {
      chains.set(name, await startChain(name, name === "node:net reused"));
    } catch (error) {
      missing.push(name);
      const reason = (error as Error).message.split("\n")[0];
      console.log(`${name}: NOT MEASURED: ${reason}; to install: npm install --prefix benchmarks/peers`);
    }
  }
  return missing;
}

async function measure(
  label: string,
  unit: Unit,
  names: readonly WireName[],
  run: (chain: Chain) => Promise<number>,
): Promise<CaseRecord> {
  const results = new Map(names.map((system) => [system, { system, seconds: [] as number[] }]));
  // Twice: once for the code, once for the memory.
  for (const name of [...names, ...names]) await run(chains.get(name) as Chain);
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const name of shuffled(names)) results.get(name)?.seconds.push(await run(chains.get(name) as Chain));
  }
  const theCase = { label, unit, operation: "", parameters: {}, repetitions: REPETITIONS };
  const record = recordCase("transport", theCase, [...results.values()]);
  console.log(`\n${formatCase(record)}`);
  return record;
}

async function closeAll(): Promise<void> {
  await Promise.all([...chains.values()].map((chain) => chain.close()));
  // The links would keep this process alive.
  process.exit();
}
