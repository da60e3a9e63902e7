/** Makes the task database that a cluster was started with. */

import { journalFile, makeDatabaseFile } from "../channel/cluster-files.ts";
import type { Outcome } from "../protocol/messages.ts";
import type { DatabaseOptions } from "../protocol/policies.ts";
import { ARRAY_BYTES, MemoryDatabase } from "./memory-database.ts";
import { openStore } from "./sqlite/open.ts";
import { recordOf } from "./sqlite/rows.ts";
import { SentJournal } from "./sqlite/sent-journal.ts";
import { SQLITE_LIMITS, SqliteDatabase } from "./sqlite/sqlite-database.ts";
import type { DatabaseFailure, OnForgotten, TaskDatabase } from "./task-database.ts";
import type { Legacy } from "./task-recovery.ts";

/** A database, and what an earlier controller has left in it. */
export interface OpenedDatabase {
  readonly database: TaskDatabase;
  readonly legacy: Legacy;
  /** Whether arrays are to be kept. */
  readonly keepsArrays: boolean;
}

/** Opens a database; what is given to it hears what each record has held that goes. */
export type OpenDatabase = (onForgotten: OnForgotten) => OpenedDatabase;

const NO_LEGACY: Legacy = { tasks: [], endings: [], holders: [], place: () => undefined, completed: new Map() };
const ABANDONED: Outcome = {
  status: "error",
  error: { kind: "connection", name: "ConnectionError", message: "its cluster ended before the task did" },
};

export function openMemory(options: Omit<DatabaseOptions, "file"> = {}): OpenDatabase {
  const { records, buffers: keepsArrays = false, bytes = keepsArrays ? ARRAY_BYTES : undefined } = options;
  const given = { ...(records === undefined ? {} : { records }), ...(bytes === undefined ? {} : { bytes }) };
  return (onForgotten) => {
    return { database: new MemoryDatabase(given, onForgotten, keepsArrays), legacy: NO_LEGACY, keepsArrays };
  };
}

/**
 * `onFailure` is called when nothing can be written, and when it can be again. Tasks that had not ended are part of the legacy of a
 * controller that is restarted; of an earlier cluster they are lost.
 * @throws Error when the file cannot be used, or what is needed for it is not installed.
 */
export async function openDatabase(
  options: DatabaseOptions,
  place: { readonly connectionFile: string; readonly isRestart: boolean },
  onFailure: (failure: DatabaseFailure | undefined) => void,
): Promise<OpenDatabase> {
  const { type, file, records, bytes, buffers: keepsArrays = false } = options;
  if ((type ?? (file === undefined ? "memory" : "sqlite")) === "memory") return openMemory(options);
  const limits = { records: records ?? SQLITE_LIMITS.records, bytes: bytes ?? SQLITE_LIMITS.bytes };
  const path = file ?? makeDatabaseFile(place.connectionFile);
  const { isRestart } = place;
  const store = await openStore({ file: path, limits });
  const [unfinished, endings] = [await store.unfinished(), isRestart ? await store.endings() : []];
  const completed = new Map(await store.counts(isRestart));
  const holders = (await store.holders(keepsArrays)).map(recordOf);
  const journal = new SentJournal(journalFile(path), isRestart);
  return (onForgotten) => {
    const database = new SqliteDatabase({ store, journal, limits, onForgotten, onFailure });
    const tasks = database.takeUp(unfinished);
    if (isRestart) {
      const place = (taskId: string): number | undefined => journal.place(taskId);
      return { database, legacy: { tasks, endings, holders, place, completed }, keepsArrays };
    }
    for (const { record } of tasks) database.finish(record.taskId, ABANDONED, []);
    return { database, legacy: { ...NO_LEGACY, holders }, keepsArrays };
  };
}
