/** `ndparallel status`: the engines of a cluster, on which devices, what they do, and what memory they have. */

import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../client/client.ts";
import type { DeviceInfo } from "../protocol/devices.ts";
import { type Command, count, flag, type Options } from "./arguments.ts";
import { connectTo } from "./choose-cluster.ts";
import { ExitCode } from "./failure.ts";
import { json, megabytes, table } from "./print.ts";

/** The size of a page of memory, in bytes, on all that has /proc. */
const PAGE = 4096;

export const status: Command = {
  name: "status",
  operands: "[cluster]",
  summary: "Show the engines of a cluster, their devices, queues and memory",
  details: "Without a name: of the only cluster that is running.",
  options: {
    watch: { type: "boolean", short: "w", help: "go on, until Ctrl-C or the end of the cluster" },
    interval: { type: "string", value: "ms", help: "pause between two looks; 1000 if not given" },
  },
  run: async (options) => {
    await using client = await connectTo(options);
    if (flag(options, "watch")) await watch(client, options);
    else process.stdout.write(show(await look(client), options));
    return ExitCode.success;
  },
};

/** One engine, as the table shows it. */
interface EngineState {
  readonly engineId: number;
  readonly pid: number;
  readonly host: string;
  readonly engineSet: string;
  /** What it computes on; `null` for one that was given no device. */
  readonly device: DeviceInfo | null;
  readonly queue: number;
  readonly running: number;
  readonly completed: number;
  /** Bytes of physical memory; unknown on other hosts. */
  readonly memory: number | undefined;
}

interface ClusterState {
  readonly clusterId: string;
  readonly controllerPid: number;
  readonly controllerMemory: number | undefined;
  readonly clients: number;
  readonly unassigned: number;
  /** Why the task database cannot be written, if so. */
  readonly databaseFailure: string | undefined;
  readonly engines: readonly EngineState[];
}

export async function look(client: Client): Promise<ClusterState> {
  const devices = client.devices();
  const [known, queues] = await Promise.all([client.status(), client.queueStatus()]);
  const engines = known.engines.map(({ engineId, pid, host, engineSet }): EngineState => {
    const { queue = 0, tasks: running = 0, completed = 0 } = queues[engineId] ?? {};
    const device = devices.get(engineId) ?? null;
    return { engineId, pid, host, engineSet, device, queue, running, completed, memory: memoryOf(pid, host) };
  });
  return {
    clusterId: known.clusterId,
    controllerPid: known.pid,
    controllerMemory: memoryOf(known.pid, hostname()),
    // Not this command itself, nor, where it is asked by one, the process that keeps the cluster.
    clients: known.clients - 1,
    unassigned: queues.unassigned,
    databaseFailure: known.databaseFailure?.message,
    engines,
  };
}

function show(state: ClusterState, options: Options): string {
  if (flag(options, "json")) return json(state);
  const { clusterId, controllerPid, controllerMemory, clients, unassigned, databaseFailure } = state;
  const head = `cluster ${clusterId}: controller ${controllerPid} (${megabytes(controllerMemory)}), ${clients} other connections, ${unassigned} tasks without an engine\n`;
  const warning = databaseFailure === undefined ? "" : `the task database cannot be written: ${databaseFailure}\n`;
  return head + warning + engineTable(state.engines);
}

export function engineTable(engines: readonly EngineState[]): string {
  return table(
    ["engine", "pid", "host", "set", "device", "queued", "running", "completed", "memory"],
    engines.map((engine) => [
      engine.engineId,
      engine.pid,
      engine.host,
      engine.engineSet,
      deviceText(engine.device),
      engine.queue,
      engine.running,
      engine.completed,
      megabytes(engine.memory),
    ]),
  );
}

function deviceText(device: DeviceInfo | null): string {
  if (device === null) return "-";
  const { kind, name, share } = device;
  const text = name === kind ? kind : `${kind} ${name}`;
  return share === 1 ? text : `${text} × ${share}`;
}

async function watch(client: Client, options: Options): Promise<void> {
  const interval = count(options, "interval", 1) ?? 1000;
  const end = new AbortController();
  client.on("disconnected", () => end.abort());
  process.once("SIGINT", () => end.abort());
  process.once("SIGTERM", () => end.abort());
  try {
    for (;;) {
      const shown = show(await look(client), options);
      // On a terminal in place of what stood there.
      process.stdout.write(process.stdout.isTTY ? `\x1b[H\x1b[2J${shown}` : shown);
      await delay(interval, undefined, { signal: end.signal });
    }
  } catch (error) {
    if (!end.signal.aborted) throw error;
  }
}

function memoryOf(pid: number, host: string): number | undefined {
  if (host !== hostname()) return undefined;
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * PAGE;
  } catch {
    return undefined;
  }
}
