/**
 * The host agent's process. Its parent sends the configuration over the process channel; when the parent, or the
 * controller, goes away, the agent ends its engines and itself.
 */

import { randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { Connection } from "../channel/connection.ts";
import { connect } from "../channel/connector.ts";
import { Agent } from "./agent.ts";
import type { AgentConfiguration } from "./configuration.ts";

const CONNECT_TIMEOUT_MS = 10_000;

process.once("message", (configuration: AgentConfiguration) => void run(configuration));

async function run(configuration: AgentConfiguration): Promise<void> {
  const uuid = randomUUID();
  let stopping = false;
  const agent: Agent = new Agent(uuid, configuration, () => connection);
  const stop = async (): Promise<void> => {
    stopping = true;
    await agent.stop();
    connection.close();
  };
  const connection: Connection = await connect({
    ...configuration,
    timeout: CONNECT_TIMEOUT_MS,
    handlers: {
      message: (message) => {
        if (message.type === "stopAgent") void stop();
        else agent.message(message);
      },
      closed: () => {
        agent.kill();
        if (!stopping) removeFile(configuration.connectionFile);
        process.exit(0);
      },
    },
  });
  connection.hold();
  process.once("disconnect", stop);
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  connection.send({ type: "hello", role: "agent", uuid, pid: process.pid, host: hostname() });
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Already gone: the controller and the owner remove it too.
  }
}
