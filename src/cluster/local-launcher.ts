/** Starts a controller and a host agent as processes of this machine. */

import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { removeClusterFiles } from "../channel/cluster-files.ts";
import { type ConnectionInfo, writeConnectionFile } from "../client/connection-file.ts";
import type { ControllerConfiguration, ControllerNews } from "../controller/main.ts";
import type { AgentConfiguration } from "../engine/configuration.ts";
import { ConnectionError } from "../errors.ts";
import { DEFAULT_HEARTBEAT } from "../protocol/policies.ts";
import { newKey } from "../protocol/signing.ts";

/** Where connections are taken from this machine only. */
const LOOPBACK = "127.0.0.1";
/**
 * For V8 in the controller. What it holds is bounded, but V8 lets garbage grow to several times of that, over hours,
 * before it collects it, and its space for new objects from 1 to 48 MB. So: collect when the heap has grown by a fifth.
 */
const CONTROLLER_FLAGS: readonly string[] = ["--max-semi-space-size=8", "--heap-growing-percent=20"];

/** How the processes are to work. */
export type ProcessOptions = Pick<ControllerConfiguration, "scheduler" | "heartbeat" | "dataWay" | "database"> & {
  readonly host?: string | undefined;
};

/** The two processes that make a cluster. Both end when this process does, however it ends. */
export interface LocalProcesses {
  readonly info: ConnectionInfo;
  /** Resolves when both have ended; kills them when they take longer than `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

/**
 * Starts the processes and writes the connection file; engines are not started yet.
 * @throws ConnectionError when the controller does not come up.
 */
export async function launchLocally(
  clusterId: string,
  file: string,
  { scheduler, heartbeat = DEFAULT_HEARTBEAT, dataWay, database, host = LOOPBACK }: ProcessOptions = {},
): Promise<LocalProcesses> {
  // Both at once: the agent loads while the controller does, and hears later where it is.
  const controller = start("../controller/main.js", CONTROLLER_FLAGS);
  const agent = start("../engine/agent-main.js", []);
  try {
    const key = newKey();
    const place = { clusterId, host, key, connectionFile: file };
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    controller.send({ ...place, scheduler, heartbeat, dataWay, database } satisfies ControllerConfiguration);
    const { port } = await ready(controller);
    const controllerPid = controller.pid as number;
    const info: ConnectionInfo = {
      version: 1,
      clusterId,
      host,
      port,
      key,
      controllerPid,
      startedAt: Date.now(),
    };
    writeConnectionFile(file, info);
    controller.once("exit", () => removeClusterFiles(file));
    agent.send({ host, port, key, connectionFile: file, heartbeat } satisfies AgentConfiguration);
    for (const child of [controller, agent]) letGo(child);
    return { info, stop: (patience) => stop([controller, agent], file, patience) };
  } catch (error) {
    for (const child of [controller, agent]) child.kill("SIGKILL");
    removeClusterFiles(file);
    throw error;
  }
}

function start(entry: string, flags: readonly string[]): ChildProcess {
  const child = fork(fileURLToPath(new URL(entry, import.meta.url)), {
    // A group of its own: Ctrl-C in a terminal reaches the script, which then decides.
    detached: true,
    execArgv: [...flags],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  // A child that ended before it could be spoken to shows by its end.
  return child.on("error", () => undefined);
}

function ready(controller: ChildProcess): Promise<{ readonly port: number }> {
  return new Promise((resolve, reject) => {
    controller.once("message", (message) => {
      const news = message as ControllerNews;
      if ("port" in news) resolve(news);
      else reject(new ConnectionError(`the controller could not be started: ${news.error}`));
    });
    controller.once("error", (error) =>
      reject(new ConnectionError(`the controller could not be started: ${error.message}`)),
    );
    controller.once("exit", (code, signal) => {
      reject(new ConnectionError(`the controller ended before it was ready (${signal ?? `exit code ${code}`})`));
    });
  });
}

/** The children no longer keep this process alive; its end, whatever its cause, ends them. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

async function stop(children: readonly ChildProcess[], file: string, patience: number): Promise<void> {
  const exits = children.map((child) => {
    if (child.exitCode !== null || child.signalCode !== null) return undefined;
    child.ref();
    return new Promise<void>((resolve) => child.once("exit", () => resolve()));
  });
  // Without this process they end by themselves, also when the controller hears nothing any more.
  for (const child of children) if (child.connected) child.disconnect();
  const timer = setTimeout(() => {
    for (const child of children) child.kill("SIGKILL");
  }, patience);
  await Promise.all(exits);
  clearTimeout(timer);
  removeClusterFiles(file);
}
