/**
 * The errors for functions that cannot be sent: which function, where it was written, the way to the culprit, why, and
 * what to do instead.
 */

import { Refusal } from "../ndarray-transport/refusal.ts";
import { SUPER_CLASS } from "./class-definition.ts";
import { formatPlace, moduleOf, placeOf } from "./scripts.ts";
import { BOXED, isShared } from "./shared-variables.ts";
import { standInOf } from "./stand-ins.ts";
import type { AnyFunction } from "./wire.ts";

/** What vitest and esbuild make of a call of an import: `triple` becomes `(0, __vite_ssr_import_2__.triple)`. */
const CALL_OF_IMPORT = /\(0,\s?(?:__vite_ssr_import_\d+__|import_\w+)\.([\w$]+)\)/g;

/** Not `fn.toString()`, which a class can replace by a static method. */
const toSource = Function.prototype.toString;

/** A function's name. A class may have a static member called `name`. */
export function nameOf(fn: AnyFunction): string {
  const name: unknown = Object.getOwnPropertyDescriptor(fn, "name")?.value;
  return typeof name === "string" ? name : "";
}

/** How a function is called in messages. */
export function labelOf(fn: AnyFunction): string {
  const source = toSource.call(fn);
  const name = nameOf(fn);
  if (name !== "") return `${/^class\b/.test(source) ? "class" : "function"} "${name}"`;
  if (source.endsWith("{ [native code] }")) return "the native function";
  const line = source.replace(CALL_OF_IMPORT, "$1").replace(/\s+/g, " ");
  return `the function \`${line.length > 60 ? `${line.slice(0, 59)}…` : line}\``;
}

/**
 * The refusal with `fn` as the function that it is about; its steps so far lead from the payload of `fn`.
 *
 * @param part what `fn` needed in order to be made, if the steps begin there
 */
export function refusalIn(fn: AnyFunction, refusal: Refusal, part?: object): Refusal {
  if (moduleOf(fn)?.isNode) return refusalOfNode(fn, `is a function of Node that has no name`);
  const inside = refusal.refusedFunction?.trail.map((step) => step.replace(/^captured /, "")) ?? [];
  const trail = [...(part ? wayTo(fn, part) : trailOf(refusal.steps, fn)), ...inside];
  refusal.steps = [];
  refusal.refusedFunction = { trail, describe: () => describeFunction(standInOf(fn)?.original ?? fn) };
  return refusal;
}

/** What Node keeps to itself is refused as a whole: its insides mean nothing to anybody. */
export function refusalOfNode(fn: AnyFunction, what: string): Refusal {
  const refusal = new Refusal(`${what}, and belongs to this process; use it inside the function, or send plain data`);
  refusal.refusedFunction = {
    trail: [],
    describe: () => ({ label: labelOf(fn), functionName: nameOf(fn), place: undefined }),
  };
  return refusal;
}

function wayTo(fn: AnyFunction, part: object): string[] {
  const way: string[] = [];
  for (let one: unknown = Object.getPrototypeOf(fn); typeof one === "function"; one = Object.getPrototypeOf(one)) {
    way.push("the class that it extends");
    if (one === part) return way;
  }
  return ["what it needs to be made"];
}

/** A refusal for a reason in the function itself. */
export function refuse(fn: AnyFunction, reason: string): Refusal {
  return refusalIn(fn, new Refusal(reason));
}

/** A refusal for a captured variable that has no value. */
export function refuseVariable(fn: AnyFunction, name: string, reason: string): Refusal {
  const refusal = new Refusal(reason);
  refusal.steps.push(`.${name}`, ".captures");
  return refusalIn(fn, refusal);
}

function describeFunction(fn: AnyFunction): { label: string; functionName: string; place: ReturnType<typeof placeOf> } {
  const place = placeOf(fn);
  const label = place ? `${labelOf(fn)} (${formatPlace(place)})` : labelOf(fn);
  return { label, functionName: nameOf(fn), place };
}

/** What the parts of a function's payload are, to somebody who knows the function only. */
const PARTS: Readonly<Record<string, string>> = {
  captures: "captured variable",
  eager: "captured variable",
  own: "its property",
  ownAccessors: "its accessor",
  prototype: "its prototype's property",
  prototypeAccessors: "its prototype's accessor",
};

const PLACES: Readonly<Record<string, string>> = {
  [SUPER_CLASS]: "the class that it extends",
  target: "the function that it binds",
  thisValue: "the this that it is bound to",
  boundArguments: "bound argument",
};

/** @param steps from the culprit to the payload: `.p`, `.deep`, `.ctx`, `.captures` */
function trailOf(steps: readonly string[], fn: AnyFunction): string[] {
  const [part, name, ...inside] = [...steps].reverse();
  if (part === undefined || name === undefined) return [];
  const plain = name.startsWith(".") ? name.slice(1) : (JSON.parse(name.slice(1, -1)) as string);
  const known = part === ".eager" && Object.hasOwn(PLACES, plain) ? PLACES[plain] : undefined;
  const first = known ?? `${PARTS[part.slice(1)] ?? "part"} "${plain}"`;
  // What lies in a box is the value of the variable itself.
  const isBoxed = part === ".captures" && inside[0] === BOXED && isShared(standInOf(fn)?.original ?? fn, plain);
  return [first, ...(isBoxed ? inside.slice(1) : inside)];
}

/** A value in a few words: `a number`, `a Float64Array of 10`, `a class`, `a Map`. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function") return /^class\b/.test(toSource.call(value)) ? "a class" : "a function";
  if (typeof value !== "object") return `a ${typeof value}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value) && "length" in value) return `${article(value.constructor.name)} of ${value.length}`;
  const constructorName = constructorNameOf(value);
  return constructorName === "" || constructorName === "Object" ? "an object" : article(constructorName);
}

function article(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}

function constructorNameOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  const maker = prototype && Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return typeof maker === "function" ? maker.name : "";
}
