/**
 * What does it cost that functions take along what they use? `node --import tsx benchmarks/functions.ts [--quick] [--json path]`.
 *
 * Asked: the time to take a function apart that captured nothing, five variables, a large array; what the keys of large
 * arrays cost, beside SHA-256; and a loop of 10⁷ steps that reads a captured constant and a name of the namespace on an
 * engine, beside the same loop here over variables of its own module.
 * Expected: under 0.3 ms without captures, under 1 ms with five; keys at several GB/s; the loop within 5 % of the local one.
 * Seen (two cores, Node 20.20.2, quiet, load below 2; medians of two runs): 2.4 µs without captures, and 82 µs with five,
 * one of them a function; 17 ms for a captured array of 64 MB, most of it its key: GMAC 4 to 7 GB/s, SHA-256 1.5; the loop
 * 23.1 and 24.6 ms on an engine, beside 24.0 and 24.3 ms here. At load 3 and more the engine's loop took up to twice as
 * long as the one here: compare on a quiet machine only.
 */

import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { Cluster, type DirectView } from "ndparallel";
import { createSerializer } from "../src/functions/serializer.ts";
import { contentKey } from "../src/ndarray-transport/content-key.ts";
import { currentLoad, describeMachine, machineFacts } from "./lib/machine.ts";
import { gigabytesPerSecond, MEBIBYTE, microsecondsPer, milliseconds, type Unit } from "./lib/question.ts";
import { type CaseRecord, formatCase, recordCase, writeRecord } from "./lib/report.ts";
import { shuffled } from "./lib/statistics.ts";

const { values: given } = parseArgs({
  options: { quick: { type: "boolean", default: false }, json: { type: "string" } },
});
const REPETITIONS = given.quick ? 3 : 15;
const STEPS = given.quick ? 1_000_000 : 10_000_000;

declare const bias: number;

const serializer = createSerializer();
const factor = 1.5;
const rates = [0.1, 0.2];
const names = new Map([["a", 1]]);
const large = new Float64Array((64 * MEBIBYTE) / 8).fill(1);
const double = (x: number): number => 2 * x;

const captureNothing = (x: number): number => Math.sqrt(x) + 1;
const captureFive = (x: number): number => double(x) * factor + (rates[0] ?? 0) + names.size + (rates[1] ?? 0) + STEPS;
const captureLarge = (): number => large[0] ?? 0;

/** Gives the seconds that it took. */
const loopOverBoth = (steps: number): number => {
  const begun = performance.now();
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += Math.sqrt(i) * factor + bias;
  if (sum < 0) throw new Error("the sum of positive numbers is negative");
  return (performance.now() - begun) / 1000;
};

type Run = () => number | Promise<number>;

function timed(count: number, action: () => void): Run {
  return () => {
    const begun = performance.now();
    for (let i = 0; i < count; i++) action();
    return (performance.now() - begun) / 1000;
  };
}

async function measure(label: string, unit: Unit, runs: Readonly<Record<string, Run>>): Promise<CaseRecord> {
  const results = new Map(Object.keys(runs).map((system) => [system, { system, seconds: [] as number[] }]));
  const systems = Object.keys(runs);
  for (const system of [...systems, ...systems]) await runs[system]?.();
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const system of shuffled(systems)) results.get(system)?.seconds.push((await runs[system]?.()) ?? 0);
  }
  const theCase = { label, unit, operation: "", parameters: {}, repetitions: REPETITIONS };
  const record = recordCase("functions", theCase, [...results.values()]);
  console.log(`\n${formatCase(record)}`);
  return record;
}

async function main(view: DirectView<"one", false>): Promise<void> {
  const machine = machineFacts();
  console.log(describeMachine(machine));
  await view.push({ bias: 0.25 });
  Object.assign(globalThis, { bias: 0.25 });
  const count = given.quick ? 50 : 500;
  const take = (fn: () => unknown): Run => timed(count, () => void serializer.serialize(fn));
  const bytes = new Uint8Array(large.buffer);
  const cases = [
    await measure("taking a function apart, time of one", microsecondsPer(count), {
      "captured nothing": take(captureNothing as never),
      "captured five": take(captureFive as never),
    }),
    await measure("taking a function apart that captured 64 MB", milliseconds, {
      "captured 64 MB": timed(1, () => void serializer.serialize(captureLarge)),
    }),
    await measure("the key of 64 MB", gigabytesPerSecond(bytes.byteLength), {
      GMAC: timed(1, () => void contentKey(bytes)),
      "SHA-256": timed(1, () => void createHash("sha256").update(bytes).digest()),
    }),
    await measure(`a loop of ${STEPS} steps`, milliseconds, {
      here: () => loopOverBoth(STEPS),
      "on an engine": async () => await view.apply(loopOverBoth, STEPS),
    }),
  ];
  const command = ["node --import tsx benchmarks/functions.ts", ...process.argv.slice(2)].join(" ");
  const record = { command, machine, loadAverageAfter: currentLoad(), versions: {}, missing: [], cases };
  console.log(`\nload afterwards ${currentLoad().join(" ")}; written: ${writeRecord(record, given.json, "functions")}`);
}

await using cluster = await Cluster.start({ engines: 1 });
await using client = await cluster.connect();
await main(client.at(0));
