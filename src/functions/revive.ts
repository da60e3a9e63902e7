/**
 * Engine side: from the form in which a function travelled to a function again. Each text is compiled once; each
 * revived function has captured variables of its own.
 */

import { compileFunction } from "node:vm";
import { BoundedCache } from "./bounded-cache.ts";
import { makeHelper } from "./helpers.ts";
import { type AnyFunction, knownForm, rememberForm, type WireFunction } from "./wire.ts";

/** Where a revived function works. */
export interface ReviveOptions {
  /** The directory from which the function imports packages; by default the process's own at that time. */
  readonly cwd?: string;
}

/** Makes one function: takes the values of the captured variables, then those of the helpers. */
type Factory = (values: readonly unknown[], ...helpers: readonly unknown[]) => AnyFunction;

const factories = new BoundedCache<Factory>(1000);

/**
 * Makes a function of its wire form. It runs in the main realm, so its late names are properties of `globalThis`.
 * Its captured variables are its own: assigning to one lasts, but concerns nobody else.
 *
 * @throws SyntaxError for text that does not parse, and what a class definition or a lookup like `Math.sqrt` throws
 */
export function reviveFunction(wire: WireFunction, options: ReviveOptions = {}): (...args: unknown[]) => unknown {
  const captures = wire.captures ?? {};
  const names = Object.keys(captures);
  const helperNames = wire.helpers ?? [];
  const cwd = options.cwd ?? process.cwd();
  const makeFunction = factoryOf(wire, names, helperNames);
  let fn: AnyFunction;
  try {
    fn = makeFunction(
      names.map((name) => captures[name]),
      ...helperNames.map((name) => makeHelper(name, cwd)),
    );
  } catch (error) {
    describeReferenceError(error, wire, "the engine");
    throw error;
  }
  restoreName(fn, wire.name);
  if (!knownForm(fn)) rememberForm(fn, wire);
  return fn as (...args: unknown[]) => unknown;
}

const VALUES = "__ndparallel_values__";

function factoryOf(wire: WireFunction, names: readonly string[], helperNames: readonly string[]): Factory {
  const self = wire.self ?? [];
  const head = [
    wire.strict ? '"use strict"; ' : "",
    names.length > 0 ? `let [${names.join(", ")}] = ${VALUES}; ` : "",
    self.length > 0 ? `let ${self.join(", ")}; ` : "",
    `return ${self.map((name) => `${name} = `).join("")}(`,
  ].join("");
  const key = `${wire.name} ${helperNames.join()} ${head}${wire.code}`;
  let makeFunction = factories.get(key);
  if (!makeFunction) {
    makeFunction = compileFunction(`${head}\n${wire.code}\n)`, [VALUES, ...helperNames], {
      filename: `<function ${wire.name || "anonymous"}>`,
      lineOffset: -1,
    }) as Factory;
    factories.set(key, makeFunction);
  }
  return makeFunction;
}

/** An arrow function got its name from the variable it was assigned to, which its text does not hold. */
function restoreName(fn: AnyFunction, name: string): void {
  const own = Object.getOwnPropertyDescriptor(fn, "name");
  if (own?.configurable && typeof own.value === "string" && own.value !== name) {
    Object.defineProperty(fn, "name", { value: name, configurable: true });
  }
}

/**
 * Adds to a ReferenceError which function and which engine missed the name, and how to define it. Leaves any other
 * error alone.
 *
 * @param error what `fn` threw
 * @param fn a revived function; the functions it captured count as well
 * @param engine how the engine is called, e.g. `engine 3`
 * @returns the same error
 */
export function explainReferenceError(error: unknown, fn: AnyFunction, engine: string): unknown {
  const wire = knownForm(fn);
  if (wire) describeReferenceError(error, wire, engine);
  return error;
}

function describeReferenceError(error: unknown, wire: WireFunction, engine: string): void {
  if (!(error instanceof Error) || error.name !== "ReferenceError") return;
  const message = error.message;
  const name = /^(\S+) is not defined$/.exec(message)?.[1];
  const reader = name === undefined ? undefined : findReader(wire, name, new Set());
  if (name === undefined || !reader) return;
  const what = reader.name ? `function "${reader.name}"` : "the function";
  error.message =
    `${message}: ${what} reads "${name}", which it did not capture and the namespace of ${engine} does not have; ` +
    `push({ ${name} }), or define it with execute("${name} = …")`;
  if (error.stack) error.stack = error.stack.replace(message, () => error.message);
}

function findReader(wire: WireFunction, name: string, seen: Set<WireFunction>): WireFunction | undefined {
  if (seen.has(wire)) return undefined;
  seen.add(wire);
  if (wire.late.includes(name)) return wire;
  for (const value of Object.values(wire.captures ?? {})) {
    const captured = typeof value === "function" ? knownForm(value as AnyFunction) : undefined;
    const reader = captured && findReader(captured, name, seen);
    if (reader) return reader;
  }
  return undefined;
}
