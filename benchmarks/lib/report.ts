/** What is printed and what is written. */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { SystemResult } from "./interleave.ts";
import type { MachineFacts } from "./machine.ts";
import type { Case } from "./question.ts";
import { type Summary, summarize } from "./statistics.ts";
import { MEMCPY } from "./systems.ts";
import { formatNumber, formatTable } from "./table.ts";

/** One case as it is written down. */
export interface CaseRecord {
  readonly question: string;
  readonly label: string;
  readonly unit: string;
  readonly systems: readonly SystemRecord[];
}

export interface SystemRecord {
  readonly system: string;
  readonly unsupported?: string | undefined;
  readonly error?: string | undefined;
  /** Seconds of each repetition, in order. */
  readonly seconds: readonly number[];
  /** In the unit of the case. */
  readonly summary?: Summary | undefined;
  /** How many times faster the first system is, by the medians: above one it is faster. */
  readonly ratio?: number | undefined;
}

/** Everything of one run. */
export interface RunRecord {
  readonly command: string;
  readonly machine: MachineFacts;
  readonly loadAverageAfter: readonly number[];
  readonly versions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly missing: Readonly<Record<string, string>>;
  readonly cases: readonly CaseRecord[];
}

/** `results` in the order of the systems; the first is the one that the others are compared with. */
export function recordCase(question: string, theCase: Case, results: readonly SystemResult[]): CaseRecord {
  const reference = medianSeconds(results[0]);
  const systems = results.map(({ system, seconds, unsupported, error }): SystemRecord => {
    const median = medianSeconds({ system, seconds });
    const ratio = median === undefined || reference === undefined ? undefined : median / reference;
    const summary = seconds.length === 0 ? undefined : summarize(seconds.map((value) => theCase.unit.of(value)));
    return { system, unsupported, error, seconds, summary, ratio };
  });
  return { question, label: theCase.label, unit: theCase.unit.name, systems };
}

export function formatCase({ label, unit, systems }: CaseRecord): string {
  const reference = systems[0]?.system ?? "";
  const copy = systems.find(({ system }) => system === MEMCPY)?.summary?.median;
  const header = [
    `${label} [${unit}]`,
    "n",
    "min",
    "quartile",
    "median",
    "quartile",
    "max",
    `${reference} is × faster`,
    ...(copy === undefined ? [] : ["of memcpy"]),
  ];
  const rows = systems.map(({ system, seconds, summary, ratio, unsupported, error }) => {
    if (summary === undefined) return [system, "–", "", "", "", "", "", unsupported ?? `FAILED: ${firstLine(error)}`];
    const { min, lowerQuartile, median, upperQuartile, max } = summary;
    const shown = [min, lowerQuartile, median, upperQuartile, max].map(formatNumber);
    const note = ratio === undefined ? "" : system === reference ? "1" : formatNumber(ratio);
    const last = error === undefined ? note : `FAILED later: ${firstLine(error)}`;
    const part = copy === undefined ? [] : [formatNumber(median / copy)];
    return [system, String(seconds.length), ...shown, last, ...part];
  });
  return formatTable(header, rows);
}

/** Writes the record, by default under `benchmarks/results/`, and gives the path. */
export function writeRecord(record: RunRecord | object, path: string | undefined, name: string): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, "-");
  const target = path ?? fileURLToPath(new URL(`../results/${name}-${stamp}.json`, import.meta.url));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, `${JSON.stringify(record, undefined, 2)}\n`);
  return target;
}

function medianSeconds(result: SystemResult | undefined): number | undefined {
  return result === undefined || result.seconds.length === 0 ? undefined : summarize(result.seconds).median;
}

function firstLine(text: string | undefined): string {
  return (text ?? "").split("\n")[0]?.slice(0, 100) ?? "";
}
