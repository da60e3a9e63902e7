/** `ndparallel start`: a cluster that lives until it is stopped, here or in the background. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { connectionFilePath } from "../client/connection-file.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { ClusterOptions } from "../cluster/cluster-options.ts";
import { type DeviceRequest, type DeviceRequests, parseDevices } from "../cluster/device-requests.ts";
import { type Command, count, flag, type Options, text } from "./arguments.ts";
import { place } from "./choose-cluster.ts";
import { ExitCode, Failure } from "./failure.ts";
import { json } from "./print.ts";

/** What is told of a cluster that has started. */
interface Started {
  readonly clusterId: string;
  readonly file: string;
  readonly engines: number;
}

/** What the process in the background tells: that it started, or why not. */
type News = Started | { readonly error: string; readonly exitCode: number };

export const start: Command = {
  name: "start",
  operands: "",
  summary: "Start a cluster, and keep it until Ctrl-C or `ndparallel stop`",
  details: `Scripts find it by its id: Client.connect({ clusterId }). It ends with this process, or, with --detach, when it is
stopped.`,
  options: {
    engines: {
      type: "string",
      short: "n",
      value: "number",
      help: "how many engines; one for each processor if not given",
    },
    "cluster-id": { type: "string", value: "id", help: "its name; made up if not given" },
    env: {
      type: "string",
      value: "name=value",
      multiple: true,
      help: "an environment variable for the engines; may be repeated",
    },
    database: {
      type: "string",
      value: "memory|sqlite|file",
      help: "where results and records of tasks are kept: a file outlives the cluster; memory if not given",
    },
    buffers: {
      type: "boolean",
      help: "the hub keeps large arrays of arguments and results, too, so that they outlive engines and clients",
    },
    devices: {
      type: "string",
      value: "devices",
      help: "auto, none, or kinds with commas between, as webgpu,wasm or cuda:0,cuda:1: engine after engine one of them",
    },
    detach: { type: "boolean", short: "d", help: "stay in the background, and return once the engines are there" },
  },
  run: async (options) => {
    const started = flag(options, "detach") ? await startDetached(options) : undefined;
    if (started === undefined) return await stay(options);
    tell(started, options);
    return ExitCode.success;
  },
};

function clusterOptions(options: Options): ClusterOptions {
  const engines = count(options, "engines", 0);
  const clusterId = text(options, "cluster-id");
  const env: Record<string, string> = {};
  for (const pair of (options.values["env"] ?? []) as readonly string[]) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined) throw new Failure(`--env takes name=value; given: ${pair}`, ExitCode.usage);
    env[name] = value as string;
  }
  const devices = devicesOf(text(options, "devices"));
  // As the library says it, before a process is started.
  if (clusterId !== undefined) connectionFilePath(clusterId);
  return {
    ...place(options),
    env,
    ...databaseOption(text(options, "database"), flag(options, "buffers")),
    ...(engines === undefined ? {} : { engines }),
    ...(clusterId === undefined ? {} : { clusterId }),
    ...(devices === undefined ? {} : { devices }),
  };
}

/** @throws Failure */
function devicesOf(given: string | undefined): DeviceRequests | undefined {
  if (given === undefined || given === "auto" || given === "none") return given;
  const devices = given.split(",") as DeviceRequest[];
  try {
    parseDevices(devices);
    return devices;
  } catch (error) {
    throw new Failure(`--devices: ${(error as Error).message}`, ExitCode.usage);
  }
}

function databaseOption(database: string | undefined, buffers: boolean): Pick<ClusterOptions, "controller"> {
  if (database === undefined && !buffers) return {};
  const isType = database === undefined || database === "memory" || database === "sqlite";
  return { controller: { database: { ...(isType ? { type: database } : { file: database }), buffers } } };
}

/** Keeps a cluster until a signal, or until somebody stops it. */
async function stay(options: Options): Promise<number> {
  const isChild = process.send !== undefined;
  try {
    const cluster = await startCluster(clusterOptions(options));
    const client = await cluster.connect();
    const ended = new Promise<void>((resolve) => {
      client.on("disconnected", () => resolve());
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
    });
    const started: Started = { clusterId: cluster.clusterId, file: cluster.file, engines: client.size };
    if (isChild) report(started);
    else tell(started, options);
    // Nothing else keeps the process here.
    const awake = setInterval(() => undefined, 0x7fff_ffff);
    await ended;
    clearInterval(awake);
    client.close();
    await cluster.stop();
    return ExitCode.success;
  } catch (error) {
    if (!isChild) throw error;
    const { exitCode } = error as Partial<Failure>;
    report({ error: (error as Error).message, exitCode: exitCode ?? ExitCode.failure });
    return ExitCode.failure;
  }
}

async function startCluster(options: ClusterOptions): Promise<Cluster> {
  try {
    return await Cluster.start(options);
  } catch (error) {
    const isTaken = error instanceof RangeError && error.message.includes("running cluster");
    throw isTaken ? new Failure(error.message, ExitCode.alreadyRunning) : error;
  }
}

/** The same command in a process of its own, which is heard until it has started. */
async function startDetached(options: Options): Promise<Started> {
  clusterOptions(options);
  const args = process.argv.slice(2).filter((arg) => arg !== "--detach" && arg !== "-d");
  const child = spawn(process.execPath, [fileURLToPath(new URL("./main.js", import.meta.url)), ...args], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const news = await new Promise<News>((resolve, reject) => {
    child.once("message", (message) => resolve(message as News));
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      reject(new Failure(`the cluster's process ended (${signal ?? `exit code ${code}`})`)),
    );
  });
  if ("error" in news) throw new Failure(news.error, news.exitCode);
  child.unref();
  return news;
}

/** To the process that waits in the foreground, which then leaves. */
function report(news: News): void {
  process.send?.(news, () => process.disconnect());
}

function tell(started: Started, options: Options): void {
  const { clusterId, file, engines } = started;
  if (flag(options, "json")) process.stdout.write(json(started));
  else process.stdout.write(`cluster ${clusterId} is running with ${engines} engines; connection file: ${file}\n`);
}
