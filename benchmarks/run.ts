/**
 * The benchmarks: `npm run bench -- [question …] [--quick] [--only system,system] [--json path]`.
 *
 * Each system lives in a program of its own for the whole run. Every question is asked of all of them in turns,
 * answers are checked, and what is missing is named. See README.md.
 */

import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readArguments } from "./lib/arguments.ts";
import { askInterleaved, type RunningSystem } from "./lib/interleave.ts";
import { endLeftovers, RUN_ID_VARIABLE } from "./lib/leftovers.ts";
import { currentLoad, describeMachine, machineFacts } from "./lib/machine.ts";
import { PeerProcess } from "./lib/peer-process.ts";
import { type CaseRecord, formatCase, recordCase, writeRecord } from "./lib/report.ts";
import { MEMCPY, OURS, type System, systems, type Temporary } from "./lib/systems.ts";
import { questions } from "./questions/all.ts";

const given = readArguments(process.argv.slice(2), {
  questions: questions.map(({ name }) => name),
  systems: systems.map(({ name }) => name),
});
const wantedSystems = systems.filter(
  ({ name, questions: asked }) =>
    name === OURS ||
    (name === MEMCPY &&
      (given.questions.length === 0 || given.questions.some((question) => asked?.includes(question)))) ||
    (given.only?.includes(name) ?? name !== MEMCPY),
);
const wantedQuestions = questions.filter(({ name }) => given.questions.length === 0 || given.questions.includes(name));

const runId = randomUUID();
const temporary = makeTemporary();
const started: PeerProcess[] = [];
const versions: Record<string, Record<string, string>> = {};
const missing: Record<string, string> = {};

/** How long programs may take to end by themselves: after the last question, and after Ctrl-C. */

const FAREWELL_MS = 20_000;
const HASTY_FAREWELL_MS = 5_000;

let isInterrupted = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    console.error(`\n${signal}: stopping the systems …`);
    void stopAll(HASTY_FAREWELL_MS).then(() => process.exit(130));
  });
}

try {
  await main();
} finally {
  await stopAll(FAREWELL_MS);
}

async function main(): Promise<void> {
  const machine = machineFacts();
  console.log(describeMachine(machine));
  const running: RunningSystem[] = [];
  for (const system of wantedSystems) {
    const process = await startSystem(system);
    if (process !== undefined) running.push({ name: system.name, process });
  }
  await startEngines(running);
  const cases: CaseRecord[] = [];
  for (const question of wantedQuestions) {
    console.log(`\n${question.title}`);
    const asked = running.filter(({ name }) => isAskedAbout(name, question.name));
    for (const theCase of question.cases(given.quick)) {
      const results = await askInterleaved(theCase, asked);
      if (isInterrupted) return;
      const record = recordCase(question.name, theCase, results);
      console.log(`\n${formatCase(record)}`);
      cases.push(record);
    }
  }
  const command = ["npm run bench --", ...process.argv.slice(2)].join(" ");
  const record = { command, machine, loadAverageAfter: currentLoad(), versions, missing, cases };
  console.log(
    `\nload afterwards ${record.loadAverageAfter.join(" ")}; written: ${writeRecord(record, given.json, "run")}`,
  );
}

/** Starts the program of a system; says what is missing if it cannot be. */
async function startSystem(system: System): Promise<PeerProcess | undefined> {
  const { file, parameters, environment } = system.program(temporary);
  const process = new PeerProcess({ file, parameters, environment: { ...environment, [RUN_ID_VARIABLE]: runId } });
  started.push(process);
  const greeting = await process.greeting();
  if (greeting.ready) {
    versions[system.name] = { ...greeting.versions };
    const list = Object.entries(greeting.versions).map(([name, version]) => `${name} ${version}`);
    console.log(`${system.name}: ${list.join(", ")}`);
    return process;
  }
  missing[system.name] = greeting.missing;
  console.log(`${system.name}: NOT MEASURED: ${greeting.missing}; to install: ${system.install}`);
  return undefined;
}

function isAskedAbout(system: string, question: string): boolean {
  return systems.find(({ name }) => name === system)?.questions?.includes(question) ?? true;
}

/** Leaves out the systems that cannot be started. The question about the start leaves them running again. */
async function startEngines(running: RunningSystem[]): Promise<void> {
  for (const system of [...running]) {
    const answer = await system.process.ask({ operation: "start", parameters: {} });
    if (!("error" in answer)) continue;
    running.splice(running.indexOf(system), 1);
    missing[system.name] = answer.error;
    console.log(`${system.name}: NOT MEASURED: it does not start: ${answer.error}`);
  }
}

async function stopAll(farewellMs: number): Promise<void> {
  await Promise.all(started.map((process) => process.close(farewellMs)));
  for (const command of await endLeftovers(runId))
    console.error(`left behind by a system, ended now: ${command.slice(0, 100)}`);
  for (const directory of Object.values(temporary)) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function makeTemporary(): Temporary {
  const inMemory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  return {
    home: mkdtempSync(join(tmpdir(), "ndparallel-benchmark-")),
    memory: mkdtempSync(join(inMemory, "ndparallel-benchmark-")),
  };
}
