/**
 * What the names of a script stand for that it imports: read from its text, as it was written or as a compiler left it.
 */

import type { AnyNode, CallExpression, Expression, ImportDeclaration, VariableDeclarator } from "acorn";
import { parseProgram } from "./syntax.ts";

/** What an imported name stands for. */
export interface ImportBinding {
  readonly specifier: string;
  /** The name that the module exports it under; `*` for the module itself. */
  readonly exported: string;
  readonly via: ModuleLoader;
}

/** How a module is loaded; the last two are `require`, then what compilers do to the result. */
export type ModuleLoader = "import" | "require" | "requireStar" | "requireDefault";

/** Calls that compilers put around `require`, by the last part of their names. */
const INTEROP: Readonly<Record<string, ModuleLoader>> = {
  __toESM: "requireStar",
  __importStar: "requireStar",
  _interop_require_wildcard: "requireStar",
  _interopRequireWildcard: "requireStar",
  __importDefault: "requireDefault",
  _interop_require_default: "requireDefault",
  _interopRequireDefault: "requireDefault",
};

/** The names that the text of a script imports at its top; none if it cannot be read. */
export function readImports(text: string): ReadonlyMap<string, ImportBinding> {
  const bindings = new Map<string, ImportBinding>();
  for (const statement of parseStatements(text)) visitStatement(statement, bindings);
  return bindings;
}

function parseStatements(text: string): readonly AnyNode[] {
  for (const goal of ["module", "script"] as const) {
    try {
      return parseProgram(text, goal, { allowReturnOutsideFunction: true, allowHashBang: true }).body;
    } catch {
      // The next grammar, or none.
    }
  }
  return [];
}

function visitStatement(node: AnyNode, bindings: Map<string, ImportBinding>): void {
  switch (node.type) {
    case "ImportDeclaration":
      addDeclaration(node, bindings);
      break;
    case "VariableDeclaration":
      // What is no constant may have become something else since.
      for (const declarator of node.declarations) {
        addDeclarator(declarator, bindings, node.kind === "const" ? bindings : undefined);
      }
      break;
    case "BlockStatement":
      for (const statement of node.body) visitStatement(statement, bindings);
      break;
    case "ExpressionStatement": {
      // vite runs a module as the body of a function, tsx as one that calls itself.
      const { expression } = node;
      const wrapper = expression.type === "CallExpression" ? expression.callee : expression;
      if (wrapper.type !== "Super" && isFunction(wrapper)) visitStatement(wrapper.body, bindings);
      break;
    }
  }
}

function isFunction(node: Expression): node is Expression & { body: AnyNode } {
  return node.type === "ArrowFunctionExpression" || node.type === "FunctionExpression";
}

function addDeclaration({ source, specifiers }: ImportDeclaration, bindings: Map<string, ImportBinding>): void {
  const specifier = String(source.value);
  for (const one of specifiers) {
    let exported = "*";
    if (one.type === "ImportDefaultSpecifier") exported = "default";
    else if (one.type === "ImportSpecifier") {
      exported = one.imported.type === "Identifier" ? one.imported.name : String(one.imported.value);
    }
    bindings.set(one.local.name, { specifier, exported, via: "import" });
  }
}

function addDeclarator(
  { id, init }: VariableDeclarator,
  bindings: Map<string, ImportBinding>,
  known: ReadonlyMap<string, ImportBinding> | undefined,
): void {
  if (!init) return;
  const module = loadedBy(init, known);
  if (!module) return;
  if (id.type === "Identifier") bindings.set(id.name, module);
  if (id.type !== "ObjectPattern" || module.exported !== "*") return;
  for (const property of id.properties) {
    if (property.type !== "Property" || property.computed || property.key.type !== "Identifier") continue;
    const { value } = property;
    if (value.type === "Identifier") bindings.set(value.name, { ...module, exported: property.key.name });
  }
}

/**
 * The module that an expression loads: `require("a")`, `__toESM(require("a"))`, `require("a").b`, `await import("a")`; or
 * one of the names that are known.
 */
function loadedBy(node: Expression, known?: ReadonlyMap<string, ImportBinding>): ImportBinding | undefined {
  if (node.type === "Identifier") return known?.get(node.name);
  if (node.type === "AwaitExpression") {
    const { argument } = node;
    if (argument.type === "ImportExpression") return bindingOf(argument.source, "import");
    const isVite = argument.type === "CallExpression" && calledName(argument) === "__vite_ssr_import__";
    return isVite ? bindingOf(argument.arguments[0], "import") : undefined;
  }
  if (node.type === "MemberExpression" && !node.computed && node.property.type === "Identifier") {
    const module = node.object.type === "Super" ? undefined : loadedBy(node.object, known);
    return module?.exported === "*" ? { ...module, exported: node.property.name } : undefined;
  }
  if (node.type !== "CallExpression") return undefined;
  const name = calledName(node);
  if (name === "require") return bindingOf(node.arguments[0], "require");
  const inner = node.arguments[0];
  const via = name !== undefined && Object.hasOwn(INTEROP, name) ? INTEROP[name] : undefined;
  if (via === undefined || inner?.type !== "CallExpression" || calledName(inner) !== "require") return undefined;
  return bindingOf(inner.arguments[0], via);
}

/** The name that is called, or its last part: of `a()`, `b.a()` and `(0, b.a)()` it is `a`. */
function calledName({ callee }: CallExpression): string | undefined {
  let node: AnyNode = callee;
  if (node.type === "SequenceExpression") node = node.expressions.at(-1) as Expression;
  if (node.type === "MemberExpression") node = node.property;
  return node.type === "Identifier" ? node.name : undefined;
}

function bindingOf(source: AnyNode | undefined, via: ModuleLoader): ImportBinding | undefined {
  if (source?.type !== "Literal" || typeof source.value !== "string") return undefined;
  return { specifier: source.value, exported: "*", via };
}
