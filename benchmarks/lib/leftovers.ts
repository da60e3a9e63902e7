/**
 * Nothing may be left of a run. Every process of it has the run's id in its environment and inherits it to its own
 * children, whatever sessions and groups they make; so the last ones are found, and ended by their process ids.
 */

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export const RUN_ID_VARIABLE = "NDPARALLEL_BENCHMARK_RUN";

/** How long what is left may take to end by itself, and how often it is looked for, in milliseconds. */
const GRACE_MS = 3_000;
const LOOK_MS = 100;

/** Ends what is left of the run, after a moment of grace, and gives the commands; looks only where there is a /proc. */
export async function endLeftovers(runId: string): Promise<string[]> {
  const deadline = Date.now() + GRACE_MS;
  while (processesOf(runId).length > 0 && Date.now() < deadline) await delay(LOOK_MS);
  return processesOf(runId).map((processId) => {
    const command = readProcessFile(processId, "cmdline").replaceAll("\0", " ").trim();
    try {
      process.kill(processId, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
    return command;
  });
}

function processesOf(runId: string): number[] {
  const mark = `${RUN_ID_VARIABLE}=${runId}`;
  return entriesOf("/proc").flatMap((entry) => {
    const processId = Number(entry);
    if (!Number.isInteger(processId) || processId === process.pid) return [];
    return readProcessFile(processId, "environ").split("\0").includes(mark) ? [processId] : [];
  });
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readProcessFile(processId: number, name: "environ" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${processId}/${name}`, "utf8");
  } catch {
    return "";
  }
}
