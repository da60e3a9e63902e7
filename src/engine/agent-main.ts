/**
 * The host agent's process. Its parent sends the configuration over the process channel; when the parent, or the
 * controller, goes away, the agent ends its engines and itself.
 */

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { inspect } from "node:util";
import { removeClusterFiles } from "../channel/cluster-files.ts";
import type { Connection } from "../channel/connection.ts";
import { connectLasting } from "../channel/reconnecting.ts";
import { ConnectionError } from "../errors.ts";
import type { AgentHello } from "../protocol/messages.ts";
import type { RegistryMemory } from "../protocol/reconnection.ts";
import { Agent } from "./agent.ts";
import type { AgentConfiguration } from "./configuration.ts";

const CONNECT_TIMEOUT_MS = 10_000;

process.once("message", (configuration: AgentConfiguration) => {
  run(configuration).catch((error: unknown) => {
    // A controller that has ended already needs no agent: that is no news to anybody.
    if (!(error instanceof ConnectionError)) process.stderr.write(`${inspect(error)}\n`);
    process.exit(1);
  });
});

async function run(configuration: AgentConfiguration): Promise<void> {
  const uuid = randomUUID();
  let stopping = false;
  let memory: RegistryMemory | undefined;
  let connection: Connection | undefined;
  const agent: Agent = new Agent(uuid, configuration, (message) => connection?.send(message), configuration.heartbeat);
  const stop = async (): Promise<void> => {
    if (connection === undefined) process.exit(0);
    stopping = true;
    await agent.stop();
    connection.close();
  };
  process.once("disconnect", stop);
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const hello: AgentHello = { type: "hello", role: "agent", uuid, pid: process.pid, host: hostname() };
  connection = await connectLasting({
    ...configuration,
    timeout: CONNECT_TIMEOUT_MS,
    hello: () => (memory === undefined ? hello : { ...hello, back: { memory, alive: agent.alive } }),
    handlers: {
      message: (message) => {
        if (message.type === "stopAgent") void stop();
        else if (message.type === "remember") memory = message.memory;
        else agent.message(message);
      },
      closed: () => {
        agent.kill();
        if (!stopping) removeClusterFiles(configuration.connectionFile);
        process.exit(0);
      },
    },
  });
  connection.hold();
}
