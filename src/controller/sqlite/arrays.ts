/** The arrays of a SQLite database, behind its thread. */

import type { ArrayStore } from "../array-store.ts";
import type { TaskDatabaseLimits } from "../task-database.ts";
import type { StoreThread } from "./parts.ts";

export function arraysIn(store: StoreThread, limits: TaskDatabaseLimits): ArrayStore {
  return {
    hasRoom: (byteLength) => byteLength <= limits.bytes,
    write: (id, offset, bytes) => store.writeArray(id, offset, bytes),
    read: (id, offset, byteLength) => store.readArray(id, offset, byteLength),
    // What cannot be dropped is forgotten when the file is opened again.
    drop: (ids) => void store.dropArrays(ids).catch(() => undefined),
  };
}
