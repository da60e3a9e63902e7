/**
 * The task database in SQLite. Tasks that have not ended are kept in memory, too; what changes is written by a thread,
 * many changes in one transaction, so that nothing on the way of a task waits for it. Questions wait for what was written
 * before them.
 */

import type { Outcome, Submit, SubmitBalanced } from "../../protocol/messages.ts";
import type { StoredValue } from "../../protocol/task-rows.ts";
import { TASK_KEYS } from "../../protocol/task-rows.ts";
import { appendOutput, appendShown, bytesOf, end } from "../record-changes.ts";
import type { Failures } from "../scheduling/events.ts";
import type { TaskDatabase, TaskDatabaseLimits } from "../task-database.ts";
import { compileQuery, type TaskQuery } from "../task-query.ts";
import type { StoredRequest, TaskRecord } from "../task-record.ts";
import { type Change, type Part, packPart, partsFor, recordOf, type StoredRow, unpack } from "./rows.ts";
import type { SentJournal } from "./sent-journal.ts";
import type { SqliteStore } from "./store.ts";

export const SQLITE_LIMITS: TaskDatabaseLimits = { records: 1_000_000, bytes: 16 * 1024 ** 3 };

/** How long changes are gathered before they are written, in milliseconds. */
const GATHER_MS = 20;

/** {@link SqliteStore} behind a thread. */
export type StoreThread = {
  readonly [M in "write" | "find" | "history" | "drop" | "unfinished" | "endings" | "counts" | "close"]: (
    ...args: Parameters<SqliteStore[M]>
  ) => Promise<ReturnType<SqliteStore[M]>>;
};

interface Entry {
  readonly record: TaskRecord;
  request: StoredRequest | undefined;
  /** What has changed since it was last written. */
  readonly changed: Set<Part>;
  isNew: boolean;
  hasEnded: boolean;
  /** Its bytes, as far as they are written. */
  bytes: number;
}

export interface SqliteDatabaseParts {
  readonly store: StoreThread;
  readonly journal: SentJournal;
  /** Called with the outcome of each record that goes. */
  readonly onForgotten: (outcome: Outcome) => void;
  /** Called when nothing can be written any more. */
  readonly onFailure: (error: Error) => void;
}

export class SqliteDatabase implements TaskDatabase {
  readonly #store: StoreThread;
  readonly #onForgotten: (outcome: Outcome) => void;
  readonly #onFailure: (error: Error) => void;
  /** What has not ended, or not been written. */
  readonly #entries = new Map<string, Entry>();
  #changed = new Set<Entry>();
  #timer: NodeJS.Timeout | undefined;
  readonly isDurable = true;
  #lastWrite: Promise<void> = Promise.resolve();
  /** How many transactions are on their way. */
  #writing = 0;
  /** Output that came after its task had been written. */
  #late: Promise<void> = Promise.resolve();

  readonly #journal: SentJournal;
  /** How many tasks engines have completed since it was written. */
  #completed = new Map<string, number>();

  constructor({ store, journal, onForgotten, onFailure }: SqliteDatabaseParts) {
    this.#store = store;
    this.#journal = journal;
    this.#onForgotten = onForgotten;
    this.#onFailure = onFailure;
  }

  add(record: TaskRecord): void {
    this.#enter(record, true, "record");
  }

  keep(message: Submit | SubmitBalanced, buffers: readonly Uint8Array[], isNested = false): void {
    const nested = isNested ? { isNested } : {};
    if (message.type === "submitBalanced") {
      this.#keep(message.taskId, { message, buffers, ...nested });
      return;
    }
    message.taskIds.forEach((taskId, index) => {
      const one = { ...message, taskIds: [taskId], engineIds: [message.engineIds[index] as number] };
      this.#keep(taskId, { message: one, buffers, ...nested });
    });
  }

  get(taskId: string): TaskRecord | undefined {
    return this.#entries.get(taskId)?.record;
  }

  assign(taskId: string, engineId: number, engineUuid: string): void {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return;
    entry.record.engineId = engineId;
    entry.record.engineUuid = engineUuid;
    this.#journal.note(taskId, engineId);
    this.#touch(entry, "record");
  }

  leaving(): void {
    this.#journal.write();
  }

  completed(engineUuid: string): void {
    this.#completed.set(engineUuid, (this.#completed.get(engineUuid) ?? 0) + 1);
  }

  fail(taskId: string, failures: Failures): void {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return;
    entry.record.failures = failures;
    this.#touch(entry, "record");
  }

  async recorded(): Promise<void> {
    await this.#late;
    this.#write();
    await this.#lastWrite;
  }

  addOutput(taskId: string, stream: "stdout" | "stderr", text: string): void {
    this.#change(taskId, "output", (record) => appendOutput(record, stream, text));
  }

  addShown(taskId: string, type: "published" | "displayed", value: StoredValue): void {
    this.#change(taskId, "shown", (record) => appendShown(record, type, value));
  }

  finish(taskId: string, outcome: Outcome, buffers: readonly Uint8Array[]): void {
    const entry = this.#entries.get(taskId);
    if (entry === undefined || entry.record.outcome !== undefined) {
      this.#onForgotten(outcome);
      return;
    }
    end(entry.record, outcome, buffers);
    entry.hasEnded = true;
    this.#touch(entry, "record", "result");
  }

  async fetch(taskId: string): Promise<TaskRecord | undefined> {
    await this.#late;
    return await this.#fetch(taskId);
  }

  /** Of what lies elsewhere nothing is told: its owner may let it go once the task has it. */
  async request(taskId: string): Promise<StoredRequest | undefined> {
    this.#write();
    const [row] = await this.#store.find({ msgId: taskId }, ["request"]);
    const request = row?.request && unpack<StoredRequest>(row.request);
    return request?.message.places === undefined ? request : undefined;
  }

  async history(): Promise<string[]> {
    this.#write();
    return await this.#store.history();
  }

  async find(query: TaskQuery, keys: readonly string[] = TASK_KEYS): Promise<TaskRecord[]> {
    // What is wrong with it is told without a thread.
    compileQuery(query);
    await this.#late;
    this.#write();
    return (await this.#store.find(query, partsFor(keys))).map(recordOf);
  }

  async drop(taskIds: Iterable<string>): Promise<void> {
    await this.#late;
    this.#write();
    this.#forgotten(await this.#store.drop([...taskIds]));
  }

  async close(): Promise<void> {
    await this.#late;
    this.#write();
    await this.#store.close();
    this.#journal.close();
  }

  async #fetch(taskId: string): Promise<TaskRecord | undefined> {
    const known = this.#entries.get(taskId)?.record;
    if (known !== undefined) return known;
    this.#write();
    return (await this.#store.find({ msgId: taskId }, ["output", "shown", "result"])).map(recordOf)[0];
  }

  /** Takes tasks up again that had not ended when they were written. */
  takeUp(rows: readonly StoredRow[]): { readonly record: TaskRecord; readonly request: StoredRequest | undefined }[] {
    return rows.map((row) => {
      const record = recordOf(row);
      this.#enter(record, false);
      const place = this.#journal.place(record.taskId);
      if (place !== undefined) this.assign(record.taskId, place, record.engineUuid);
      return { record, request: row.request && unpack<StoredRequest>(row.request) };
    });
  }

  #enter(record: TaskRecord, isNew: boolean, ...parts: Part[]): Entry {
    const bytes = record.outcome === undefined ? 0 : bytesOf(record);
    const entry: Entry = { record, request: undefined, changed: new Set(), isNew, hasEnded: false, bytes };
    this.#entries.set(record.taskId, entry);
    if (parts.length > 0) this.#touch(entry, ...parts);
    return entry;
  }

  #keep(taskId: string, request: StoredRequest): void {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return;
    entry.request = request;
    this.#touch(entry, "request");
  }

  #change(taskId: string, part: Part, change: (record: TaskRecord) => boolean): void {
    const entry = this.#entries.get(taskId);
    if (entry !== undefined) {
      if (change(entry.record)) this.#touch(entry, part);
      return;
    }
    // It has ended and been written, if it ever was: one after another, since each begins with what is there.
    this.#late = this.#late.then(async () => {
      const record = await this.#fetch(taskId);
      if (record === undefined) return;
      const again = this.#entries.get(taskId) ?? this.#enter(record, false);
      if (change(again.record)) this.#touch(again, part);
    });
    this.#late.catch(this.#onFailure);
  }

  #touch(entry: Entry, ...parts: Part[]): void {
    for (const part of parts) entry.changed.add(part);
    this.#changed.add(entry);
    if (this.#writing === 0) this.#timer ??= setTimeout(() => this.#write(), GATHER_MS);
  }

  /** Writes what has changed; what is asked later is answered with it. Without a question, one transaction at a time. */
  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#changed.size === 0) return;
    const entries = this.#changed;
    this.#changed = new Set();
    const completed = [...this.#completed];
    this.#completed.clear();
    this.#writing++;
    this.#journal.mark();
    this.#lastWrite = this.#store
      .write([...entries].map(takeChange), completed)
      .then((outcomes) => this.#written(entries, outcomes))
      .catch(this.#onFailure);
  }

  #written(entries: ReadonlySet<Entry>, outcomes: readonly Outcome[]): void {
    this.#writing--;
    this.#journal.written();
    for (const entry of entries) {
      const { taskId, outcome } = entry.record;
      const isDone = outcome !== undefined && !this.#changed.has(entry);
      if (isDone && this.#entries.get(taskId) === entry) this.#entries.delete(taskId);
    }
    this.#forgotten(outcomes);
    if (this.#writing === 0 && this.#changed.size > 0) this.#timer ??= setTimeout(() => this.#write(), GATHER_MS);
  }

  #forgotten(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) this.#onForgotten(outcome);
  }
}

function takeChange(entry: Entry): Change {
  const { record, request, changed, isNew, hasEnded } = entry;
  const columns: Record<string, string | number | Uint8Array> = {};
  if (isNew) columns["submitted"] = record.submitted;
  if (changed.has("record")) {
    columns["engine"] = record.engineId;
    if (record.outcome !== undefined) columns["status"] = record.outcome.status;
  }
  for (const part of changed) columns[part] = packPart(part, record, request);
  const bytes = record.outcome === undefined ? 0 : bytesOf(record);
  const growth = bytes - entry.bytes;
  if (growth !== 0) columns["bytes"] = bytes;
  changed.clear();
  entry.isNew = false;
  entry.hasEnded = false;
  entry.bytes = bytes;
  // It is written; who asks for it gets it from there.
  entry.request = undefined;
  return { id: record.taskId, isNew, columns, ends: hasEnded, growth };
}
