/**
 * A folder outside of this repository in which ndparallel is installed as from the registry, and small projects that
 * use it, each with a toolchain of its own.
 */

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import { root } from "../run-typescript.ts";

/** Where the tools are: the repository's own, and those of this folder's package. */
const toolFolders = [path.join(root, "node_modules"), path.join(import.meta.dirname, "node_modules")];
const fixtures = path.join(import.meta.dirname, "fixtures");

export interface Workspace {
  /**
   * Makes a project: a folder with a `package.json` of that type and the cases in `src/`.
   * @param files more files, by their paths in the project
   */
  project(name: string, type: PackageType, files?: Readonly<Record<string, string | object>>): Project;
}

export type PackageType = "module" | "commonjs";

export interface Project {
  readonly folder: string;
  /** The working directory of the engines; no package is found from there. */
  readonly engineFolder: string;
  /** The absolute path of a file of the project. */
  file(...parts: readonly string[]): string;
  /** Writes a file of the project, as text or as JSON. */
  write(name: string, content: string | object): void;
}

/** Makes a workspace before the tests of a file and removes it after them; to be called at the top of the file. */
export function useWorkspace(): Workspace {
  const folders: string[] = [];
  const newFolder = (name: string): void => void folders.push(mkdtempSync(path.join(os.tmpdir(), name)));
  beforeAll(() => {
    newFolder("ndparallel-projects-");
    newFolder("ndparallel-engines-");
    install(path.join(folders[0]!, "node_modules"));
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  return {
    project: (name, type, files = {}) => {
      const [folder = "", engineFolder = ""] = folders;
      return makeProject(path.join(folder, name.replaceAll(/[^\w.]+/g, "-")), engineFolder, type, files);
    },
  };
}

function makeProject(
  folder: string,
  engineFolder: string,
  type: PackageType,
  files: Readonly<Record<string, string | object>>,
): Project {
  const file = (...parts: readonly string[]): string => path.join(folder, ...parts);
  cpSync(path.join(fixtures, "cases"), file("src"), { recursive: true });
  const write: Project["write"] = (name, content) => {
    mkdirSync(path.dirname(file(name)), { recursive: true });
    writeFileSync(file(name), typeof content === "string" ? content : JSON.stringify(content, null, 2));
  };
  for (const [name, content] of Object.entries({ "package.json": { type }, ...files })) write(name, content);
  return { folder, engineFolder, file, write };
}

/** ndparallel and the fixtures' packages are copied, the tools and dependencies linked to. */
function install(modules: string): void {
  mkdirSync(modules);
  for (const name of ["dist", "package.json"]) {
    cpSync(path.join(root, name), path.join(modules, "ndparallel", name), { recursive: true });
  }
  cpSync(path.join(fixtures, "packages"), modules, { recursive: true });
  for (const tools of toolFolders) {
    for (const name of installedIn(tools)) {
      const place = IMPORT_FROM_THEIR_PLACE.has(name) ? copy : link;
      place(path.join(tools, name), path.join(modules, name));
    }
  }
}

/** Tools that look for the packages beside them. */
const IMPORT_FROM_THEIR_PLACE = new Set(["vitest", "@vitest/coverage-istanbul"]);

function copy(source: string, to: string): void {
  cpSync(source, to, { recursive: true });
}

function installedIn(modules: string): string[] {
  return entries(modules).flatMap((name) =>
    name.startsWith("@") ? entries(path.join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    return [];
  }
}

/** Where both have a package, the repository's own comes first. */
function link(target: string, at: string): void {
  mkdirSync(path.dirname(at), { recursive: true });
  try {
    symlinkSync(target, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** The names of the cases in files among the cases, in their order; a file without extension is TypeScript. */
export function caseNames(...files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const text = readFileSync(path.join(fixtures, "cases", path.extname(file) ? file : `${file}.ts`), "utf8");
    return [...text.matchAll(/^ {4}name: "(.*)",$/gm)].map(([, name = ""]) => name);
  });
}
