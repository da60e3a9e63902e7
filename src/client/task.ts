/** One task as its client sees it: pending, then settled with a value or an error. */

import type { Noted, Output } from "../protocol/messages.ts";
import type { Execution } from "./execution.ts";
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

/** What a task was sent as; tasks that are sent alike at one time share it. */
export interface Origin {
  /** The id of the task: this and its number. */
  readonly prefix: string;
  /** -1 for whichever fits, or one that is not known. */
  readonly engineId: number;
  readonly label?: string | undefined;
  /** Whether the value is also to be recorded as `executeResult`. */
  readonly isExecute?: boolean | undefined;
  /** Milliseconds since the epoch. */
  readonly submitted?: number | undefined;
  /** The tasks that it waits for, and those that it goes to. */
  readonly after?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
}

/** What is known of few tasks only. */
interface Details {
  /** Made when somebody asks for it. */
  metadata: Metadata | undefined;
  losses: number;
  /** What the hub has noted, where it says more than the origin. */
  noted: Noted | undefined;
  received: number | undefined;
  onOutput: Set<(chunk: OutputChunk) => void> | undefined;
}

/** How much of what a task writes is kept here, for each stream, in characters; what comes later is only streamed. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/** What fulfils the promise that was made last: kept without a closure for each, of which there would be many. */
let lastFulfil: ((value: unknown) => void) | undefined;

function keepFulfil(fulfil: (value: unknown) => void): void {
  lastFulfil = fulfil;
}

type Listener = (task: ClientTask) => void;

/** There may be very many of them at once, so that it has few fields. */
export class ClientTask {
  readonly origin: Origin;
  /** The number of its id; -1 where the prefix is the whole id. */
  readonly number: number;
  /** Somebody has the value already: it need not be kept for others. */
  isFetched = false;
  status: "ok" | "error" | "aborted" | undefined;
  /** Its value or its error. */
  #content: unknown;
  #execution: Execution | undefined;
  /** Its place there. */
  #place = 0;
  #onSettled: Listener | Listener[] | undefined;
  #outcome: Promise<unknown> | undefined;
  #fulfil: ((value: unknown) => void) | undefined;
  #details: Details | undefined;

  constructor(origin: Origin, number = -1) {
    this.origin = origin;
    this.number = number;
  }

  get id(): string {
    return this.number < 0 ? this.prefix : this.prefix + this.number;
  }

  /** The id without its number. */
  get prefix(): string {
    return this.origin.prefix;
  }

  get settled(): boolean {
    return this.status !== undefined;
  }

  get value(): unknown {
    return this.status === "ok" ? this.#content : undefined;
  }

  get error(): Error | undefined {
    return this.status === "error" || this.status === "aborted" ? (this.#content as Error) : undefined;
  }

  /** How often its result was lost with its engine; Infinity for one that is not to be run again then. */
  get losses(): number {
    return this.#details?.losses ?? 0;
  }

  set losses(count: number) {
    this.#known().losses = count;
  }

  get metadata(): Metadata {
    const details = this.#known();
    if (details.metadata === undefined) {
      const { engineId, label, after, follow } = this.origin;
      details.metadata = { ...newMetadata(this.id, engineId, label), after, follow };
      this.#describe(details.metadata);
    }
    return details.metadata;
  }

  /** How long the task kept its engine, in milliseconds, once it has ended. */
  get duration(): number | undefined {
    return this.#execution?.duration[this.#place];
  }

  hear(message: Noted | Output): void {
    if (message.type === "output") this.#write(message);
    else this.#note(message);
  }

  /** What the hub has noted of a task that was sent by somebody else, or earlier. */
  #note(noted: Noted): void {
    const { received, engineId, label, after, follow } = noted;
    const details = this.#known();
    details.noted = noted;
    details.received = received;
    Object.assign(this.metadata, { label, after, follow });
    if (engineId >= 0) this.metadata.engineId = engineId;
    this.#describe(this.metadata);
  }

  /** The task has been executed. */
  executed(execution: Execution, place = 0): void {
    this.#execution = execution;
    this.#place = place;
  }

  /** The task was run again as another, which has ended. */
  endsAs(other: ClientTask): void {
    this.#execution = other.#execution;
    this.#place = other.#place;
    if (other.error === undefined) this.resolve(other.value);
    else this.reject(other.error, other.status === "aborted" ? "aborted" : "error");
  }

  resolve(value: unknown): void {
    if (!this.settled) this.#settle("ok", value);
  }

  reject(error: Error, status: "error" | "aborted" = "error"): void {
    if (!this.settled) this.#settle(status, error);
  }

  /** A promise of the value. Whoever asks for it sees to its rejection. */
  get outcome(): Promise<unknown> {
    if (this.#outcome === undefined) {
      this.#outcome = new Promise(keepFulfil);
      this.#fulfil = lastFulfil;
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
    const { metadata } = this;
    if (engineId !== undefined) metadata.engineId = engineId;
    const text = again ? told.slice(Math.max(0, metadata[stream].length - at)) : told;
    if (text === "") return;
    metadata[stream] += text.slice(0, OUTPUT_LIMIT - metadata[stream].length);
    for (const listener of this.#details?.onOutput ?? []) {
      listener({ stream, text, engineId: metadata.engineId as number, messageId: this.id });
    }
  }

  /** The task has shown something. */
  display(output: DisplayedOutput): void {
    this.metadata.outputs.push(output);
  }

  /** Calls `listener` for all that the task writes from now on; what is given back ends that. */
  onOutput(listener: (chunk: OutputChunk) => void): () => void {
    const details = this.#known();
    details.onOutput ??= new Set();
    details.onOutput.add(listener);
    return () => details.onOutput?.delete(listener);
  }

  #known(): Details {
    this.#details ??= {
      metadata: undefined,
      losses: 0,
      noted: undefined,
      received: undefined,
      onOutput: undefined,
    };
    return this.#details;
  }

  #settle(status: "ok" | "error" | "aborted", content: unknown): void {
    this.status = status;
    this.#content = content;
    if (this.#execution?.received === undefined) this.#known().received ??= Date.now();
    const metadata = this.#details?.metadata;
    if (metadata !== undefined) this.#describe(metadata);
    publishSettle(this);
    this.#settleOutcome();
    const listeners = this.#onSettled;
    this.#onSettled = undefined;
    if (typeof listeners === "function") listeners(this);
    else if (listeners !== undefined) for (const listener of listeners) listener(this);
  }

  #settleOutcome(): void {
    const { error } = this;
    this.#fulfil?.(error === undefined ? this.#content : Promise.reject(error));
    this.#fulfil = undefined;
  }

  /** Writes down what is known. */
  #describe(metadata: Metadata): void {
    const execution = this.#execution;
    const { noted, received = execution?.received } = this.#details as Details;
    metadata.submitted = dateOf(noted?.submitted ?? this.origin.submitted);
    metadata.received = dateOf(this.settled || noted !== undefined ? received : undefined);
    metadata.status = this.status;
    metadata.error = this.error;
    if (noted === undefined ? this.origin.isExecute === true : noted.operation === "execute") {
      metadata.executeResult = this.value;
    }
    if (execution === undefined) return;
    metadata.engineId = execution.engineId < 0 ? undefined : execution.engineId;
    metadata.engineUuid = execution.engineUuid || undefined;
    if (execution.device !== undefined) metadata.device = execution.device;
    metadata.started = dateOf(execution.started[this.#place]);
    metadata.completed = dateOf(execution.completed[this.#place]);
  }
}
