/** What tasks end with. */

import { ReadOnlyError } from "../errors.ts";
import { hasImmutable } from "../ndarray-transport/segments/immutable.ts";
import type { ReceivedBytes } from "../ndarray-transport/segments/slices.ts";
import type { Serialized } from "../ndarray-transport/serializer.ts";
import type { Outcome } from "../protocol/messages.ts";
import { toRemoteWireError, toWireError } from "../protocol/wire-error.ts";
import type { KeptResult } from "./kept-values.ts";
import { calendarTime, checkCalendar } from "./wall-clock.ts";

export interface TaskOutcome {
  readonly outcome: Outcome;
  readonly buffers: readonly ReceivedBytes[];
  readonly keys?: Serialized["keys"] | undefined;
  /** The value that stays here, if the call asked for that. */
  readonly kept?: KeptResult | undefined;
  /** When the task ended, by `performance.now()`. */
  readonly at: number;
}

const NO_BUFFERS: readonly Uint8Array[] = [];
/** After so many milliseconds it is looked what the calendar says. */
const LONG_MS = 10;
/** What V8 says of a write by index to a typed array over immutable memory. */
const IMMUTABLE_WRITE = /^Cannot assign to read only property '\d+' of object '\[object \w+Array\]'/;

/** The outcome of a task whose buffers could not be fetched, or whose result could not be kept for others. */
export function systemFailure(error: unknown): TaskOutcome {
  return { outcome: { status: "error", error: toWireError(error) }, buffers: NO_BUFFERS, at: performance.now() };
}

/** The outcome of a task that was cut short, by a signal or by an order to abort it. */
export function interrupted(signal: string | undefined): TaskOutcome {
  const completed = Date.now();
  const outcome: Outcome =
    signal === undefined
      ? {
          status: "aborted",
          completed,
          error: { kind: "aborted", name: "TaskAborted", message: "the task was interrupted while it ran" },
        }
      : {
          status: "error",
          completed,
          error: { kind: "remote", name: "InterruptedError", message: `the task was interrupted by ${signal}` },
        };
  return { outcome, buffers: NO_BUFFERS, at: performance.now() };
}

/** The outcome of a task that gave this. */
export function outcomeOf({ head, buffers, keys }: Serialized<ReceivedBytes>, begun: number): TaskOutcome {
  const at = endOf(begun);
  const outcome: Outcome = {
    status: "ok",
    started: calendarTime(begun),
    completed: calendarTime(at),
    duration: at - begun,
    payload: head,
  };
  return { outcome, buffers, keys, at };
}

export function fail(error: unknown, begun: number): TaskOutcome {
  const at = endOf(begun);
  const started = calendarTime(begun);
  const outcome: Outcome = {
    status: "error",
    started,
    completed: calendarTime(at),
    duration: at - begun,
    error: toRemoteWireError(explained(error)),
  };
  return { outcome, buffers: NO_BUFFERS, at };
}

/** A write by index to immutable memory throws an error of the language, which does not say what to do. */
function explained(error: unknown): unknown {
  if (!(error instanceof TypeError) || !hasImmutable() || !IMMUTABLE_WRITE.test(error.message)) return error;
  const { message, stack } = error;
  const advice = "it was received, which makes it read-only: write to a copy, writable(array)";
  const told = new ReadOnlyError(`${message}: ${advice}`, { cause: error });
  // Where it was written, not where it is told.
  if (stack !== undefined) told.stack = `${told.name}: ${told.message}${stack.slice(stack.indexOf("\n    at "))}`;
  return told;
}

/** The time, by `performance.now()`. The calendar may have been set while a task ran for long. */
export function endOf(begun: number): number {
  const at = performance.now();
  return at - begun < LONG_MS ? at : checkCalendar();
}
