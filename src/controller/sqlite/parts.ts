/** What a SQLite database consists of. */

import type { DatabaseFailure, OnForgotten, TaskDatabaseLimits } from "../task-database.ts";
import type { SentJournal } from "./sent-journal.ts";
import type { SqliteStore } from "./store.ts";

/** What the thread is asked. */
export const METHODS = [
  "write",
  "find",
  "history",
  "drop",
  "unfinished",
  "endings",
  "counts",
  "holders",
  "writeArray",
  "readArray",
  "dropArrays",
  "close",
] as const;

/** {@link SqliteStore} behind a thread. */
export type StoreThread = {
  readonly [M in (typeof METHODS)[number]]: (
    ...args: Parameters<SqliteStore[M]>
  ) => Promise<ReturnType<SqliteStore[M]>>;
};

export interface SqliteDatabaseParts {
  readonly store: StoreThread;
  readonly journal: SentJournal;
  /** Called with what each record that goes has held. */
  readonly onForgotten: OnForgotten;
  readonly limits: TaskDatabaseLimits;
  /** Called when nothing can be written, and (without it) when it can be again. */
  readonly onFailure: (failure: DatabaseFailure | undefined) => void;
}
