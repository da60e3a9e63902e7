/**
 * The task database in SQLite. Tasks that have not ended are kept in memory, too; what changes is written by a thread,
 * many changes in one transaction, so that nothing on the way of a task waits for it. Questions wait for what was written
 * before them.
 */

import type { BufferPlaces, CarriesBuffers } from "../../protocol/data-messages.ts";
import type { Outcome, Submit, SubmitBalanced } from "../../protocol/messages.ts";
import { type StoredValue, TASK_KEYS } from "../../protocol/task-rows.ts";
import type { ArrayStore } from "../array-store.ts";
import { MEMORY_LIMITS } from "../memory-database.ts";
import { appendOutput, appendShown, end, holdArguments, holdResult } from "../record-changes.ts";
import type { Failures } from "../scheduling/events.ts";
import type { DatabaseFailure, TaskDatabase, TaskDatabaseLimits } from "../task-database.ts";
import { compileQuery, type TaskQuery } from "../task-query.ts";
import { holdings, type StoredRequest, type TaskRecord } from "../task-record.ts";
import { arraysIn } from "./arrays.ts";
import { CompletedCounts } from "./completed-counts.ts";
import { type Entry, mark, newEntry, requestsOf, restore, takeChange, tooMany, withUnwritten } from "./entries.ts";
import type { SqliteDatabaseParts } from "./parts.ts";
import { type Part, partsFor, recordOf, requestOf, type StoredRow, smallBuffers } from "./rows.ts";

export const SQLITE_LIMITS: TaskDatabaseLimits = { records: 1_000_000, bytes: 16 * 1024 ** 3 };

/** How long changes are gathered before they are written, in milliseconds. */
const GATHER_MS = 20;
/** When it is tried again after nothing could be written, in milliseconds. */
const RETRY_MS = 1_000;

export class SqliteDatabase implements TaskDatabase {
  readonly #parts: SqliteDatabaseParts;
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
  readonly #completed: CompletedCounts = new CompletedCounts();

  readonly arrays: ArrayStore;
  constructor(parts: SqliteDatabaseParts) {
    this.#parts = parts;
    this.arrays = arraysIn(parts.store, parts.limits);
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

  keepArguments(taskId: string, places: BufferPlaces): boolean {
    const entry = this.#entries.get(taskId);
    if (entry === undefined || !holdArguments(entry.record, places)) return false;
    this.#touch(entry, "record");
    return true;
  }

  async keepPlaces(taskId: string, places: BufferPlaces): Promise<boolean> {
    let isKept = false;
    this.#change(taskId, "record", (record) => {
      isKept = holdResult(record, places);
      return isKept;
    });
    await this.#late;
    return isKept;
  }

  get(taskId: string): TaskRecord | undefined {
    return this.#entries.get(taskId)?.record;
  }

  assign(taskId: string, engineId: number, engineUuid: string): void {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return;
    entry.record.engineId = engineId;
    entry.record.engineUuid = engineUuid;
    this.#parts.journal.note(taskId, engineId);
    this.#touch(entry, "record");
  }

  leaving(): void {
    this.#parts.journal.write();
  }

  completed(engineUuid: string): void {
    this.#completed.add(engineUuid);
    this.#writeSoon();
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
      this.#parts.onForgotten(outcome);
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

  /** Of what others own nothing is told: they may let it go once the task has it. */
  async request(taskId: string): Promise<StoredRequest | undefined> {
    await this.#written();
    const [row] = await this.#parts.store.find({ msgId: taskId }, ["request"]);
    const request = this.#unwritten(taskId)?.request ?? (row && requestOf(row));
    return smallBuffers(request) === undefined ? undefined : request;
  }

  async history(): Promise<string[]> {
    await this.#written();
    const others = withUnwritten(
      [],
      [...this.#changed].filter(({ isNew }) => isNew),
      () => true,
    );
    return [...(await this.#parts.store.history()), ...others.map(({ taskId }) => taskId)];
  }

  async find(query: TaskQuery, keys: readonly string[] = TASK_KEYS): Promise<TaskRecord[]> {
    // What is wrong with it is told without a thread.
    const matches = compileQuery(query);
    await this.#late;
    await this.#written();
    const written = (await this.#parts.store.find(query, partsFor(keys))).map(recordOf);
    if (this.#failure === undefined) return written;
    return withUnwritten(written, this.#changed, matches);
  }

  async drop(taskIds: Iterable<string>): Promise<void> {
    await this.#late;
    await this.#written();
    const ids = [...taskIds];
    for (const held of await this.#parts.store.drop(ids)) this.#parts.onForgotten(held);
    for (const taskId of ids) this.#abandon(this.#unwritten(taskId));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#late;
    await this.#written();
    await this.#parts.store.close();
    this.#parts.journal.close();
  }

  async #fetch(taskId: string): Promise<TaskRecord | undefined> {
    const known = this.#entries.get(taskId)?.record;
    return known ?? (await this.#parts.store.find({ msgId: taskId }, ["output", "shown", "result"])).map(recordOf)[0];
  }

  /** Takes tasks up again that had not ended when they were written. */
  takeUp(rows: readonly StoredRow[]): { readonly record: TaskRecord; readonly request: StoredRequest | undefined }[] {
    return rows.map((row) => {
      const record = recordOf(row);
      this.#enter(record, false);
      const place = this.#parts.journal.place(record.taskId);
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
    const late = this.#late.then(async () => {
      const record = await this.#fetch(taskId);
      const again = record && (this.#entries.get(taskId) ?? this.#enter(record, false));
      if (again !== undefined && change(again.record)) this.#touch(again, part);
    });
    // What cannot be read cannot be added to.
    this.#late = late.catch(() => undefined);
  }

  #touch(entry: Entry, part: Part): void {
    if (entry.changed === 0) this.#changed.add(entry);
    mark(entry, part);
    this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#writing === undefined && this.#timer === undefined)
      this.#timer = setTimeout(() => this.#write(), GATHER_MS);
  }

  /** Resolves once everything is written that has changed so far, or cannot be. */
  async #written(): Promise<void> {
    if (this.#writing !== undefined) await this.#writing;
    await this.#write();
  }

  /** Writes what has changed; one transaction at a time. */
  #write(): Promise<void> | undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing !== undefined || (this.#changed.size === 0 && this.#completed.isEmpty)) return this.#writing;
    const entries = this.#changed;
    this.#changed = new Set();
    const completed = this.#completed.take();
    this.#parts.journal.mark();
    this.#writing = this.#parts.store.write(Array.from(entries, takeChange), completed).then(
      (forgotten) => this.#succeeded(entries, forgotten),
      (error: Error) => this.#failed(entries, completed, error),
    );
    return this.#writing;
  }

  #succeeded(entries: ReadonlySet<Entry>, forgotten: readonly CarriesBuffers[]): void {
    this.#writing = undefined;
    this.#parts.journal.written();
    for (const entry of entries) {
      entry.taken = undefined;
      const { taskId, outcome } = entry.record;
      if (outcome === undefined || entry.changed !== 0 || this.#entries.get(taskId) !== entry) continue;
      this.#entries.delete(taskId);
    }
    for (const held of forgotten) this.#parts.onForgotten(held);
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#parts.onFailure(undefined);
    }
    this.#writeSoon();
  }

  /** Tasks go on; what has ended is kept in memory, within its limits, until it can be written. */
  #failed(entries: ReadonlySet<Entry>, completed: readonly [string, number][], { message }: Error): void {
    this.#writing = undefined;
    this.#parts.journal.failed();
    this.#changed = new Set([...entries, ...this.#changed]);
    for (const entry of entries) restore(entry);
    for (const [uuid, count] of completed) this.#completed.add(uuid, count);
    const surplus = tooMany(this.#changed, MEMORY_LIMITS);
    for (const entry of surplus) this.#abandon(entry);
    const before = this.#failure;
    this.#failure = { message, lost: (before?.lost ?? 0) + surplus.length };
    if (before === undefined) this.#parts.onFailure(this.#failure);
    this.#timer = setTimeout(() => this.#write(), RETRY_MS);
  }

  /** A task that has changed since it was written. */
  #unwritten(taskId: string): Entry | undefined {
    const entry = this.#entries.get(taskId);
    return entry?.changed === 0 ? undefined : entry;
  }

  /** What has ended and not been written will not be. */
  #abandon(entry: Entry | undefined): void {
    if (entry?.record.outcome === undefined) return;
    this.#changed.delete(entry);
    this.#entries.delete(entry.record.taskId);
    for (const held of holdings(entry.record)) this.#parts.onForgotten(held);
  }
}
