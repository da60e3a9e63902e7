/** The table of test/upstream.md: every test that it names exists, and no row stands twice. */

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./run-typescript.ts";

const page = readFileSync(path.join(root, "test", "upstream.md"), "utf8");

interface Row {
  readonly line: number;
  readonly section: string;
  readonly name: string;
  readonly answer: string;
}

/** The rows below each heading `## test_…`. */
function rowsOf(text: string): Row[] {
  let section = "";
  return text.split("\n").flatMap((line, index) => {
    section = /^## (\S+)/.exec(line)?.[1] ?? section;
    const [, name, , answer] = /^\| `(.+?)` \| (.*?) \| (.*) \|$/.exec(line) ?? [];
    return name === undefined || answer === undefined ? [] : [{ line: index + 1, section, name, answer }];
  });
}

/** What an answer names: a file, and the title of a test in it. */
function testsIn(answer: string): { readonly file: string; readonly title: string }[] {
  return [...answer.matchAll(/`([\w/-]+)` › “(.+?)”/g)].map(([, file = "", title = ""]) => ({ file, title }));
}

const rows = rowsOf(page);

/** How many tests each of ipyparallel's files has that were looked at. */
const COUNTS: Readonly<Record<string, number>> = {
  test_asyncresult: 41,
  test_client: 46,
  test_view: 69,
  test_view_broadcast: 4,
  test_lbview: 19,
  test_dependency: 5,
  test_executor: 5,
  test_remotefunction: 3,
  test_db: 19,
  test_label: 2,
  test_serialize: 15,
  test_canning: 9,
  test_cluster: 19,
  test_apps: 7,
  test_launcher: 7,
};

describe("ipyparallel's tests", () => {
  test("have a row each", () => {
    for (const [section, count] of Object.entries(COUNTS)) {
      const names = rows.filter((row) => row.section === section).map(({ name }) => name);
      expect([section, names.length]).toEqual([section, count]);
      expect(new Set(names).size).toBe(count);
    }
  });

  test("have a test here, or a reason why there is none", () => {
    const silent = rows.filter(({ answer }) => testsIn(answer).length === 0 && !/^(not|planned): ./.test(answer));
    expect(silent).toEqual([]);
  });

  test("name only tests that exist", () => {
    const missing = testsIn(page).filter(({ file, title }) => {
      const source = path.join(root, "test", `${file}.test.ts`);
      const text = existsSync(source) ? readFileSync(source, "utf8") : "";
      return !['"', "'", "`"].some((quote) => text.includes(`${quote}${title}${quote}`));
    });
    expect(missing).toEqual([]);
  });
});
