/**
 * Engine side: from the form in which a function travelled to a function again. Each text is compiled once; each
 * revived function has captured variables of its own.
 */

import { compileFunction } from "node:vm";
import { BoundedCache } from "./bounded-cache.ts";
import { makeHelper } from "./helpers.ts";
import { addProperties } from "./properties.ts";
import { type AnyFunction, type FunctionBody, type FunctionHead, receivedForm, rememberForm } from "./wire.ts";

/** What a factory gives: the function, and how its cells are written and read. */
type Made = [fn: AnyFunction, write: (values: readonly unknown[]) => void, read: () => unknown[]];

/** Makes one function: takes the values of the eager captures, then those of the helpers. */
type Factory = (eager: readonly unknown[], ...helpers: readonly unknown[]) => Made;

const factories = new BoundedCache<Factory>(1000);

/**
 * Makes a function of its wire form. It runs in the main realm, so its late names are properties of `globalThis`.
 * Its captured variables are its own: assigning to one lasts, but concerns nobody else. They are there once `complete`
 * has been called.
 *
 * @throws SyntaxError for text that does not parse, and what a class definition or a lookup like `Math.sqrt` throws
 */
export function beginFunction(head: FunctionHead): { value: AnyFunction; complete: (body: FunctionBody) => void } {
  const eager = head.eager ?? {};
  const [fn, write, read] = make(head, Object.values(eager));
  if (head.isBuiltin) return { value: fn, complete: () => {} };
  const cells = head.cells ?? [];
  restoreName(fn, head.name);
  rememberForm(fn, {
    head,
    readCells: () => {
      const values = read();
      return Object.fromEntries(cells.map((name, i) => [name, values[i]]));
    },
  });
  const complete = (body: FunctionBody): void => {
    const { captures } = body;
    if (captures) write(cells.map((name) => captures[name]));
    addProperties(fn, body.own, body.ownAccessors);
    addProperties(fn.prototype as object, body.prototype, body.prototypeAccessors);
  };
  return { value: fn, complete };
}

/** A function made in one go, of its wire form. */
export function reviveFunction(head: FunctionHead, body: FunctionBody = {}): (...args: unknown[]) => unknown {
  const { value, complete } = beginFunction(head);
  complete(body);
  return value as (...args: unknown[]) => unknown;
}

function make(head: FunctionHead, eager: readonly unknown[]): Made {
  const helpers = head.helpers ?? [];
  const factory = factoryOf(head, helpers);
  try {
    return factory(eager, ...helpers.map((name) => makeHelper(name, head.from)));
  } catch (error) {
    describeReferenceError(error, head, {}, "the engine");
    throw error;
  }
}

const EAGER = "__ndparallel_eager__";
const CELLS = "__ndparallel_cells__";

function factoryOf(head: FunctionHead, helpers: readonly string[]): Factory {
  const code = typeof head.code === "string" ? head.code : Buffer.from(head.code).toString();
  const cells = (head.cells ?? []).join(", ");
  const eager = Object.keys(head.eager ?? {}).join(", ");
  const start = [
    head.strict ? '"use strict"; ' : "",
    eager ? `let [${eager}] = ${EAGER}; ` : "",
    cells ? `let ${cells}; ` : "",
    "return [(",
  ].join("");
  const end = cells ? `), (${CELLS}) => { [${cells}] = ${CELLS}; }, () => [${cells}]]` : "), () => {}, () => []]";
  const key = `${head.name} ${helpers.join()} ${start}${code}`;
  let factory = factories.get(key);
  if (!factory) {
    factory = compileFunction(`${start}\n${code}\n${end}`, [EAGER, ...helpers], {
      filename: `<function ${head.name || "anonymous"}>`,
      lineOffset: -1,
    }) as Factory;
    factories.set(key, factory);
  }
  return factory;
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
  const form = receivedForm(fn);
  if (form) describeReferenceError(error, form.head, { ...form.head.eager, ...form.readCells() }, engine);
  return error;
}

type Captures = Readonly<Record<string, unknown>>;

function describeReferenceError(error: unknown, head: FunctionHead, captures: Captures, engine: string): void {
  if (!(error instanceof Error) || error.name !== "ReferenceError") return;
  const message = error.message;
  const name = /^(\S+) is not defined$/.exec(message)?.[1];
  const reader = name === undefined ? undefined : findReader(head, captures, name, new Set());
  if (name === undefined || !reader) return;
  const what = reader.name ? `function "${reader.name}"` : "the function";
  error.message =
    `${message}: ${what} reads "${name}", which it did not capture and the namespace of ${engine} does not have; ` +
    `push({ ${name} }), or define it with execute("${name} = …")`;
  if (error.stack) error.stack = error.stack.replace(message, () => error.message);
}

/** The function that looks `name` up: this one, or one that it captured. */
function findReader(
  head: FunctionHead,
  captures: Captures,
  name: string,
  seen: Set<FunctionHead>,
): FunctionHead | undefined {
  if (seen.has(head)) return undefined;
  seen.add(head);
  if (head.late?.includes(name)) return head;
  for (const value of Object.values(captures)) {
    const form = typeof value === "function" ? receivedForm(value as AnyFunction) : undefined;
    const reader = form && findReader(form.head, { ...form.head.eager, ...form.readCells() }, name, seen);
    if (reader) return reader;
  }
  return undefined;
}
