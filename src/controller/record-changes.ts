/** What is added to a record, within limits, and how much memory a record takes. */

import type { BufferPlaces } from "../protocol/data-messages.ts";
import type { Outcome } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
import { areKept, bytesAt } from "./array-store.ts";
import { keptCopy } from "./kept-bytes.ts";
import { RunTask } from "./run-task.ts";
import type { TaskRecord } from "./task-record.ts";

/** What one task may write to each stream and have it kept here, in characters. */
const OUTPUT_LIMIT = 256 * 1024;
/** What one task may publish and show and have it kept here, in bytes. */
const SHOWN_LIMIT = 1024 * 1024;

/** Says whether anything was added. */
export function appendOutput(record: TaskRecord, stream: "stdout" | "stderr", text: string): boolean {
  const kept = text.slice(0, OUTPUT_LIMIT - record[stream].length);
  record[stream] += kept;
  return kept.length > 0;
}

/** Says whether it was not too much. */
export function appendShown(
  record: TaskRecord,
  type: "published" | "displayed",
  { payload, buffers }: StoredValue,
): boolean {
  const value: StoredValue = { payload: new Uint8Array(payload), buffers };
  const replaced = type === "published" ? valueBytes(record.published) : 0;
  if (shownBytes(record) - replaced + valueBytes(value) > SHOWN_LIMIT) return false;
  if (type === "published") record.published = value;
  else record.displayed = [...(record.displayed ?? []), value];
  return true;
}

export function end(record: TaskRecord, outcome: Outcome, buffers: readonly Uint8Array[]): void {
  // The message that it came with holds the copy from now on, too.
  if (outcome.payload !== undefined) (outcome as { payload: Uint8Array }).payload = keptCopy(outcome.payload);
  record.outcome = outcome;
  record.buffers = buffers;
  record.received = Date.now();
}

/** The hub has the arrays of the arguments. Says whether that is news. */
export function holdArguments(record: TaskRecord, places: BufferPlaces): boolean {
  if (record.outcome !== undefined || record.argumentPlaces !== undefined) return false;
  record.argumentPlaces = places;
  return true;
}

/** The hub has the arrays of the result. Says whether that is news. */
export function holdResult(record: TaskRecord, places: BufferPlaces): boolean {
  const { outcome } = record;
  if (outcome?.places === undefined || areKept(outcome.places)) return false;
  // Not changed in place: others hold the outcome as it was.
  record.outcome = { ...outcome, places };
  return true;
}

/** Bytes of results, output, and arrays of arguments. */
export function bytesOf(record: TaskRecord): number {
  if (record instanceof RunTask && record.isUsual) return record.resultBytes;
  let bytes = record.stdout.length + record.stderr.length + shownBytes(record);
  bytes += record.outcome?.payload?.byteLength ?? 0;
  bytes += bytesAt(record.outcome?.places) + bytesAt(record.argumentPlaces);
  for (const { byteLength } of record.buffers) bytes += byteLength;
  return bytes;
}

function shownBytes({ published, displayed }: TaskRecord): number {
  let bytes = valueBytes(published);
  if (displayed !== undefined) for (const value of displayed) bytes += valueBytes(value);
  return bytes;
}

function valueBytes(value: StoredValue | undefined): number {
  if (value === undefined) return 0;
  return value.buffers.reduce((sum, { byteLength }) => sum + byteLength, value.payload.byteLength);
}
