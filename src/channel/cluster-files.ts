/** The files of a cluster on its own machine: the connection file, and a task database that nobody asked to keep. */

import { closeSync, mkdirSync, openSync, rmdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";

/** Where the task database lies whose place was not given. */
function databaseFile(connectionFile: string): string {
  return `${connectionFile.replace(/\.json$/, "")}.sqlite`;
}

/**
 * Makes the empty file of a task database whose place was not given. From then on the directory is not empty: until then
 * another cluster that ends may take it away.
 */
export function makeDatabaseFile(connectionFile: string): string {
  const file = databaseFile(connectionFile);
  for (let attempt = 0; ; attempt++) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    try {
      closeSync(openSync(file, "a", 0o600));
      return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === 5) throw error;
    }
  }
}

/** Where it is written which tasks were sent where, until the database has it. */
export function journalFile(database: string): string {
  return `${database}-sent`;
}

/** Removes them, none of which needs to exist, and unless told otherwise their directory when that is empty. */
export function removeClusterFiles(connectionFile: string, directory = true): void {
  const database = databaseFile(connectionFile);
  const journal = journalFile(database);
  const files = [connectionFile, database, `${database}-wal`, `${database}-shm`, journal, `${journal}.next`];
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
