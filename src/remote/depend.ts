/** Conditions on the engine that runs a function: `depend` and `requires`. Where they do not hold, it goes elsewhere. */

import { importNames } from "../client/import-names.ts";
import { checkName } from "../client/parameters.ts";
import { shown } from "../errors.ts";
import { closure } from "../functions/closure.ts";
import { travelsAs } from "../functions/stand-ins.ts";
import type { SurroundingEngine } from "../protocol/within-engine.ts";

// biome-ignore lint/suspicious/noExplicitAny: functions with any parameters are accepted
type AnyFunction = (...args: any[]) => any;

/**
 * Makes a function run only where `check(...args)` gives something true: a load-balanced task goes to another engine
 * otherwise, which is no retry, until one takes it; on a direct view the call fails with UnmetDependency.
 *
 * @param check runs on the engine, before each call; may return a promise
 * @param args what `check` is called with; sent along
 * @returns a function that takes the function
 * @throws TypeError when `check` is no function
 * @example
 * ```ts no-run
 * const onLinux = depend((platform: string) => process.platform === platform, "linux");
 * await lview.apply(onLinux(() => process.pid));
 * ```
 */
export function depend<A extends unknown[]>(
  check: (...args: A) => unknown,
  ...args: A
): <F extends AnyFunction>(fn: F) => F {
  expectFunction("depend", check);
  return (fn) => {
    expectFunction("depend", fn);
    return conditional(dependent, fn, { check, checkArgs: args, fn });
  };
}

/**
 * Makes a function run only where modules can be loaded, and puts them, and functions, into the namespace first: a module
 * under its own name (`"node:os"` as `os`), a function under its `name`, and either under that of a record.
 *
 * @param requirements specifiers of modules, functions, and records of names and either
 * @throws TypeError for anything else
 * @example
 * ```ts no-run
 * const stats = requires("simple-statistics", helper)((rows: number[]) => helper(simpleStatistics.mean(rows)));
 * ```
 */
export function requires(
  ...requirements: readonly (string | Readonly<Record<string, string | AnyFunction>> | AnyFunction)[]
): <F extends AnyFunction>(fn: F) => F {
  const modules: Record<string, string> = {};
  const functions: Record<string, AnyFunction> = {};
  for (const requirement of requirements) {
    if (typeof requirement !== "function") {
      const { named, specifiers } = withoutFunctions(requirement);
      Object.assign(functions, named);
      Object.assign(modules, specifiers === undefined ? {} : importNames(specifiers as string));
    } else if (requirement.name !== "") functions[requirement.name] = requirement;
    else throw new TypeError("requires: a function must have a name, under which others find it: as in { name: fn }");
  }
  return (fn) => {
    expectFunction("requires", fn);
    return conditional(requiring, fn, { modules: Object.entries(modules), functions, fn });
  };
}

/** The functions of a record under their names, and what is left of the requirement. */
function withoutFunctions(requirement: unknown): {
  readonly named?: Record<string, AnyFunction>;
  readonly specifiers?: unknown;
} {
  const isRecord = typeof requirement === "object" && requirement !== null && !Array.isArray(requirement);
  const entries = isRecord ? Object.entries(requirement) : [];
  const named = entries.filter(([, value]) => typeof value === "function");
  if (named.length === 0) return { specifiers: requirement };
  for (const [name] of named) checkName(name);
  const rest = entries.filter(([, value]) => typeof value !== "function");
  return { named: Object.fromEntries(named), specifiers: rest.length === 0 ? undefined : Object.fromEntries(rest) };
}

declare const check: AnyFunction;
declare const checkArgs: readonly unknown[];
declare const fn: AnyFunction;
declare const modules: readonly (readonly [string, string])[];
declare const functions: Readonly<Record<string, AnyFunction>>;

// These two travel: what they need beside their captures is in their own text.

function dependent(this: unknown, ...args: unknown[]): unknown {
  const go = (met: unknown): unknown => {
    if (met) return fn.apply(this, args);
    const error = new Error(`the check of depend gave ${String(met)} on this engine`);
    error.name = "UnmetDependency";
    throw error;
  };
  const met = check(...checkArgs);
  return met instanceof Promise ? met.then(go) : go(met);
}

async function requiring(this: unknown, ...args: unknown[]): Promise<unknown> {
  const namespace = globalThis as unknown as Record<string | symbol, unknown>;
  const { load } = namespace[Symbol.for("ndparallel.engine")] as SurroundingEngine;
  for (const [name, specifier] of modules) {
    try {
      const module = await load(specifier);
      const names = Object.keys(module).filter((key) => key !== "__esModule" && key !== "module.exports");
      namespace[name] = names.length === 1 && names[0] === "default" ? module["default"] : module;
    } catch (cause) {
      const error = new Error(`${specifier} cannot be loaded on this engine: ${(cause as Error).message}`);
      error.name = "UnmetDependency";
      throw error;
    }
  }
  Object.assign(namespace, functions);
  return fn.apply(this, args);
}

/** Travels as `condition` with its captures; called here, it is `original`, without a condition. */
function conditional<F extends AnyFunction>(condition: AnyFunction, original: F, captures: Record<string, unknown>): F {
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return original.apply(this, args);
  };
  Object.defineProperties(wrapper, {
    name: { value: original.name, configurable: true },
    length: { value: original.length, configurable: true },
  });
  travelsAs(wrapper, closure(condition, captures));
  return wrapper as F;
}

function expectFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw new TypeError(`${name} takes a function; given: ${shown(value)}`);
}
