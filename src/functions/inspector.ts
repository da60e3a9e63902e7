/**
 * Asking V8 about a function: the variables around it, where it was written, and what a bound function is bound to.
 * Synchronous.
 *
 * All but the texts of scripts comes from the Runtime domain. The Debugger domain slows every `await` of the process
 * down tenfold while it is on, so it is on only for the moment in which a script is asked for.
 */

import { createRequire } from "node:module";
import { createContext } from "node:vm";
import type { AnyFunction } from "./wire.ts";

/** One scope around a function, the innermost first. */
export interface FunctionScope {
  /** V8's description: `Closure (name)`, `Block`, `Catch`, `Module`, `Script` or `Global`. */
  readonly description: string;
  /** A snapshot of the scope's variables. Reading one that is not yet initialised may throw a ReferenceError. */
  readonly variables: object;
}

/** What a bound function is bound to. */
export interface Binding {
  readonly target: AnyFunction;
  readonly thisValue: unknown;
  readonly boundArguments: readonly unknown[];
}

/** Where a function begins in the script that was run, counted from 0. */
export interface ScriptPosition {
  readonly scriptId: string;
  readonly line: number;
  readonly column: number;
}

/** A script that was run: after any compiler. */
export interface ScriptText {
  /** A file URL, a path, or whatever the text was run under; may be empty. */
  readonly url: string;
  readonly text: string;
  /** The address of the source map; empty if there is none. */
  readonly sourceMapUrl: string;
}

interface RemoteObject {
  readonly objectId?: string;
  readonly value?: unknown;
  readonly unserializableValue?: string;
}

interface InternalProperty {
  readonly name: string;
  readonly value?: RemoteObject;
}

interface Connection {
  /** Sends a command; its answer is there when this returns. */
  post(method: string, parameters?: object): Record<string, unknown>;
  readonly session: import("node:inspector").Session;
  readonly contextId: number;
  /** The global object of a private context, through which real values go in and come out. */
  readonly slot: { subject?: unknown; found?: unknown[] };
}

const OBJECT_GROUP = "ndparallel";

/** undefined: not tried yet; null: this runtime has no inspector, or permissions forbid it. */
let connection: Connection | null | undefined;

/** The scopes around `fn`, innermost first; undefined if the inspector is not available. */
export function readScopes(fn: AnyFunction): readonly FunctionScope[] | undefined {
  return withInternals(fn, (internals, { post, slot }) => {
    const objectId = internals.get("[[Scopes]]")?.objectId;
    if (objectId === undefined) return undefined;
    const functionDeclaration =
      "function () { found = []; for (let i = 0; this[i]; i++) found.push(this[i].description, this[i].object); }";
    post("Runtime.callFunctionOn", { objectId, functionDeclaration, silent: true });
    const found = slot.found ?? [];
    const scopes: FunctionScope[] = [];
    for (let i = 0; i < found.length; i += 2) {
      scopes.push({ description: found[i] as string, variables: found[i + 1] as object });
    }
    return scopes;
  });
}

const positions = new WeakMap<AnyFunction, ScriptPosition | null>();

/** Where `fn` was written; undefined for native functions, or if the inspector is not available. */
export function readPosition(fn: AnyFunction): ScriptPosition | undefined {
  let position = positions.get(fn);
  if (position === undefined) {
    position = withInternals(fn, (internals) => {
      const value = internals.get("[[FunctionLocation]]")?.value as
        | { scriptId: string; lineNumber: number; columnNumber?: number }
        | undefined;
      return value && { scriptId: value.scriptId, line: value.lineNumber, column: value.columnNumber ?? 0 };
    });
    positions.set(fn, position ?? null);
  }
  return position ?? undefined;
}

/** A script by its id; undefined if V8 has it no more, or the inspector is not available. */
export function readScript(scriptId: string): ScriptText | undefined {
  connection ??= connect() ?? null;
  if (!connection) return undefined;
  const { post, session } = connection;
  let found: { url: string; sourceMapURL?: string } | undefined;
  const note = ({ params }: { params: { scriptId: string; url: string; sourceMapURL?: string } }): void => {
    if (params.scriptId === scriptId) found = params;
  };
  session.on("Debugger.scriptParsed", note);
  try {
    post("Debugger.enable");
    const { scriptSource } = post("Debugger.getScriptSource", { scriptId });
    return { url: found?.url ?? "", text: String(scriptSource), sourceMapUrl: found?.sourceMapURL ?? "" };
  } catch {
    return undefined;
  } finally {
    post("Debugger.disable");
    session.off("Debugger.scriptParsed", note);
  }
}

/** What `fn` is bound to; undefined if it is not bound, or the inspector is not available. */
export function readBinding(fn: AnyFunction): Binding | undefined {
  return withInternals(fn, (internals, { post, slot }) => {
    const target = internals.get("[[TargetFunction]]");
    const boundArguments = internals.get("[[BoundArgs]]");
    if (!target?.objectId || !boundArguments) return undefined;
    post("Runtime.callFunctionOn", {
      objectId: target.objectId,
      functionDeclaration: "function (thisValue, list) { found = [this, thisValue, ...Array.from(list)]; }",
      arguments: [asArgument(internals.get("[[BoundThis]]")), asArgument(boundArguments)],
      silent: true,
    });
    const [fnTarget, thisValue, ...rest] = slot.found ?? [];
    return { target: fnTarget as AnyFunction, thisValue, boundArguments: rest };
  });
}

function asArgument(value: RemoteObject | undefined): object {
  if (value?.objectId !== undefined) return { objectId: value.objectId };
  if (value?.unserializableValue !== undefined) return { unserializableValue: value.unserializableValue };
  return value && "value" in value ? { value: value.value } : {};
}

function withInternals<T>(
  fn: AnyFunction,
  read: (internals: ReadonlyMap<string, RemoteObject | undefined>, connection: Connection) => T,
): T | undefined {
  connection ??= connect() ?? null;
  if (!connection) return undefined;
  const { post, slot, contextId } = connection;
  slot.subject = fn;
  try {
    const evaluated = post("Runtime.evaluate", {
      expression: "subject",
      contextId,
      objectGroup: OBJECT_GROUP,
      silent: true,
    });
    const { objectId } = evaluated["result"] as RemoteObject;
    const { internalProperties } = post("Runtime.getProperties", { objectId, ownProperties: true });
    const entries = (internalProperties ?? []) as InternalProperty[];
    return read(new Map(entries.map(({ name, value }) => [name, value])), connection);
  } finally {
    slot.subject = undefined;
    slot.found = [];
    post("Runtime.releaseObjectGroup", { objectGroup: OBJECT_GROUP });
  }
}

/** With `--permission` (and no `--allow-inspector`), and in builds without inspector, one of these steps throws. */
function connect(): Connection | undefined {
  try {
    const inspector = createRequire(import.meta.url)("node:inspector") as typeof import("node:inspector");
    const session = new inspector.Session();
    session.connect();
    const post: Connection["post"] = (method, parameters) => {
      let answer: object = {};
      let failure: Error | null = null;
      session.post(method, parameters, (error, result) => {
        failure = error;
        answer = result ?? {};
      });
      if (failure) throw failure;
      return answer as Record<string, unknown>;
    };
    const slot: Connection["slot"] = { subject: undefined, found: [] };
    return { post, slot, session, contextId: openContext(session, post, slot) };
  } catch {
    return undefined;
  }
}

/** A context of its own keeps the user's global objects clean, and works where tests run in contexts of theirs. */
function openContext(session: import("node:inspector").Session, post: Connection["post"], slot: object): number {
  const name = `ndparallel ${process.hrtime.bigint()}`;
  let contextId = -1;
  session.on("Runtime.executionContextCreated", ({ params }) => {
    if (params.context.name === name) contextId = params.context.id;
  });
  post("Runtime.enable");
  createContext(slot, { name });
  post("Runtime.disable");
  session.removeAllListeners("Runtime.executionContextCreated");
  if (contextId < 0) throw new Error("the inspector did not announce the context");
  return contextId;
}
