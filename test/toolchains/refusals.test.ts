/** Functions that are refused: the message, with the place in the TypeScript file as it was written. */

import { expect, test } from "vitest";
import { compileWithTsc } from "./compile.ts";
import { expectNoProcesses, runProgram } from "./program.ts";
import { urlOrSkip } from "./tools.ts";
import { type Project, useWorkspace } from "./workspace.ts";

const workspace = useWorkspace();

/** A message for each case, under its name. */
async function refusalsOf(project: Project, command: readonly string[]): Promise<string> {
  const { code, output, lines } = await runProgram(project, command);
  expect(code, output).toBe(0);
  await expectNoProcesses(project);
  return lines.map(({ name, got }) => `${name}\n  ${got.replaceAll(project.folder, "")}`).join("\n");
}
test("tsx", async (context) => {
  const project = workspace.project("refusals tsx", "module");
  const command = ["node", "--import", urlOrSkip(context, "tsx"), project.file("src/main-refusals.ts")];
  expect(await refusalsOf(project, command)).toMatchInlineSnapshot();
});

test.for(["module", "commonjs"] as const)("tsc, source maps beside the files, %s", async (type, context) => {
  const project = workspace.project(`refusals tsc ${type}`, type);
  await compileWithTsc(context, project, "main-refusals", { target: "es2022", sourceMap: true });
  const found = await refusalsOf(project, ["node", project.file("out/main-refusals.js")]);
  expect(found).toMatchInlineSnapshot();
});
