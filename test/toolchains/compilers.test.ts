/** Compilers, whose output Node runs as it is: tsc, swc and esbuild. */

import { describe, expect, test } from "vitest";
import { bundle, compileWithSwc, compileWithTsc, writeConfiguration } from "./compile.ts";
import { expectCases, runProgram } from "./program.ts";
import { toolOrSkip } from "./tools.ts";
import { useWorkspace } from "./workspace.ts";

const workspace = useWorkspace();
const esm = ["common", "enums", "disposables", "import-meta"];
const commonjs = ["common", "enums", "disposables", "commonjs"];

describe("tsc", () => {
  test("modules of JavaScript, es2023", async (context) => {
    const project = workspace.project("tsc module", "module");
    await compileWithTsc(context, project, "main", { target: "es2023", noCheck: false });
    await expectCases(project, esm, ["node", project.file("out/main.js")]);
  });

  test.for([
    ["es2017", false],
    ["es2017", true],
    ["es2020", false],
    ["es2022", false],
  ] as const)("CommonJS, %s, helpers imported from tslib: %s", async ([target, importHelpers], context) => {
    const project = workspace.project(`tsc commonjs ${target} ${importHelpers}`, "commonjs");
    await compileWithTsc(context, project, "main-commonjs", { target, importHelpers, noCheck: !importHelpers });
    await expectCases(project, commonjs, ["node", project.file("out/main-commonjs.js")]);
  });

  test("in CommonJS, import.meta is an error of the compiler", async (context) => {
    const project = workspace.project("tsc commonjs meta", "commonjs");
    writeConfiguration(project, "import-meta", { target: "es2022" });
    const { code, output } = await runProgram(project, ["node", toolOrSkip(context, "typescript/bin/tsc"), "-p", "."]);
    expect(output).toMatch(/import-meta\.ts.*TS1470.*import\.meta/);
    expect(code).not.toBe(0);
  });
});

describe("swc", () => {
  test("modules of JavaScript, es2022", async (context) => {
    const project = workspace.project("swc module", "module");
    compileWithSwc(context, project, "es6", "es2022");
    await expectCases(project, esm, ["node", project.file("out/main.js")]);
  });

  test.for(["es2017", "es2022"])("CommonJS, %s", async (target, context) => {
    const project = workspace.project(`swc commonjs ${target}`, "commonjs");
    compileWithSwc(context, project, "commonjs", target);
    await expectCases(project, commonjs, ["node", project.file("out/main-commonjs.js")]);
  });
});

describe("esbuild, bundling", () => {
  test("modules of JavaScript, packages apart", async (context) => {
    const project = workspace.project("esbuild module", "module");
    const file = await bundle(context, project, { entryPoints: ["src/main.ts"], format: "esm", packages: "external" });
    await expectCases(project, esm, ["node", file]);
  });

  test("CommonJS, packages apart", async (context) => {
    const project = workspace.project("esbuild commonjs", "commonjs");
    const entryPoints = ["src/main-commonjs.ts"];
    const file = await bundle(context, project, { entryPoints, format: "cjs", packages: "external" });
    await expectCases(project, commonjs, ["node", file]);
  });

  test.for([false, true])("with the packages inside, minified, names kept: %s", async (keepNames, context) => {
    const project = workspace.project(`esbuild minified ${keepNames}`, "module");
    const entryPoints = ["src/main.ts"];
    const file = await bundle(context, project, { entryPoints, format: "esm", minify: true, keepNames });
    await expectCases(project, esm, ["node", file], { PACKAGES: "inside" });
  });
});
