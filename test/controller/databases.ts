/** For tests: both databases, empty; SQLite in a file of its own, with its thread's work done on this thread. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { MemoryDatabase } from "../../src/controller/memory-database.ts";
import { METHODS, type StoreThread } from "../../src/controller/sqlite/parts.ts";
import { pack, unpack } from "../../src/controller/sqlite/rows.ts";
import { SentJournal } from "../../src/controller/sqlite/sent-journal.ts";
import { SQLITE_LIMITS, SqliteDatabase } from "../../src/controller/sqlite/sqlite-database.ts";
import { SqliteStore } from "../../src/controller/sqlite/store.ts";
import type {
  DatabaseFailure,
  OnForgotten,
  TaskDatabase,
  TaskDatabaseLimits,
} from "../../src/controller/task-database.ts";

type Make = (limits?: Partial<TaskDatabaseLimits>, onForgotten?: OnForgotten) => TaskDatabase;

/** Answers later, and by way of bytes, as the thread does. */
function inProcess(store: SqliteStore): StoreThread {
  const call =
    (method: keyof SqliteStore) =>
    (...args: unknown[]): Promise<unknown> => {
      const packed = pack(args);
      return Promise.resolve().then(() => {
        const answer = (store[method] as (...args: unknown[]) => unknown).apply(store, unpack<unknown[]>(packed));
        return unpack(pack(answer));
      });
    };
  return Object.fromEntries(METHODS.map((method) => [method, call(method)])) as unknown as StoreThread;
}

/** A database in SQLite in a directory, and its file. */
export function openSqlite(
  directory: string,
  limits: Partial<TaskDatabaseLimits> = {},
  onForgotten: OnForgotten = () => undefined,
): { readonly store: SqliteStore; readonly database: SqliteDatabase } {
  const all = { ...SQLITE_LIMITS, ...limits };
  const store = new SqliteStore(join(directory, "tasks.sqlite"), all);
  const fail = (failure: DatabaseFailure | undefined): void => {
    throw new Error(failure?.message);
  };
  const journal = new SentJournal(join(directory, "tasks.sqlite-sent"), false);
  const parts = { store: inProcess(store), journal, limits: all, onForgotten, onFailure: fail };
  return { store, database: new SqliteDatabase(parts) };
}

/** Made by a test, and closed and removed after it. */
export function useDatabases(): { readonly [name: string]: Make } & { readonly memory: Make; readonly sqlite: Make } {
  const directories: string[] = [];
  const open: TaskDatabase[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((database) => database.close()));
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
  return {
    memory: (limits, onForgotten) => new MemoryDatabase(limits, onForgotten, true),
    sqlite: (limits, onForgotten) => {
      const directory = mkdtempSync(join(tmpdir(), "ndparallel-database-"));
      directories.push(directory);
      const { database } = openSqlite(directory, limits, onForgotten);
      open.push(database);
      return database;
    },
  };
}
