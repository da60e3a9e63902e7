/**
 * One walk over a function's syntax tree, for what scope analysis does not tell: which `this`, `super` and private
 * names belong to code around the function, where it imports, and which members of a name are used.
 */

import type { AnyNode, Class, ImportExpression, MetaProperty } from "acorn";
import { forEachChild } from "./syntax.ts";

export interface TreeFindings {
  /** What an arrow function takes from the code around it. */
  lexical: "this" | undefined;
  /** `super` outside of any method in the text, the root itself not counted. */
  usesSuper: boolean;
  /** A private name that no class in the text declares. */
  privateName: string | undefined;
  readonly imports: ImportExpression[];
  readonly importMetas: MetaProperty[];
  /** For an identifier `a` in `a.b`: `"b"`. */
  readonly memberOf: Map<AnyNode, string>;
  /** Where the `a` of a `{ a }` begins that is short for `{ a: a }`. */
  readonly shorthands: Set<number>;
}

/** What surrounds the node being visited. */
interface Surroundings {
  /** `this` is that of the code around the root. */
  readonly isThisOuter: boolean;
  /** `super` is that of the code around the root. */
  readonly isSuperOuter: boolean;
  readonly privateNames: ReadonlySet<string>;
}

/** Walks the tree of a function, method value or class. */
export function inspectTree(root: AnyNode): TreeFindings {
  const findings: TreeFindings = {
    lexical: undefined,
    usesSuper: false,
    privateName: undefined,
    imports: [],
    importMetas: [],
    memberOf: new Map(),
    shorthands: new Set(),
  };
  const outside: Surroundings = { isThisOuter: true, isSuperOuter: true, privateNames: new Set() };
  if (root.type === "FunctionExpression") {
    const inside = { ...outside, isThisOuter: false };
    forEachChild(root, (child) => visit(child, inside, findings));
  } else {
    visit(root, outside, findings);
  }
  return findings;
}

function visit(node: AnyNode, around: Surroundings, findings: TreeFindings): void {
  record(node, around, findings);
  if (node.type === "ClassExpression" || node.type === "ClassDeclaration") {
    visitClass(node, around, findings);
    return;
  }
  const isFunction = node.type === "FunctionExpression" || node.type === "FunctionDeclaration";
  const inside = isFunction ? { ...around, isThisOuter: false, isSuperOuter: false } : around;
  forEachChild(node, (child) => visit(child, inside, findings));
}

function record(node: AnyNode, around: Surroundings, findings: TreeFindings): void {
  switch (node.type) {
    case "ThisExpression":
      if (around.isThisOuter) findings.lexical ??= "this";
      break;
    case "MetaProperty":
      if (node.meta.name === "import") findings.importMetas.push(node);
      break;
    case "Super":
      if (around.isSuperOuter) findings.usesSuper = true;
      break;
    case "PrivateIdentifier":
      if (!around.privateNames.has(node.name)) findings.privateName ??= node.name;
      break;
    case "ImportExpression":
      findings.imports.push(node);
      break;
    case "Property":
      if (node.shorthand) findings.shorthands.add(node.key.start);
      break;
    case "MemberExpression":
      if (!node.computed && node.object.type === "Identifier" && node.property.type === "Identifier") {
        findings.memberOf.set(node.object, node.property.name);
      }
      break;
  }
}

/** The heritage and the computed keys belong to the code around the class, all else to the class. */
function visitClass(node: Class, around: Surroundings, findings: TreeFindings): void {
  const names = node.body.body.flatMap((member) =>
    "key" in member && member.key.type === "PrivateIdentifier" ? [member.key.name] : [],
  );
  const privateNames = new Set([...around.privateNames, ...names]);
  const inside: Surroundings = { isThisOuter: false, isSuperOuter: false, privateNames };
  const parts = new Set(definitionParts(node));
  for (const part of parts) visit(part, { ...around, privateNames }, findings);
  for (const member of node.body.body) {
    forEachChild(member, (child) => {
      if (!parts.has(child)) visit(child, inside, findings);
    });
  }
}

function definitionParts(node: Class): AnyNode[] {
  const parts: AnyNode[] = node.superClass ? [node.superClass] : [];
  for (const member of node.body.body) {
    if ("computed" in member && member.computed) parts.push(member.key);
  }
  return parts;
}
