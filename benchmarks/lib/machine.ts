/** The facts of the machine that a number is worth nothing without. */

import { readFileSync } from "node:fs";
import { arch, cpus, freemem, loadavg, release, totalmem, type } from "node:os";

export interface MachineFacts {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly freeMemoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Over one, five and fifteen minutes. */
  readonly loadAverage: readonly number[];
}

export function machineFacts(): MachineFacts {
  const cores = cpus();
  return {
    date: new Date().toISOString(),
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    memoryGiB: gibibytes(totalmem()),
    freeMemoryGiB: gibibytes(freemem()),
    kernel: `${type()} ${release()} ${arch()}`,
    node: process.version,
    loadAverage: currentLoad(),
  };
}

export function currentLoad(): number[] {
  return loadavg().map((load) => Math.round(load * 100) / 100);
}

/** Between two looks at what runs, in milliseconds; how often nothing must; and after how many looks that is given up. */
const LOOK_MS = 10;
const QUIET_LOOKS = 3;
const MOST_LOOKS = 300;

/**
 * Waits, for 3 s at most, until nothing runs on this machine but the caller: a system may have much to do after it has
 * answered (a copy of all that passed for a hub, memory to give back), which would slow down the one that is asked next.
 */
export async function untilQuiet(): Promise<void> {
  for (let looks = 0, quiet = 0; looks < MOST_LOOKS && quiet < QUIET_LOOKS; looks++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    quiet = runningThreads() > 1 ? 0 : quiet + 1;
  }
}

/** How many threads run at this moment; 1, the caller, where the system does not tell. */
function runningThreads(): number {
  try {
    return Number(/ (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "latin1"))?.[1] ?? 1);
  } catch {
    return 1;
  }
}

export function describeMachine(facts: MachineFacts): string {
  const { cpu, cores, memoryGiB, kernel, node, loadAverage, date } = facts;
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, node ${node}; load ${loadAverage.join(" ")}; ${date}`;
}

function gibibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 30) * 10) / 10;
}
