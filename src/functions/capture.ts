/**
 * Client side: from a function object to the form in which it travels. Synchronous, because a task is sent when it is
 * submitted.
 *
 * The way of a function: known form → stands for another → native or bound → its text is read → each free name is
 * helper, self, given, captured (refused) or late.
 */

import { types } from "node:util";
import type { SerializationError } from "../errors.ts";
import { analyseSource, expressionOf, type FreeName, type ReadableSource } from "./analysis.ts";
import { builtinForm } from "./builtins.ts";
import { isHelper } from "./helpers.ts";
import { type FunctionScope, readBinding, readScopes } from "./inspector.ts";
import { type CapturedVariable, describeValue, labelOf, refuse, refuseCaptured } from "./refusals.ts";
import { type AnyFunction, knownForm, rememberForm, type WireFunction } from "./wire.ts";

/** The function that each wrapper stands for, and the captures stated by hand. */
interface StandIn {
  readonly original: AnyFunction;
  readonly captures: Readonly<Record<string, unknown>> | undefined;
}

const standIns = new WeakMap<AnyFunction, StandIn>();

/** Not `fn.toString()`, which a class can replace by a static method. */
const toSource = Function.prototype.toString;

/**
 * The form in which a function travels.
 *
 * Names that the function does not declare are looked for in the scopes around it, with V8's inspector. Where there
 * is no inspector (`--permission` without `--allow-inspector`, other runtimes) captured variables cannot be told from
 * names of the engine's namespace: all that were not given with {@link closure} are then left to the engine.
 *
 * @throws SerializationError if it cannot travel: it captured variables, or uses something of the code around it
 * @throws TypeError if `fn` is no function
 */
export function captureFunction(fn: AnyFunction): WireFunction {
  if (typeof fn !== "function") throw new TypeError(`fn must be a function, not ${describeValue(fn)}`);
  const known = knownForm(fn);
  if (known) return known;
  const standIn = standIns.get(fn);
  const wire = standIn && !standIn.captures ? captureFunction(standIn.original) : capture(fn, standIn);
  rememberForm(fn, wire);
  return wire;
}

/**
 * Makes `wrapper` travel as the function it wraps: for callables that submit work, and would be of no use on an engine.
 */
export function travelsAs(wrapper: AnyFunction, original: AnyFunction): void {
  standIns.set(wrapper, { original, captures: undefined });
}

/**
 * States by hand which variables a function takes along.
 *
 * @param fn the function; where it is called on the client, it goes on using its own variables
 * @param captures the values, by the names that the function uses for them; they are sent as they are at the time of
 *   sending
 * @returns a callable that behaves as `fn`, and carries the captures when it is sent
 * @throws TypeError for a name that the function does not use, or captures that are no plain record
 * @throws SerializationError if the function's text cannot be read
 *
 * @example
 * ```ts
 * const factor = 3;
 * await view.map(closure((x: number) => x * factor, { factor }), [1, 2]);   // [3, 6]
 * ```
 */
export function closure<F extends AnyFunction>(fn: F, captures: Record<string, unknown>): F {
  if (typeof fn !== "function") throw new TypeError(`closure: fn must be a function, not ${describeValue(fn)}`);
  if (typeof captures !== "object" || captures === null || Array.isArray(captures)) {
    throw new TypeError(`closure: captures must be an object of names and values, not ${describeValue(captures)}`);
  }
  const standIn = standIns.get(fn);
  const original = standIn?.original ?? fn;
  const text = toSource.call(original);
  const label = labelOf(nameOf(original), text);
  const source = analyseSource(text);
  if (source.kind === "unreadable") throw refuse(label, UNREADABLE);
  const used = new Set(source.kind === "readable" ? source.freeNames.map(({ name }) => name) : []);
  const unused = Object.keys(captures).filter((name) => !used.has(name));
  if (unused.length > 0) {
    throw new TypeError(`closure: ${label} does not use ${unused.map((name) => `"${name}"`).join(", ")} from outside`);
  }
  const earlier = standIn?.captures ?? knownForm(original)?.captures;
  const wrapper = new Proxy(fn, {});
  standIns.set(wrapper, { original, captures: { ...earlier, ...captures } });
  return wrapper;
}

const UNREADABLE = "its source text cannot be read";
const NO_SOURCE = "it is native or bound, and nothing tells what it does: wrap it in a function";
const IS_PROXY = "it is a Proxy, which has no source text: send the function it wraps";

function capture(fn: AnyFunction, standIn: StandIn | undefined): WireFunction {
  const original = standIn?.original ?? fn;
  const text = toSource.call(original);
  const label = labelOf(nameOf(original), text);
  if (types.isProxy(original)) throw refuse(label, IS_PROXY);
  const source = analyseSource(text);
  if (source.kind === "native") return captureNative(original, label);
  if (source.kind === "unreadable") return builtinOr(original, () => refuse(label, UNREADABLE));
  const { obstacle } = source;
  if (obstacle) return builtinOr(original, () => refuse(label, obstacle));
  const given = Object.entries(standIn?.captures ?? {});
  const captures = Object.fromEntries(given.filter(([, value]) => !isSame(value, original)));
  const names = resolveNames(original, source, captures);
  if (names.refused.length > 0) return builtinOr(original, () => refuseCaptured(original, label, names.refused));
  return {
    code: expressionOf(source, nameOf(original)),
    name: nameOf(original),
    strict: isStrict(original, source),
    late: names.late,
    ...(names.self.length > 0 && { self: names.self }),
    ...(names.helpers.length > 0 && { helpers: names.helpers }),
    ...(Object.keys(captures).length > 0 && { captures }),
  };
}

/** Functions of Node are written in JavaScript and capture its internals; they travel by name all the same. */
function builtinOr(fn: AnyFunction, makeError: () => SerializationError): WireFunction {
  const builtin = builtinForm(fn);
  if (builtin) return builtin;
  throw makeError();
}

function captureNative(fn: AnyFunction, label: string): WireFunction {
  const builtin = builtinForm(fn);
  if (builtin) return builtin;
  const binding = readBinding(fn);
  if (!binding) throw refuse(label, NO_SOURCE);
  captureFunction(binding.target);
  return {
    code: "target.bind(thisValue, ...boundArguments)",
    name: fn.name,
    strict: true,
    late: [],
    captures: { target: binding.target, thisValue: binding.thisValue, boundArguments: binding.boundArguments },
  };
}

/** A class may have a static member called `name`. */
function nameOf(fn: AnyFunction): string {
  const name: unknown = Object.getOwnPropertyDescriptor(fn, "name")?.value;
  return typeof name === "string" ? name : "";
}

/** Only of plain functions can it be told: reading their `caller` throws if they are strict. Others count as strict. */
function isStrict(fn: AnyFunction, source: ReadableSource): boolean {
  if (source.goal === "script" || source.shape !== "plain") return source.goal === "module";
  try {
    Reflect.get(fn, "caller");
    return false;
  } catch {
    return true;
  }
}

interface ResolvedNames {
  readonly late: string[];
  readonly self: string[];
  readonly helpers: string[];
  readonly refused: CapturedVariable[];
}

function resolveNames(
  fn: AnyFunction,
  source: ReadableSource,
  captures: Readonly<Record<string, unknown>>,
): ResolvedNames {
  const names: ResolvedNames = { late: [], self: [], helpers: [...source.importHelpers], refused: [] };
  let scopes: readonly FunctionScope[] | undefined;
  for (const freeName of source.freeNames) {
    const { name } = freeName;
    if (Object.hasOwn(captures, name)) continue;
    if (isHelper(name) && name !== "require") {
      names.helpers.push(name);
      continue;
    }
    scopes ??= readScopes(fn) ?? [];
    resolveInScopes(fn, source, freeName, lookUp(scopes, name), names);
  }
  return names;
}

type Found = Omit<CapturedVariable, "freeName">;

function resolveInScopes(
  fn: AnyFunction,
  source: ReadableSource,
  freeName: FreeName,
  found: Found | undefined,
  names: ResolvedNames,
): void {
  const { name } = freeName;
  if (!found) {
    // What a class needed when it was defined existed then, even if V8 has not kept it in a scope.
    const isLost = freeName.isEager && !(name in globalThis);
    if (isLost) names.refused.push({ freeName, ...lostVariable(fn, source, name) });
    else if (Object.getOwnPropertyDescriptor(globalThis, name)?.value === fn) names.self.push(name);
    else names.late.push(name);
  } else if (isSame(found.value, fn)) {
    names.self.push(name);
  } else if (name === "require" && isRequire(found.value)) {
    names.helpers.push(name);
  } else if (name in globalThis && found.value === Reflect.get(globalThis, name)) {
    names.late.push(name);
  } else {
    names.refused.push({ freeName, ...found });
  }
}

function lookUp(scopes: readonly FunctionScope[], name: string): Found | undefined {
  const scope = scopes.find(
    ({ description, variables }) => !description.startsWith("Global") && Object.hasOwn(variables, name),
  );
  if (!scope) return undefined;
  try {
    return { value: Reflect.get(scope.variables, name) };
  } catch {
    return { value: undefined, missing: "not initialised yet" };
  }
}

function lostVariable(fn: AnyFunction, source: ReadableSource, name: string): Found {
  if (source.baseName === name) return { value: Object.getPrototypeOf(fn) };
  return { value: undefined, missing: "used where the class is defined" };
}

/** Whether `value` is the function, or a wrapper that stands for it. */
function isSame(value: unknown, fn: AnyFunction): boolean {
  return value === fn || (typeof value === "function" && standIns.get(value as AnyFunction)?.original === fn);
}

function isRequire(value: unknown): boolean {
  return typeof value === "function" && "resolve" in value && "cache" in value;
}
