/** Starts a controller and a host agent as processes of this machine. */

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { removeClusterFiles } from "../channel/cluster-files.ts";
import { type ConnectionInfo, replaceConnectionFile, writeConnectionFile } from "../client/connection-file.ts";
import type { ControllerConfiguration } from "../controller/main.ts";
import type { AgentConfiguration } from "../engine/configuration.ts";
import { type ControllerRestart, DEFAULT_HEARTBEAT } from "../protocol/policies.ts";
import { newKey } from "../protocol/signing.ts";
import { letGo, start, stop } from "./children.ts";
import { type ControllerListener, ControllerProcess, startController } from "./controller-process.ts";

/** Where connections are taken from this machine only. */
const LOOPBACK = "127.0.0.1";

/** How the processes are to work. */
export interface ProcessOptions
  extends Pick<ControllerConfiguration, "scheduler" | "heartbeat" | "dataWay" | "database"> {
  readonly host?: string | undefined;
  /** Whether another controller takes the place of one that dies. */
  readonly restart?: ControllerRestart | undefined;
}

/** The two processes that make a cluster. Both end when this process does, however it ends. */
export interface LocalProcesses {
  readonly info: ConnectionInfo;
  /** The controller's end is meant from now on. */
  leave(): void;
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
  { scheduler, heartbeat = DEFAULT_HEARTBEAT, dataWay, database, host = LOOPBACK, restart }: ProcessOptions = {},
): Promise<LocalProcesses> {
  // Both at once: the agent loads while the controller does, and hears later where it is.
  const child = startController(file);
  const agent = start("../engine/agent-main.js");
  let isNewDirectory = false;
  try {
    const patience = restart?.patience;
    const key = newKey();
    const place = { clusterId, host, key, connectionFile: file };
    // Not earlier: who removes it when this process is killed is told of it in the next moment.
    isNewDirectory = mkdirSync(dirname(file), { recursive: true, mode: 0o700 }) !== undefined;
    let info: ConnectionInfo | undefined;
    const listener: ControllerListener = {
      restarted: (controllerPid) => {
        if (info !== undefined) replaceConnectionFile(file, { ...info, controllerPid });
      },
      ended: () => {
        removeClusterFiles(file);
        if (agent.connected) agent.disconnect();
      },
    };
    const configuration = { ...place, scheduler, heartbeat, dataWay, database, patience };
    const { controller, port } = await ControllerProcess.begin(child, configuration, restart, listener);
    info = { version: 1, clusterId, host, port, key, controllerPid: child.pid as number, startedAt: Date.now() };
    writeConnectionFile(file, info);
    agent.send({ host, port, key, patience, connectionFile: file, heartbeat } satisfies AgentConfiguration);
    for (const process of [child, agent]) letGo(process);
    return {
      info,
      leave: () => controller.leave(),
      stop: async (limit) => {
        controller.leave();
        await stop([controller.child, agent], limit);
        removeClusterFiles(file);
      },
    };
  } catch (error) {
    for (const process of [child, agent]) process.kill("SIGKILL");
    removeClusterFiles(file, isNewDirectory);
    throw error;
  }
}
