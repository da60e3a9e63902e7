/**
 * What ran where, when, and with what result, for clients that ask later. In memory, bounded by records and by bytes
 * of results and output; the oldest finished records go first.
 */

import type { Operation } from "../protocol/calls.ts";
import type { Outcome } from "../protocol/messages.ts";

export interface TaskRecord {
  readonly taskId: string;
  readonly clientUuid: string;
  readonly engineId: number;
  readonly engineUuid: string;
  readonly operation: Operation;
  readonly submitted: number;
  readonly label: string | undefined;
  stdout: string;
  stderr: string;
  /** Set when the task has ended. */
  outcome: Outcome | undefined;
  buffers: readonly Uint8Array[];
}

export interface TaskDatabaseLimits {
  /** Finished records that are kept. */
  readonly records: number;
  /** Bytes of results and output that are kept; a character counts as one. */
  readonly bytes: number;
}

const DEFAULT_LIMITS: TaskDatabaseLimits = { records: 16_384, bytes: 64 * 1024 * 1024 };
/** What one task may write to each stream and have it kept here, in characters. */
const OUTPUT_LIMIT = 256 * 1024;

export class TaskDatabase {
  readonly #limits: TaskDatabaseLimits;
  readonly #records = new Map<string, TaskRecord>();
  /** Ids of finished records, oldest first, from `#oldest` on. */
  #finished: string[] = [];
  #oldest = 0;
  #bytes = 0;

  constructor(limits: Partial<TaskDatabaseLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  get size(): number {
    return this.#records.size;
  }

  /** Bytes of results and output held, of finished tasks. */
  get bytes(): number {
    return this.#bytes;
  }

  add(record: TaskRecord): void {
    this.#records.set(record.taskId, record);
  }

  get(taskId: string): TaskRecord | undefined {
    return this.#records.get(taskId);
  }

  addOutput(taskId: string, stream: "stdout" | "stderr", text: string): void {
    const record = this.#records.get(taskId);
    if (record === undefined) return;
    const kept = text.slice(0, OUTPUT_LIMIT - record[stream].length);
    record[stream] += kept;
    if (record.outcome === undefined) return;
    this.#bytes += kept.length;
    this.#cull();
  }

  /** Keeps the result of a task. Its payload is copied, because it lies in the packet it came with. */
  finish(taskId: string, outcome: Outcome, buffers: readonly Uint8Array[]): void {
    const record = this.#records.get(taskId);
    if (record === undefined || record.outcome !== undefined) return;
    const payload = outcome.payload === undefined ? undefined : new Uint8Array(outcome.payload);
    record.outcome = { ...outcome, payload };
    record.buffers = buffers;
    this.#bytes += bytesOf(record);
    this.#finished.push(taskId);
    this.#cull();
  }

  #cull(): void {
    while (this.#finished.length - this.#oldest > this.#limits.records || this.#bytes > this.#limits.bytes) {
      const taskId = this.#finished[this.#oldest++];
      if (taskId === undefined) break;
      const record = this.#records.get(taskId);
      if (record === undefined) continue;
      this.#bytes -= bytesOf(record);
      this.#records.delete(taskId);
    }
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#finished.length) {
      this.#finished = this.#finished.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}

function bytesOf(record: TaskRecord): number {
  const output = record.stdout.length + record.stderr.length;
  const payload = record.outcome?.payload?.byteLength ?? 0;
  return record.buffers.reduce((sum, buffer) => sum + buffer.byteLength, output + payload);
}
