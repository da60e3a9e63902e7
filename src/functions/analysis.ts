/**
 * What a function's source text says: which expression makes it again, which names are free in it, and whether
 * something in it cannot leave the place where it was written.
 */

import type { AnyNode, Expression, FunctionExpression, Program, Property } from "acorn";
import { BoundedCache } from "./bounded-cache.ts";
import { type ClassDefinition, readClass } from "./class-definition.ts";
import { IMPORT_HELPER, IMPORT_META_HELPER } from "./helpers.ts";
import { BOXED } from "./shared-variables.ts";
import { applyEdits, type Edit, type Goal, loadScopeAnalysis, parseProgram } from "./syntax.ts";
import { inspectTree, type TreeFindings } from "./tree-findings.ts";

/** A name that the text reads or writes without declaring it. */
export interface FreeName {
  readonly name: string;
  /** Used while a class is made (by a computed key), not only when something runs later. */
  readonly isEager: boolean;
  /** Something in the text assigns to it. */
  readonly isWritten: boolean;
  /** The members used, if every use is `name.member`. */
  readonly members: readonly string[] | undefined;
}

/** A function's text that could be read. */
export interface ReadableSource {
  readonly kind: "readable";
  /** The expression, but for methods, which need the name: see {@link expressionOf}. */
  readonly text: string;
  readonly shape: "plain" | "arrow" | "method" | "class";
  readonly goal: Goal;
  readonly freeNames: readonly FreeName[];
  /** Names that the engine supplies for `import()` and `import.meta`. */
  readonly importHelpers: readonly string[];
  /** Why it cannot travel, and what to do instead; undefined if it can. */
  readonly obstacle: string | undefined;
  /** Of a class: whether the class that it extends has to be given as `SUPER_CLASS`. */
  readonly isDerived: boolean;
  /** Of a class: the name after `extends`, if it is just a name. */
  readonly baseName: string | undefined;
  /** Of a class: the first private member of its instances. */
  readonly privateMember: string | undefined;
}

/** A function's text, or the reason why there is none. */
export type FunctionSource = ReadableSource | { readonly kind: "native" } | { readonly kind: "unreadable" };

const analyses = new BoundedCache<FunctionSource>(1000);

/**
 * Reads a function's source text, as `Function.prototype.toString` gives it.
 *
 * @param boxed names that stand for boxes in the text that it gets: see `shared-variables.ts`
 */
export function analyseSource(source: string, boxed: readonly string[] = []): FunctionSource {
  const key = boxed.length === 0 ? source : `${boxed.join()}\0${source}`;
  const known = analyses.get(key);
  if (known) return known;
  const analysis = analyse(source, boxed);
  analyses.set(key, analysis);
  return analysis;
}

/** The text of an expression whose value is the function; `name` is the function's name. */
export function expressionOf(source: ReadableSource, name: string): string {
  if (source.shape !== "method") return source.text;
  const key = JSON.stringify(name);
  return `({${source.text.replace(METHOD_KEY, () => `[${key}]`)}})[${key}]`;
}

/** Stands for a method's key; no identifier, so it cannot occur before the parameters. */
const METHOD_KEY = "\u0000";

/** How a text becomes a program: functions are expressions, methods stand in an object, private ones in a class. */
const WRAPPERS = [
  { prefix: "(", suffix: "\n)", isMethod: false },
  { prefix: "({", suffix: "\n})", isMethod: true },
  // V8 leaves out the name of a method called `static`.
  { prefix: "({m", suffix: "\n})", isMethod: true },
] as const;

interface Parsed {
  readonly text: string;
  readonly program: Program;
  readonly goal: Goal;
  readonly offset: number;
  readonly root: Expression;
  readonly method: Property | undefined;
}

function analyse(source: string, boxed: readonly string[]): FunctionSource {
  if (source.endsWith("{ [native code] }")) return { kind: "native" };
  const parsed = parseFunction(source);
  if (parsed) return readableSource(source, parsed, boxed);
  for (const [wrap, obstacle] of OBSTACLES) {
    if (tryParse(wrap(source), "module")) return { ...EMPTY, obstacle };
  }
  return { kind: "unreadable" };
}

/** Texts that are no function by themselves, told by where they do parse. */
const OBSTACLES: readonly (readonly [(source: string) => string, string])[] = [
  [(source) => `(class{${source}\n})`, "is a private method, which exists in its class only; make it a function"],
  [(source) => `(function(){(${source}\n)})`, "uses the new.target of the code around it; pass it as an argument"],
];

const EMPTY: ReadableSource = {
  kind: "readable",
  text: "",
  shape: "plain",
  goal: "module",
  freeNames: [],
  importHelpers: [],
  obstacle: undefined,
  isDerived: false,
  baseName: undefined,
  privateMember: undefined,
};

function parseFunction(source: string): Parsed | undefined {
  for (const { prefix, suffix, isMethod } of WRAPPERS) {
    for (const goal of ["module", "script"] as const) {
      const text = prefix + source + suffix;
      const program = tryParse(text, goal);
      const statement = program?.body[0];
      if (!program || statement?.type !== "ExpressionStatement") continue;
      const offset = prefix.length;
      const expression = statement.expression;
      if (!isMethod) return { text, program, goal, offset, root: expression, method: undefined };
      const method = expression.type === "ObjectExpression" ? expression.properties[0] : undefined;
      if (method?.type === "Property") return { text, program, goal, offset, root: method.value, method };
    }
  }
  return undefined;
}

function tryParse(text: string, goal: Goal): Program | undefined {
  try {
    return parseProgram(text, goal, { checkPrivateFields: false, allowSuperOutsideMethod: true });
  } catch {
    return undefined;
  }
}

function shapeOf({ root, method }: Parsed): ReadableSource["shape"] | undefined {
  if (method) return "method";
  if (root.type === "FunctionExpression") return "plain";
  if (root.type === "ArrowFunctionExpression") return "arrow";
  return root.type === "ClassExpression" ? "class" : undefined;
}

function readableSource(source: string, parsed: Parsed, boxed: readonly string[]): FunctionSource {
  const shape = shapeOf(parsed);
  if (!shape) return { kind: "unreadable" };
  const { root, goal } = parsed;
  const findings = inspectTree(root);
  const definition = root.type === "ClassExpression" ? readClass(root, parsed.text) : undefined;
  const uses = freeUses(parsed, definition);
  const references = freeReferences(uses, findings, definition);
  const freeNames = references.filter(({ name }) => name !== "arguments");
  const usesArguments = shape === "arrow" && freeNames.length < references.length;
  return {
    kind: "readable",
    text: rewrite(source, parsed, findings, definition, boxEdits(uses, boxed, findings)),
    shape,
    goal,
    freeNames: freeNames.filter(({ name }) => !CONSTANTS.has(name)),
    importHelpers: [
      ...(findings.imports.length > 0 ? [IMPORT_HELPER] : []),
      ...(findings.importMetas.length > 0 ? [IMPORT_META_HELPER] : []),
    ],
    obstacle: obstacleOf(findings, shape, usesArguments),
    isDerived: definition?.isDerived ?? false,
    baseName: definition?.baseName,
    privateMember: definition?.privateMember,
  };
}

/** Global names whose values are the same everywhere. */
const CONSTANTS = new Set(["undefined", "NaN", "Infinity", "globalThis"]);

/** A place where a name is used that the text does not declare. */
interface Use {
  readonly node: AnyNode & { readonly name: string };
  readonly isWritten: boolean;
}

function freeUses({ program, goal, method }: Parsed, definition: ClassDefinition | undefined): Use[] {
  const manager = loadScopeAnalysis().analyze(program as never, { ecmaVersion: 2026, sourceType: goal });
  const found = (manager.scopes[0]?.through ?? []).map((reference) => {
    return { node: reference.identifier as unknown as Use["node"], isWritten: reference.isWrite() };
  });
  // A method's computed key was evaluated long ago; only its value is needed, and that is the function's name.
  const isKey = (node: AnyNode): boolean => method !== undefined && node.start < method.value.start;
  return found.filter(({ node }) => !isKey(node) && !definition?.removed.some((part) => contains(part, node)));
}

function boxEdits(uses: readonly Use[], boxed: readonly string[], { shorthands }: TreeFindings): Edit[] {
  // A place may count as two uses.
  const places = new Map(uses.filter(({ node }) => boxed.includes(node.name)).map(({ node }) => [node.start, node]));
  return [...places.values()].map(({ name, start, end }) => {
    return { start, end, text: `${shorthands.has(start) ? `${name}: ` : ""}${name}${BOXED}` };
  });
}

function freeReferences(
  found: readonly Use[],
  findings: TreeFindings,
  definition: ClassDefinition | undefined,
): FreeName[] {
  const uses = new Map<string, { isEager: boolean; isWritten: boolean; members: Set<string> | undefined }>();
  for (const { node, isWritten } of found) {
    const use = uses.get(node.name) ?? { isEager: false, isWritten: false, members: new Set<string>() };
    uses.set(node.name, use);
    use.isWritten ||= isWritten;
    use.isEager ||= definition?.eager.some((part) => contains(part, node)) ?? false;
    const member = findings.memberOf.get(node);
    if (member === undefined) use.members = undefined;
    else use.members?.add(member);
  }
  return [...uses].map(([name, { members, ...use }]) => ({ name, ...use, members: members && [...members] }));
}

function contains(outer: AnyNode, inner: AnyNode): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

/** The source with `import` replaced, and of classes what travels as values; a method becomes `async *␀(…) {…}`. */
function rewrite(
  source: string,
  { offset, method }: Parsed,
  findings: TreeFindings,
  definition: ClassDefinition | undefined,
  further: readonly Edit[],
): string {
  const removed = definition?.removed ?? [];
  const isKept = (node: AnyNode): boolean => !removed.some((part) => contains(part, node));
  const edits = [
    ...findings.imports.filter(isKept).map(({ start }) => ({ start, end: start + 6, text: IMPORT_HELPER })),
    ...findings.importMetas.filter(isKept).map(({ start, end }) => ({ start, end, text: IMPORT_META_HELPER })),
    ...(definition?.edits ?? []),
    ...further,
  ];
  if (!method) return applyEdits(source, shift(edits, offset));
  const { async: isAsync, generator, start } = method.value as FunctionExpression;
  const head = `${isAsync ? "async " : ""}${generator ? "*" : ""}${METHOD_KEY}`;
  const inBody = edits.filter((edit) => edit.start >= start);
  return head + applyEdits(source.slice(start - offset), shift(inBody, start));
}

function shift(edits: readonly { start: number; end: number; text: string }[], offset: number): typeof edits {
  return edits.map(({ start, end, text }) => ({ start: start - offset, end: end - offset, text }));
}

function obstacleOf(
  findings: TreeFindings,
  shape: ReadableSource["shape"],
  usesArguments: boolean,
): string | undefined {
  const around = usesArguments ? "arguments" : findings.lexical;
  if (around) {
    return `uses the ${around} of the code around it; pass what it needs as an argument, or write it with "function"`;
  }
  if (findings.usesSuper) return "uses super, which needs the class around it; pass what it needs as an argument";
  if (findings.privateName === undefined) return undefined;
  const what = shape === "method" ? "method" : "function";
  return `uses the private name #${findings.privateName}, which only code inside its class may; make it a ${what} of public data`;
}
