/**
 * A thread of the engine that waits for the end of the agent and ends the engine then, also while the engine's main
 * thread computes. The agent holds the other end of file descriptor 3.
 */

import { Socket } from "node:net";

/** The descriptor that is open as long as the agent lives. */
const LIFELINE = 3;

const lifeline = new Socket({ fd: LIFELINE, readable: true, writable: false });
const end = (): void => {
  process.kill(process.pid, "SIGKILL");
};
lifeline.on("close", end);
lifeline.on("error", end);
lifeline.resume();
