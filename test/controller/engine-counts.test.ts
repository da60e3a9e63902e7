/** What engines have completed is written down like what happens to tasks. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSqlite } from "./databases.ts";

test("when it is said to be recorded, also if nothing of a task has changed since", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ndparallel-database-"));
  const { store, database } = openSqlite(directory);
  try {
    database.completed("a");
    database.completed("a");
    database.completed("b");
    await database.recorded();
    expect(store.counts(true)).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
  } finally {
    await database.close();
    rmSync(directory, { recursive: true });
  }
});
