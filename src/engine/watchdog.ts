/**
 * A thread of the engine that hears the agent also while the engine's main thread computes. It ends the engine when the
 * agent ends, and interrupts tasks. The agent holds the other end of file descriptor 3, and writes a line of JSON for
 * each interrupt.
 */

import { Session } from "node:inspector";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { InterruptOrder } from "../protocol/agent-messages.ts";
import { TaskMarks } from "./task-marks.ts";

/** The descriptor that is open as long as the agent lives. */
const LIFELINE = 3;
/** How long the main thread may take to hear of an interrupt by itself, in milliseconds. */
const PATIENCE_MS = 25;
/** How long a main thread that hears nothing is tried, in milliseconds. */
const LIMIT_MS = 10_000;

/** What the main thread hears. */
export interface Interrupt extends InterruptOrder {
  readonly sequence: number;
}

const marks = new TaskMarks(workerData as SharedArrayBuffer);
let sequence = 0;

const lifeline = new Socket({ fd: LIFELINE, readable: true, writable: false });
const end = (): void => {
  process.kill(process.pid, "SIGKILL");
};
lifeline.on("close", end);
lifeline.on("error", end);
createInterface(lifeline).on("line", (line) => void interrupt(JSON.parse(line) as InterruptOrder));

/** Tells the main thread; if that does not hear because it computes one of the tasks, cuts it. */
async function interrupt(order: InterruptOrder): Promise<void> {
  const interrupt: Interrupt = { ...order, sequence: ++sequence };
  parentPort?.postMessage(interrupt);
  const limit = performance.now() + LIMIT_MS;
  do {
    await delay(PATIENCE_MS);
    if (marks.isAcknowledged(interrupt.sequence)) return;
    if (marks.mayCut(order.taskIds)) cut();
  } while (performance.now() < limit);
}

/** Ends what the main thread runs; no `catch` and no `finally` of it is reached. Its event loop goes on. */
function cut(): void {
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.terminateExecution", () => session.disconnect());
}
