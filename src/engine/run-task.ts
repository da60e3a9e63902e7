/** Runs one task: reads the operation from its payload, does it in the namespace, and writes the outcome. */

import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { CallValue } from "../protocol/calls.ts";
import type { Outcome } from "../protocol/messages.ts";
import { toRemoteWireError } from "../protocol/wire-error.ts";
import type { Operations } from "./operations.ts";

export interface TaskInput {
  readonly payload: Uint8Array;
  readonly buffers: readonly Uint8Array[];
}

export interface TaskOutcome {
  readonly outcome: Outcome;
  readonly buffers: readonly Uint8Array[];
}

/** When a task began, by the calendar and by a finer clock. */
interface Start {
  readonly started: number;
  readonly begun: number;
}

const NO_BUFFERS: readonly Uint8Array[] = [];

/**
 * Runs a task to its end. The result is a promise only if the task itself is asynchronous, so that many short tasks
 * run back to back.
 */
export function runTask(
  task: TaskInput,
  operations: Operations,
  serializer: Serializer,
): TaskOutcome | Promise<TaskOutcome> {
  const start: Start = { started: Date.now(), begun: performance.now() };
  try {
    const preparation = serializer.prepare(task.payload);
    const value = preparation
      ? preparation.then(() => perform(task, operations, serializer))
      : perform(task, operations, serializer);
    if (!isPromiseLike(value)) return succeed(value, start, serializer);
    return Promise.resolve(value).then(
      (settled) => succeed(settled, start, serializer),
      (error: unknown) => fail(error, start),
    );
  } catch (error) {
    return fail(error, start);
  }
}

function perform(task: TaskInput, operations: Operations, serializer: Serializer): unknown {
  const call = readCall(task, serializer);
  if (!Object.hasOwn(operations, call.operation)) throw new TypeError(`unknown operation "${String(call.operation)}"`);
  const operation = operations[call.operation] as (call: CallValue) => unknown;
  return operation(call);
}

function readCall({ payload, buffers }: TaskInput, serializer: Serializer): CallValue {
  try {
    return serializer.deserialize(payload, buffers) as CallValue;
  } catch (error) {
    // An expression that was sent by reference is evaluated while the call is read: its error is the task's.
    throw (error as Error).cause ?? error;
  }
}

function succeed(value: unknown, start: Start, serializer: Serializer): TaskOutcome {
  try {
    const { head, buffers } = serializer.serialize(value, "result");
    return { outcome: { status: "ok", ...times(start), payload: head }, buffers };
  } catch (error) {
    return fail(error, start);
  }
}

function fail(error: unknown, start: Start): TaskOutcome {
  const outcome: Outcome = { status: "error", ...times(start), error: toRemoteWireError(error) };
  return { outcome, buffers: NO_BUFFERS };
}

function times({ started, begun }: Start): { started: number; completed: number; duration: number } {
  return { started, completed: Date.now(), duration: performance.now() - begun };
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof (value as { then: unknown }).then === "function"
  );
}
