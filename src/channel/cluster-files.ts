/** The files of a cluster on its own machine: the connection file, and a task database that nobody asked to keep. */

import { rmdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";

/** Where the task database lies whose place was not given. */
export function databaseFile(connectionFile: string): string {
  return `${connectionFile.replace(/\.json$/, "")}.sqlite`;
}

/** Removes them, and their directory when that is empty; none of them needs to exist. */
export function removeClusterFiles(connectionFile: string): void {
  const database = databaseFile(connectionFile);
  const files = [connectionFile, database, `${database}-wal`, `${database}-shm`];
  for (const remove of [...files.map((file) => () => unlinkSync(file)), () => rmdirSync(dirname(connectionFile))]) {
    try {
      remove();
    } catch {
      // Not there, or not empty.
    }
  }
}
