/** What is added to a record, within limits, and how much memory a record takes. */

import type { Outcome } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
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

/** Bytes of results and output. */
export function bytesOf(record: TaskRecord): number {
  if (record instanceof RunTask && record.isUsual) return record.resultBytes;
  let bytes = record.stdout.length + record.stderr.length + shownBytes(record);
  bytes += record.outcome?.payload?.byteLength ?? 0;
  const places = record.outcome?.places;
  if (places !== undefined) for (const place of places) bytes += place?.byteLength ?? 0;
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
