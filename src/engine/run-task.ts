/** Runs one task: reads the operation from its payload, does it in the namespace, and writes the outcome. */

import { EngineError, type ReadOnlyError, SerializationError } from "../errors.ts";
import { collectNewSoon } from "../ndarray-transport/segments/collection.ts";
import type { ReceivedBytes } from "../ndarray-transport/segments/slices.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { TaskSubject, TaskWatch, WriteGuard } from "../ndarray-transport/write-guard/write-guard.ts";
import { copyInPlace, stayingPart } from "../parallel-map/join.ts";
import type { Calls, CallValue } from "../protocol/calls.ts";
import type { Task } from "../protocol/messages.ts";
import { serializeWhenReady } from "../tensors/handler.ts";
import type { KeptValues } from "./kept-values.ts";
import type { KnownCalls } from "./known-calls.ts";
import type { Operations } from "./operations.ts";
import { type ReceivedInput, readingInputs } from "./result-arguments.ts";
import { doWork, isPromiseLike, type Work } from "./run-with-tensors.ts";
import type { TaskContext } from "./task-context.ts";
import { fail, outcomeOf, systemFailure, type TaskOutcome } from "./task-outcome.ts";
import { clientOf } from "./task-queue.ts";

export interface TaskInput {
  readonly context: TaskContext;
  readonly payload: Uint8Array;
  readonly buffers: readonly ReceivedBytes[];
  /** Results of other tasks that are among its arguments. */
  readonly inputs: readonly ReceivedInput[];
}

/** What is watched of the tasks that run. */
const watches = new WeakMap<TaskContext, TaskWatch>();
const NO_BUFFERS: readonly Uint8Array[] = [];
const NO_INPUTS: TaskInput["inputs"] = [];

/** What runs tasks. */
export interface TaskRunner {
  readonly operations: Operations;
  readonly serializer: Serializer;
  readonly guard: WriteGuard;
  readonly kept: KeptValues;
  readonly knownCalls: KnownCalls;
  /** Everything that tasks have left behind, and that lives on. */
  readonly remains: () => Iterable<unknown>;
}

/** Runs something of a task in a callback of its own, which can be cut short; then the promise stays open. */
export type RunApart = <T>(context: TaskContext, run: () => T | Promise<T>) => Promise<T>;

/**
 * Runs a task to its end. The result is a promise only if the task itself is asynchronous, or uses tensors, so that many
 * short tasks run back to back.
 *
 * @param begun when its time began, by `performance.now()`
 */
export function runTask(
  task: TaskInput,
  runner: TaskRunner,
  apart: RunApart,
  begun: number,
): TaskOutcome | Promise<TaskOutcome> {
  return doWork(new TaskRun(task, runner, apart, begun));
}

export class TaskRun implements Work<TaskOutcome> {
  readonly #task: TaskInput;
  readonly #runner: TaskRunner;
  readonly #apart: RunApart;
  /** When it began, by `performance.now()`. */
  readonly #begun: number;
  /** None as long as there is nothing that the task could write to and must not. */
  #watch: TaskWatch | undefined;
  #call: CallValue | undefined;

  constructor(task: TaskInput, runner: TaskRunner, apart: RunApart, begun: number) {
    this.#task = task;
    this.#runner = runner;
    this.#apart = apart;
    this.#begun = begun;
  }

  prepare(): Promise<unknown> | undefined {
    return prepare(this.#task, this.#runner.serializer);
  }

  apart<R>(run: () => R | Promise<R>): Promise<R> {
    return this.#apart(this.#task.context, run);
  }

  perform(): unknown {
    const { operations, guard } = this.#runner;
    const known = this.#readKnown();
    if (known === undefined) this.#watch = guard.watch();
    const call = known ?? readCall(this.#task, this.#runner, this.#watch as TaskWatch);
    this.#call = call;
    if (!Object.hasOwn(operations, call.operation))
      throw new TypeError(`unknown operation "${String(call.operation)}"`);
    // Plain arguments are nobody else's: only what earlier tasks received is to be watched.
    if (known !== undefined && !guard.isIdle) this.#watch = guard.watch();
    this.#beginWatch(call);
    return this.began(call, (operations[call.operation] as (call: CallValue) => unknown)(call));
  }

  /** The call has given this value, which is given back. */
  began(call: CallValue, value: unknown): unknown {
    this.#call = call;
    if (this.#watch !== undefined || !isPromiseLike(value)) return value;
    // While it goes on, others may receive something.
    this.#watch = this.#runner.guard.watch();
    this.#beginWatch(call);
    return value;
  }

  #beginWatch(call: CallValue): void {
    if (this.#watch === undefined) return;
    this.#watch.begin(subjectOf(call));
    watches.set(this.#task.context, this.#watch);
  }

  #endWatch(): ReadOnlyError | undefined {
    watches.delete(this.#task.context);
    return this.#watch?.end();
  }

  end(value: unknown): TaskOutcome | Promise<TaskOutcome> {
    if (this.#task.buffers.length > 0 && this.#call?.operation !== "push") collectNewSoon();
    const violation = this.#endWatch();
    if (violation !== undefined) return fail(violation, this.#begun);
    const { serializer, kept: keptValues } = this.#runner;
    const call = this.#call as CallValue;
    if (call.keep !== true) {
      const range = call.operation === "apply" ? call.range : undefined;
      return succeed(value, range, this.#begun, serializer);
    }
    if (call.operation === "map") stayingPart(value);
    const kept = keptValues.keep(value, clientOf(this.#task.context.taskId));
    return { ...(succeed(kept, undefined, this.#begun, serializer) as TaskOutcome), kept };
  }

  endBadly(error: unknown): TaskOutcome {
    this.#endWatch();
    // What another engine keeps is not to be had: no fault of the function.
    if (this.#call === undefined && error instanceof EngineError) return systemFailure(error);
    return fail(error, this.#begun);
  }

  remains(): Iterable<unknown> {
    return this.#runner.remains();
  }

  /** A call of which only the arguments are new. */
  #readKnown(): CallValue | undefined {
    const { payload, inputs } = this.#task;
    const { serializer, knownCalls } = this.#runner;
    if (inputs.length > 0) return undefined;
    const { byteLength } = payload;
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, byteLength);
    const middle = serializer.middleOfPair(bytes, 0, byteLength);
    if (middle === undefined) return undefined;
    try {
      const { call } = knownCalls.get(bytes, 0, middle, (beginning) => serializer.deserialize(beginning, NO_BUFFERS));
      const args = serializer.deserializeList(bytes, middle, byteLength);
      if (call.operation !== "apply") throw new SerializationError(`a list is no part of "${call.operation}"`);
      return { operation: call.operation, fn: call.fn, args: args as unknown[] };
    } catch (error) {
      throw whyUnread(error);
    }
  }
}

/** What a task does counts no more: what it has written to what was received is undone, where it can be. */
export function undoWrites(context: TaskContext): void {
  watches.get(context)?.end();
}

/** What a task consists of: the buffers of the results that it takes follow its own. */
export function inputOf(context: TaskContext, { payload, inputs }: Task, buffers: readonly ReceivedBytes[]): TaskInput {
  if (inputs === undefined) return { context, payload, buffers, inputs: NO_INPUTS };
  let end = buffers.length - inputs.reduce((sum, { bufferCount }) => sum + bufferCount, 0);
  const own = buffers.slice(0, end);
  const received = inputs.map((input) => {
    const start = end;
    end += input.bufferCount;
    return { payload: input.payload, buffers: buffers.slice(start, end) };
  });
  return { context, payload, buffers: own, inputs: received };
}

function prepare({ payload, inputs }: TaskInput, serializer: Serializer): Promise<unknown> | undefined {
  const own = serializer.prepare(payload);
  if (inputs.length === 0) return own;
  const all = [own, ...inputs.map((input) => serializer.prepare(input.payload))].filter((one) => one !== undefined);
  return all.length === 0 ? undefined : Promise.all(all);
}

function readCall(
  { payload, buffers, inputs }: TaskInput,
  { serializer, kept }: TaskRunner,
  watch: TaskWatch,
): CallValue {
  try {
    let stays = false;
    const options = watch.reading((call) => {
      stays = isPush(call);
      return stays;
    });
    const read = (): unknown => serializer.deserialize(payload, buffers, { ...options, lateIn });
    const ofOthers = { ...options, ...(options.isResident && { isResident: () => stays }) };
    return kept.reading(ofOthers, () =>
      inputs.length === 0 ? read() : readingInputs(inputs, serializer, ofOthers, read),
    ) as CallValue;
  } catch (error) {
    throw whyUnread(error);
  }
}

/** An expression that was sent by reference is evaluated while the call is read: its error is the task's. */
function whyUnread(error: unknown): unknown {
  return (error as Error).cause ?? error;
}

/** What is pushed is put together when it is first looked at. */
function lateIn(call: unknown): object | undefined {
  return isPush(call) ? (call as Calls["push"]).record : undefined;
}

function isPush(call: unknown): boolean {
  return (call as Partial<CallValue>).operation === "push";
}

function subjectOf(call: CallValue): TaskSubject {
  return { call, keeps: call.operation === "push" ? Object.keys(call.record) : [], text: () => textOf(call) };
}

/** The code that a call runs. */
function textOf(call: CallValue): string {
  if (call.operation === "execute") return call.code;
  return "fn" in call ? String(call.fn) : "";
}

/** @param range where in a larger array the value goes */
function succeed(
  value: unknown,
  range: Calls["apply"]["range"],
  begun: number,
  serializer: Serializer,
): TaskOutcome | Promise<TaskOutcome> {
  try {
    if (typeof value !== "object" && typeof value !== "function") {
      return outcomeOf(serializer.serialize(value, "result"), begun);
    }
    const sent = (): unknown => (range === undefined ? value : copyInPlace(value, range));
    const serialized = serializeWhenReady(() => serializer.serializeUnopened(sent(), "result"));
    if (!(serialized instanceof Promise)) return outcomeOf(serialized, begun);
    return serialized.then(
      (ready) => outcomeOf(ready, begun),
      (error: unknown) => fail(error, begun),
    );
  } catch (error) {
    return fail(error, begun);
  }
}
