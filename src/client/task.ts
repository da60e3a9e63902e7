/** One task as its client sees it: pending, then settled with a value or an error. */

import { type DisplayedOutput, type Metadata, newMetadata } from "./metadata.ts";
import { publishSettle } from "./task-channels.ts";

/** A piece of what a task wrote. */
export interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly engineId: number;
  readonly messageId: string;
}

/** How far an abort goes. */
export interface AbortOptions {
  /** Interrupt tasks that run, too. */
  readonly running?: boolean | undefined;
}

export class ClientTask {
  readonly metadata: Metadata;
  /** Whether the value of this task is also to be recorded as `executeResult`. */
  readonly isExecute: boolean;
  settled = false;
  error: Error | undefined;
  value: unknown;
  /** How long the task kept its engine, in milliseconds, once it has ended. */
  duration: number | undefined;
  #onSettled: ((task: ClientTask) => void)[] | undefined = [];
  #onOutput: Set<(chunk: OutputChunk) => void> | undefined;

  constructor(
    taskId: string,
    engineId: number,
    options: { readonly label?: string | undefined; readonly isExecute?: boolean } = {},
  ) {
    this.metadata = newMetadata(taskId, engineId, options.label);
    this.isExecute = options.isExecute ?? false;
  }

  get id(): string {
    return this.metadata.msgId;
  }

  resolve(value: unknown): void {
    if (this.settled) return;
    this.value = value;
    this.metadata.status = "ok";
    if (this.isExecute) this.metadata.executeResult = value;
    this.#settle();
  }

  reject(error: Error, status: "error" | "aborted" = "error"): void {
    if (this.settled) return;
    this.error = error;
    this.metadata.status = status;
    this.metadata.error = error;
    this.#settle();
  }

  /** Calls `listener` once the task has settled; at once if it has. */
  whenSettled(listener: (task: ClientTask) => void): void {
    if (this.#onSettled === undefined) listener(this);
    else this.#onSettled.push(listener);
  }

  /** The task has written something. */
  write(stream: "stdout" | "stderr", text: string): void {
    this.metadata[stream] += text;
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

  #settle(): void {
    this.settled = true;
    this.metadata.received = new Date();
    publishSettle(this.metadata);
    const listeners = this.#onSettled;
    this.#onSettled = undefined;
    if (listeners !== undefined) for (const listener of listeners) listener(this);
  }
}
