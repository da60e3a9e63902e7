/** Tests of a user's, run by vitest in each of its pools, and with both kinds of coverage. */

import { readFileSync } from "node:fs";
import { describe, expect, type TestContext, test } from "vitest";
import { expectCases } from "./program.ts";
import { toolOrSkip } from "./tools.ts";
import { type Project, useWorkspace } from "./workspace.ts";

const workspace = useWorkspace();
const esm = ["common", "enums", "disposables", "import-meta"];

function makeProject(name: string, options: object): Project {
  const config = { include: ["src/vitest-cases.ts"], globalSetup: "src/vitest-setup.ts", ...options };
  return workspace.project(name, "module", {
    "vitest.config.js": `export default { test: ${JSON.stringify(config)} };`,
  });
}

async function expectTests(context: TestContext, project: Project): Promise<void> {
  toolOrSkip(context, "vitest/vitest.mjs");
  await expectCases(project, esm, ["node", project.file("../node_modules/vitest/vitest.mjs"), "run"]);
}

describe("vitest", () => {
  test.for(["forks", "threads", "vmForks", "vmThreads"])("pool %s", async (pool, context) => {
    await expectTests(context, makeProject(`vitest ${pool}`, { pool }));
  });

  test.for(["v8", "istanbul"])("coverage by %s", async (provider, context) => {
    toolOrSkip(context, `@vitest/coverage-${provider}/package.json`);
    const coverage = { enabled: true, provider, reporter: ["json-summary"], include: ["src/numbers.ts"] };
    const project = makeProject(`vitest ${provider}`, { coverage });
    await expectTests(context, project);
    const summary = JSON.parse(readFileSync(project.file("coverage/coverage-summary.json"), "utf8")) as {
      total: { lines: { total: number; covered: number } };
    };
    expect(summary.total.lines.total).toBeGreaterThan(0);
  });
});
