/** A client for tasks: from within a task, more tasks can be sent to the cluster that runs it. */

import { surroundingEngine } from "../protocol/within-engine.ts";
import { Client } from "./client.ts";

let connected: Promise<Client> | undefined;

/** Whether this code runs on an engine. */
export function isOnEngine(): boolean {
  return surroundingEngine() !== undefined;
}

/**
 * The client of the engine that runs this code, connected at the first call. While a task waits for what it sent through
 * it, the engine takes other load-balanced tasks, so that a task may wait for its sub-tasks even if there is one engine.
 *
 * @throws Error where there is no engine around: use `Client.connect` there
 * @example
 * ```ts no-run
 * await lview.apply(async (rows: number[]) => {
 *   const { engineClient } = await import("ndparallel");
 *   const rc = await engineClient();
 *   return rc.loadBalancedView().map((x: number) => x * x, rows);
 * }, [1, 2, 3]);
 * ```
 */
export async function engineClient(): Promise<Client> {
  const engine = surroundingEngine();
  if (engine === undefined) {
    throw new Error("engineClient() is for code that an engine runs; elsewhere, use Client.connect");
  }
  const { host, port, key, clusterId } = engine;
  const info = { version: 1, clusterId, host, port, key, controllerPid: process.ppid, startedAt: Date.now() } as const;
  connected ??= Client.connect({ info });
  try {
    return await connected;
  } catch (error) {
    connected = undefined;
    throw error;
  }
}
