/** One function that serves as a higher-order function, as a standard decorator, and as a legacy one. */

import { shown } from "../errors.ts";
import { travelsAs } from "../functions/stand-ins.ts";

type AnyFunction = (...args: unknown[]) => unknown;
type Wrap = (fn: AnyFunction) => AnyFunction;

interface StandardContext {
  readonly kind: string;
  readonly name: string | symbol;
}

/**
 * A decorator that replaces a function by `wrap(function)`, in whichever form it is used; `name` is for messages.
 * The forms are told apart by what they are called with: a standard decorator gets a context with a `kind`, a legacy
 * one a property key and a descriptor, and a higher-order function nothing but the function.
 */
export function decorator(name: string, wrap: Wrap): (...parameters: unknown[]) => unknown {
  const decorate = (value: unknown, context: unknown, descriptor: unknown): unknown => {
    if (isStandardContext(context)) return decorateStandard(name, wrap, value, context);
    if (typeof context === "string" || typeof context === "symbol")
      return decorateLegacy(name, wrap, context, descriptor);
    if (typeof value === "function") return wrap(value as AnyFunction);
    throw new TypeError(`${name}(view) takes a function; given: ${shown(value)}`);
  };
  travelsAs(decorate, decorateNothing);
  return decorate as (...parameters: unknown[]) => unknown;
}

/** What a decorator is on an engine: it leaves what it decorates as it is, so that neither client nor view travel. */
export function decorateNothing(value: unknown, context: unknown, descriptor: unknown): unknown {
  return typeof context === "string" || typeof context === "symbol" ? descriptor : value;
}

function keepInitial(initial: unknown): unknown {
  return initial;
}

function decorateStandard(name: string, wrap: Wrap, value: unknown, context: StandardContext): unknown {
  const place = `@${name} on ${context.kind} ${String(context.name)}`;
  const wrapInitial = (initial: unknown): unknown => wrap(expectFunction(place, initial));
  travelsAs(wrapInitial, keepInitial);
  switch (context.kind) {
    case "method":
      return wrap(expectFunction(place, value));
    case "field":
      return wrapInitial;
    case "accessor":
      return { init: wrapInitial };
    default:
      throw new TypeError(`${place}: only methods, fields and accessors that hold functions can be decorated`);
  }
}

function decorateLegacy(name: string, wrap: Wrap, key: string | symbol, descriptor: unknown): unknown {
  const place = `@${name} on ${String(key)}`;
  const property = descriptor as PropertyDescriptor | undefined;
  if (property === undefined) {
    throw new TypeError(
      `${place}: with experimentalDecorators only methods can be decorated; write ${String(key)} = ${name}(view)(…)`,
    );
  }
  return { ...property, value: wrap(expectFunction(place, property.value)) };
}

function expectFunction(place: string, value: unknown): AnyFunction {
  if (typeof value === "function") return value as AnyFunction;
  throw new TypeError(`${place}: there is no function to decorate`);
}

function isStandardContext(context: unknown): context is StandardContext {
  return typeof context === "object" && context !== null && typeof (context as { kind?: unknown }).kind === "string";
}
