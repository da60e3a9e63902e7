/**
 * What ran where, when, and with what result, for clients that ask later. In memory, bounded by records and by bytes
 * of results and output; the oldest finished records go first.
 */

import type { Outcome } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
import { compileQuery, idsOf, type TaskQuery } from "./task-query.ts";
import type { TaskRecord } from "./task-record.ts";

export interface TaskDatabaseLimits {
  /** Finished records that are kept. */
  readonly records: number;
  /** Bytes of results and output that are kept, here or by their owners; a character counts as one. */
  readonly bytes: number;
}

const DEFAULT_LIMITS: TaskDatabaseLimits = { records: 16_384, bytes: 64 * 1024 * 1024 };
/** What one task may write to each stream and have it kept here, in characters. */
const OUTPUT_LIMIT = 256 * 1024;
/** What one task may publish and show and have it kept here, in bytes. */
const SHOWN_LIMIT = 1024 * 1024;

export class TaskDatabase {
  readonly #limits: TaskDatabaseLimits;
  readonly #onForgotten: (outcome: Outcome) => void;
  readonly #records = new Map<string, TaskRecord>();
  /** Ids of finished records, oldest first, from `#oldest` on. */
  #finished: string[] = [];
  #oldest = 0;
  #bytes = 0;

  /** `onForgotten` is called with the outcome of each record that goes. */
  constructor(limits: Partial<TaskDatabaseLimits> = {}, onForgotten: (outcome: Outcome) => void = () => undefined) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#onForgotten = onForgotten;
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

  /** The task goes to an engine. */
  assign(taskId: string, engineId: number, engineUuid: string): void {
    const record = this.#records.get(taskId);
    if (record === undefined) return;
    record.engineId = engineId;
    record.engineUuid = engineUuid;
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

  /** Keeps what a task published or showed, unless it is too much. */
  addShown(taskId: string, type: "published" | "displayed", { payload, buffers }: StoredValue): void {
    const record = this.#records.get(taskId);
    if (record === undefined) return;
    const value: StoredValue = { payload: new Uint8Array(payload), buffers };
    const before = shownBytes(record);
    const replaced = type === "published" ? valueBytes(record.published) : 0;
    if (before - replaced + valueBytes(value) > SHOWN_LIMIT) return;
    if (type === "published") record.published = value;
    else record.displayed = [...(record.displayed ?? []), value];
    if (record.outcome === undefined) return;
    this.#bytes += shownBytes(record) - before;
    this.#cull();
  }

  /** Oldest submission first. */
  history(): string[] {
    return [...this.#records.values()].sort((a, b) => a.submitted - b.submitted).map(({ taskId }) => taskId);
  }

  /** The records that match, oldest submission first. @throws TypeError for a bad query. */
  find(query: TaskQuery): TaskRecord[] {
    const matches = compileQuery(query);
    const candidates = idsOf(query)?.flatMap((taskId) => this.#records.get(taskId) ?? []) ?? this.#records.values();
    return [...candidates].filter(matches).sort((a, b) => a.submitted - b.submitted);
  }

  /** Forgets records of tasks that have ended. */
  drop(taskIds: Iterable<string>): void {
    for (const taskId of taskIds) {
      const record = this.#records.get(taskId);
      if (record?.outcome === undefined) continue;
      this.#bytes -= bytesOf(record);
      this.#records.delete(taskId);
      this.#onForgotten(record.outcome);
    }
    this.#finished = this.#finished.slice(this.#oldest).filter((taskId) => this.#records.has(taskId));
    this.#oldest = 0;
  }

  /** Keeps the result of a task. Its payload is copied, because it lies in the packet it came with. */
  finish(taskId: string, outcome: Outcome, buffers: readonly Uint8Array[]): void {
    const record = this.#records.get(taskId);
    if (record === undefined || record.outcome !== undefined) {
      this.#onForgotten(outcome);
      return;
    }
    const payload = outcome.payload === undefined ? undefined : new Uint8Array(outcome.payload);
    record.outcome = { ...outcome, payload };
    record.buffers = buffers;
    record.received = Date.now();
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
      if (record.outcome !== undefined) this.#onForgotten(record.outcome);
    }
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#finished.length) {
      this.#finished = this.#finished.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}

function bytesOf(record: TaskRecord): number {
  const output = record.stdout.length + record.stderr.length + shownBytes(record);
  const payload = record.outcome?.payload?.byteLength ?? 0;
  const elsewhere = record.outcome?.places?.reduce((sum, place) => sum + (place?.byteLength ?? 0), 0) ?? 0;
  return record.buffers.reduce((sum, buffer) => sum + buffer.byteLength, output + payload + elsewhere);
}

function shownBytes({ published, displayed = [] }: TaskRecord): number {
  return displayed.reduce((sum, value) => sum + valueBytes(value), valueBytes(published));
}

function valueBytes(value: StoredValue | undefined): number {
  if (value === undefined) return 0;
  return value.buffers.reduce((sum, { byteLength }) => sum + byteLength, value.payload.byteLength);
}
