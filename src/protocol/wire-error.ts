/** Errors as they cross the wire, and back. */

import { type InspectOptions, inspect } from "node:util";
import {
  ConnectionError,
  EngineError,
  type ErrorPlace,
  ImpossibleDependency,
  InvalidDependency,
  ParallelError,
  RemoteError,
  SecurityError,
  SerializationError,
  TaskAborted,
  TaskTimeout,
  UnmetDependency,
} from "../errors.ts";

/** An error on the wire. `kind` says which class the receiver makes of it. */
export interface WireError {
  readonly kind:
    | "remote"
    | "engine"
    | "aborted"
    | "timeout"
    | "unmet"
    | "invalid"
    | "impossible"
    | "type"
    | "range"
    | "security"
    | "connection"
    | "serialization"
    | "unknown";
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** The engine that an EngineError is about, where it is not the one that tells of it. */
  readonly engineId?: number | undefined;
  /** What led to an error that a user's function threw. */
  readonly cause?: WireCause | undefined;
  /** The errors of an AggregateError that a user's function threw. */
  readonly errors?: readonly WireCause[] | undefined;
}

/** An error, or what was given in the place of one: a primitive value, or how it is shown. */
type WireCause = Pick<WireError, "name" | "message" | "stack" | "cause" | "errors"> | string | number | boolean | null;

/** So many errors of an AggregateError are told, and so long a chain of causes. */
const MOST_ERRORS = 16;
const MOST_CAUSES = 8;

/** How a thrown value is shown: without running code of its own, and not at full length. */
const BRIEF: InspectOptions = { depth: 2, maxArrayLength: 20, maxStringLength: 1_000, customInspect: false };

/** How an error that was thrown by the system itself (not by a user's function) is told to the other end. */
export function toWireError(error: unknown): WireError {
  const { name, message, stack } = asError(error);
  const engineId = error instanceof EngineError ? error.engineId : undefined;
  return { kind: kindOf(error), name, message, stack, ...(engineId === undefined ? {} : { engineId }) };
}

/** How an error that a user's function threw is told. Whatever was thrown, there is a name and a message. */
export function toRemoteWireError(error: unknown): WireError {
  const told = asError(error);
  return { kind: told.name === "UnmetDependency" ? "unmet" : "remote", ...told, ...causesOf(error, MOST_CAUSES) };
}

function causesOf(error: unknown, most: number): Pick<WireError, "cause" | "errors"> {
  try {
    if (most === 0 || !(error instanceof Error)) return {};
    const { cause, errors } = error as Partial<AggregateError>;
    return {
      ...(cause === undefined ? {} : { cause: toWireCause(cause, most - 1) }),
      ...(Array.isArray(errors) ? { errors: errors.slice(0, MOST_ERRORS).map((e) => toWireCause(e, most - 1)) } : {}),
    };
  } catch {
    return {};
  }
}

function toWireCause(cause: unknown, most: number): WireCause {
  if (cause instanceof Error) return { ...asError(cause), ...causesOf(cause, most) };
  return cause === null || /^(string|number|boolean)$/.test(typeof cause)
    ? (cause as WireCause)
    : inspect(cause, BRIEF);
}

function fromWireCause(told: WireCause): unknown {
  if (typeof told !== "object" || told === null) return told;
  const { name, message, stack } = told;
  const errors = told.errors?.map(fromWireCause);
  const options = causeOf(told);
  const error = errors === undefined ? new Error(message, options) : new AggregateError(errors, message, options);
  return Object.defineProperties(error, {
    name: { value: name, configurable: true, writable: true },
    stack: { value: stack, configurable: true, writable: true },
  });
}

function causeOf({ cause }: Pick<WireError, "cause">): ErrorOptions | undefined {
  return cause === undefined ? undefined : { cause: fromWireCause(cause) };
}

function toRemoteError(error: WireError, place: ErrorPlace): RemoteError {
  const { name, message, stack } = error;
  return new RemoteError({ ...place, name, message, stack, errors: error.errors?.map(fromWireCause) }, causeOf(error));
}

/** The error that the receiver throws. */
export function fromWireError(error: WireError, { engineId = -1, engineUuid, messageId }: ErrorPlace = {}): Error {
  // A task that never was at an engine has none.
  const place = engineId < 0 ? { messageId } : { engineId, engineUuid, messageId };
  switch (error.kind) {
    case "remote":
      return toRemoteError(error, place);
    case "engine":
      return new EngineError(error.message, error.engineId === undefined ? place : { engineId: error.engineId });
    case "aborted":
      return new TaskAborted(error.message, place);
    case "timeout":
      return new TaskTimeout(error.message, place);
    case "unmet":
      return new UnmetDependency(error.message, place);
    case "invalid":
      return new InvalidDependency(error.message, place);
    case "impossible":
      return new ImpossibleDependency(error.message, place);
    case "type":
      return new TypeError(error.message);
    case "range":
      return new RangeError(error.message);
    case "security":
      return new SecurityError(error.message);
    case "connection":
      return new ConnectionError(error.message);
    case "serialization":
      return new SerializationError(error.message);
    case "unknown":
      return Object.assign(new Error(error.message), { name: error.name });
  }
}

function kindOf(error: unknown): WireError["kind"] {
  if (error instanceof ParallelError) {
    if (error.code === "EngineError") return "engine";
    if (error.code === "TaskAborted") return "aborted";
    if (error.code === "SecurityError") return "security";
    if (error.code === "ConnectionError") return "connection";
    if (error.code === "SerializationError") return "serialization";
  }
  if (error instanceof TypeError) return "type";
  if (error instanceof RangeError) return "range";
  return "unknown";
}

function asError(error: unknown): { name: string; message: string; stack?: string | undefined } {
  try {
    if (typeof error === "object" && error !== null && "message" in error) {
      const { name, message, stack } = error as { name?: unknown; message: unknown; stack?: unknown };
      return {
        name: typeof name === "string" ? name : "Error",
        message: String(message),
        stack: typeof stack === "string" ? stack : undefined,
      };
    }
  } catch {
    // A getter or a proxy that throws: described like any other value.
  }
  return { name: "Error", message: describeThrown(error) };
}

function describeThrown(value: unknown): string {
  try {
    return `a value that is no error was thrown: ${typeof value === "string" ? value : inspect(value, BRIEF)}`;
  } catch {
    return "a value that is no error was thrown";
  }
}
