/** The task database in memory, bounded by records and by bytes; the oldest finished records go first. */

import type { BufferPlaces } from "../protocol/data-messages.ts";
import type { Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
import { bytesAt } from "./array-store.ts";
import { MemoryArrays } from "./memory-arrays.ts";
import { appendOutput, appendShown, bytesOf, end, holdArguments, holdResult } from "./record-changes.ts";
import { RequestStore } from "./request-store.ts";
import { RunTask } from "./run-task.ts";
import type { OnForgotten, TaskDatabase, TaskDatabaseLimits } from "./task-database.ts";
import { compileQuery, idsOf, type TaskQuery } from "./task-query.ts";
import { holdings, type StoredRequest, type TaskRecord } from "./task-record.ts";

export const MEMORY_LIMITS: TaskDatabaseLimits = { records: 4_096, bytes: 64 * 1024 * 1024 };
/** The limit when arrays are kept, in bytes. */
export const ARRAY_BYTES: number = 1024 ** 3;

export class MemoryDatabase implements TaskDatabase {
  readonly #limits: TaskDatabaseLimits;
  readonly #onForgotten: OnForgotten;
  readonly #records = new Map<string, TaskRecord>();
  readonly #requests = new RequestStore();
  /** Finished records, oldest first, from `#oldest` on; some may have been dropped. */
  #finished: (TaskRecord | undefined)[] = [];
  #oldest = 0;
  #bytes = 0;
  /** Bytes of the arrays that tasks were sent with that have not ended. */
  #pendingBytes = 0;
  readonly arrays: MemoryArrays | undefined;

  /** `onForgotten` is called with what each record that goes has held. */
  constructor(
    limits: Partial<TaskDatabaseLimits> = {},
    onForgotten: OnForgotten = () => undefined,
    keepsArrays: boolean = false,
  ) {
    this.#limits = { ...MEMORY_LIMITS, ...limits };
    this.#onForgotten = onForgotten;
    if (!keepsArrays) return;
    this.arrays = new MemoryArrays((byteLength) => this.#pendingBytes + byteLength <= this.#limits.bytes);
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

  keep(message: Submit | SubmitBalanced, buffers: readonly Uint8Array[]): void {
    this.#requests.add(message, buffers);
  }

  keepArguments(taskId: string, places: BufferPlaces): boolean {
    const record = this.#records.get(taskId);
    if (record === undefined || !holdArguments(record, places)) return false;
    this.#pendingBytes += bytesAt(places);
    this.#cull();
    return true;
  }

  keepPlaces(taskId: string, places: BufferPlaces): Promise<boolean> {
    const record = this.#records.get(taskId);
    return Promise.resolve(record !== undefined && holdResult(record, places));
  }

  get(taskId: string): TaskRecord | undefined {
    return this.#records.get(taskId);
  }

  assign(taskId: string, engineId: number, engineUuid: string): void {
    const record = this.#records.get(taskId);
    if (record === undefined) return;
    record.engineId = engineId;
    record.engineUuid = engineUuid;
  }

  fail(): void {}
  completed(): void {}

  readonly isDurable = false;
  readonly keepsRuns = true;

  recorded(): Promise<void> {
    return Promise.resolve();
  }

  addOutput(taskId: string, stream: "stdout" | "stderr", text: string): void {
    this.#change(taskId, (record) => appendOutput(record, stream, text));
  }

  addShown(taskId: string, type: "published" | "displayed", value: StoredValue): void {
    this.#change(taskId, (record) => appendShown(record, type, value));
  }

  fetch(taskId: string): Promise<TaskRecord | undefined> {
    return Promise.resolve(this.#records.get(taskId));
  }

  request(taskId: string): Promise<StoredRequest | undefined> {
    const record = this.#records.get(taskId);
    return Promise.resolve(record instanceof RunTask ? record.request : this.#requests.get(taskId));
  }

  async history(): Promise<string[]> {
    return (await this.find({})).map(({ taskId }) => taskId);
  }

  async find(query: TaskQuery, keys: readonly string[] = []): Promise<TaskRecord[]> {
    const matches = compileQuery(query);
    const candidates = idsOf(query)?.flatMap((taskId) => this.#records.get(taskId) ?? []) ?? this.#records.values();
    const found = [...candidates].filter(matches).sort((a, b) => a.submitted - b.submitted);
    if (!keys.includes("buffers")) return found;
    return found.map((record) => {
      if (record instanceof RunTask) return record;
      return { ...record, argumentBuffers: this.#requests.get(record.taskId)?.buffers };
    });
  }

  drop(taskIds: Iterable<string>): Promise<void> {
    for (const taskId of taskIds) {
      this.#requests.delete(taskId);
      const record = this.#records.get(taskId);
      if (record !== undefined) this.#forget(record);
    }
    const isKept = (record: TaskRecord | undefined): boolean => this.#records.get(record?.taskId ?? "") === record;
    this.#finished = this.#finished.slice(this.#oldest).filter(isKept);
    this.#oldest = 0;
    return Promise.resolve();
  }

  finish(taskId: string, outcome: Outcome, buffers: readonly Uint8Array[]): void {
    const record = this.#records.get(taskId);
    if (record === undefined || record.outcome !== undefined) {
      this.#onForgotten(outcome);
      return;
    }
    end(record, outcome, buffers);
    this.#pendingBytes -= bytesAt(record.argumentPlaces);
    this.#bytes += bytesOf(record);
    this.#finished.push(record);
    this.#cull();
  }

  finishRun(tasks: readonly RunTask[]): void {
    for (const task of tasks) {
      this.#bytes += bytesOf(task);
      this.#finished.push(task);
    }
    this.#cull();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #change(taskId: string, change: (record: TaskRecord) => void): void {
    const record = this.#records.get(taskId);
    if (record === undefined) return;
    const before = bytesOf(record);
    change(record);
    if (record.outcome === undefined) return;
    this.#bytes += bytesOf(record) - before;
    this.#cull();
  }

  #forget(record: TaskRecord): void {
    const isUsual = record instanceof RunTask && record.isUsual;
    const hasEnded = isUsual ? record.answered !== undefined : record.outcome !== undefined;
    if (!hasEnded) return;
    this.#bytes -= bytesOf(record);
    this.#records.delete(record.taskId);
    // A usual one has nothing that lies elsewhere.
    if (isUsual) return;
    for (const held of holdings(record)) this.#onForgotten(held);
    if (record.argumentPlaces !== undefined) this.#requests.delete(record.taskId);
  }

  #cull(): void {
    const { records, bytes } = this.#limits;
    while (this.#finished.length - this.#oldest > records || this.#bytes + this.#pendingBytes > bytes) {
      const record = this.#finished[this.#oldest];
      if (record === undefined) break;
      this.#finished[this.#oldest++] = undefined;
      this.#forget(record);
    }
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#finished.length) {
      this.#finished = this.#finished.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}
