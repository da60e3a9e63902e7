/** Where tasks were sent, as the next controller reads it. */

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SentJournal } from "../../src/controller/sqlite/sent-journal.ts";

let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ndparallel-journal-"));
  path = join(directory, "sent");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A controller that does not end in order; of what has been written nothing is lost. */
const after = (): SentJournal => new SentJournal(path, true);

test("the last line counts, and only what was about to leave is there", () => {
  const journal = new SentJournal(path, false);
  journal.note("a", 0);
  journal.note("b", 1);
  journal.note("a", 2);
  journal.note("c", 1);
  journal.note("c", -1);
  journal.write();
  journal.note("d", 3);
  const next = after();
  expect(["a", "b", "c", "d"].map((taskId) => next.place(taskId))).toEqual([2, 1, -1, undefined]);
  const fresh = new SentJournal(path, false);
  expect([fresh.place("a"), readFileSync(path, "utf8")]).toEqual([undefined, ""]);
});

test("what the database has is left out once the file is long, the rest stays", () => {
  const first = new SentJournal(path, false);
  first.note("unknown", 7);
  first.note("known", 8);
  first.write();
  const journal = after();
  const note = (from: number, count: number): void => {
    for (let n = from; n < from + count; n++) journal.note(`task-${n}`, n % 4);
    journal.write();
  };
  // As when it is taken up.
  journal.note("known", journal.place("known") as number);
  note(0, 100_000);
  journal.mark();
  note(100_000, 10);
  journal.mark();
  note(100_010, 10);
  expect(statSync(path).size).toBeGreaterThan(1024 * 1024);
  journal.written();
  expect(statSync(path).size).toBeLessThan(1_000);
  const next = after();
  expect([next.place("unknown"), next.place("known")]).toEqual([7, undefined]);
  expect([99_999, 100_000, 100_019].map((n) => next.place(`task-${n}`))).toEqual([undefined, 0, 3]);
  // It goes on in the new file.
  note(200_000, 1);
  expect(after().place("task-200000")).toBe(0);
});

test("a line that was not finished counts for nothing, and after an end in order there is no file", () => {
  const journal = new SentJournal(path, false);
  journal.note("a", 1);
  journal.write();
  journal.note("b", 12);
  journal.write();
  truncateSync(path, statSync(path).size - 2);
  const next = after();
  expect([next.place("a"), next.place("b")]).toEqual([1, undefined]);
  next.close();
  expect(existsSync(path)).toBe(false);
});
