/** Where the tools are that the projects are built and run with. */

import { statSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { TestContext } from "vitest";
import { root } from "../run-typescript.ts";

/** The path of a file of a package, or of what the package gives for that specifier; undefined if there is none. */
function find(specifier: string): string | undefined {
  for (const folder of [root, import.meta.dirname]) {
    const file = path.join(folder, "node_modules", specifier);
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
    try {
      return createRequire(path.join(folder, "_.js")).resolve(specifier);
    } catch {
      // not there
    }
  }
  return undefined;
}

/** The path of a file of a tool's package. Where it is not installed the test is skipped, and says so. */
export function toolOrSkip(context: TestContext, specifier: string): string {
  const found = find(specifier);
  if (found === undefined) {
    context.skip(`${specifier} is not installed; npm run test:toolchains says why`);
    throw new Error("skipped");
  }
  return found;
}

/** A tool for `node --import`. */
export function urlOrSkip(context: TestContext, specifier: string): string {
  return pathToFileURL(toolOrSkip(context, specifier)).href;
}

/** The executable of a version of Node, this one's own if it is the same. */
export function nodeOrSkip(context: TestContext, major: number): string {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  return toolOrSkip(context, `node${major}-${process.platform}-${process.arch}/bin/node`);
}
