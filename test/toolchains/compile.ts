/** Runs the compilers on a project. */

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { expect, type TestContext } from "vitest";
import { runProgram } from "./program.ts";
import { toolOrSkip } from "./tools.ts";
import type { Project } from "./workspace.ts";

/**
 * Compiles `src/<main>.ts` and what it imports into `out/`.
 * @param options compiler options; types are checked only with `noCheck: false`, since it takes most of the time
 */
export async function compileWithTsc(
  context: TestContext,
  project: Project,
  main: string,
  options: object,
): Promise<void> {
  const tsc = toolOrSkip(context, "typescript/bin/tsc");
  writeConfiguration(project, main, { noCheck: true, ...options });
  const { code, output } = await runProgram(project, ["node", tsc, "-p", "."]);
  expect(code, output).toBe(0);
}

/** Writes the `tsconfig.json` for {@link compileWithTsc}. */
export function writeConfiguration(project: Project, main: string, options: object): void {
  const compilerOptions = {
    module: "nodenext",
    lib: ["es2023", "esnext.disposable"],
    types: ["node"],
    strict: true,
    rewriteRelativeImportExtensions: true,
    rootDir: "src",
    outDir: "out",
    ...options,
  };
  project.write("tsconfig.json", { compilerOptions, files: [`src/${main}.ts`] });
}

interface Swc {
  transformFileSync(file: string, options: object): { readonly code: string };
}

/** Compiles every file of `src/` by itself into `out/`, as `swc src -d out` does. */
export function compileWithSwc(
  context: TestContext,
  project: Project,
  type: "es6" | "commonjs",
  target: string,
  transform: object = {},
): void {
  const { transformFileSync } = createRequire(import.meta.url)(toolOrSkip(context, "@swc/core")) as Swc;
  for (const name of readdirSync(project.file("src"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const parser = { syntax: "typescript", decorators: true };
    const { code } = transformFileSync(project.file("src", name), {
      swcrc: false,
      sourceMaps: "inline",
      module: { type },
      jsc: { target, parser, transform, rewriteRelativeImportExtensions: true },
    });
    project.write(path.join("out", name.replace(/\.ts$/, ".js")), code);
  }
}

interface Esbuild {
  build(options: object): Promise<object>;
}

/** Bundles into one file and gives its path. ndparallel starts files of its own, so it stays outside. */
export async function bundle(context: TestContext, project: Project, options: object): Promise<string> {
  const { build } = createRequire(import.meta.url)(toolOrSkip(context, "esbuild")) as Esbuild;
  const outfile = project.file("out.js");
  await build({
    absWorkingDir: project.folder,
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    external: ["ndparallel"],
    logLevel: "silent",
    ...options,
  });
  return outfile;
}

/** The `tsconfig.json` of a project that ts-node runs; it finds `a.ts` where the compiled file imports `a.js`. */
export function tsNodeConfiguration(options: object = {}): object {
  return {
    "ts-node": { experimentalResolver: true },
    compilerOptions: {
      module: "nodenext",
      target: "es2022",
      lib: ["es2023", "esnext.disposable"],
      types: ["node"],
      rewriteRelativeImportExtensions: true,
      rootDir: "src",
      ...options,
    },
  };
}
