/** Node alone: its versions, and the types that it strips by itself. */

import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { compileWithTsc } from "./compile.ts";
import { expectCases, expectLines, expectNoProcesses, runInRepository, runProgram, start } from "./program.ts";
import { nodeOrSkip, toolOrSkip } from "./tools.ts";
import { useWorkspace } from "./workspace.ts";

const workspace = useWorkspace();
const erasable = ["common", "import-meta"];
const versions = [20, 22, 24, 26];

describe("Node", () => {
  test.for(versions)("%s, on both sides", async (major, context) => {
    const project = workspace.project(`node ${major}`, "module");
    await compileWithTsc(context, project, "main-erasable", { target: "es2023" });
    await expectCases(project, erasable, [nodeOrSkip(context, major), project.file("out/main-erasable.js")]);
  });

  test.for(versions)("%s, CommonJS", async (major, context) => {
    const project = workspace.project(`node commonjs ${major}`, "commonjs");
    await compileWithTsc(context, project, "run-cases", { target: "es2023" });
    await expectCases(project, ["plain.cjs"], [nodeOrSkip(context, major), project.file("src/plain.cjs")]);
  });

  test.for([
    [20, 26],
    [26, 20],
  ] as const)("%s with engines of %s", async ([major, engines], context) => {
    const project = workspace.project(`node ${major} and ${engines}`, "module");
    await compileWithTsc(context, project, "main-owner", { target: "es2023" });
    await compileWithTsc(context, project, "main-visitor", { target: "es2023" });
    const owner = start(project, [nodeOrSkip(context, engines), project.file("out/main-owner.js")]);
    const ended = once(owner, "close");
    const [file] = (await once(owner.stdout, "data")) as [Buffer];
    const visitor = [nodeOrSkip(context, major), project.file("out/main-visitor.js"), String(file).trim()];
    await expectLines(project, erasable, visitor).finally(() => owner.stdin.end());
    expect(await ended).toEqual([0, null]);
    await expectNoProcesses(project);
  });
});

describe("the tests of functions, all of them", () => {
  const others = versions.filter((major) => !process.versions.node.startsWith(`${major}.`));
  const files = [
    "functions",
    "cluster/functions.test.ts",
    "cluster/function-cases.test.ts",
    "cluster/decorators.test.ts",
  ];

  test.for(others)("on Node %s", async (major, context) => {
    const vitest = toolOrSkip(context, "vitest/vitest.mjs");
    const command = [nodeOrSkip(context, major), vitest, "run", ...files.map((file) => `test/${file}`)] as const;
    const { code, output } = await runInRepository([...command]);
    expect(code, output).toBe(0);
  });
});

describe("flags of Node", () => {
  const flags: readonly (readonly [string, string[], Record<string, string>])[] = [
    ["--enable-source-maps", ["--enable-source-maps"], {}],
    ["--inspect", ["--inspect=127.0.0.1:0"], {}],
    ["NODE_V8_COVERAGE", [], { NODE_V8_COVERAGE: "coverage" }],
  ];
  test.for(flags)("%s", async ([name, options, env], context) => {
    const project = workspace.project(`flag ${name}`, "module");
    await compileWithTsc(context, project, "main-erasable", { target: "es2023", sourceMap: true });
    await expectCases(project, erasable, ["node", ...options, project.file("out/main-erasable.js")], env);
  });

  test.for([
    ["commonjs", 'const { Cluster } = require("ndparallel"); const { basename } = require("node:path");'],
    ["module", 'import { Cluster } from "ndparallel"; import { basename } from "node:path";'],
  ] as const)("--eval, %s", async ([type, imports]) => {
    const project = workspace.project(`eval ${type}`, type);
    const program = `${imports}
      const rate = 3;
      const scale = (x) => x * rate;
      async function main() {
        const cluster = await Cluster.start({ engines: 1 });
        const client = await cluster.connect();
        console.log(JSON.stringify(await client.at(0).apply((x) => [scale(x), basename("/a/b")], 2)));
        client.close();
        await cluster.stop();
      }
      main();`;
    const { code, output } = await runProgram(project, ["node", `--input-type=${type}`, "--eval", program]);
    expect(output.trim().split("\n").at(-1)).toBe('[6,"b"]');
    expect(code, output).toBe(0);
    await expectNoProcesses(project);
  });
});

describe("types stripped by Node", () => {
  test.for([22, 24, 26])("%s", async (major, context) => {
    const project = workspace.project(`strip types ${major}`, "module");
    await expectCases(project, erasable, [nodeOrSkip(context, major), project.file("src/main-erasable.ts")]);
  });

  test.for([22, 24, 26])("%s: enums are refused by Node, which says why", async (major, context) => {
    const project = workspace.project(`strip enums ${major}`, "module");
    const { code, output } = await runProgram(project, [nodeOrSkip(context, major), project.file("src/enums.ts")]);
    expect(output).toMatch(/ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX|TypeScript enum is not supported/);
    expect(code).not.toBe(0);
  });

  test.for([22, 24])("%s, enums transformed", async (major, context) => {
    const project = workspace.project(`transform types ${major}`, "module");
    const command = [
      nodeOrSkip(context, major),
      "--experimental-transform-types",
      project.file("src/main-transformed.ts"),
    ];
    await expectCases(project, ["common", "enums", "import-meta"], command);
  });
});
