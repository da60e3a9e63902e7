/** Runs one task: reads the operation from its payload, does it in the namespace, and writes the outcome. */

import { EngineError } from "../errors.ts";
import type { Serialized, Serializer } from "../ndarray-transport/serializer.ts";
import type { TaskWatch, WriteGuard } from "../ndarray-transport/write-guard/write-guard.ts";
import { copyInPlace, stayingPart } from "../parallel-map/join.ts";
import type { Calls, CallValue } from "../protocol/calls.ts";
import type { Outcome } from "../protocol/messages.ts";
import { toRemoteWireError, toWireError } from "../protocol/wire-error.ts";
import { serializeWhenReady } from "../tensors/handler.ts";
import type { KeptResult, KeptValues } from "./kept-values.ts";
import { KnownCalls } from "./known-calls.ts";
import type { Operations } from "./operations.ts";
import { type ReceivedInput, readingInputs } from "./result-arguments.ts";
import { doWork } from "./run-with-tensors.ts";

export interface TaskInput {
  /** The client that sent it. */
  readonly client: string;
  readonly payload: Uint8Array;
  readonly buffers: readonly Uint8Array[];
  /** Results of other tasks that are among its arguments. */
  readonly inputs: readonly ReceivedInput[];
}

export interface TaskOutcome {
  readonly outcome: Outcome;
  readonly buffers: Serialized["buffers"];
  readonly keys?: Serialized["keys"] | undefined;
  /** The value that stays here, if the call asked for that. */
  readonly kept?: KeptResult | undefined;
}

/** When a task began, by the calendar and by a finer clock. */
interface Start {
  readonly started: number;
  readonly begun: number;
}

const NO_BUFFERS: readonly Uint8Array[] = [];
const knownCalls = new KnownCalls();

/** What runs tasks. */
export interface TaskRunner {
  readonly operations: Operations;
  readonly serializer: Serializer;
  readonly guard: WriteGuard;
  readonly kept: KeptValues;
  /** Everything that tasks have left behind, and that lives on. */
  readonly remains: () => Iterable<unknown>;
}

/** Runs something in a callback of its own, which can be cut short; then the promise stays open. */
export type RunApart = <T>(run: () => T | Promise<T>) => Promise<T>;

/**
 * Runs a task to its end. The result is a promise only if the task itself is asynchronous, or uses tensors, so that many
 * short tasks run back to back.
 */
export function runTask(task: TaskInput, runner: TaskRunner, apart: RunApart): TaskOutcome | Promise<TaskOutcome> {
  const start: Start = { started: Date.now(), begun: performance.now() };
  const watch = runner.guard.watch();
  let keeps = false;
  let range: Calls["apply"]["range"];
  let isMap = false;
  let isRead = false;
  return doWork({
    prepare: () => prepare(task, runner.serializer),
    apart,
    perform: () => {
      const call = readCall(task, runner.serializer, watch);
      isRead = true;
      keeps = call.keep === true;
      if (call.operation === "apply") range = call.range;
      isMap = call.operation === "map";
      return perform(call, runner, watch);
    },
    end: (value) => {
      const violation = watch.end();
      if (violation !== undefined) return fail(violation, start);
      const sent = (): unknown => (range === undefined ? value : copyInPlace(value, range));
      if (!keeps) return succeed(sent, start, runner.serializer);
      if (isMap) stayingPart(value);
      const kept = runner.kept.keep(value, task.client);
      return { ...(succeed(() => kept, start, runner.serializer) as TaskOutcome), kept };
    },
    endBadly: (error) => {
      watch.end();
      // What another engine keeps is not to be had: no fault of the function.
      if (!isRead && error instanceof EngineError) return systemFailure(error);
      return fail(error, start);
    },
    remains: runner.remains,
  });
}

function prepare({ payload, inputs }: TaskInput, serializer: Serializer): Promise<unknown> | undefined {
  const own = serializer.prepare(payload);
  if (inputs.length === 0) return own;
  const all = [own, ...inputs.map((input) => serializer.prepare(input.payload))].filter((one) => one !== undefined);
  return all.length === 0 ? undefined : Promise.all(all);
}

/** The outcome of a task whose buffers could not be fetched, or whose result could not be kept for others. */
export function systemFailure(error: unknown): TaskOutcome {
  return { outcome: { status: "error", error: toWireError(error) }, buffers: NO_BUFFERS };
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
  return { outcome, buffers: NO_BUFFERS };
}

function perform(call: CallValue, { operations }: TaskRunner, watch: TaskWatch): unknown {
  if (!Object.hasOwn(operations, call.operation)) throw new TypeError(`unknown operation "${String(call.operation)}"`);
  watch.begin({ call, keeps: call.operation === "push" ? Object.keys(call.record) : [], text: () => textOf(call) });
  const operation = operations[call.operation] as (call: CallValue) => unknown;
  return operation(call);
}

function readCall({ payload, buffers, inputs }: TaskInput, serializer: Serializer, watch: TaskWatch): CallValue {
  try {
    const pair = serializer.deserializePair(payload);
    if (pair === undefined) {
      let stays = false;
      const options = watch.reading((call) => {
        stays = isPush(call);
        return stays;
      });
      const read = (): unknown => serializer.deserialize(payload, buffers, options);
      const ofInputs = { ...options, ...(options.isResident && { isResident: () => stays }) };
      return (inputs.length === 0 ? read() : readingInputs(inputs, serializer, ofInputs, read)) as CallValue;
    }
    const call = knownCalls.get(pair.first, () => serializer.deserialize(pair.first, NO_BUFFERS));
    return { ...call, args: pair.rest } as CallValue;
  } catch (error) {
    // An expression that was sent by reference is evaluated while the call is read: its error is the task's.
    throw (error as Error).cause ?? error;
  }
}

function isPush(call: unknown): boolean {
  return (call as Partial<CallValue>).operation === "push";
}

/** The code that a call runs. */
function textOf(call: CallValue): string {
  if (call.operation === "execute") return call.code;
  return "fn" in call ? String(call.fn) : "";
}

function succeed(value: () => unknown, start: Start, serializer: Serializer): TaskOutcome | Promise<TaskOutcome> {
  const outcome = ({ head, buffers, keys }: Serialized): TaskOutcome => ({
    outcome: { status: "ok", ...times(start), payload: head },
    buffers,
    keys,
  });
  try {
    const serialized = serializeWhenReady(() => serializer.serialize(value(), "result"));
    if (!(serialized instanceof Promise)) return outcome(serialized);
    return serialized.then(outcome, (error: unknown) => fail(error, start));
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
