/** The thread that writes and reads the file of a task database. */

import { parentPort, workerData } from "node:worker_threads";
import type { TaskDatabaseLimits } from "../task-database.ts";
import { pack, unpack } from "./rows.ts";
import { SqliteStore } from "./store.ts";

/** What it is started with. */
export interface ThreadData {
  readonly file: string;
  readonly limits: TaskDatabaseLimits;
}

const { file, limits } = workerData as ThreadData;
const store = open();

function open(): SqliteStore {
  try {
    const made = new SqliteStore(file, limits);
    parentPort?.postMessage({});
    return made;
  } catch (error) {
    parentPort?.postMessage({ error: (error as Error).message });
    process.exit();
  }
}

parentPort?.on("message", (packed: Uint8Array) => {
  const [method, args] = unpack<[keyof SqliteStore, unknown[]]>(packed);
  try {
    const answer = (store[method] as (...args: unknown[]) => unknown).apply(store, args);
    const bytes = pack(answer);
    parentPort?.postMessage({ answer: bytes }, [bytes.buffer as ArrayBuffer]);
    if (method === "close") parentPort?.close();
  } catch (error) {
    parentPort?.postMessage({ error: (error as Error).message });
  }
});
