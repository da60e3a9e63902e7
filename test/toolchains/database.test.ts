/** The tests of the task database on versions of Node that have SQLite themselves, with the package libsql hidden. */

import path from "node:path";
import { expect, test } from "vitest";
import { runInRepository } from "./program.ts";
import { nodeOrSkip, toolOrSkip } from "./tools.ts";

const files = ["controller/task-database", "cluster/hub-sqlite"].map((name) => `test/${name}.test.ts`);

test.for([22, 24, 26])("the tests of the task database with the SQLite of Node %s", async (major, context) => {
  const vitest = toolOrSkip(context, "vitest/vitest.mjs");
  const hidden = path.join(import.meta.dirname, "fixtures", "without-libsql.cjs");
  const env = { NODE_OPTIONS: `--require=${hidden}` };
  const { code, output } = await runInRepository([nodeOrSkip(context, major), vitest, "run", ...files], env);
  expect(code, output).toBe(0);
});
