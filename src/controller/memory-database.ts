/** The task database in memory, bounded by records and by bytes; the oldest finished records go first. */

import type { BufferPlaces } from "../protocol/data-messages.ts";
import type { Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import { numberAfter } from "../protocol/task-ids.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
import { bytesAt } from "./array-store.ts";
import { MemoryArrays } from "./memory-arrays.ts";
import { appendOutput, appendShown, bytesOf, end, holdArguments, holdResult } from "./record-changes.ts";
import { RequestStore } from "./request-store.ts";
import { SubmittedRun } from "./run-columns.ts";
import { RunTask } from "./run-task.ts";
import type { OnForgotten, TaskDatabase, TaskDatabaseLimits } from "./task-database.ts";
import { GroupIndex, type GroupMember } from "./task-groups.ts";
import { compileQuery, idsOf, type TaskQuery } from "./task-query.ts";
import { holdings, type StoredRequest, type TaskRecord } from "./task-record.ts";

export const MEMORY_LIMITS: TaskDatabaseLimits = { records: 4_096, bytes: 64 * 1024 * 1024 };
/** The limit when arrays are kept, in bytes. */
export const ARRAY_BYTES: number = 1024 ** 3;

/** Tasks of a run that have ended, from `next` on. */
interface FinishedPart {
  readonly run: SubmittedRun;
  readonly places: Int32Array;
  next: number;
}

/** Of so many clients it is known how far their numbers have come. */
const CLIENTS = 1_000;

export class MemoryDatabase implements TaskDatabase {
  readonly #limits: TaskDatabaseLimits;
  readonly #onForgotten: OnForgotten;
  /** By id, and runs by themselves, in the order in which they came. */
  readonly #records = new Map<string | SubmittedRun, TaskRecord | SubmittedRun>();
  readonly #runs = new GroupIndex<SubmittedRun>();
  /** How many tasks are remembered. */
  #size = 0;
  /** The highest number of a task of each client, by the prefix of its ids: higher ones are new. */
  readonly #highest = new Map<string, number>();
  readonly #requests = new RequestStore();
  /** What has finished, oldest first, from `#oldest` on; some may have been dropped. */
  #finished: (TaskRecord | FinishedPart | undefined)[] = [];
  #oldest = 0;
  /** How many tasks that is. */
  #finishedCount = 0;
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
    return this.#size;
  }

  /** Bytes of results and output held, of finished tasks. */
  get bytes(): number {
    return this.#bytes;
  }

  add(record: TaskRecord): void {
    const { taskId } = record;
    this.#records.set(taskId, record);
    this.#size++;
    const prefix = taskId.slice(0, taskId.lastIndexOf("-") + 1);
    const highest = this.#highest.get(prefix);
    if (highest !== undefined) this.#highest.set(prefix, Math.max(highest, numberAfter(prefix, taskId)));
  }

  addRun(run: SubmittedRun): boolean {
    const { prefix, ids } = run;
    const highest = this.#highest.get(prefix) ?? Number.POSITIVE_INFINITY;
    const isKnown = (number: number): boolean => this.#records.has(prefix + number);
    if ((ids[0] as number) <= highest && Array.prototype.some.call(ids, isKnown)) return false;
    if (!this.#runs.add(run)) return false;
    this.#highest.set(
      prefix,
      Math.max(highest === Number.POSITIVE_INFINITY ? -1 : highest, ids[ids.length - 1] as number),
    );
    if (this.#highest.size > CLIENTS) this.#highest.delete(this.#highest.keys().next().value as string);
    this.#records.set(run, run);
    this.#size += ids.length;
    return true;
  }

  runMember(taskId: string): GroupMember<SubmittedRun> | undefined {
    const member = this.#runs.find(taskId);
    return member?.group.isKnown(member.place) ? member : undefined;
  }

  keep(message: Submit | SubmitBalanced, buffers: readonly Uint8Array[]): void {
    this.#requests.add(message, buffers);
  }

  keepArguments(taskId: string, places: BufferPlaces): boolean {
    const record = this.#recordOf(taskId);
    if (record === undefined || !holdArguments(record, places)) return false;
    this.#pendingBytes += bytesAt(places);
    this.#cull();
    return true;
  }

  keepPlaces(taskId: string, places: BufferPlaces): Promise<boolean> {
    const record = this.#recordOf(taskId);
    return Promise.resolve(record !== undefined && holdResult(record, places));
  }

  get(taskId: string): TaskRecord | undefined {
    return this.#recordOf(taskId);
  }

  #recordOf(taskId: string): TaskRecord | undefined {
    const record = this.#records.get(taskId) as TaskRecord | undefined;
    if (record !== undefined) return record;
    const member = this.runMember(taskId);
    return member?.group.task(member.place);
  }

  assign(taskId: string, engineId: number, engineUuid: string): void {
    const record = this.#recordOf(taskId);
    if (record === undefined) return;
    record.engineId = engineId;
    record.engineUuid = engineUuid;
  }

  fail(): void {}
  completed(): void {}

  readonly isDurable = false;

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
    return Promise.resolve(this.#recordOf(taskId));
  }

  request(taskId: string): Promise<StoredRequest | undefined> {
    const record = this.#recordOf(taskId);
    return Promise.resolve(record instanceof RunTask ? record.request : this.#requests.get(taskId));
  }

  async history(): Promise<string[]> {
    return (await this.find({})).map(({ taskId }) => taskId);
  }

  async find(query: TaskQuery, keys: readonly string[] = []): Promise<TaskRecord[]> {
    const matches = compileQuery(query);
    const candidates = idsOf(query)?.flatMap((taskId) => this.#recordOf(taskId) ?? []) ?? this.#all();
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
      const record = this.#recordOf(taskId);
      if (record !== undefined) this.#forget(record);
    }
    const isKept = (finished: TaskRecord | FinishedPart | undefined): boolean =>
      finished !== undefined && ("places" in finished || this.#records.get(finished.taskId) === finished);
    this.#finished = this.#finished.slice(this.#oldest).filter(isKept);
    this.#oldest = 0;
    return Promise.resolve();
  }

  finish(taskId: string, outcome: Outcome, buffers: readonly Uint8Array[]): void {
    const record = this.#recordOf(taskId);
    if (record === undefined || record.outcome !== undefined) {
      this.#onForgotten(outcome);
      return;
    }
    end(record, outcome, buffers);
    this.#pendingBytes -= bytesAt(record.argumentPlaces);
    this.#bytes += bytesOf(record);
    if (record instanceof RunTask)
      this.#addFinished({ run: record.run as SubmittedRun, places: Int32Array.of(record.index), next: 0 }, 1);
    else this.#addFinished(record, 1);
  }

  finishRun(run: SubmittedRun, places: Int32Array): void {
    for (const place of places) this.#bytes += this.#bytesAt(run, place);
    this.#addFinished({ run, places, next: 0 }, places.length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Every record, in the order in which they came. */
  *#all(): Generator<TaskRecord> {
    for (const record of this.#records.values()) {
      if (!(record instanceof SubmittedRun)) yield record;
      else for (let at = 0; at < record.ids.length; at++) if (record.isKnown(at)) yield record.task(at);
    }
  }

  #change(taskId: string, change: (record: TaskRecord) => void): void {
    const record = this.#recordOf(taskId);
    if (record === undefined) return;
    const before = bytesOf(record);
    change(record);
    if (record.outcome === undefined) return;
    this.#bytes += bytesOf(record) - before;
    this.#cull();
  }

  #addFinished(finished: TaskRecord | FinishedPart, count: number): void {
    this.#finished.push(finished);
    this.#finishedCount += count;
    this.#cull();
  }

  #bytesAt(run: SubmittedRun, place: number): number {
    const task = run.tasks?.get(place);
    return task === undefined ? run.resultBytes(place) : bytesOf(task);
  }

  #forget(record: TaskRecord): void {
    if (record instanceof RunTask) {
      if (record.hasEnded) this.#forgetAt(record.run as SubmittedRun, record.index);
      return;
    }
    if (record.outcome === undefined) return;
    this.#bytes -= bytesOf(record);
    this.#records.delete(record.taskId);
    this.#size--;
    this.#finishedCount--;
    this.#letGo(record);
  }

  #forgetAt(run: SubmittedRun, place: number): void {
    if (!run.isKnown(place)) return;
    this.#bytes -= this.#bytesAt(run, place);
    const task = run.tasks?.get(place);
    run.forget(place);
    this.#size--;
    this.#finishedCount--;
    // A usual one has nothing that lies elsewhere.
    if (task?.isUsual === false) this.#letGo(task);
    if (run.left > 0) return;
    this.#runs.delete(run);
    this.#records.delete(run);
  }

  #letGo(record: TaskRecord): void {
    for (const held of holdings(record)) this.#onForgotten(held);
    if (record.argumentPlaces !== undefined) this.#requests.delete(record.taskId);
  }

  #cull(): void {
    const { records, bytes } = this.#limits;
    while (this.#finishedCount > records || this.#bytes + this.#pendingBytes > bytes) {
      const finished = this.#finished[this.#oldest];
      if (finished === undefined) break;
      if ("places" in finished) {
        this.#forgetAt(finished.run, finished.places[finished.next++] as number);
        if (finished.next < finished.places.length) continue;
      } else this.#forget(finished);
      this.#finished[this.#oldest++] = undefined;
    }
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#finished.length) {
      this.#finished = this.#finished.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}
