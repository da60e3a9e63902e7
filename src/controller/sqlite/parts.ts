/** What a SQLite database consists of. */

import type { Outcome } from "../../protocol/messages.ts";
import type { DatabaseFailure } from "../task-database.ts";
import type { SentJournal } from "./sent-journal.ts";
import type { SqliteStore } from "./store.ts";

/** {@link SqliteStore} behind a thread. */
export type StoreThread = {
  readonly [M in "write" | "find" | "history" | "drop" | "unfinished" | "endings" | "counts" | "close"]: (
    ...args: Parameters<SqliteStore[M]>
  ) => Promise<ReturnType<SqliteStore[M]>>;
};

export interface SqliteDatabaseParts {
  readonly store: StoreThread;
  readonly journal: SentJournal;
  /** Called with the outcome of each record that goes. */
  readonly onForgotten: (outcome: Outcome) => void;
  /** Called when nothing can be written, and (without it) when it can be again. */
  readonly onFailure: (failure: DatabaseFailure | undefined) => void;
}
