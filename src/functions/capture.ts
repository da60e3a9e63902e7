/**
 * Client side: from a function object to the form in which it travels. Synchronous, because a task is sent when it is
 * submitted; captured variables have the values of that moment.
 *
 * The way of a function: received before → native or bound → its text is read → each free name is helper, given,
 * captured, imported or late.
 */

import { dirname } from "node:path";
import { types } from "node:util";
import { INLINE_LIMIT } from "../ndarray-transport/serializer.ts";
import type { Steps } from "../ndarray-transport/types.ts";
import { analyseSource, expressionOf, type FreeName, type ReadableSource } from "./analysis.ts";
import { builtinPath } from "./builtins.ts";
import { SUPER_CLASS } from "./class-definition.ts";
import { isRequire } from "./commonjs.ts";
import { isHelper } from "./helpers.ts";
import { importedValue } from "./imported-values.ts";
import { readBinding } from "./inspector.ts";
import { emptyCopy } from "./lowered-privates.ts";
import { readProperties } from "./properties.ts";
import { nameOf, refuse, refuseVariable } from "./refusals.ts";
import { moduleOf } from "./scripts.ts";
import { boxOf } from "./shared-variables.ts";
import { isSame, type ModuleMode, type StandIn, standInOf } from "./stand-ins.ts";
import { isOfModule, isWithoutVariables, lookUp, type Scopes, scopesOf } from "./variables.ts";
import { type AnyFunction, type FunctionBody, type FunctionHead, receivedForm } from "./wire.ts";

/** Not `fn.toString()`, which a class can replace by a static method. */
const toSource = Function.prototype.toString;

const NO_SOURCE =
  "is a native function that has no name under which an engine finds it; import it inside the function, or call it here";
const UNREADABLE = "has a source text that cannot be read; write it as an ordinary function";
const IS_PROXY = "is a Proxy of a function, whose handler cannot be read; send the function that it wraps";

/** How functions are taken apart. */
export interface CaptureOptions {
  readonly modules: ModuleMode;
}

/** A function as it travels: what is needed to make it, and what is put into it. */
export interface CapturedFunction extends Steps {
  readonly head: FunctionHead;
  readonly body: FunctionBody;
}

/**
 * The form in which a function travels.
 *
 * Names that the function does not declare are looked for in the scopes around it, with V8's inspector. Where there
 * is no inspector (`--permission` without `--allow-inspector`, other runtimes) captured variables cannot be told from
 * names of the engine's namespace: all that were not given with `closure` are then left to the engine.
 *
 * @throws Refusal if it cannot travel because of its text; what it captured is looked at by the serializer
 */
export function captureFunction(fn: AnyFunction, options: CaptureOptions = { modules: "value" }): CapturedFunction {
  const standIn = standInOf(fn);
  const original = standIn?.original ?? fn;
  const received = standIn ? undefined : receivedForm(fn);
  if (received) {
    const { head } = received;
    return { head, body: { captures: received.readCells(), ...properties(fn) }, runsCode: hasEager(head) };
  }
  if (types.isProxy(original)) throw refuse(original, IS_PROXY);
  const source = sourceOf(original);
  if (source.kind === "native") return builtinForm(original) ?? boundForm(original);
  const obstacle = source.kind === "readable" ? source.obstacle : UNREADABLE;
  if (source.kind !== "readable" || obstacle !== undefined) {
    // Functions of Node are written in JavaScript, and may do what others must not; they travel by name.
    const builtin = builtinForm(original);
    if (builtin) return builtin;
    throw refuse(original, obstacle ?? UNREADABLE);
  }
  return new Capture(fn, original, source, standIn, options).take();
}

const sources = new WeakMap<AnyFunction, ReturnType<typeof analyseSource>>();

/** What the text of `fn` says. */
export function sourceOf(fn: AnyFunction): ReturnType<typeof analyseSource> {
  let source = sources.get(fn);
  if (!source) {
    source = analyseSource(toSource.call(fn));
    sources.set(fn, source);
  }
  return source;
}

function boxedSource(fn: AnyFunction, boxed: readonly string[]): ReadableSource {
  return analyseSource(toSource.call(fn), boxed) as ReadableSource;
}

/**
 * Whether `fn` is sure to travel in the same form whenever it is sent: an arrow function or a plain one of which no name
 * is a variable around it, and that carries nothing.
 */
export function travelsAlike(fn: unknown): fn is AnyFunction {
  if (typeof fn !== "function" || standInOf(fn) || receivedForm(fn as AnyFunction) || types.isProxy(fn)) return false;
  const source = sourceOf(fn as AnyFunction);
  if (source.kind !== "readable" || source.obstacle !== undefined || source.importHelpers.length > 0) return false;
  if (source.shape !== "arrow" && source.shape !== "plain") return false;
  const mayCapture = source.freeNames.some(({ name }) => isHelper(name) || isGlobal(name, fn));
  if (mayCapture || (source.freeNames.length > 0 && !isWithoutVariables(fn as AnyFunction))) return false;
  return isBare(fn);
}

/** Whether the global of that name is the function. */
function isGlobal(name: string, fn: unknown): boolean {
  return Object.getOwnPropertyDescriptor(globalThis, name)?.value === fn;
}

/** Whether nobody has put anything on the function or its prototype. */
export function isBare(fn: { readonly prototype?: object }): boolean {
  const { prototype } = fn;
  return Object.keys(fn).length === 0 && Object.getOwnPropertySymbols(fn).length === 0 && isEmpty(prototype);
}

function isEmpty(prototype: object | undefined): boolean {
  if (prototype === undefined) return true;
  return Object.keys(prototype).length === 0 && Object.getOwnPropertySymbols(prototype).length === 0;
}

function hasEager({ eager }: FunctionHead): boolean {
  return eager !== undefined && Object.keys(eager).some((name) => name !== SUPER_CLASS);
}

function builtinForm(fn: AnyFunction): CapturedFunction | undefined {
  const path = builtinPath(fn);
  if (!path) return undefined;
  const late = path.root === undefined ? [] : [path.root];
  return {
    head: { code: path.code, name: nameOf(fn), strict: true, late, isBuiltin: true },
    body: {},
    runsCode: false,
  };
}

function boundForm(fn: AnyFunction): CapturedFunction {
  const binding = readBinding(fn);
  if (!binding) throw refuse(fn, NO_SOURCE);
  const code = "target.bind(thisValue, ...boundArguments)";
  const { target, thisValue, boundArguments } = binding;
  const eager = { target, thisValue, boundArguments };
  return { head: { code, name: nameOf(fn), strict: true, eager }, body: properties(fn), runsCode: false };
}

/** What somebody put on a function and its prototype, static fields included. */
function properties(fn: AnyFunction): FunctionBody {
  const own = readProperties(fn);
  const prototype = Object.getOwnPropertyDescriptor(fn, "prototype")?.value as object | undefined;
  const added = typeof prototype === "object" && prototype !== null ? readProperties(prototype) : undefined;
  return {
    ...(own.values && { own: own.values }),
    ...(own.accessors && { ownAccessors: own.accessors }),
    ...(added?.values && { prototype: added.values }),
    ...(added?.accessors && { prototypeAccessors: added.accessors }),
  };
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

/** One function on its way. */
class Capture {
  private readonly fn: AnyFunction;
  private readonly original: AnyFunction;
  private readonly source: ReadableSource;
  private readonly given: Readonly<Record<string, unknown>>;
  private readonly modules: ModuleMode;
  private readonly late: string[] = [];
  private readonly helpers: string[];
  private readonly captures: Record<string, unknown> = {};
  private readonly eager: Record<string, unknown> = {};
  /** Captured variables that other functions may assign to. */
  private readonly boxed: string[] = [];
  private scopes: Scopes | undefined;
  private hasCaptured = false;
  private builtin: CapturedFunction | undefined;

  constructor(
    fn: AnyFunction,
    original: AnyFunction,
    source: ReadableSource,
    standIn: StandIn | undefined,
    options: CaptureOptions,
  ) {
    this.fn = fn;
    this.original = original;
    this.source = source;
    this.given = standIn?.captures ?? {};
    this.modules = standIn?.modules ?? options.modules;
    this.helpers = [...source.importHelpers];
  }

  take(): CapturedFunction {
    const { fn, original, source } = this;
    if (source.isDerived) this.eager[SUPER_CLASS] = this.baseClass();
    for (const freeName of source.freeNames) this.resolve(freeName);
    if (this.builtin) return this.builtin;
    const name = nameOf(original);
    const code = expressionOf(this.boxed.length === 0 ? source : boxedSource(original, this.boxed), name);
    const cells = Object.keys(this.captures);
    const from = this.helpers.length > 0 ? moduleOf(original)?.path : undefined;
    const head: FunctionHead = {
      // Long texts travel as large arrays do: to each engine once.
      code: code.length < INLINE_LIMIT ? code : Buffer.from(code),
      name,
      strict: isStrict(original, source),
      ...(this.late.length > 0 && { late: this.late }),
      ...(cells.length > 0 && { cells }),
      ...(Object.keys(this.eager).length > 0 && { eager: this.eager }),
      ...(this.helpers.length > 0 && { helpers: this.helpers }),
      ...(from !== undefined && { from: dirname(from) }),
    };
    const captures = cells.length > 0 ? { captures: this.captures } : {};
    return { head, body: { ...captures, ...properties(original === fn ? fn : original) }, runsCode: hasEager(head) };
  }

  private baseClass(): unknown {
    const { baseName } = this.source;
    if (baseName !== undefined && Object.hasOwn(this.given, baseName)) return this.given[baseName];
    return Object.getPrototypeOf(this.original) as unknown;
  }

  private resolve(freeName: FreeName): void {
    const { name } = freeName;
    if (Object.hasOwn(this.given, name)) {
      const value = this.given[name];
      this.put(freeName, isSame(value, this.original) ? this.fn : value);
      return;
    }
    if (isHelper(name)) {
      this.helpers.push(name);
      return;
    }
    this.scopes ??= scopesOf(this.original, this.source.freeNames);
    const found = lookUp(this.scopes, name);
    if (found === "nowhere") this.foundNowhere(freeName);
    else if (found === "uninitialised") {
      throw refuseVariable(this.original, name, "has no value yet; send the function after the line that declares it");
    } else this.capture(freeName, found.value);
  }

  private foundNowhere(freeName: FreeName): void {
    const { name } = freeName;
    const isNamed = name in globalThis;
    // What a class needed when it was defined existed then, even if V8 has not kept it in a scope.
    if (freeName.isEager && !isNamed && this.scopes?.isKnown) {
      const reason = "was needed only while the class was defined, and is gone; give it with closure";
      throw refuseVariable(this.original, name, reason);
    }
    if (isNamed && isGlobal(name, this.original)) this.put(freeName, this.fn);
    else this.late.push(name);
  }

  private capture(freeName: FreeName, value: unknown): void {
    const { name } = freeName;
    if (!this.hasCaptured) {
      this.hasCaptured = true;
      // Functions of Node are written in JavaScript and capture its internals.
      this.builtin = builtinForm(this.original);
    }
    if (this.builtin) return;
    if (isSame(value, this.original)) this.put(freeName, this.fn);
    else if (isRequire(value)) this.put(freeName, value);
    else if (name in globalThis && value === Reflect.get(globalThis, name)) this.late.push(name);
    else {
      const sent = emptyCopy(this.original, name, value) ?? this.imported(freeName, value);
      this.put(freeName, sent === value ? this.shared(freeName, value) : sent);
    }
  }

  /** A box, if the variable is one of the module that functions share. */
  private shared({ name, isEager, isWritten }: FreeName, value: unknown): unknown {
    if (isEager || !this.scopes || !isOfModule(this.scopes, name)) return value;
    const box = boxOf(this.original, name, value, isWritten);
    if (box) this.boxed.push(name);
    return box ?? value;
  }

  private imported(freeName: FreeName, value: unknown): unknown {
    return importedValue(this.original, freeName, value, this.modules);
  }

  private put({ name, isEager }: FreeName, value: unknown): void {
    if (isEager) this.eager[name] = value;
    else this.captures[name] = value;
  }
}
