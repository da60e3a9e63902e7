/**
 * A task record as it is stored: in parts, so that nobody reads large ones who does not need them. Each part is an array
 * without names, because there are many, and writing names costs more than the values.
 */

import { Packr } from "msgpackr";
import type { Outcome, Submit, SubmitBalanced } from "../../protocol/messages.ts";
import { areKept } from "../array-store.ts";
import type { StoredRequest, TaskRecord } from "../task-record.ts";

/** The parts, each a column; `record` is always read. */
export const PARTS = ["record", "output", "shown", "result", "request"] as const;
export type Part = (typeof PARTS)[number];

/** What is written of one task, for the thread that writes. What is not among it is null. */
export type Change = readonly [
  id: string,
  /** Only when it is new. */
  submitted: number | null,
  engine: number | null,
  status: string | null,
  /** The task ended since the last change. */
  ends: boolean,
  /** Bytes of results and output that are kept of it, and by how much that has grown. */
  bytes: number,
  growth: number,
  /** Whether it has large arrays. */
  arrays: boolean,
  ...parts: (readonly unknown[] | null)[],
];

/** Parts by name, packed, and what is a column of its own. */
export interface StoredRow extends Partial<Record<Part, Uint8Array | null>> {
  readonly id: string;
  readonly submitted: number;
  readonly engine: number;
}
/** What is always read of a row. */
export const COLUMNS: string = "id, submitted, engine, record";

const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: "number" });

export function pack(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(value));
}

/** Buffers in it are views of `bytes`. */
export function unpack<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

/** The parts that a query, or a chosen key, reads. */
export function partsFor(keys: Iterable<string>): Part[] {
  const parts = new Set<Part>();
  for (const key of keys) {
    if (key === "stdout" || key === "stderr") parts.add("output");
    else if (key === "outputs" || key === "data") parts.add("shown");
    else if (key === "result" || key === "executeResult" || key === "resultBuffers") parts.add("result");
    else if (key === "buffers") parts.add("request");
  }
  return [...parts];
}

type Parts = {
  readonly record: ReturnType<typeof recordPart>;
  readonly output: readonly [stdout: string, stderr: string];
  readonly shown: readonly [TaskRecord["published"], TaskRecord["displayed"]];
  readonly result: readonly [Uint8Array | undefined, readonly Uint8Array[]];
  readonly request: ReturnType<typeof requestPart>;
};

/** A part as it is packed. */
export function partOf(part: Part, record: TaskRecord, request: StoredRequest | undefined): readonly unknown[] | null {
  switch (part) {
    case "record":
      return recordPart(record);
    case "output":
      return [record.stdout, record.stderr];
    case "shown":
      return [record.published, record.displayed];
    case "result":
      return [record.outcome?.payload, record.buffers];
    case "request":
      return request === undefined ? null : requestPart(request);
  }
}

function recordPart({
  clientUuid,
  engineUuid,
  operation,
  label,
  after,
  follow,
  failures,
  received,
  outcome,
  argumentPlaces,
}: TaskRecord) {
  const ending = outcome === undefined ? undefined : outcomePart(outcome);
  return [clientUuid, engineUuid, operation, label, after, follow, failures, received, ending, argumentPlaces] as const;
}

function outcomePart({ status, started, completed, duration, error, places, payload: _, ...rest }: Outcome) {
  // Whoever adds a field writes it here, too.
  rest satisfies Record<string, never>;
  return [status, started, completed, duration, error, places] as const;
}

/** What its record does not say. */
function requestPart({ message, buffers, isNested }: StoredRequest) {
  const target = message.type === "submit" ? message.engineIds[0] : message.request;
  const inputs = message.type === "submit" ? message.inputs : undefined;
  return [target, message.label, inputs, message.payload, message.places, buffers, isNested] as const;
}

/** Parts that are not there are empty. */
export function recordOf(row: StoredRow): TaskRecord {
  const { id: taskId, submitted, engine: engineId } = row;
  const [clientUuid, engineUuid, operation, label, after, follow, failures, received, ending, argumentPlaces] = read(
    row,
    "record",
  );
  const [stdout, stderr] = row.output ? read(row, "output") : ["", ""];
  const [published, displayed] = row.shown ? read(row, "shown") : [];
  const [payload, buffers = []] = row.result ? read(row, "result") : [];
  const argumentBuffers = smallBuffers(requestOf(row));
  const task = { taskId, clientUuid, engineId, engineUuid, operation, submitted, label, after, follow };
  const told = { stdout, stderr, published, displayed, received, failures, buffers, argumentBuffers, argumentPlaces };
  return { ...task, ...told, outcome: ending && outcomeOf(ending, payload) };
}

function outcomeOf(ending: ReturnType<typeof outcomePart>, payload: Uint8Array | undefined): Outcome {
  const [status, started, completed, duration, error, places] = ending;
  return { status, started, completed, duration, error, places, payload };
}

/** The arrays that came with a request, unless there are others that the hub does not have. */
export function smallBuffers(request: StoredRequest | undefined): readonly Uint8Array[] | undefined {
  if (request === undefined) return undefined;
  const { places } = request.message;
  return places === undefined || areKept(places) ? request.buffers : undefined;
}

/** What the task was sent with, if that part is there. */
export function requestOf(row: StoredRow): StoredRequest | undefined {
  if (!row.request) return undefined;
  const { id: taskId, submitted } = row;
  const [, , operation] = read(row, "record");
  const [target, label, inputs, payload, places, buffers, isNested] = read(row, "request");
  const common = { operation, submitted, label, payload, ...(places === undefined ? {} : { places }) };
  const direct = (engineId: number): Submit => ({
    type: "submit",
    ...common,
    ...(inputs === undefined ? {} : { inputs }),
    taskIds: [taskId],
    engineIds: [engineId],
  });
  const message: Submit | SubmitBalanced =
    typeof target === "object"
      ? { type: "submitBalanced", ...common, taskId, request: target }
      : direct(target as number);
  return { message, buffers, ...(isNested ? { isNested } : {}) };
}

function read<P extends Part>(row: StoredRow, part: P): Parts[P] {
  return unpack<Parts[P]>(row[part] as Uint8Array);
}
