/**
 * Importing a module by its specifier from a chosen directory, as code in a file there would.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
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

/**
 * Imports a module as code in the directory `from` would, a directory of another process: from there if that exists
 * here and has it, else from this process's working directory.
 *
 * @throws as {@link importModule}
 */
export async function importFrom(
  specifier: string,
  from: string,
  options?: ImportCallOptions,
): Promise<Record<string, unknown>> {
  for (const { name, directory } of candidates(specifier, from)) {
    try {
      return await withoutWarning(() => importerFor(directory)(locate(name, directory), options));
    } catch (error) {
      if (!isMissing(error, name, directory)) throw error;
    }
  }
  return importModule(nameInPackages(specifier), process.cwd(), options);
}

/** `require` in the same way. */
export function requireFrom(specifier: string, from: string): unknown {
  for (const { name, directory } of candidates(specifier, from)) {
    try {
      return withoutWarning(() => createRequire(join(directory, "_.js"))(name) as unknown);
    } catch (error) {
      if (!isMissing(error, name, directory)) throw error;
    }
  }
  const cwd = process.cwd();
  const name = nameInPackages(specifier);
  try {
    return withoutWarning(() => createRequire(join(cwd, "_.js"))(name) as unknown);
  } catch (error) {
    if (isMissing(error, name, cwd)) explainWhere(error as Error, name, cwd);
    throw error;
  }
}

function candidates(specifier: string, from: string): { readonly name: string; readonly directory: string }[] {
  if (!existsSync(from)) return [];
  const inPackages = nameInPackages(specifier);
  const names = inPackages === specifier ? [specifier] : [specifier, inPackages];
  return names.map((name) => ({ name, directory: from }));
}

/** Of a path into an installed package, what follows the last `node_modules`: it may be installed elsewhere here. */
function nameInPackages(specifier: string): string {
  const at = specifier.lastIndexOf("/node_modules/");
  return at < 0 ? specifier : specifier.slice(at + "/node_modules/".length);
}

/** Whether the module itself was not found, not one that it imports. */
function isMissing(error: unknown, name: string, directory: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return false;
  const packageName = name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
  const names = [name, packageName, resolve(directory, name)];
  return isAbsolute(name) || names.some((one) => String(message).includes(`'${one}'`));
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

/** Node announces as experimental what this relies on: the loader constant, and `require` of modules. */
function withoutWarning<T>(start: () => T): T {
  isWarned = true;
  const emitWarning = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    const [options] = rest;
    const type = typeof options === "object" ? (options as { type?: string }).type : options;
    if (type !== "ExperimentalWarning") Reflect.apply(emitWarning, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
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
