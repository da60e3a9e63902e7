/** `explain`: what would travel with a function, and how large each part is, without sending anything. */

import { inspect } from "node:util";
import { SerializationError } from "../errors.ts";
import { Serializer } from "../ndarray-transport/serializer.ts";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import { type CapturedFunction, type CaptureOptions, captureFunction } from "./capture.ts";
import { SUPER_CLASS } from "./class-definition.ts";
import type { ClosureOptions } from "./closure.ts";
import { formatExplanation } from "./explain-text.ts";
import type { ExplainedName, Explanation, TravelsAs } from "./explanation.ts";
import { nounOf } from "./inert.ts";
import { ModuleReference } from "./module-reference.ts";
import { describeValue, labelOf, nameOf } from "./refusals.ts";
import { placeOf } from "./scripts.ts";
import { serializerHandlers } from "./serializer.ts";
import { unboxed } from "./shared-variables.ts";
import { standInOf, unwrap } from "./stand-ins.ts";
import type { AnyFunction } from "./wire.ts";

/**
 * Tells what would travel with a function, without sending it: the names that it uses from outside, how each gets to
 * the engine, and how many bytes each takes. Functions that cannot be sent are explained as well.
 *
 * @param fn a function, a class, or what `closure`, `remote` or `parallel` made of one
 * @param options `modules` as the flag of a view
 * @throws TypeError if `fn` is no function
 *
 * @example
 * ```ts no-run
 * console.log(explain(train));
 * ```
 */
export function explain(fn: AnyFunction, options: ClosureOptions = {}): Explanation {
  if (typeof fn !== "function") throw new TypeError(`explain: fn must be a function, not ${describeValue(fn)}`);
  return new Explainer({ modules: options.modules ?? "value" }).explain(fn);
}

/** A value as it is sent inside a function: what may only be captured counts there. */
class Captured {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

const capturedHandler: TypeHandler = {
  name: "function",
  test: (value) => value instanceof Captured,
  encode: ({ value }: Captured) => ({ value }),
  decode: () => undefined,
};

class Explainer {
  private readonly serializer: Serializer;
  private readonly options: CaptureOptions;
  private readonly seen = new Set<unknown>();

  constructor(options: CaptureOptions) {
    this.options = options;
    this.serializer = new Serializer([capturedHandler, ...serializerHandlers(options)]);
  }

  explain(fn: AnyFunction): Explanation {
    const subject = unwrap(fn);
    this.seen.add(subject);
    const original = standInOf(subject)?.original ?? subject;
    const { names, codeBytes } = this.inside(subject);
    const sent = this.measure(subject, "fn");
    const explanation = {
      label: labelOf(original),
      place: placeOf(original),
      refusal: sent instanceof SerializationError ? sent : undefined,
      bytes: sent instanceof SerializationError ? undefined : sent,
      codeBytes,
      names,
    };
    const toText = (): string => formatExplanation(explanation);
    // Not enumerable, so that the explanation is plain data to whoever looks into it.
    Object.defineProperties(explanation, { toString: { value: toText }, [inspect.custom]: { value: toText } });
    return explanation;
  }

  /** The names inside of a function, as far as its text can be read. */
  private inside(fn: AnyFunction): { names: ExplainedName[]; codeBytes: number } {
    let captured: CapturedFunction;
    try {
      captured = captureFunction(fn, this.options);
    } catch {
      return { names: [], codeBytes: 0 };
    }
    const { head, body } = captured;
    const names = [
      ...Object.entries(head.eager ?? {}).flatMap(([name, value]) => this.variable(EAGER[name] ?? name, value)),
      ...Object.entries(body.captures ?? {}).flatMap(([name, value]) => this.variable(name, unboxed(value))),
      ...Object.entries(body.own ?? {}).flatMap(([name, value]) => this.variable(`${nameOf(fn)}.${name}`, value)),
      ...(head.late ?? []).map(lateName),
      ...(head.helpers ?? []).map((name) => plainName(name, "helper", "supplied by the engine")),
    ];
    return { names, codeBytes: Buffer.byteLength(head.code) };
  }

  private variable(name: string, value: unknown): ExplainedName[] {
    if (value instanceof ModuleReference) return [importedName(name, value)];
    if (isExports(value)) {
      return Object.entries(value).map(([exported, reference]) => importedName(exported, reference));
    }
    const noun = typeof value === "object" && value !== null ? nounOf(value) : undefined;
    if (noun !== undefined) return [plainName(name, "stays", noun)];
    const sent = this.measure(new Captured(value), "value");
    if (sent instanceof SerializationError) {
      const { culprit, reason } = sent;
      const path = culprit
        ? `${culprit} ${reason}`
        : sent.message.replace(/^value\.value/, "it ").replace("it  ", "it ");
      return [
        { name, travelsAs: "refused", what: `${describeValue(value)}: ${path}`, bytes: 0, names: this.namesOf(value) },
      ];
    }
    if (typeof value === "function" && captureFunction(value as AnyFunction).head.isBuiltin) {
      return [plainName(name, "builtin", String(captureFunction(value as AnyFunction).head.code))];
    }
    return [{ name, travelsAs: "value", what: describeValue(value), bytes: sent, names: this.namesOf(value) }];
  }

  private namesOf(value: unknown): readonly ExplainedName[] {
    if (typeof value !== "function") return [];
    const subject = unwrap(value as AnyFunction);
    if (this.seen.has(subject)) return [];
    this.seen.add(subject);
    return this.inside(subject).names;
  }

  /** What a value takes in a message, in bytes; or why it cannot be sent. */
  private measure(value: unknown, name: string): number | SerializationError {
    try {
      const { head, buffers } = this.serializer.serialize(value, name);
      const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, head.byteLength);
      return value instanceof Captured ? bytes - this.wrapping : bytes;
    } catch (error) {
      if (error instanceof SerializationError) return error;
      throw error;
    }
  }

  /** What the wrapping alone takes. */
  private get wrapping(): number {
    return this.serializer.serialize(new Captured(null)).head.byteLength - 1;
  }
}

const EAGER: Readonly<Record<string, string>> = {
  [SUPER_CLASS]: "(extends)",
  target: "(bound function)",
  thisValue: "(bound this)",
  boundArguments: "(bound arguments)",
};

function isExports(value: unknown): value is Record<string, ModuleReference> {
  if (typeof value !== "object" || value === null) return false;
  const values = Object.values(value);
  return values.length > 0 && values.every((one) => one instanceof ModuleReference);
}

function importedName(name: string, { specifier, exported }: ModuleReference): ExplainedName {
  const what = exported === "*" ? `"${specifier}"` : `"${exported}" from "${specifier}"`;
  return plainName(name, "import", what);
}

function lateName(name: string): ExplainedName {
  if (name in globalThis) return plainName(name, "builtin", "a global name");
  return plainName(name, "namespace", "looked up when the function runs");
}

function plainName(name: string, travelsAs: TravelsAs, what: string): ExplainedName {
  return { name, travelsAs, what, bytes: 0, names: [] };
}
