/**
 * Which captured variables are imports that travel by name: those from packages and from Node. Those from local modules
 * travel by value, because the engine need not see the client's files; or by name too, if that is wanted.
 */

import { existsSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { types } from "node:util";
import type { FreeName } from "./analysis.ts";
import { BoundedCache } from "./bounded-cache.ts";
import type { ImportBinding } from "./import-map.ts";
import { readPosition } from "./inspector.ts";
import { ModuleReference } from "./module-reference.ts";
import { moduleOf } from "./scripts.ts";
import type { ModuleMode } from "./stand-ins.ts";
import type { AnyFunction } from "./wire.ts";

/** What vite makes of an import, and esbuild of one in a CommonJS module. */
const COMPILED_IMPORT = /^(__vite_ssr_import_\d+__|__vi_import_\d+__|import_\w+)$/;

/**
 * What is sent for a variable that `fn` captured: the value itself, references to exports, or, for a module that is used
 * for some of its exports only, those.
 */
export function importedValue(fn: AnyFunction, freeName: FreeName, value: unknown, mode: ModuleMode): unknown {
  if (!mayBeImported(fn, freeName.name, value)) return value;
  const module = moduleOf(fn);
  const binding = module?.imports.get(freeName.name);
  if (!module || !binding) return localValue(freeName, value);
  const from = module.path === undefined ? process.cwd() : dirname(module.path);
  const specifier = nameOfModule(binding.specifier, from, mode);
  if (specifier === undefined) return localValue(freeName, value);
  const { exported, via } = binding;
  const { members } = freeName;
  if (exported !== "*" || !members) return referenceTo(specifier, exported, via, from);
  return Object.fromEntries(members.map((member) => [member, referenceTo(specifier, member, via, from)]));
}

const references = new BoundedCache<ModuleReference>(1000);

/** One object for each export, so that it is sent once in a message. */
function referenceTo(specifier: string, exported: string, via: ImportBinding["via"], from: string): ModuleReference {
  const key = [specifier, exported, via, from].join("\0");
  let reference = references.get(key);
  if (!reference) {
    reference = new ModuleReference(specifier, exported, via, from);
    references.set(key, reference);
  }
  return reference;
}

/** Whether it is worth finding out: numbers, arrays and what was written in the same script are sent as they are. */
function mayBeImported(fn: AnyFunction, name: string, value: unknown): boolean {
  if (COMPILED_IMPORT.test(name)) return true;
  if (typeof value === "function") return isElsewhere(fn, value as AnyFunction);
  return typeof value === "object" && value !== null && isModuleLike(fn, value);
}

function isElsewhere(fn: AnyFunction, value: AnyFunction): boolean {
  const position = readPosition(value);
  return position !== undefined && position.scriptId !== readPosition(fn)?.scriptId;
}

function isModuleLike(fn: AnyFunction, value: object): boolean {
  if (isModuleObject(value)) return true;
  if (Array.isArray(value) || ArrayBuffer.isView(value) || types.isMap(value) || types.isSet(value)) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== Object.prototype && prototype !== null) {
    // An instance of a class of another module: a logger, a schema.
    const maker = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
    return typeof maker === "function" && isElsewhere(fn, maker as AnyFunction);
  }
  let functions = 0;
  for (const key of Object.keys(value).slice(0, 100)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property?.get) return true;
    if (typeof property?.value !== "function") continue;
    if (isElsewhere(fn, property.value as AnyFunction)) return true;
    if (++functions === 3) break;
  }
  return false;
}

/** Namespaces, and what compilers make of them; esbuild's of a module that exports a function has the prototype of one. */
function isModuleObject(value: object): boolean {
  if (types.isModuleNamespaceObject(value) || Object.hasOwn(value, "__esModule")) return true;
  return Object.getPrototypeOf(value) === Function.prototype;
}

/** A local module is an object of the exports that are used, or of all. */
function localValue({ members, name }: FreeName, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (!isModuleObject(value) && !COMPILED_IMPORT.test(name)) return value;
  const keys = members ?? Object.keys(value);
  return Object.fromEntries(keys.filter((key) => key in value).map((key) => [key, Reflect.get(value, key) as unknown]));
}

/** What users import of this package: its folder, and the entries by their names. */
const OWN_FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const OWN_ENTRIES: readonly (readonly [name: string, file: string])[] = [
  ["ndparallel", "index"],
  ["ndparallel/tensors", "tensors/index"],
];

/** The specifier under which an engine finds the module; undefined if it is to be sent by value. */
function nameOfModule(specifier: string, from: string, mode: ModuleMode): string | undefined {
  if (isBuiltin(specifier)) return specifier;
  const path = pathOf(specifier, from);
  const own = ownEntry(specifier, path, from);
  if (own !== undefined) return own;
  if (path !== undefined) {
    if (path.includes("/node_modules/")) return path;
    return mode === "reference" ? pathToFileURL(path).href : undefined;
  }
  if (isInstalled(specifier, from)) return specifier;
  return mode === "reference" && !specifier.startsWith("#") ? specifier : undefined;
}

/** This package, where it is imported by its name or its path without being installed there: engines have it, too. */
function ownEntry(specifier: string, path: string | undefined, from: string): string | undefined {
  const isOwn = ([name, file]: (typeof OWN_ENTRIES)[number]): boolean =>
    path === undefined
      ? specifier === name && !isInstalled(name, from)
      : path === join(OWN_FOLDER, "dist", `${file}.js`);
  const entry = OWN_ENTRIES.find(isOwn);
  return entry && join(OWN_FOLDER, "dist", `${entry[1]}.js`);
}

/** The path that a specifier stands for, if it is no name of a package; vite writes some from the project's root. */
function pathOf(specifier: string, from: string): string | undefined {
  if (specifier.startsWith("file:")) return fileURLToPath(specifier);
  if (specifier.startsWith("/@fs/")) return specifier.slice("/@fs".length);
  if (isAbsolute(specifier)) return existsSync(specifier) ? specifier : join(process.cwd(), specifier);
  return specifier.startsWith("./") || specifier.startsWith("../") ? resolve(from, specifier) : undefined;
}

const installed = new BoundedCache<"yes" | "no">(1000);

/** Whether a package of that name can be found from a directory. Others are aliases that only a compiler knows. */
function isInstalled(specifier: string, from: string): boolean {
  const packageName = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  const key = `${packageName}\0${from}`;
  let answer = installed.get(key);
  if (answer === undefined) {
    answer = isPackageAbove(packageName, from) ? "yes" : "no";
    installed.set(key, answer);
  }
  return answer === "yes";
}

function isPackageAbove(packageName: string, from: string): boolean {
  for (let directory = from; ; directory = dirname(directory)) {
    const found = statSync(join(directory, "node_modules", packageName), { throwIfNoEntry: false });
    if (found?.isDirectory()) return true;
    if (dirname(directory) === directory) return false;
  }
}
