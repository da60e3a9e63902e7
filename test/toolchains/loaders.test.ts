/** Loaders, which compile while Node loads: tsx, ts-node and swc. */

import { describe, test } from "vitest";
import { tsNodeConfiguration } from "./compile.ts";
import { expectCases } from "./program.ts";
import { toolOrSkip, urlOrSkip } from "./tools.ts";
import { useWorkspace } from "./workspace.ts";

const workspace = useWorkspace();
const esm = ["common", "enums", "disposables", "import-meta"];
const commonjs = ["common", "enums", "disposables", "commonjs"];

describe("tsx", () => {
  test("in a package of type module", async (context) => {
    const project = workspace.project("tsx module", "module");
    await expectCases(project, esm, ["node", "--import", urlOrSkip(context, "tsx"), project.file("src/main.ts")]);
  });

  test("in a package of type commonjs", async (context) => {
    const project = workspace.project("tsx commonjs", "commonjs");
    const main = project.file("src/main-commonjs.ts");
    await expectCases(project, commonjs, ["node", "--import", urlOrSkip(context, "tsx"), main]);
  });
});

describe("ts-node", () => {
  test.for(["", "/transpile-only"])("register%s, in a package of type commonjs", async (variant, context) => {
    const project = workspace.project(`ts-node${variant}`, "commonjs", { "tsconfig.json": tsNodeConfiguration() });
    const register = toolOrSkip(context, `ts-node/register${variant}`);
    await expectCases(project, commonjs, ["node", "--require", register, project.file("src/main-commonjs.ts")]);
  });
});

describe("swc", () => {
  const compilerOptions = { target: "es2022", esModuleInterop: true, allowImportingTsExtensions: true, noEmit: true };

  test("register, in a package of type commonjs", async (context) => {
    const project = workspace.project("swc-node commonjs", "commonjs", {
      "tsconfig.json": { compilerOptions: { ...compilerOptions, module: "commonjs" } },
    });
    const register = toolOrSkip(context, "@swc-node/register");
    await expectCases(project, commonjs, ["node", "--require", register, project.file("src/main-commonjs.ts")]);
  });

  test("register, in a package of type module", async (context) => {
    const project = workspace.project("swc-node module", "module", {
      "tsconfig.json": { compilerOptions: { ...compilerOptions, module: "esnext" } },
    });
    const register = urlOrSkip(context, "@swc-node/register/esm/esm-register.mjs");
    await expectCases(project, esm, ["node", "--import", register, project.file("src/main.ts")]);
  });
});
