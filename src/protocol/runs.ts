/**
 * Runs: many small messages of one type, one after another, become one whose fields are columns. What they have in
 * common is written once, and reading a message of a run costs a fraction of reading one by itself. Only messages
 * without buffers of their own are in runs.
 */

import { readColumns, writeColumns } from "./columns.ts";
import type { Message, Result, Submit, SubmitBalanced, Task } from "./messages.ts";
import { numberAfter } from "./task-ids.ts";

/** So many messages make a run. */
const SHORTEST = 3;
/** And no more. */
const LONGEST = 65_536;

type Runnable = Task | Result | SubmitBalanced | Submit;

/** What the messages of a run have in common. */
export interface CommonFields extends Readonly<Record<string, unknown>> {
  /** What all payloads begin with: it is left out of each. */
  readonly beginning?: Uint8Array | undefined;
}

interface RunParts {
  readonly type: "run";
  readonly of: Runnable["type"];
  /** The fields that all messages share. */
  readonly common: CommonFields;
  /** Ids of the tasks begin with this, and end with a number. */
  readonly prefix: string;
  /** The payloads, one after another. */
  readonly bytes: Uint8Array;
}

export interface Run extends RunParts {
  readonly ids: ArrayLike<number>;
  /** Further numbers of each message: a column for each that its type has. */
  readonly numbers: readonly ArrayLike<number>[];
  /** How long each payload is. */
  readonly lengths: ArrayLike<number>;
  /** As it came, to be passed on. */
  readonly written?: WrittenRun;
}

/** A run, as it is written. */
export interface WrittenRun extends RunParts {
  readonly count: number;
  /** Ids, further numbers and lengths; see columns.ts. */
  readonly columns: Uint8Array;
}

/** How the messages of one type are taken apart. */
interface Shape<M extends Runnable> {
  /** Whether a message has nothing but what a run keeps. */
  fits(message: M): boolean;
  idOf(message: M): string;
  payloadOf(message: M): Uint8Array;
  common(message: M): Record<string, unknown>;
  /** Whether another message has the same {@link common} fields. */
  isLike(message: M, first: M): boolean;
  /** Each gives one of the further numbers. */
  readonly numbers: readonly ((message: M) => number)[];
  read(common: never, taskId: string, payload: Uint8Array, numbers: Run["numbers"], at: number): M;
}

/** The fields of a message that its shape knows: the compiler says when one is added that it does not. */
type Fields<M, K extends keyof M> = Exclude<keyof M, K> extends never ? K : never;
type TaskFields = Fields<Task, "type" | "taskId" | "payload" | "free" | "places" | "inputs">;
type ResultFields = Fields<Result, "type" | "taskId" | "engineId" | "engineUuid" | "outcome">;
type OutcomeFields = Fields<
  Result["outcome"],
  "status" | "started" | "completed" | "duration" | "payload" | "error" | "places"
>;
type SubmitFields = Fields<
  Submit,
  "type" | "taskIds" | "engineIds" | "operation" | "submitted" | "label" | "payload" | "places" | "inputs" | "isSettled"
>;
type BalancedFields = Fields<
  SubmitBalanced,
  "type" | "taskId" | "operation" | "submitted" | "label" | "request" | "payload" | "places" | "isSettled"
>;

const task: Shape<Pick<Task, TaskFields>> = {
  fits: ({ places, inputs }) => places === undefined && inputs === undefined,
  idOf: ({ taskId }) => taskId,
  payloadOf: ({ payload }) => payload,
  common: ({ free }) => (free === undefined ? {} : { free }),
  isLike: ({ free }, first) => free === first.free,
  numbers: [],
  read: ({ free }: { free?: boolean }, taskId, payload) =>
    free === undefined ? { type: "task", taskId, payload } : { type: "task", taskId, payload, free },
};

const result: Shape<Pick<Result, ResultFields>> = {
  fits: ({ outcome }: { outcome: Pick<Result["outcome"], OutcomeFields> }) =>
    outcome.status === "ok" &&
    outcome.payload !== undefined &&
    outcome.places === undefined &&
    outcome.error === undefined &&
    outcome.started !== undefined &&
    outcome.completed !== undefined &&
    outcome.duration !== undefined,
  idOf: ({ taskId }) => taskId,
  payloadOf: ({ outcome }) => outcome.payload as Uint8Array,
  common: ({ engineId, engineUuid }) => ({ engineId, engineUuid }),
  isLike: ({ engineId, engineUuid }, first) => engineId === first.engineId && engineUuid === first.engineUuid,
  numbers: [
    ({ outcome }) => outcome.started as number,
    ({ outcome }) => outcome.completed as number,
    ({ outcome }) => outcome.duration as number,
  ],
  read: ({ engineId, engineUuid }: { engineId: number; engineUuid: string }, taskId, payload, numbers, at) => ({
    type: "result",
    taskId,
    engineId,
    engineUuid,
    outcome: {
      status: "ok",
      started: numberOf(numbers, 0, at),
      completed: numberOf(numbers, 1, at),
      duration: numberOf(numbers, 2, at),
      payload,
    },
  }),
};

const submitBalanced: Shape<Pick<SubmitBalanced, BalancedFields>> = {
  fits: ({ places, isSettled }) => places === undefined && isSettled === undefined,
  idOf: ({ taskId }) => taskId,
  payloadOf: ({ payload }) => payload,
  common: ({ operation, label, request }) => ({ operation, label, request }),
  isLike: ({ operation, label, request }, first) =>
    request === first.request && operation === first.operation && label === first.label,
  numbers: [({ submitted }) => submitted],
  read: ({ operation, label, request }: SubmitBalanced, taskId, payload, numbers, at) => ({
    type: "submitBalanced",
    taskId,
    operation,
    submitted: numberOf(numbers, 0, at),
    label,
    request,
    payload,
  }),
};

const submit: Shape<Pick<Submit, SubmitFields>> = {
  fits: ({ places, inputs, isSettled, taskIds, engineIds }) =>
    places === undefined &&
    inputs === undefined &&
    isSettled === undefined &&
    taskIds.length === 1 &&
    engineIds.length === 1,
  idOf: ({ taskIds }) => taskIds[0] as string,
  payloadOf: ({ payload }) => payload,
  common: ({ operation, label }) => ({ operation, label }),
  isLike: ({ operation, label }, first) => operation === first.operation && label === first.label,
  numbers: [({ submitted }) => submitted, ({ engineIds }) => engineIds[0] as number],
  read: ({ operation, label }: Submit, taskId, payload, numbers, at) => ({
    type: "submit",
    taskIds: [taskId],
    engineIds: [numberOf(numbers, 1, at)],
    operation,
    submitted: numberOf(numbers, 0, at),
    label,
    payload,
  }),
};

/** By type. Each gets messages of its own type alone, which the compiler cannot know. */
const shapes = { task, result, submitBalanced, submit } as unknown as Record<string, Shape<Runnable> | undefined>;

/**
 * The run that begins with a message, if there is one.
 *
 * @param at the index of that message
 * @param messageAt a message, by its index; `undefined` where there is none, or it has buffers
 */
export function runFrom(at: number, messageAt: (index: number) => Message | undefined): Run | undefined {
  const first = messageAt(at) as Runnable;
  const shape = shapes[first.type];
  if (shape === undefined || messageAt(at + SHORTEST - 1)?.type !== first.type || !shape.fits(first)) return undefined;
  const firstId = shape.idOf(first);
  const prefix = firstId.slice(0, firstId.lastIndexOf("-") + 1);
  const ids: number[] = [];
  const numbers = shape.numbers.map((): number[] => []);
  const lengths: number[] = [];
  const payloads: Uint8Array[] = [];
  for (let next = messageAt(at); next?.type === first.type; next = messageAt(at + ids.length)) {
    const message = next as Runnable;
    if (!shape.fits(message) || !shape.isLike(message, first) || ids.length === LONGEST) break;
    const id = numberAfter(prefix, shape.idOf(message));
    if (id < 0) break;
    const payload = shape.payloadOf(message);
    ids.push(id);
    for (let column = 0; column < numbers.length; column++) {
      (numbers[column] as number[]).push((shape.numbers[column] as (message: Runnable) => number)(message));
    }
    lengths.push(payload.byteLength);
    payloads.push(payload);
  }
  if (ids.length < SHORTEST) return undefined;
  const bytes = Buffer.concat(payloads);
  return { type: "run", of: first.type, common: shape.common(first), prefix, ids, numbers, lengths, bytes };
}

export function isRun(message: Message | Run): message is Run {
  return message.type === "run";
}

export function writeRun({ type, of, common, prefix, ids, numbers, lengths, bytes, written }: Run): WrittenRun {
  if (written !== undefined) return written;
  const columns = writeColumns([ids, ...numbers, lengths]);
  return { type, of, common, prefix, count: ids.length, columns, bytes };
}

/** @throws TypeError for what is no run */
export function readRun(written: WrittenRun): Run {
  const { type, of, common, prefix, count, columns, bytes } = written;
  const shape = Object.hasOwn(shapes, of) ? shapes[of] : undefined;
  const isWhole =
    shape !== undefined &&
    typeof prefix === "string" &&
    typeof common === "object" &&
    common !== null &&
    (common.beginning === undefined || common.beginning instanceof Uint8Array) &&
    Number.isSafeInteger(count) &&
    count >= 0 &&
    count <= LONGEST &&
    columns instanceof Uint8Array &&
    bytes instanceof Uint8Array;
  if (!isWhole) throw new TypeError("a run that does not add up");
  const [ids, ...numbers] = readColumns(columns, shape.numbers.length + 2, count);
  const lengths = numbers.pop();
  if (ids === undefined || lengths === undefined || !areCounts(ids) || sumOf(lengths) !== bytes.byteLength) {
    throw new TypeError("a run that does not add up");
  }
  return { type, of, common, prefix, ids, numbers, lengths, bytes, written };
}

/** Where each payload begins among those one after another; the last number is the end of all. */
export function startsOf(lengths: ArrayLike<number>): Uint32Array {
  const starts = new Uint32Array(lengths.length + 1);
  for (let at = 0; at < lengths.length; at++) starts[at + 1] = (starts[at] as number) + (lengths[at] as number);
  return starts;
}

/** A payload of a run, of which the run has the rest. */
export function wholePayload({ beginning }: CommonFields, rest: Uint8Array): Uint8Array {
  if (beginning === undefined) return rest;
  const whole = new Uint8Array(beginning.byteLength + rest.byteLength);
  whole.set(beginning);
  whole.set(rest, beginning.byteLength);
  return whole;
}

/** The messages of a run. */
export function messagesOf({ of, common, prefix, ids, numbers, lengths, bytes }: Run): Message[] {
  const shape = shapes[of] as Shape<Runnable>;
  const messages: Message[] = [];
  let offset = bytes.byteOffset;
  for (let at = 0; at < ids.length; at++) {
    const length = lengths[at] as number;
    const payload = wholePayload(common, new Uint8Array(bytes.buffer, offset, length));
    offset += length;
    messages.push(shape.read(common as never, prefix + ids[at], payload, numbers, at));
  }
  return messages;
}

/** Some of the messages of a run, by their places in ascending order, as a run. */
export function partOfRun(run: Run, places: ArrayLike<number>): Run {
  const { type, of, common, prefix, ids, numbers, lengths, bytes } = run;
  const payloads: Uint8Array[] = [];
  let [next, end] = [0, 0];
  for (let at = 0; at < ids.length; at++) {
    const start = end;
    end += lengths[at] as number;
    if (places[next] !== at) continue;
    payloads.push(bytes.subarray(start, end));
    next++;
  }
  const pick = (column: ArrayLike<number>): number[] => Array.from(places, (place) => column[place] as number);
  return {
    type,
    of,
    common,
    prefix,
    ids: pick(ids),
    numbers: numbers.map(pick),
    lengths: pick(lengths),
    bytes: Buffer.concat(payloads),
  };
}

function numberOf(numbers: Run["numbers"], column: number, at: number): number {
  return (numbers[column] as ArrayLike<number>)[at] as number;
}

function areCounts(values: Float64Array): boolean {
  return values.every((value) => Number.isSafeInteger(value) && value >= 0);
}

/** NaN if one of them is no length. */
function sumOf(lengths: Float64Array): number {
  let sum = 0;
  for (const length of lengths) sum += Number.isSafeInteger(length) && length >= 0 ? length : Number.NaN;
  return sum;
}
