/**
 * The task database in SQLite. Tasks that have not ended are kept in memory, too; what changes is written by a thread,
 * many changes in one transaction, so that nothing on the way of a task waits for it. Questions wait for what was written
 * before them.
 */

import type { Outcome, Submit, SubmitBalanced } from "../../protocol/messages.ts";
import type { StoredValue } from "../../protocol/task-rows.ts";
import { TASK_KEYS } from "../../protocol/task-rows.ts";
import { MEMORY_LIMITS } from "../memory-database.ts";
import { appendOutput, appendShown, end } from "../record-changes.ts";
import type { Failures } from "../scheduling/events.ts";
import type { DatabaseFailure, TaskDatabase, TaskDatabaseLimits } from "../task-database.ts";
import { compileQuery, type TaskQuery } from "../task-query.ts";
import type { StoredRequest, TaskRecord } from "../task-record.ts";
import { type Entry, mark, newEntry, requestsOf, restore, takeChange, tooMany } from "./entries.ts";
import type { SqliteDatabaseParts } from "./parts.ts";
import { type Part, partsFor, recordOf, requestOf, type StoredRow } from "./rows.ts";

export const SQLITE_LIMITS: TaskDatabaseLimits = { records: 1_000_000, bytes: 16 * 1024 ** 3 };

/** How long changes are gathered before they are written, in milliseconds. */
const GATHER_MS = 20;
/** When it is tried again after nothing could be written, in milliseconds. */
const RETRY_MS = 1_000;

export class SqliteDatabase implements TaskDatabase {
  readonly #store: SqliteDatabaseParts["store"];
  readonly #onForgotten: SqliteDatabaseParts["onForgotten"];
  readonly #onFailure: SqliteDatabaseParts["onFailure"];
  /** What has not ended, or not been written. */
  readonly #entries = new Map<string, Entry>();
  #changed = new Set<Entry>();
  #timer: NodeJS.Timeout | undefined;
  readonly isDurable = true;
  /** The transaction that is on its way. */
  #writing: Promise<void> | undefined;
  #failure: DatabaseFailure | undefined;
  /** Output that came after its task had been written. */
  #late: Promise<void> = Promise.resolve();

  readonly #journal: SqliteDatabaseParts["journal"];
  /** How many tasks engines have completed since it was written. */
  #completed = new Map<string, number>();

  constructor({ store, journal, onForgotten, onFailure }: SqliteDatabaseParts) {
    this.#store = store;
    this.#journal = journal;
    this.#onForgotten = onForgotten;
    this.#onFailure = onFailure;
  }

  add(record: TaskRecord): void {
    this.#touch(this.#enter(record, true), "record");
  }

  keep(message: Submit | SubmitBalanced, buffers: readonly Uint8Array[], isNested = false): void {
    for (const [taskId, request] of requestsOf(message, buffers, isNested)) {
      const entry = this.#entries.get(taskId);
      if (entry === undefined) continue;
      entry.request = request;
      this.#touch(entry, "request");
    }
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

  get failure(): DatabaseFailure | undefined {
    return this.#failure;
  }

  /** While nothing can be written it is not waited for. */
  async recorded(): Promise<void> {
    await this.#late;
    if (this.#failure === undefined) await this.#written();
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
    this.#touch(entry, "record");
    this.#touch(entry, "result");
  }

  async fetch(taskId: string): Promise<TaskRecord | undefined> {
    await this.#late;
    return await this.#fetch(taskId);
  }

  /** Of what lies elsewhere nothing is told: its owner may let it go once the task has it. */
  async request(taskId: string): Promise<StoredRequest | undefined> {
    await this.#written();
    const [row] = await this.#store.find({ msgId: taskId }, ["request"]);
    const request = this.#unwritten(taskId)?.request ?? (row && requestOf(row));
    return request?.message.places === undefined ? request : undefined;
  }

  async history(): Promise<string[]> {
    await this.#written();
    const written = await this.#store.history();
    const others = [...this.#changed]
      .filter(({ isNew }) => isNew)
      .sort((a, b) => a.record.submitted - b.record.submitted);
    return [...written, ...others.map(({ record }) => record.taskId)];
  }

  async find(query: TaskQuery, keys: readonly string[] = TASK_KEYS): Promise<TaskRecord[]> {
    // What is wrong with it is told without a thread.
    const matches = compileQuery(query);
    await this.#late;
    await this.#written();
    const written = (await this.#store.find(query, partsFor(keys))).map(recordOf);
    if (this.#failure === undefined) return written;
    const others = [...this.#changed].map(({ record, request }) => ({ ...record, argumentBuffers: request?.buffers }));
    const ids = new Set(others.map(({ taskId }) => taskId));
    const found = [...written.filter(({ taskId }) => !ids.has(taskId)), ...others.filter(matches)];
    return found.sort((a, b) => a.submitted - b.submitted);
  }

  async drop(taskIds: Iterable<string>): Promise<void> {
    await this.#late;
    await this.#written();
    const ids = [...taskIds];
    this.#forgotten(await this.#store.drop(ids));
    for (const taskId of ids) this.#abandon(this.#unwritten(taskId));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#late;
    await this.#written();
    await this.#store.close();
    this.#journal.close();
  }

  async #fetch(taskId: string): Promise<TaskRecord | undefined> {
    const known = this.#entries.get(taskId)?.record;
    if (known !== undefined) return known;
    return (await this.#store.find({ msgId: taskId }, ["output", "shown", "result"])).map(recordOf)[0];
  }

  /** Takes tasks up again that had not ended when they were written. */
  takeUp(rows: readonly StoredRow[]): { readonly record: TaskRecord; readonly request: StoredRequest | undefined }[] {
    return rows.map((row) => {
      const record = recordOf(row);
      this.#enter(record, false);
      const place = this.#journal.place(record.taskId);
      if (place !== undefined) this.assign(record.taskId, place, record.engineUuid);
      return { record, request: requestOf(row) };
    });
  }

  #enter(record: TaskRecord, isNew: boolean): Entry {
    const entry = newEntry(record, isNew);
    this.#entries.set(record.taskId, entry);
    return entry;
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
    // What cannot be read cannot be added to.
    this.#late = this.#late.catch(() => undefined);
  }

  #touch(entry: Entry, part: Part): void {
    if (entry.changed === 0) this.#changed.add(entry);
    mark(entry, part);
    if (this.#writing === undefined && this.#timer === undefined) this.#writeIn(GATHER_MS);
  }

  #writeIn(ms: number): void {
    this.#timer = setTimeout(() => this.#write(), ms);
  }

  /** Resolves once everything is written that has changed so far, or cannot be. */
  async #written(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing;
    await this.#write();
  }

  /** Writes what has changed; one transaction at a time. */
  #write(): Promise<void> | undefined {
    if (this.#writing !== undefined || this.#changed.size === 0) return this.#writing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#changed;
    this.#changed = new Set();
    const completed = this.#completed;
    this.#completed = new Map();
    this.#journal.mark();
    const changes = Array.from(entries, takeChange);
    this.#writing = this.#store.write(changes, [...completed]).then(
      (outcomes) => this.#succeeded(entries, outcomes),
      (error: Error) => this.#failed(entries, completed, error),
    );
    return this.#writing;
  }

  #succeeded(entries: ReadonlySet<Entry>, outcomes: readonly Outcome[]): void {
    this.#writing = undefined;
    this.#journal.written();
    for (const entry of entries) {
      entry.taken = undefined;
      const { taskId, outcome } = entry.record;
      const isDone = outcome !== undefined && entry.changed === 0;
      if (isDone && this.#entries.get(taskId) === entry) this.#entries.delete(taskId);
    }
    this.#forgotten(outcomes);
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#onFailure(undefined);
    }
    if (this.#changed.size > 0) this.#writeIn(GATHER_MS);
  }

  /** Tasks go on; what has ended is kept in memory, within its limits, until it can be written. */
  #failed(entries: ReadonlySet<Entry>, completed: ReadonlyMap<string, number>, { message }: Error): void {
    this.#writing = undefined;
    this.#journal.failed();
    const later = this.#changed;
    this.#changed = new Set([...entries, ...later]);
    for (const entry of entries) restore(entry);
    for (const [uuid, count] of completed) this.#completed.set(uuid, (this.#completed.get(uuid) ?? 0) + count);
    const isNews = this.#failure === undefined;
    const surplus = tooMany(this.#changed, MEMORY_LIMITS);
    for (const entry of surplus) this.#abandon(entry);
    this.#failure = { message, lost: (this.#failure?.lost ?? 0) + surplus.length };
    if (isNews) this.#onFailure(this.#failure);
    this.#writeIn(RETRY_MS);
  }

  /** A task that has changed since it was written. */
  #unwritten(taskId: string): Entry | undefined {
    const entry = this.#entries.get(taskId);
    return entry !== undefined && entry.changed !== 0 ? entry : undefined;
  }

  /** What has ended and not been written will not be. */
  #abandon(entry: Entry | undefined): void {
    if (entry?.record.outcome === undefined) return;
    this.#changed.delete(entry);
    this.#entries.delete(entry.record.taskId);
    this.#onForgotten(entry.record.outcome);
  }

  #forgotten(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) this.#onForgotten(outcome);
  }
}
