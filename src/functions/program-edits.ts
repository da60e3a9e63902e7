/**
 * Turning a program's top-level declarations into properties of the global object, by edits that move nothing to
 * another line.
 *
 * `let a = 1` becomes `void (a = 1)`: an assignment, which a later program may repeat and `delete` can undo, and which
 * gives no value, as a declaration gives none.
 */

import type {
  AnyNode,
  ClassDeclaration,
  FunctionDeclaration,
  ImportDeclaration,
  Program,
  VariableDeclaration,
} from "acorn";
import { boundNames, type Edit, forEachChild, isFunctionNode } from "./syntax.ts";

/** What a program needs besides its text. */
export interface ProgramPlan {
  readonly edits: Edit[];
  readonly imports: ImportDeclaration[];
  /** Functions declared at the top: defined before the program runs. Their text is taken out. */
  readonly functions: FunctionDeclaration[];
  /** Names to be defined as undefined before the program runs: `var`, and functions in blocks. */
  readonly hoistedNames: Set<string>;
  /** The other names that the program declares at its top. */
  readonly names: Set<string>;
  hasAwait: boolean;
  hasDynamicImport: boolean;
}

/** @throws SyntaxError for declarations that a program cannot have */
export function planProgram(program: Program, importMeta: string): ProgramPlan {
  const plan: ProgramPlan = {
    edits: [],
    imports: [],
    functions: [],
    hoistedNames: new Set(),
    names: new Set(),
    hasAwait: false,
    hasDynamicImport: false,
  };
  for (const statement of program.body) planStatement(statement, plan);
  for (const statement of program.body) {
    if (!plan.functions.includes(statement as FunctionDeclaration)) visit(statement, program, plan);
  }
  findImports(program, plan, importMeta);
  return plan;
}

function planStatement(statement: AnyNode, plan: ProgramPlan): void {
  switch (statement.type) {
    case "VariableDeclaration":
      if (statement.kind !== "var") assignInstead(statement, plan);
      break;
    case "FunctionDeclaration":
      plan.functions.push(statement as FunctionDeclaration);
      plan.names.add((statement as FunctionDeclaration).id.name);
      break;
    case "ClassDeclaration": {
      const { name } = (statement as ClassDeclaration).id;
      plan.names.add(name);
      plan.edits.push(insertion(statement.start, `void (${name} = `), insertion(statement.end, ");"));
      break;
    }
    case "ImportDeclaration":
      plan.imports.push(statement);
      break;
    case "ExportNamedDeclaration":
      if (!statement.declaration) {
        plan.edits.push(replacement(statement, ";"));
        break;
      }
      plan.edits.push({ start: statement.start, end: statement.start + "export".length, text: "" });
      planStatement(statement.declaration, plan);
      break;
    case "ExportDefaultDeclaration":
    case "ExportAllDeclaration":
      throw Object.assign(new SyntaxError("This export is not possible in executed code"), { pos: statement.start });
  }
}

function insertion(at: number, text: string): Edit {
  return { start: at, end: at, text };
}

/** `let a = 1, b` becomes `void (a = 1, b = undefined)`. */
function assignInstead(declaration: VariableDeclaration, plan: ProgramPlan): void {
  const { declarations, kind, start, end } = declaration;
  if (kind !== "var" && kind !== "let" && kind !== "const") {
    throw Object.assign(new SyntaxError(`A ${kind} declaration needs a block around it`), { pos: start });
  }
  const names = kind === "var" ? plan.hoistedNames : plan.names;
  const first = declarations[0];
  const last = declarations.at(-1);
  if (!first || !last) return;
  plan.edits.push({ start, end: start + kind.length, text: "void (" });
  for (const { id, init } of declarations) {
    for (const name of boundNames(id)) names.add(name);
    // `var a;` keeps the value that there is.
    if (!init) plan.edits.push(kind === "var" ? replacement(id, "0") : insertion(id.end, " = undefined"));
  }
  plan.edits.push(insertion(last.end, end === last.end ? ");" : ")"));
}

function replacement({ start, end }: AnyNode, text: string): Edit {
  return { start, end, text };
}

/** Finds `var`, functions in blocks and `await` in all that belongs to the program itself and not to a function. */
function visit(node: AnyNode, parent: AnyNode, plan: ProgramPlan): void {
  if (node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await)) plan.hasAwait = true;
  if (node.type === "FunctionDeclaration") plan.hoistedNames.add((node as FunctionDeclaration).id.name);
  if (node.type === "VariableDeclaration" && node.kind === "var") {
    if (isLoopHead(node, parent)) planLoopHead(node, parent, plan);
    else assignInstead(node, plan);
  }
  if (isFunctionNode(node) || node.type === "StaticBlock" || node.type === "PropertyDefinition") return;
  forEachChild(node, (child) => visit(child, node, plan));
}

function isLoopHead(node: VariableDeclaration, parent: AnyNode): boolean {
  if (parent.type === "ForStatement") return parent.init === node;
  return (parent.type === "ForOfStatement" || parent.type === "ForInStatement") && parent.left === node;
}

/** `for (var i = 0, n;;)` becomes `for (i = 0, 0;;)`, `for (var [a, b] of c)` becomes `for ([a, b] of c)`. */
function planLoopHead(node: VariableDeclaration, parent: AnyNode, plan: ProgramPlan): void {
  plan.edits.push({ start: node.start, end: node.start + "var".length, text: "" });
  for (const { id, init } of node.declarations) {
    for (const name of boundNames(id)) plan.hoistedNames.add(name);
    if (!init && parent.type === "ForStatement") plan.edits.push(replacement(id, "0"));
  }
}

/** Everywhere, functions included. */
function findImports(node: AnyNode, plan: ProgramPlan, importMeta: string): void {
  if (node.type === "ImportExpression") plan.hasDynamicImport = true;
  if (node.type === "MetaProperty" && node.meta.name === "import") plan.edits.push(replacement(node, importMeta));
  forEachChild(node, (child) => findImports(child, plan, importMeta));
}

/**
 * Makes the value of a program that runs as a function: `return (…)` around the last expression, also where that is
 * the last one of a block, of both branches of an `if`, or of a `try`.
 */
export function returnLast(statement: AnyNode | null | undefined, edits: Edit[]): void {
  switch (statement?.type) {
    case "ExpressionStatement":
      edits.unshift(insertion(statement.start, "return ("));
      edits.push(insertion(statement.expression.end, ")"));
      break;
    case "BlockStatement":
      returnLast(statement.body.at(-1), edits);
      break;
    case "IfStatement":
      returnLast(statement.consequent, edits);
      returnLast(statement.alternate, edits);
      break;
    case "TryStatement":
      returnLast(statement.block, edits);
      returnLast(statement.handler?.body, edits);
      break;
  }
}
