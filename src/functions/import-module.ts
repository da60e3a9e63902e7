/**
 * Importing a module by its specifier from a chosen directory, as code in a file there would.
 */

import { existsSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { compileFunction, constants } from "node:vm";
import { BoundedCache } from "./bounded-cache.ts";

type Importer = (specifier: string, options: ImportCallOptions | undefined) => Promise<Record<string, unknown>>;

const importers = new BoundedCache<Importer>(16);
let isWarned = false;

/**
 * Imports a module.
 *
 * @param specifier what stands in an `import`: a package or `node:` name, an absolute path, a URL, or a path relative
 *   to `cwd`
 * @param cwd the directory from which packages and relative paths are found
 * @returns the module's namespace object
 * @throws the errors of `import()`; where nothing was found, the message says where it was looked for
 */
export async function importModule(
  specifier: string,
  cwd: string,
  options?: ImportCallOptions,
): Promise<Record<string, unknown>> {
  try {
    return await withoutWarning(() => importerFor(cwd)(locate(specifier, cwd), options));
  } catch (error) {
    if ((error as NodeJS.ErrnoException)?.code === "ERR_MODULE_NOT_FOUND") explainWhere(error as Error, specifier, cwd);
    throw error;
  }
}

/** Turns what is no specifier for Node (paths, and the forms that vite leaves in a function) into one. */
function locate(specifier: string, cwd: string): string {
  if (typeof specifier !== "string") return specifier;
  const path = specifier.startsWith("/@fs/") ? specifier.slice("/@fs".length) : specifier;
  if (!isAbsolute(path)) return path;
  const isFound = existsSync(path) || !existsSync(join(cwd, path));
  return pathToFileURL(isFound ? path : join(cwd, path)).href;
}

/** `import()` resolves from the file it stands in: a function compiled for a file name in `cwd`, which need not exist. */
function importerFor(cwd: string): Importer {
  const directory = resolve(cwd);
  let importer = importers.get(directory);
  if (!importer) {
    importer = compileFunction("return import(specifier, options)", ["specifier", "options"], {
      filename: join(directory, "_.js"),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }) as Importer;
    importers.set(directory, importer);
  }
  return importer;
}

/** Node announces the loader constant as experimental at the first import made with it. Nobody needs to read that. */
function withoutWarning<T>(start: () => T): T {
  if (isWarned) return start();
  isWarned = true;
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return start();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Makes the first import, so that code compiled with the loader constant elsewhere does not cause the warning. */
export function prepareImports(): void {
  if (!isWarned) void importModule("node:module", process.cwd());
}

function explainWhere(error: Error, specifier: string, cwd: string): void {
  if (isAbsolute(specifier) || specifier.includes(":")) return;
  const isRelative = specifier.startsWith("./") || specifier.startsWith("../");
  const hint = isRelative
    ? `relative specifiers are resolved from the engine's working directory, ${cwd}`
    : `it was looked for from the engine's working directory, ${cwd}: install it there`;
  error.message = `${error.message} (${hint})`;
}
