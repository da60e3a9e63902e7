/**
 * Every error that ndparallel throws or rejects with, and the guard that tells them apart.
 *
 * All extend {@link ParallelError} and carry a literal `code`, so that a `switch` over it is exhaustive.
 */

import { inspect } from "node:util";

/** The literal `code` of each error class. */
export type ParallelErrorCode =
  | "RemoteError"
  | "CompositeError"
  | "EngineError"
  | "TaskAborted"
  | "TaskTimeout"
  | "TimeoutError"
  | "UnmetDependency"
  | "InvalidDependency"
  | "ImpossibleDependency"
  | "ReadOnlyError"
  | "SerializationError"
  | "ConnectionError"
  | "SecurityError";

/** The base of all errors of this library. */
export abstract class ParallelError extends Error {
  abstract readonly code: ParallelErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Where and in which task an error happened. */
export interface ErrorPlace {
  readonly engineId?: number | undefined;
  readonly engineUuid?: string | undefined;
  readonly messageId?: string | undefined;
}

/** What an engine reports of an error that the user's function threw. */
export interface RemoteFailure extends ErrorPlace {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** Those of an AggregateError. */
  readonly errors?: readonly unknown[] | undefined;
}

/**
 * The user's function threw on an engine. `name`, `message`, `stack` and `cause` are those of the remote error;
 * a remote `TypeError` can be told by `error.remoteName === "TypeError"`.
 */
export class RemoteError extends ParallelError {
  readonly code = "RemoteError" as const;
  readonly remoteName: string;
  readonly engineId: number | undefined;
  readonly engineUuid: string | undefined;
  readonly messageId: string | undefined;
  /** Those of a remote AggregateError, as a failed `Promise.any` throws it; others have none. */
  declare readonly errors?: readonly unknown[];

  constructor(failure: RemoteFailure, options?: ErrorOptions) {
    super(failure.message, options);
    if (failure.errors !== undefined) this.errors = failure.errors;
    this.name = failure.name;
    this.remoteName = failure.name;
    this.engineId = failure.engineId;
    this.engineUuid = failure.engineUuid;
    this.messageId = failure.messageId;
    const remoteStack = failure.stack ?? `${failure.name}: ${failure.message}`;
    this.stack = `${remoteStack}\n    at engine ${failure.engineId ?? "?"} (task ${failure.messageId ?? "?"})`;
  }
}

/** How many of its errors a {@link CompositeError} shows in its message. */
const SHOWN_ERRORS = 4;

/** Several engines failed; `errors` has one entry for each failure, in target order. */
export class CompositeError extends ParallelError {
  readonly code = "CompositeError" as const;
  readonly errors: readonly Error[];

  constructor(errors: readonly Error[], options?: ErrorOptions) {
    super(renderErrors(errors), options);
    this.errors = errors;
  }
}

function renderErrors(errors: readonly Error[]): string {
  const lines = errors.slice(0, SHOWN_ERRORS).map((error) => {
    const engineId = (error as ErrorPlace).engineId;
    // What was aborted before it had an engine, or was never sent, is no engine's.
    return `  ${engineId === undefined ? "" : `[engine ${engineId}] `}${error.name}: ${error.message}`;
  });
  const hidden = errors.length - SHOWN_ERRORS;
  if (hidden > 0) lines.push(`  … and ${hidden} more`);
  return `${errors.length} ${errors.length === 1 ? "task" : "tasks"} failed:\n${lines.join("\n")}`;
}

/** An engine died, or was stopped, while it held the task; or a set of engines could not be started. */
export class EngineError extends ParallelError {
  readonly code = "EngineError" as const;
  readonly engineId: number | undefined;
  readonly engineUuid: string | undefined;
  readonly messageId: string | undefined;

  constructor(message: string, place: ErrorPlace = {}, options?: ErrorOptions) {
    super(message, options);
    this.engineId = place.engineId;
    this.engineUuid = place.engineUuid;
    this.messageId = place.messageId;
  }
}

/** The task was aborted before it started. */
export class TaskAborted extends ParallelError {
  readonly code = "TaskAborted" as const;
  readonly messageId: string | undefined;
  readonly engineId: number | undefined;

  constructor(message: string, place: ErrorPlace = {}, options?: ErrorOptions) {
    super(message, options);
    this.messageId = place.messageId;
    this.engineId = place.engineId;
  }
}

/** A task could not run, for a reason of its own. */
abstract class TaskFailure extends ParallelError {
  readonly messageId: string | undefined;
  /** The engine that it was at, if any. */
  readonly engineId: number | undefined;

  constructor(message: string, { messageId, engineId, ...options }: ErrorOptions & ErrorPlace = {}) {
    super(message, options);
    this.messageId = messageId;
    this.engineId = engineId;
  }
}

/** The task's own time limit passed before it could run. */
export class TaskTimeout extends TaskFailure {
  readonly code = "TaskTimeout" as const;
}

/** A wait ran out of time; what was waited for goes on. */
export class TimeoutError extends ParallelError {
  readonly code = "TimeoutError" as const;
  /** The limit that passed, in milliseconds. */
  readonly timeout: number | undefined;

  constructor(message: string, timeout?: number, options?: ErrorOptions) {
    super(message, options);
    this.timeout = timeout;
  }
}

/** A task's requirement does not hold on the engine that was to run it. */
export class UnmetDependency extends TaskFailure {
  readonly code = "UnmetDependency" as const;
}

/** A dependency names a task that nobody knows. */
export class InvalidDependency extends TaskFailure {
  readonly code = "InvalidDependency" as const;
}

/** A dependency can never be met. */
export class ImpossibleDependency extends TaskFailure {
  readonly code = "ImpossibleDependency" as const;
}

/** A write to a received, read-only array. */
export class ReadOnlyError extends ParallelError {
  readonly code = "ReadOnlyError" as const;
}

/** A place in a source file; line and column are counted from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What is known of a function that cannot be sent. */
export interface FunctionRefusal {
  /** The function's name; empty if it has none. */
  readonly functionName?: string | undefined;
  /** Where the function begins, in the file that was written, not in what a compiler made of it. */
  readonly place?: SourcePlace | undefined;
  /** From the function to the culprit: `captured variable "ctx" → .deep → .p`; empty if it is the function itself. */
  readonly culprit?: string | undefined;
  /** Why the culprit cannot be sent. */
  readonly reason?: string | undefined;
  /** What to do instead. */
  readonly remedy?: string | undefined;
}

/** A value or function that cannot be sent; `path` leads to the culprit, or to the function that holds it. */
export class SerializationError extends ParallelError implements FunctionRefusal {
  readonly code = "SerializationError" as const;
  /** Where in the value the culprit is, e.g. `args[0].model.layers[2]`; of a function, where the function is. */
  readonly path: string | undefined;
  readonly functionName: string | undefined;
  readonly place: SourcePlace | undefined;
  readonly culprit: string | undefined;
  readonly reason: string | undefined;
  readonly remedy: string | undefined;

  constructor(message: string, path?: string, options: ErrorOptions & { readonly refusal?: FunctionRefusal } = {}) {
    super(message, options);
    this.path = path;
    const { functionName, place, culprit, reason, remedy } = options.refusal ?? {};
    this.functionName = functionName;
    this.place = place;
    this.culprit = culprit;
    this.reason = reason;
    this.remedy = remedy;
  }
}

/** The controller cannot be reached, or the connection to it was lost. */
export class ConnectionError extends ParallelError {
  readonly code = "ConnectionError" as const;
}

/** A wrong key, a forged message, or a connection file that others could have written. */
export class SecurityError extends ParallelError {
  readonly code = "SecurityError" as const;
}

interface ErrorByCode {
  RemoteError: RemoteError;
  CompositeError: CompositeError;
  EngineError: EngineError;
  TaskAborted: TaskAborted;
  TaskTimeout: TaskTimeout;
  TimeoutError: TimeoutError;
  UnmetDependency: UnmetDependency;
  InvalidDependency: InvalidDependency;
  ImpossibleDependency: ImpossibleDependency;
  ReadOnlyError: ReadOnlyError;
  SerializationError: SerializationError;
  ConnectionError: ConnectionError;
  SecurityError: SecurityError;
}

/**
 * Whether `error` is an error of this library, and, when `code` is given, the one with that code.
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (isParallelError(error, "EngineError")) console.log(error.engineId);
 * }
 * ```
 */
export function isParallelError(error: unknown): error is ParallelError;
export function isParallelError<C extends ParallelErrorCode>(error: unknown, code: C): error is ErrorByCode[C];
export function isParallelError(error: unknown, code?: ParallelErrorCode): boolean {
  return error instanceof ParallelError && (code === undefined || error.code === code);
}

const SHOWN_CHARACTERS = 100;

/** A value that was given, as error messages show it: on one short line, without running code of its own. */
export function shown(value: unknown): string {
  const options = { depth: 0, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 8, customInspect: false };
  const text = typeof value === "string" ? JSON.stringify(value) : inspect(value, options).replace(/\s+/g, " ");
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
