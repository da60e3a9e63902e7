/** Makes the task database that a cluster was started with. */

import { databaseFile } from "../channel/cluster-files.ts";
import type { Outcome } from "../protocol/messages.ts";
import type { DatabaseOptions } from "../protocol/policies.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { openStore } from "./sqlite/open.ts";
import { SQLITE_LIMITS, SqliteDatabase } from "./sqlite/sqlite-database.ts";
import type { TaskDatabase } from "./task-database.ts";

/** Makes a database; what is given to it hears of the outcome of each record that goes. */
export type OpenDatabase = (onForgotten: (outcome: Outcome) => void) => TaskDatabase;

const ABANDONED: Outcome = {
  status: "error",
  error: { kind: "connection", name: "ConnectionError", message: "its cluster ended before the task did" },
};

/**
 * `onFailure` is called when nothing can be written any more.
 * @throws Error when the file cannot be used, or what is needed for it is not installed.
 */
export async function openDatabase(
  { type, file, records, bytes }: DatabaseOptions,
  connectionFile: string,
  onFailure: (error: Error) => void,
): Promise<OpenDatabase> {
  const given = { ...(records === undefined ? {} : { records }), ...(bytes === undefined ? {} : { bytes }) };
  if ((type ?? (file === undefined ? "memory" : "sqlite")) === "memory") {
    return (onForgotten) => new MemoryDatabase(given, onForgotten);
  }
  const limits = { ...SQLITE_LIMITS, ...given };
  const store = await openStore({ file: file ?? databaseFile(connectionFile), limits });
  const unfinished = await store.unfinished();
  return (onForgotten) => {
    const database = new SqliteDatabase(store, onForgotten, onFailure);
    for (const { record } of database.takeUp(unfinished)) database.finish(record.taskId, ABANDONED, []);
    return database;
  };
}
