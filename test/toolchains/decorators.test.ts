/** Decorators, standard and legacy, wherever a toolchain compiles them; where it does not, what it says. */

import { describe, expect, test } from "vitest";
import { bundle, compileWithSwc, compileWithTsc, tsNodeConfiguration } from "./compile.ts";
import { expectCases, runProgram } from "./program.ts";
import { nodeOrSkip, toolOrSkip, urlOrSkip } from "./tools.ts";
import { type PackageType, type Project, useWorkspace } from "./workspace.ts";

const workspace = useWorkspace();

/** The kinds of decorators: the program that uses them, its cases, and what chooses them. */
const kinds = {
  standard: { main: "main-standard", cases: ["decorators", "standard-decorators"], options: {} },
  legacy: { main: "main-legacy", cases: ["decorators"], options: { experimentalDecorators: true } },
} as const;
const kindNames = ["standard", "legacy"] as const;

function makeProject(name: string, type: PackageType, compilerOptions: object): Project {
  return workspace.project(name, type, { "tsconfig.json": { compilerOptions } });
}

describe("decorators run with", () => {
  test.for(
    kindNames.flatMap((kind) => [
      [kind, "module", "es2022"] as const,
      [kind, "module", "es2017"] as const,
      [kind, "commonjs", "es2022"] as const,
    ]),
  )("tsc: %s, %s, %s", async ([kind, type, target], context) => {
    const { main, cases, options } = kinds[kind];
    const project = workspace.project(`tsc ${kind} ${type} ${target}`, type);
    await compileWithTsc(context, project, main, { ...options, target, noCheck: type === "commonjs" });
    await expectCases(project, cases, ["node", project.file(`out/${main}.js`)]);
  });

  test.for(kindNames)("tsx: %s", async (kind, context) => {
    const { main, cases, options } = kinds[kind];
    const project = makeProject(`tsx ${kind}`, "module", options);
    await expectCases(project, cases, ["node", "--import", urlOrSkip(context, "tsx"), project.file(`src/${main}.ts`)]);
  });

  test.for(kindNames)("vitest: %s", async (kind, context) => {
    toolOrSkip(context, "vitest/vitest.mjs");
    const project = makeProject(`vitest ${kind}`, "module", kinds[kind].options);
    const config = { include: ["src/vitest-decorators.ts"], globalSetup: "src/vitest-setup.ts" };
    project.write("vitest.config.js", `export default { test: ${JSON.stringify(config)} };`);
    await expectCases(project, ["decorators"], ["node", project.file("../node_modules/vitest/vitest.mjs"), "run"]);
  });

  test.for(kindNames)("esbuild: %s", async (kind, context) => {
    const { main, cases, options } = kinds[kind];
    const project = makeProject(`esbuild ${kind}`, "module", options);
    const file = await bundle(context, project, { entryPoints: [`src/${main}.ts`], format: "esm" });
    await expectCases(project, cases, ["node", file]);
  });

  test.for(kindNames)("swc: %s", async (kind, context) => {
    const { main, cases } = kinds[kind];
    const project = workspace.project(`swc ${kind}`, "module");
    const legacyDecorator = kind === "legacy";
    const transform = legacyDecorator ? { legacyDecorator } : { decoratorVersion: "2022-03" };
    compileWithSwc(context, project, "es6", "es2022", transform);
    await expectCases(project, cases, ["node", project.file(`out/${main}.js`)]);
  });

  test("swc's register: legacy", async (context) => {
    const { main, cases, options } = kinds.legacy;
    const project = makeProject("swc-node legacy", "commonjs", {
      ...options,
      target: "es2022",
      module: "commonjs",
      esModuleInterop: true,
    });
    const register = toolOrSkip(context, "@swc-node/register");
    await expectCases(project, cases, ["node", "--require", register, project.file(`src/${main}.ts`)]);
  });

  test.for(kindNames)("ts-node: %s", async (kind, context) => {
    const { main, cases, options } = kinds[kind];
    const project = workspace.project(`ts-node ${kind}`, "commonjs", { "tsconfig.json": tsNodeConfiguration(options) });
    const register = toolOrSkip(context, "ts-node/register/transpile-only");
    await expectCases(project, cases, ["node", "--require", register, project.file(`src/${main}.ts`)]);
  });
});

describe("decorators are refused", () => {
  test.for([22, 24, 26])("by Node %s, which strips types only", async (major, context) => {
    const project = workspace.project(`strip decorators ${major}`, "module");
    const { code, output } = await runProgram(project, [
      nodeOrSkip(context, major),
      project.file("src/main-legacy.ts"),
    ]);
    expect(output).toMatch(/SyntaxError/);
    expect(code).not.toBe(0);
  });

  test("by swc's register without experimentalDecorators", async (context) => {
    const project = makeProject("swc-node standard", "commonjs", { target: "es2022", module: "commonjs" });
    const register = toolOrSkip(context, "@swc-node/register");
    const main = project.file("src/main-standard.ts");
    const { code, output } = await runProgram(project, ["node", "--require", register, main]);
    expect(output).toMatch(/decorator/i);
    expect(code).not.toBe(0);
  });

  test("by Node in what esbuild made for the target esnext, which leaves them in place", async (context) => {
    const project = workspace.project("esbuild esnext", "module");
    const entryPoints = ["src/main-standard.ts"];
    const file = await bundle(context, project, { entryPoints, format: "esm", target: "esnext" });
    const { code, output } = await runProgram(project, ["node", file]);
    expect(output).toMatch(/SyntaxError/);
    expect(code).not.toBe(0);
  });
});
