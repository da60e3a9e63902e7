/**
 * The controller's process. Its parent sends the configuration over the process channel and hears the port; when the
 * parent goes away, or asks, the cluster ends.
 */

import { rmdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { listen } from "../channel/listener.ts";
import type { DataWay } from "../protocol/data-messages.ts";
import type { HeartbeatPolicy } from "../protocol/policies.ts";
import { Controller } from "./controller.ts";
import type { SchedulerOptions } from "./scheduler.ts";

/** What the parent sends first. */
export interface ControllerConfiguration {
  readonly clusterId: string;
  readonly host: string;
  readonly key: string;
  /** Removed when the controller ends. */
  readonly connectionFile: string;
  readonly scheduler?: SchedulerOptions | undefined;
  readonly heartbeat?: HeartbeatPolicy | undefined;
  readonly dataWay?: DataWay | undefined;
}

/** What the parent hears when connections are accepted. */
export interface ControllerReady {
  readonly port: number;
}

process.once("message", (configuration: ControllerConfiguration) => void run(configuration));

async function run(configuration: ControllerConfiguration): Promise<void> {
  const exit = (): never => {
    removeConnectionFile(configuration.connectionFile);
    process.exit(0);
  };
  const controller = new Controller({
    clusterId: configuration.clusterId,
    dataWay: configuration.dataWay,
    rejections: () => listener.rejections,
    onShutdown: exit,
    scheduler: configuration.scheduler,
    heartbeat: configuration.heartbeat,
  });
  const stop = (): void => void controller.shutdown().then(exit);
  process.once("disconnect", stop);
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const listener = await listen({
    host: configuration.host,
    key: configuration.key,
    accept: (connection) => controller.accept(connection),
  });
  process.send?.({ port: listener.port } satisfies ControllerReady);
}

function removeConnectionFile(path: string): void {
  try {
    unlinkSync(path);
    rmdirSync(dirname(path));
  } catch {
    // Already gone, since the agent and the owner remove it too; or other clusters have their files there.
  }
}
