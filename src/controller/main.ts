/**
 * The controller's process, `main.js <connection file>`. Its parent sends the configuration over the process channel and
 * hears the port; when the parent goes away, or asks, the cluster ends.
 */

import { removeClusterFiles } from "../channel/cluster-files.ts";
import { listen } from "../channel/listener.ts";
import type { DataWay } from "../protocol/data-messages.ts";
import type { DatabaseOptions, HeartbeatPolicy } from "../protocol/policies.ts";
import { Controller } from "./controller.ts";
import { openDatabase } from "./open-database.ts";
import type { SchedulerOptions } from "./scheduler.ts";
import { keepSmallHeapFlat } from "./small-heap.ts";

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
  readonly database?: DatabaseOptions | undefined;
  /** How long everybody waits for another controller if this one dies, in milliseconds; unless given, not at all. */
  readonly patience?: number | undefined;
  /** The port of the controller in whose place this one is; absent if it is the first. */
  readonly port?: number | undefined;
}

/** What the parent hears when connections are accepted, or cannot be. */
export type ControllerNews = { readonly port: number } | { readonly error: string };

// What is known of tasks is nobody else's business.
process.umask(0o077);

// The parent has gone while this process was loading: nobody hears what it sent last.
if (!process.connected) leave(process.argv[2]);

process.once("message", (configuration: ControllerConfiguration) => {
  run(configuration).catch((error: unknown) => {
    const news: ControllerNews = { error: (error as Error).message };
    process.send?.(news, () => process.exit(1));
  });
});

function leave(connectionFile: string | undefined): never {
  if (connectionFile !== undefined) removeClusterFiles(connectionFile);
  process.exit(0);
}

async function run(configuration: ControllerConfiguration): Promise<void> {
  keepSmallHeapFlat();
  const { clusterId, connectionFile, dataWay, scheduler, heartbeat, patience, port } = configuration;
  const isRestart = port !== undefined;
  // At once: the parent may have gone right after it sent the configuration.
  const parentGone = new Promise((resolve) => process.once("disconnect", resolve));
  const exit = async (): Promise<void> => {
    await controller.close();
    leave(connectionFile);
  };
  const database = await openDatabase(configuration.database ?? {}, { connectionFile, isRestart }, (failure) => {
    const cause =
      failure === undefined
        ? "the task database can be written again"
        : `the task database cannot be written (${failure.message}): tasks go on, and what ends is kept in memory until it can`;
    process.stderr.write(`ndparallel: ${cause}\n`);
  });
  const controller = new Controller({
    clusterId,
    dataWay,
    rejections: () => listener.rejections,
    onShutdown: () => void exit(),
    scheduler,
    heartbeat,
    database,
    patience,
    isRestart,
  });
  const stop = (): void => void controller.shutdown().then(exit);
  void parentGone.then(stop);
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const listener = await listen({
    host: configuration.host,
    key: configuration.key,
    port,
    accept: (connection) => controller.accept(connection),
  });
  if (process.connected) process.send?.({ port: listener.port } satisfies ControllerNews);
}
