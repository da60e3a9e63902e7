/**
 * Runs: many small messages of one type, one after another, become one whose fields are columns. What they have in
 * common is written once, and reading a message of a run costs a fraction of reading one by itself. Only messages
 * without buffers of their own are in runs.
 */

import type { Message, Result, Submit, SubmitBalanced, Task } from "./messages.ts";
import { numberAfter } from "./task-ids.ts";

/** So many messages make a run. */
const SHORTEST = 3;

type Runnable = Task | Result | SubmitBalanced | Submit;

/** A run, as it is written. */
export interface Run {
  readonly type: "run";
  readonly of: Runnable["type"];
  /** The fields that all messages share. */
  readonly common: Readonly<Record<string, unknown>>;
  /** Ids of the tasks begin with this, and end with a number. */
  readonly prefix: string;
  readonly ids: readonly number[];
  /** Further numbers of each message, as many as its type has. */
  readonly numbers: readonly number[];
  /** The payloads, one after another, and how long each is. */
  readonly lengths: readonly number[];
  readonly bytes: Uint8Array;
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
  readonly width: number;
  numbers(message: M): readonly number[];
  read(common: never, taskId: string, payload: Uint8Array, numbers: readonly number[], at: number): M;
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
  width: 0,
  numbers: () => [],
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
  width: 3,
  numbers: ({ outcome: { started, completed, duration } }) => [
    started as number,
    completed as number,
    duration as number,
  ],
  read: ({ engineId, engineUuid }: { engineId: number; engineUuid: string }, taskId, payload, numbers, at) => ({
    type: "result",
    taskId,
    engineId,
    engineUuid,
    outcome: {
      status: "ok",
      started: numbers[at] as number,
      completed: numbers[at + 1] as number,
      duration: numbers[at + 2] as number,
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
  width: 1,
  numbers: ({ submitted }) => [submitted],
  read: ({ operation, label, request }: SubmitBalanced, taskId, payload, numbers, at) => ({
    type: "submitBalanced",
    taskId,
    operation,
    submitted: numbers[at] as number,
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
  width: 2,
  numbers: ({ submitted, engineIds }) => [submitted, engineIds[0] as number],
  read: ({ operation, label }: Submit, taskId, payload, numbers, at) => ({
    type: "submit",
    taskIds: [taskId],
    engineIds: [numbers[at + 1] as number],
    operation,
    submitted: numbers[at] as number,
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
  const numbers: number[] = [];
  const payloads: Uint8Array[] = [];
  for (let next = messageAt(at); next?.type === first.type; next = messageAt(at + ids.length)) {
    const message = next as Runnable;
    if (!shape.fits(message) || !shape.isLike(message, first)) break;
    const id = numberAfter(prefix, shape.idOf(message));
    if (id < 0) break;
    ids.push(id);
    for (const number of shape.numbers(message)) numbers.push(number);
    payloads.push(shape.payloadOf(message));
  }
  if (ids.length < SHORTEST) return undefined;
  const lengths = payloads.map(({ byteLength }) => byteLength);
  const bytes = Buffer.concat(payloads);
  return { type: "run", of: first.type, common: shape.common(first), prefix, ids, numbers, lengths, bytes };
}

export function isRun(message: Message | Run): message is Run {
  return message.type === "run";
}

/** @throws TypeError for what is no run */
export function checkRun({ of, common, prefix, ids, numbers, lengths, bytes }: Run): void {
  const shape = Object.hasOwn(shapes, of) ? shapes[of] : undefined;
  const addsUp =
    shape !== undefined &&
    typeof prefix === "string" &&
    typeof common === "object" &&
    common !== null &&
    isNumbers(ids) &&
    isNumbers(numbers) &&
    isNumbers(lengths) &&
    bytes instanceof Uint8Array &&
    numbers.length === ids.length * shape.width &&
    lengths.length === ids.length &&
    lengths.reduce((sum, length) => sum + Math.max(0, length), 0) === bytes.byteLength;
  if (!addsUp) throw new TypeError("a run that does not add up");
}

/** The messages of a run. @throws TypeError for what is no run */
export function messagesOf(run: Run): Message[] {
  checkRun(run);
  const { of, common, prefix, ids, numbers, lengths, bytes } = run;
  const shape = shapes[of] as Shape<Runnable>;
  let offset = bytes.byteOffset;
  return ids.map((id, index) => {
    const length = lengths[index] as number;
    const payload = new Uint8Array(bytes.buffer, offset, length);
    offset += length;
    return shape.read(common as never, prefix + id, payload, numbers, index * shape.width);
  });
}

/** Some of the messages of a run, by their places in ascending order, as a run. */
export function partOfRun(run: Run, places: readonly number[]): Run {
  const { of, ids, numbers, lengths, bytes } = run;
  const { width } = shapes[of] as Shape<Runnable>;
  const starts: number[] = [];
  let end = 0;
  for (const length of lengths) {
    starts.push(end);
    end += length;
  }
  const pick = <T>(column: readonly T[]): T[] => places.map((place) => column[place] as T);
  const payloads = places.map((place) => {
    const start = starts[place] as number;
    return bytes.subarray(start, start + (lengths[place] as number));
  });
  return {
    ...run,
    ids: pick(ids),
    numbers: places.flatMap((place) => numbers.slice(place * width, (place + 1) * width)),
    lengths: pick(lengths),
    bytes: Buffer.concat(payloads),
  };
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((number) => typeof number === "number");
}
