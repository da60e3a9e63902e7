/** The facts of the machine that a number is worth nothing without. */

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

export function describeMachine(facts: MachineFacts): string {
  const { cpu, cores, memoryGiB, kernel, node, loadAverage, date } = facts;
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, node ${node}; load ${loadAverage.join(" ")}; ${date}`;
}

function gibibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 30) * 10) / 10;
}
