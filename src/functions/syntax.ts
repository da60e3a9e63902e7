/**
 * The parser and the scope analysis, loaded at first use, and the few things that walking a syntax tree needs.
 */

import { createRequire } from "node:module";
import type * as Acorn from "acorn";
import type { AnyNode, Options, Program } from "acorn";
import type * as EslintScope from "eslint-scope";

const loadModule = createRequire(import.meta.url);
let acorn: typeof Acorn | undefined;
let eslintScope: typeof EslintScope | undefined;

/** The parser. Loading takes about 15 ms, so it waits until a function or a text is to be read. */
export function loadParser(): typeof Acorn {
  acorn ??= loadModule("acorn") as typeof Acorn;
  return acorn;
}

/** The scope analysis; loading takes about 40 ms. */
export function loadScopeAnalysis(): typeof EslintScope {
  eslintScope ??= loadModule("eslint-scope") as typeof EslintScope;
  return eslintScope;
}

/** The grammar that a text is read with: modules are strict and know `import.meta`. */
export type Goal = "module" | "script";

/** Parses a whole program; throws acorn's SyntaxError. */
export function parseProgram(text: string, goal: Goal, options: Partial<Options> = {}): Program {
  return loadParser().parse(text, { ecmaVersion: "latest", sourceType: goal, ranges: true, ...options });
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

/** Calls `visit` for each child of `node`, in the order of the text. */
export function forEachChild(node: AnyNode, visit: (child: AnyNode) => void): void {
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) visit(item);
    } else if (isNode(value)) {
      visit(value);
    }
  }
}

/** Whether `node` begins a function with its own `this`, `await` and `var` scope; arrows have the last two only. */
export function isFunctionNode(node: AnyNode): boolean {
  return (
    node.type === "FunctionExpression" || node.type === "FunctionDeclaration" || node.type === "ArrowFunctionExpression"
  );
}

/** The names that a declaration's pattern binds. */
export function boundNames(pattern: AnyNode, into: string[] = []): string[] {
  switch (pattern.type) {
    case "Identifier":
      into.push(pattern.name);
      break;
    case "ObjectPattern":
      for (const property of pattern.properties) {
        boundNames(property.type === "Property" ? property.value : property.argument, into);
      }
      break;
    case "ArrayPattern":
      for (const element of pattern.elements) if (element) boundNames(element, into);
      break;
    case "AssignmentPattern":
      boundNames(pattern.left, into);
      break;
    case "RestElement":
      boundNames(pattern.argument, into);
      break;
  }
  return into;
}

/** One replacement in a text: the characters from `start` up to `end` become `text`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Applies edits that do not overlap; those that begin at the same place keep their order. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return text;
  const ordered = edits.map((edit, order) => ({ edit, order }));
  ordered.sort((a, b) => a.edit.start - b.edit.start || a.order - b.order);
  let result = "";
  let position = 0;
  for (const { edit } of ordered) {
    result += text.slice(position, edit.start) + edit.text;
    position = edit.end;
  }
  return result + text.slice(position);
}
