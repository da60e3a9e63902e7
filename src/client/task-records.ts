/** Records of the hub's task database, as a program sees them; and its questions, as the hub sees them. */

import { shown } from "../errors.ts";
import { bytesShown } from "../ndarray-transport/memory.ts";
import { markReadonly } from "../ndarray-transport/readonly.ts";
import type { ReceivedMemory } from "../ndarray-transport/reception.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { StoredValue, TaskRow } from "../protocol/task-rows.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { Metadata } from "./metadata.ts";

/** What a record has besides the keys of the metadata, if asked for. */
export interface RecordExtras {
  /** What was asked of the engine, e.g. `"apply"`. */
  readonly operation: string;
  /** Who sent the task. */
  readonly clientUuid: string;
  /** The task's value. */
  readonly result: unknown;
  /**
   * The arrays of the arguments, at whatever depth, as bytes, as long as the hub keeps them: those of 64 KiB and more only if the
   * task database has the option `buffers`.
   */
  readonly buffers: readonly Uint8Array[];
  /** The arrays of the result, at whatever depth, as bytes. */
  readonly resultBuffers: readonly Uint8Array[];
}

/** One record: the keys that were asked for, `undefined` where nothing is known. `msgId` is always there. */
export type TaskRecord = Pick<Metadata, "msgId"> & Partial<Omit<Metadata, "msgId"> & RecordExtras>;

/** The keys of the records. */
export type RecordKey = keyof Metadata | keyof RecordExtras;

/** Operators on a value of the records. */
export interface Operators {
  readonly $lt?: Operand;
  readonly $gt?: Operand;
  readonly $lte?: Operand;
  readonly $gte?: Operand;
  readonly $eq?: Operand;
  readonly $ne?: Operand;
  readonly $in?: readonly Operand[];
  readonly $nin?: readonly Operand[];
  readonly $all?: readonly Operand[];
  /** `[divisor, remainder]` */
  readonly $mod?: readonly [number, number];
  readonly $exists?: boolean;
  /** A pattern of a shell: `*`, `?`, `[abc]`. */
  readonly $glob?: string;
}

/** What a value of the records is compared with. */
export type Operand = string | number | Date | null;

/** A record matches when it satisfies every key and, of each key, every operator. */
export type TaskQuery = { readonly [key in RecordKey]?: Operand | Operators };

const TIMES = ["submitted", "started", "completed", "received"] as const;

/** Dates become milliseconds, wherever they stand. */
export function encodeQuery(query: unknown): unknown {
  if (query instanceof Date) return query.getTime();
  if (Array.isArray(query)) return query.map(encodeQuery);
  if (typeof query !== "object" || query === null) return query;
  return Object.fromEntries(Object.entries(query).map(([key, value]) => [key, encodeQuery(value)]));
}

/** What the hub is asked for: the arrays of a result are found in its value. @throws TypeError */
export function keysToAsk(keys: readonly RecordKey[] | undefined): readonly RecordKey[] | undefined {
  const given: unknown = keys;
  if (given !== undefined && !(Array.isArray(given) && given.every((key) => typeof key === "string"))) {
    throw new TypeError(`keys must be a list of keys, as ["status", "label"]; given: ${shown(keys)}`);
  }
  return keys?.includes("resultBuffers") && !keys.includes("result") ? [...keys, "result"] : keys;
}

/** Whether the value of the row's task has large arrays, which have to be fetched from their owner. */
export function isElsewhere({ result, executeResult }: TaskRow): boolean {
  return result?.isElsewhere === true || executeResult?.isElsewhere === true;
}

/**
 * @param fetched the value of the row's task, if that {@link isElsewhere}
 * @param buffers those of its arguments, if some were fetched
 */
export function decodeRow(
  { bufferPlaces: _, ...row }: TaskRow,
  serializer: Serializer,
  fetched?: unknown,
  buffers: readonly Uint8Array[] | undefined = row.buffers,
): TaskRecord {
  const read = (value: StoredValue): unknown =>
    value.isElsewhere === true
      ? fetched
      : // Copies, because arrays of numbers must lie at addresses that they can have.
        serializer.deserialize(
          value.payload,
          value.buffers.map((buffer) => new Uint8Array(buffer)),
        );
  const record: Record<string, unknown> = { ...row };
  for (const key of TIMES) if (typeof row[key] === "number") record[key] = new Date(row[key]);
  for (const key of ["executeResult", "data", "result"] as const) {
    const value = row[key];
    if (value !== undefined && value !== null) record[key] = read(value);
  }
  if (Object.hasOwn(row, "buffers")) record["buffers"] = buffers?.map(markReadonly);
  if (Object.hasOwn(row, "resultBuffers")) record["resultBuffers"] = arraysIn(record["result"], serializer);
  if (Object.hasOwn(row, "outputs")) record["outputs"] = (row.outputs ?? []).map(read);
  if (row.error !== undefined && row.error !== null) {
    record["error"] = fromWireError(row.error, {
      engineId: row.engineId,
      engineUuid: row.engineUuid,
      messageId: row.msgId,
    });
  }
  return record as unknown as TaskRecord;
}

/** The bytes of the arrays in a value. */
function arraysIn(value: unknown, serializer: Serializer): Uint8Array[] {
  const { head, buffers } = serializer.serialize(value);
  const arrays: ReceivedMemory[] = [];
  serializer.deserialize(head, buffers, { arrays });
  return arrays.map(({ memory }) => markReadonly(bytesShown(memory)));
}
