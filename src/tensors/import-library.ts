/** Loading tensor libraries, which are installed by whoever uses them: from the program's folder, or beside this one. */

import path from "node:path";
import { importModule } from "../functions/import-module.ts";

/** Thrown when a library is not there, or its parts are not: says what to install. */
export class LibraryError extends Error {
  override readonly name: string = "LibraryError";
}

/** Thrown when a package is not installed. */
export class NotInstalledError extends LibraryError {}

/**
 * Imports a package as the program would: from its working directory, from the folder of its main file, or from here.
 * @throws NotInstalledError when it is not there, saying what for; the errors of the module itself as they are
 */
export async function importLibrary(specifier: string, purpose: string): Promise<Record<string, unknown>> {
  const main = process.argv[1];
  const places = [process.cwd(), ...(main === undefined ? [] : [path.dirname(main)]), import.meta.dirname];
  let missing: Error | undefined;
  for (const place of places) {
    try {
      return await importModule(specifier, place);
    } catch (error) {
      if (!isMissing(error, specifier)) throw error;
      missing = error as Error;
    }
  }
  throw new NotInstalledError(
    `${purpose} needs the package ${specifier}, which is not installed: npm install ${specifier}`,
    { cause: missing },
  );
}

/** Whether it is that very package which was not found, not one that it needs. */
function isMissing(error: unknown, specifier: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${specifier}'`);
}
