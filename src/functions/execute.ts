/**
 * Running source text in the namespace, `globalThis` of this process.
 */

import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { constants, Script, type ScriptOptions } from "node:vm";
import type { FunctionDeclaration, ImportDeclaration, Program } from "acorn";
import { importModule, prepareImports } from "./import-module.ts";
import { type ProgramPlan, planProgram, returnLast } from "./program-edits.ts";
import { applyEdits, type Edit, loadParser, parseProgram } from "./syntax.ts";

/** Where the code comes from, and where it runs. */
export interface ExecuteOptions {
  /** Shown in stack traces; by default `execute`. */
  readonly filename?: string;
  /** The directory from which the code imports; by default the process's own. */
  readonly cwd?: string;
}

/** A text on its way to being run. */
interface Source {
  readonly code: string;
  readonly program: Program;
  readonly plan: ProgramPlan;
  readonly cwd: string;
  readonly filename: string;
  readonly isStrict: boolean;
}

/**
 * Runs code in `globalThis`.
 *
 * What it declares at its top (`let`, `const`, `var`, functions, classes, imports) becomes properties of `globalThis`:
 * other code and functions see them, later code may declare them again, and `delete globalThis.name` removes them.
 * `const` only says what is meant there, it is not enforced; an import is the value at that time. Static imports,
 * `import()` and `await` at the top are possible.
 *
 * @param code the text of a script
 * @returns the value of the last statement if it is an expression, else undefined (in `if`, `try` and blocks, the
 *   value of the last statement that ran); a promise of it if the code imports or awaits at its top
 * @throws SyntaxError naming the line, and whatever the code throws
 */
export function executeCode(code: string, options: ExecuteOptions = {}): unknown {
  const cwd = options.cwd ?? process.cwd();
  // Imports are resolved from the file that a script claims to be.
  const filename = join(cwd, basename(options.filename ?? "execute"));
  const source = readSource(code, cwd, filename);
  if (source.plan.hasDynamicImport) prepareImports();
  if (source.plan.imports.length === 0) return run(source);
  return runImports(source.plan.imports, cwd).then(() => run(source));
}

function readSource(code: string, cwd: string, filename: string): Source {
  try {
    const program = parseProgram(code, "script", {
      allowAwaitOutsideFunction: true,
      allowImportExportEverywhere: true,
      allowHashBang: true,
    });
    const first = program.body[0];
    const isStrict = first?.type === "ExpressionStatement" && first.directive === "use strict";
    const importMeta = JSON.stringify({ url: pathToFileURL(filename).href, filename, dirname: cwd });
    return { code, program, plan: planProgram(program, `(${importMeta})`), cwd, filename, isStrict };
  } catch (error) {
    throw error instanceof SyntaxError ? withPlace(error, code, basename(filename)) : error;
  }
}

function withPlace(error: SyntaxError & { pos?: number }, code: string, filename: string): SyntaxError {
  const { line, column } = loadParser().getLineInfo(code, error.pos ?? 0);
  const text = code.split(/\r\n|[\n\r\u2028\u2029]/)[line - 1] ?? "";
  const reason = error.message.replace(/ \(\d+:\d+\)$/, "");
  return new SyntaxError(
    `${reason} (${filename}, line ${line}, column ${column + 1})\n  ${text}\n  ${" ".repeat(column)}^`,
  );
}

function run(source: Source): unknown {
  const { code, plan, isStrict } = source;
  for (const name of plan.hoistedNames) prepareName(name, true);
  // Sloppy code makes a global by assigning to it; strict code must find it.
  for (const name of plan.names) prepareName(name, isStrict);
  for (const declaration of plan.functions) setGlobal(declaration.id.name, defineFunction(declaration, source));
  const edits = plan.edits.filter((edit) => !plan.functions.some((declaration) => isWithin(edit, declaration)));
  for (const node of [...plan.functions, ...plan.imports]) edits.push(blank(node, code));
  if (!plan.hasAwait) return runScript(applyEdits(code, edits), source);
  returnLast(source.program.body.at(-1), edits);
  const head = "(async () => {";
  return runScript(`${head}${applyEdits(code, edits)}\n})()`, source, { columnOffset: -head.length });
}

function runScript(text: string, { filename, plan }: Source, options: ScriptOptions = {}): unknown {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const script = new Script(text, { filename, ...options, ...(plan.hasDynamicImport && { importModuleDynamically }) });
  return script.runInThisContext();
}

/**
 * Each function is a script of its own, before the others: it sees only global names anyway, it is there before the
 * program starts, and its lines stay what they are. Its own name is global in it, not a name for this very function.
 */
function defineFunction(declaration: FunctionDeclaration, source: Source): unknown {
  const { start, end, id } = declaration;
  const inside = source.plan.edits.filter((edit) => isWithin(edit, declaration));
  const edits = [...inside, { start: id.start, end: id.end, text: " ".repeat(id.end - id.start) }];
  const shifted = edits.map((edit) => ({ ...edit, start: edit.start - start, end: edit.end - start }));
  const key = JSON.stringify(id.name);
  const head = `${source.isStrict ? '"use strict"; ' : ""}({ ${key}: `;
  const { line, column } = loadParser().getLineInfo(source.code, start);
  const text = `${head}${applyEdits(source.code.slice(start, end), shifted)}\n})[${key}]`;
  return runScript(text, source, { lineOffset: line - 1, columnOffset: column - head.length });
}

function isWithin(edit: Edit, { start, end }: { start: number; end: number }): boolean {
  return start <= edit.start && edit.end <= end;
}

/** Takes a statement out, but leaves its lines, and a semicolon that keeps its neighbours apart. */
function blank({ start, end }: { start: number; end: number }, code: string): Edit {
  return { start, end, text: `;${code.slice(start, end).replace(/[^\n\r\u2028\u2029]+/g, "")}` };
}

/** Makes a name assignable, and existent if it has to be. */
function prepareName(name: string, mustExist: boolean): void {
  const own = Object.getOwnPropertyDescriptor(globalThis, name);
  const isFixed = own?.configurable === true && !own.writable && !own.set;
  if (isFixed || (mustExist && !own)) {
    Object.defineProperty(globalThis, name, { value: undefined, writable: true, enumerable: true, configurable: true });
  }
}

function setGlobal(name: string, value: unknown): void {
  prepareName(name, true);
  if (!Reflect.set(globalThis, name, value)) throw new TypeError(`The global name "${name}" cannot be given a value`);
}

async function runImports(declarations: readonly ImportDeclaration[], cwd: string): Promise<void> {
  for (const { source, specifiers, attributes } of declarations) {
    const specifier = String(source.value);
    const entries = attributes.map(({ key, value }) => [key.type === "Identifier" ? key.name : key.value, value.value]);
    const options = entries.length > 0 ? { with: Object.fromEntries(entries) as Record<string, string> } : undefined;
    const module = await importModule(specifier, cwd, options);
    for (const one of specifiers) setGlobal(one.local.name, importedValue(module, one, specifier));
  }
}

function importedValue(
  module: Record<string, unknown>,
  one: ImportDeclaration["specifiers"][number],
  specifier: string,
): unknown {
  if (one.type === "ImportNamespaceSpecifier") return module;
  let name = "default";
  if (one.type === "ImportSpecifier") {
    name = one.imported.type === "Identifier" ? one.imported.name : String(one.imported.value);
  }
  if (name in module) return module[name];
  throw new SyntaxError(`The requested module '${specifier}' does not provide an export named '${name}'`);
}
