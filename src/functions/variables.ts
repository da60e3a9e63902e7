/** The variables around a function: which of its free names are among them, and the values that they have now. */

import type { FreeName } from "./analysis.ts";
import { type FunctionScope, readScopes } from "./inspector.ts";
import type { AnyFunction } from "./wire.ts";

/** A snapshot of the scopes around a function. */
export interface Scopes {
  /** Whether the scopes could be read at all. */
  readonly isKnown: boolean;
  /** From the innermost outwards, without the global ones. */
  readonly variables: readonly object[];
  /** The one among them of the module, or of the function that was made of it, if that can be told. */
  readonly module: object | undefined;
}

/** Functions none of whose free names is a variable around them; that stays so for as long as they live. */
const withoutVariables = new WeakSet<AnyFunction>();

const NONE: Scopes = { isKnown: true, variables: [], module: undefined };
const UNKNOWN: Scopes = { isKnown: false, variables: [], module: undefined };

/** The scopes around `fn`, with the values of this moment. */
export function scopesOf(fn: AnyFunction, freeNames: readonly FreeName[]): Scopes {
  if (withoutVariables.has(fn)) return NONE;
  const scopes = readScopes(fn);
  if (!scopes) return UNKNOWN;
  const local = scopes.filter(({ description }) => !description.startsWith("Global"));
  const variables = local.map((scope) => scope.variables);
  // A script's own scope may get further variables later.
  const isFixed = local.every(({ description }) => description !== "Script");
  if (isFixed && !freeNames.some(({ name }) => variables.some((scope) => Object.hasOwn(scope, name)))) {
    withoutVariables.add(fn);
  }
  return { isKnown: true, variables, module: (local.find(isModule) ?? local.findLast(isClosure))?.variables };
}

/** Whether it is the scope of a module, or of the block that vite makes of one, told by what it imports there. */
function isModule({ description, variables }: FunctionScope): boolean {
  return description === "Module" || Object.keys(variables).some((name) => /^__vi(te_ssr)?_import_\d/.test(name));
}

/** Modules of CommonJS are functions. A block that is outermost may be one of many, as that of a loop. */
function isClosure({ description }: FunctionScope, index: number, all: readonly FunctionScope[]): boolean {
  return index === all.length - 1 && description.startsWith("Closure");
}

/** Whether it is known that none of the free names of `fn` is a variable around it. */
export function isWithoutVariables(fn: AnyFunction): boolean {
  return withoutVariables.has(fn);
}

/** Whether the innermost scope that has a variable of that name is that of the module. */
export function isOfModule({ variables, module }: Scopes, name: string): boolean {
  return variables.find((candidate) => Object.hasOwn(candidate, name)) === module;
}

/** The value that a variable has in the innermost scope that has it. */
export function lookUp({ variables }: Scopes, name: string): { readonly value: unknown } | "uninitialised" | "nowhere" {
  const scope = variables.find((candidate) => Object.hasOwn(candidate, name));
  if (!scope) return "nowhere";
  try {
    return { value: Reflect.get(scope, name) };
  } catch {
    return "uninitialised";
  }
}
