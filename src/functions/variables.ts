/** The variables around a function: which of its free names are among them, and the values that they have now. */

import type { FreeName } from "./analysis.ts";
import { readScopes } from "./inspector.ts";
import type { AnyFunction } from "./wire.ts";

/** A snapshot of the scopes around a function. */
export interface Scopes {
  /** Whether the scopes could be read at all. */
  readonly isKnown: boolean;
  /** From the innermost outwards, without the global ones. */
  readonly variables: readonly object[];
}

/** Functions none of whose free names is a variable around them; that stays so for as long as they live. */
const withoutVariables = new WeakSet<AnyFunction>();

const NONE: Scopes = { isKnown: true, variables: [] };
const UNKNOWN: Scopes = { isKnown: false, variables: [] };

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
  return { isKnown: true, variables };
}

/** Whether it is known that none of the free names of `fn` is a variable around it. */
export function isWithoutVariables(fn: AnyFunction): boolean {
  return withoutVariables.has(fn);
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
