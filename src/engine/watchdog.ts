/**
 * A thread of the engine that hears the agent also while the engine's main thread computes. It ends the engine when the
 * agent ends, and interrupts tasks. The agent holds the other end of file descriptor 3, and writes a line of JSON for
 * each interrupt.
 */

import { Session } from "node:inspector";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { InterruptOrder } from "../protocol/agent-messages.ts";
import { Descriptor } from "./engine-pipes.ts";
import { lateCutExpressions } from "./late-cut.ts";
import { NativeRelief } from "./native-output.ts";
import { TaskMarks } from "./task-marks.ts";

/** How long the main thread may take to hear of an interrupt by itself, in milliseconds. */
const PATIENCE_MS = 25;
/** How long a thread that is in no marked task may take to hear of an interrupt, in milliseconds. */
const LATE_PATIENCE_MS = 100;
/** How often a thread that must not be cut yet is tried, in milliseconds. */
const RETRY_MS = 1;
/** How long a main thread that hears nothing is tried, in milliseconds. */
const LIMIT_MS = 10_000;

/** What the main thread hears. */
export interface Interrupt extends InterruptOrder {
  readonly sequence: number;
}

/** What this thread is given. */
export interface WatchdogData {
  readonly marks: SharedArrayBuffer;
  /** Of what the process writes past Node's streams. */
  readonly native?: { readonly memory: SharedArrayBuffer; readonly port: MessagePort };
}

/** How often it looks whether somebody cannot write because the main thread does not read, in milliseconds. */
const RELIEF_MS = 50;

const data = workerData as WatchdogData;
const marks = new TaskMarks(data.marks);
let sequence = 0;

const lifeline = new Socket({ fd: Descriptor.lifeline, readable: true, writable: false });
const end = (): void => {
  process.kill(process.pid, "SIGKILL");
};
lifeline.on("close", end);
lifeline.on("error", end);
createInterface(lifeline).on("line", (line) => void interrupt(JSON.parse(line) as InterruptOrder));

if (data.native !== undefined) {
  const relief = new NativeRelief(data.native.memory, data.native.port);
  // Not in one go: interrupts must be heard meanwhile.
  const look = (): unknown => (relief.relieve() ? setImmediate(look) : setTimeout(look, RELIEF_MS));
  look();
}

parentPort?.postMessage("ready");

/** Tells the main thread; if that does not hear because it computes one of the tasks, cuts it. */
async function interrupt(order: InterruptOrder): Promise<void> {
  const interrupt: Interrupt = { ...order, sequence: ++sequence };
  parentPort?.postMessage(interrupt);
  const began = performance.now();
  const limit = began + LIMIT_MS;
  do {
    await delay(marks.isWanted ? RETRY_MS : PATIENCE_MS);
    if (marks.isAcknowledged(interrupt.sequence)) break;
    if (marks.mayCut(order.taskIds)) cut();
    else if (marks.isIdle && performance.now() - began > LATE_PATIENCE_MS) cutLate(order.taskIds);
  } while (performance.now() < limit);
  marks.giveUp();
}

/** The main thread has been asked, and has not answered, or has been cut and not heard of it yet. */
let isAsking = false;
/** The interrupt for which it was cut: once is enough. */
let cutFor = 0;

/** The same for a task that computes after a pause, if the main thread says that it is one of these. */
function cutLate(taskIds: readonly string[] | undefined): void {
  // In a call that is not JavaScript the main thread does not answer.
  if (isAsking || cutFor === sequence) return;
  isAsking = true;
  const session = new Session();
  session.connectToMainThread();
  const end = (): void => {
    isAsking = false;
    session.disconnect();
  };
  session.post("Runtime.evaluate", { expression: lateCutExpressions.mayCut(taskIds) }, (_, answer) => {
    if (answer?.result?.value !== true) {
      end();
      return;
    }
    cutFor = sequence;
    // In one go: the main thread does both before it goes on.
    session.post("Runtime.evaluate", { expression: lateCutExpressions.prepare });
    session.post("Runtime.terminateExecution", end);
  });
}

/** Ends what the main thread runs; no `catch` and no `finally` of it is reached. Its event loop goes on. */
function cut(): void {
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.terminateExecution", () => session.disconnect());
}
