/**
 * The errors for functions that cannot be sent: which function, which variable, why, and what to do instead.
 */

import { types } from "node:util";
import { SerializationError } from "../errors.ts";
import type { FreeName } from "./analysis.ts";
import type { AnyFunction } from "./wire.ts";

/** A variable that a function captured and that was not given through `closure`. */
export interface CapturedVariable {
  readonly freeName: FreeName;
  readonly value: unknown;
  /** Why there is no value to show, where there is none. */
  readonly missing?: string;
}

/** What vitest and esbuild make of an import: `triple` becomes `__vite_ssr_import_2__.triple`, `import_lib.triple`. */
const COMPILED_IMPORT = /^(__vite_ssr_import_\d+__|import_\w+)$/;

/** What vitest and esbuild make of a call of an import. */
const CALL_OF_IMPORT = /\(0,\s?(?:__vite_ssr_import_\d+__|import_\w+)\.([\w$]+)\)/g;

/** How a function is called in messages. */
export function labelOf(name: string, source: string): string {
  if (name !== "") return `function "${name}"`;
  if (source.endsWith("{ [native code] }")) return "the native function";
  const line = source.replace(CALL_OF_IMPORT, "$1").replace(/\s+/g, " ");
  return `the function \`${line.length > 60 ? `${line.slice(0, 59)}…` : line}\``;
}

/** A refusal for a reason in the function itself. */
export function refuse(label: string, reason: string): SerializationError {
  return new SerializationError(`${label} cannot travel: ${reason}`);
}

/** A refusal for captured variables, all of them in one message. */
export function refuseCaptured(
  fn: AnyFunction,
  label: string,
  captured: readonly CapturedVariable[],
): SerializationError {
  const imports = captured.filter(isImport);
  const variables = captured.filter((one) => !isImport(one));
  const sentences: string[] = [];
  if (variables.length > 0) sentences.push(explainVariables(fn, variables));
  if (imports.length > 0) sentences.push(explainImports(imports));
  return refuse(label, sentences.join(". Also, "));
}

function isImport({ freeName, value }: CapturedVariable): boolean {
  if (types.isModuleNamespaceObject(value) || COMPILED_IMPORT.test(freeName.name)) return true;
  return typeof value === "object" && value !== null && Object.hasOwn(value, "__esModule");
}

function explainVariables(fn: AnyFunction, variables: readonly CapturedVariable[]): string {
  const list = variables.map((one) => `"${one.freeName.name}" (${whatIs(one)})`).join(", ");
  const names = variables.map(({ freeName }) => freeName.name);
  const mayBeImported = variables.some(({ value }) => typeof value === "function");
  return [
    `it captured the ${names.length === 1 ? "variable" : "variables"} ${list}, and captured variables stay behind.`,
    `Give them with closure(${fn.name || "fn"}, { ${names.join(", ")} }), or pass them as arguments,`,
    `or push({ ${names.join(", ")} }) to the engines' namespace and use globalThis.${names[0]} in the function`,
    ...(mayBeImported ? [`(of what is imported, ${IMPORT_REMEDY})`] : []),
  ].join(" ");
}

const IMPORT_REMEDY =
  'await import("…") inside the function works, and so does view.import("…") with globalThis in front of the name';

function explainImports(imports: readonly CapturedVariable[]): string {
  const list = imports.map(({ freeName: { name, members } }) =>
    COMPILED_IMPORT.test(name) && members ? members.map((member) => `"${member}"`).join(", ") : `"${name}"`,
  );
  return `it uses ${list.join(", ")} from a module imported outside of it, and imports stay behind; ${IMPORT_REMEDY}`;
}

function whatIs({ value, missing }: CapturedVariable): string {
  return missing ?? describeValue(value);
}

/** A value in a few words: `a number`, `a Float64Array of 10`, `class Model`, `an instance of Model`. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function")
    return /^class\b/.test(Function.prototype.toString.call(value)) ? "a class" : "a function";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value) && "length" in value) return `${article(value.constructor.name)} of ${value.length}`;
  const constructorName = constructorNameOf(value);
  return constructorName === "" || constructorName === "Object" ? "an object" : article(constructorName);
}

function article(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}

function constructorNameOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  const maker = prototype && Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return typeof maker === "function" ? maker.name : "";
}
