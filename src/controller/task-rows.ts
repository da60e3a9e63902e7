/** How records of the task database are told to clients: chosen keys, times as numbers, values as their bytes. */

import { type StoredValue, TASK_KEYS, type TaskRow } from "../protocol/task-rows.ts";
import type { TaskRecord } from "./task-record.ts";

type Reader = (record: TaskRecord) => unknown;

const readers: { readonly [K in Exclude<keyof TaskRow, "msgId" | "bufferPlaces">]-?: Reader } = {
  submitted: ({ submitted }) => submitted,
  started: ({ outcome }) => outcome?.started,
  completed: ({ outcome }) => outcome?.completed,
  received: ({ received }) => received,
  engineId: ({ engineId }) => (engineId < 0 ? undefined : engineId),
  engineUuid: ({ engineUuid }) => engineUuid || undefined,
  status: ({ outcome }) => outcome?.status,
  error: ({ outcome }) => outcome?.error,
  executeResult: (record) => (record.operation === "execute" ? resultOf(record) : undefined),
  stdout: ({ stdout }) => stdout,
  stderr: ({ stderr }) => stderr,
  outputs: ({ displayed }) => displayed,
  data: ({ published }) => published,
  after: ({ after }) => after,
  follow: ({ follow }) => follow,
  label: ({ label }) => label,
  operation: ({ operation }) => operation,
  clientUuid: ({ clientUuid }) => clientUuid,
  result: resultOf,
  buffers: ({ argumentBuffers }) => argumentBuffers,
  resultBuffers: ({ buffers }) => buffers,
};

/** @throws TypeError for a key that does not exist. */
export function checkKeys(keys: readonly string[]): void {
  const unknown = keys.find((key) => key !== "msgId" && !Object.hasOwn(readers, key));
  if (unknown === undefined) return;
  throw new TypeError(`records have no key "${unknown}"; keys are: msgId, ${Object.keys(readers).join(", ")}`);
}

/** The id is always there. */
export function rowOf(record: TaskRecord, keys: readonly string[] = TASK_KEYS): TaskRow {
  const row: Record<string, unknown> = { msgId: record.taskId };
  for (const key of keys) if (key !== "msgId") row[key] = readers[key as keyof typeof readers](record);
  // They are fetched like those of any message.
  if (row["buffers"] !== undefined && record.argumentPlaces !== undefined) row["bufferPlaces"] = record.argumentPlaces;
  return row as unknown as TaskRow;
}

function resultOf({ outcome, buffers }: TaskRecord): StoredValue | undefined {
  if (outcome?.payload === undefined) return undefined;
  const { payload, places } = outcome;
  return { payload, buffers, ...(places === undefined ? {} : { isElsewhere: true }) };
}
