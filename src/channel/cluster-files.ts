/** The files of a cluster on its own machine: the connection file, and a task database that nobody asked to keep. */

import { rmdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";

/** Where the task database lies whose place was not given. */
export function databaseFile(connectionFile: string): string {
  return `${connectionFile.replace(/\.json$/, "")}.sqlite`;
}

/** Removes them, none of which needs to exist, and unless told otherwise their directory when that is empty. */
export function removeClusterFiles(connectionFile: string, directory = true): void {
  const database = databaseFile(connectionFile);
  const files = [connectionFile, database, `${database}-wal`, `${database}-shm`];
  const removals = files.map((file) => () => unlinkSync(file));
  if (directory) removals.push(() => rmdirSync(dirname(connectionFile)));
  for (const remove of removals) {
    try {
      remove();
    } catch {
      // Not there, or not empty.
    }
  }
}
