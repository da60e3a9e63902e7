/** One task as its client sees it: pending, then settled with a value or an error. */

import type { DeviceInfo } from "../protocol/devices.ts";
import type { Noted, Output } from "../protocol/messages.ts";
import { type DisplayedOutput, type Metadata, newMetadata } from "./metadata.ts";
import { publishSettle } from "./task-channels.ts";

/** A piece of what a task wrote. */
export interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly engineId: number;
  readonly messageId: string;
}

function dateOf(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}

/** How far an abort goes. */
export interface AbortOptions {
  /** Interrupt tasks that run, too. */
  readonly running?: boolean | undefined;
}

/** Where and when a task ran, in milliseconds since the epoch. */
export interface Run {
  readonly engineId: number;
  readonly engineUuid: string;
  readonly device: DeviceInfo | undefined;
  readonly started: number | undefined;
  readonly completed: number | undefined;
  readonly duration: number | undefined;
}

/** How much of what a task writes is kept here, for each stream, in characters; what comes later is only streamed. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/** The functions of the promise that was made last: kept without a closure for each, of which there would be many. */
const functions: { fulfil?: (value: unknown) => void; fail?: (error: Error) => void } = {};

function keepFunctions(fulfil: (value: unknown) => void, fail: (error: Error) => void): void {
  functions.fulfil = fulfil;
  functions.fail = fail;
}

type Listener = (task: ClientTask) => void;

export class ClientTask {
  readonly id: string;
  /** Whether the value of this task is also to be recorded as `executeResult`. */
  isExecute: boolean;
  settled = false;
  /** Somebody has the value already: it need not be kept for others. */
  isFetched = false;
  /** How often its result was lost with its engine; Infinity for one that is not to be run again then. */
  losses = 0;
  status: "ok" | "error" | "aborted" | undefined;
  error: Error | undefined;
  value: unknown;
  /** Made when somebody asks for it; few do, and there are many tasks. */
  #metadata: Metadata | undefined;
  readonly #label: string | undefined;
  readonly #engineId: number;
  #run: Run | undefined;
  #submitted: number | undefined;
  #received: number | undefined;
  #onSettled: Listener | Listener[] | undefined;
  #outcome: Promise<unknown> | undefined;
  #fulfil: ((value: unknown) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #onOutput: Set<(chunk: OutputChunk) => void> | undefined;

  constructor(taskId: string, engineId: number, label?: string, isExecute = false) {
    this.id = taskId;
    this.#engineId = engineId;
    this.#label = label;
    this.isExecute = isExecute;
  }

  get metadata(): Metadata {
    if (this.#metadata === undefined) {
      this.#metadata = newMetadata(this.id, this.#engineId, this.#label);
      this.#describe(this.#metadata);
    }
    return this.#metadata;
  }

  /** How long the task kept its engine, in milliseconds, once it has ended. */
  get duration(): number | undefined {
    return this.#run?.duration;
  }

  /** The task is sent, at this time in milliseconds since the epoch. */
  submitted(time: number): void {
    this.#submitted = time;
    if (this.#metadata !== undefined) this.#describe(this.#metadata);
  }

  hear(message: Noted | Output): void {
    if (message.type === "output") this.#write(message);
    else this.#note(message);
  }

  /** What the hub has noted of a task that was sent by somebody else, or earlier. */
  #note({ operation, submitted, received, engineId, label, after, follow }: Noted): void {
    this.#submitted = submitted;
    this.#received = received;
    this.isExecute = operation === "execute";
    Object.assign(this.metadata, { label, after, follow });
    if (engineId >= 0) this.metadata.engineId = engineId;
    this.#describe(this.metadata);
  }

  /** The task has run. */
  ran(run: Run): void {
    this.#run = run;
  }

  /** The task was run again as another, which has ended. */
  endsAs(other: ClientTask): void {
    this.#run = other.#run;
    if (other.error === undefined) this.resolve(other.value);
    else this.reject(other.error, other.status === "aborted" ? "aborted" : "error");
  }

  resolve(value: unknown): void {
    if (this.settled) return;
    this.value = value;
    this.#settle("ok");
  }

  reject(error: Error, status: "error" | "aborted" = "error"): void {
    if (this.settled) return;
    this.error = error;
    this.#settle(status);
  }

  /** A promise of the value. Whoever asks for it sees to its rejection. */
  get outcome(): Promise<unknown> {
    if (this.#outcome === undefined) {
      this.#outcome = new Promise(keepFunctions);
      this.#fulfil = functions.fulfil;
      this.#fail = functions.fail;
      if (this.settled) this.#settleOutcome();
    }
    return this.#outcome;
  }

  /** Calls `listener` once the task has settled; at once if it has. */
  whenSettled(listener: Listener): void {
    if (this.settled) listener(this);
    else if (this.#onSettled === undefined) this.#onSettled = listener;
    else if (typeof this.#onSettled === "function") this.#onSettled = [this.#onSettled, listener];
    else this.#onSettled.push(listener);
  }

  /** The task has written something, on an engine that may not have been known before; some of it may have come before. */
  #write({ stream, text: told, engineId, at = 0, again = false }: Output): void {
    if (engineId !== undefined) this.metadata.engineId = engineId;
    const text = again ? told.slice(Math.max(0, this.metadata[stream].length - at)) : told;
    if (text === "") return;
    this.metadata[stream] += text.slice(0, OUTPUT_LIMIT - this.metadata[stream].length);
    for (const listener of this.#onOutput ?? []) {
      listener({ stream, text, engineId: this.metadata.engineId, messageId: this.id });
    }
  }

  /** The task has shown something. */
  display(output: DisplayedOutput): void {
    this.metadata.outputs.push(output);
  }

  /** Calls `listener` for all that the task writes from now on; what is given back ends that. */
  onOutput(listener: (chunk: OutputChunk) => void): () => void {
    this.#onOutput ??= new Set();
    this.#onOutput.add(listener);
    return () => this.#onOutput?.delete(listener);
  }

  #settle(status: "ok" | "error" | "aborted"): void {
    this.settled = true;
    this.status = status;
    this.#received ??= Date.now();
    if (this.#metadata !== undefined) this.#describe(this.#metadata);
    publishSettle(this);
    this.#settleOutcome();
    const listeners = this.#onSettled;
    this.#onSettled = undefined;
    if (typeof listeners === "function") listeners(this);
    else if (listeners !== undefined) for (const listener of listeners) listener(this);
  }

  #settleOutcome(): void {
    if (this.error === undefined) this.#fulfil?.(this.value);
    else this.#fail?.(this.error);
    this.#fulfil = undefined;
    this.#fail = undefined;
  }

  /** Writes down what is known. */
  #describe(metadata: Metadata): void {
    metadata.submitted = dateOf(this.#submitted);
    metadata.received = dateOf(this.#received);
    metadata.status = this.status;
    metadata.error = this.error;
    if (this.isExecute) metadata.executeResult = this.value;
    if (this.#run === undefined) return;
    const { engineId, engineUuid, device, started, completed } = this.#run;
    metadata.engineId = engineId;
    metadata.engineUuid = engineUuid;
    if (device !== undefined) metadata.device = device;
    metadata.started = dateOf(started);
    metadata.completed = dateOf(completed);
  }
}
