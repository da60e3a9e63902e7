/** The tasks of a SQLite database that have not ended, or have not been written, and what of them is to be written. */

import type { Submit, SubmitBalanced } from "../../protocol/messages.ts";
import { bytesOf } from "../record-changes.ts";
import type { TaskDatabaseLimits } from "../task-database.ts";
import type { StoredRequest, TaskRecord } from "../task-record.ts";
import { type Change, type Part, partOf, smallBuffers } from "./rows.ts";

export interface Entry {
  readonly record: TaskRecord;
  request: StoredRequest | undefined;
  /** Which parts have changed since they were last written: a bit for each. */
  changed: number;
  isNew: boolean;
  hasEnded: boolean;
  /** Its bytes, as far as they are written. */
  bytes: number;
  /** What is being written. */
  taken: Pick<Entry, "changed" | "isNew" | "hasEnded" | "bytes" | "request"> | undefined;
}

const BITS: Readonly<Record<Part, number>> = { record: 1, output: 2, shown: 4, result: 8, request: 16 };

export function newEntry(record: TaskRecord, isNew: boolean): Entry {
  const bytes = record.outcome === undefined ? 0 : bytesOf(record);
  return { record, request: undefined, changed: 0, isNew, hasEnded: false, bytes, taken: undefined };
}

export function mark(entry: Entry, part: Part): void {
  entry.changed |= BITS[part];
}

/** What is to be written of it. */
export function takeChange(entry: Entry): Change {
  const { record, request, changed, isNew, hasEnded, bytes: before } = entry;
  const { outcome } = record;
  const bytes = outcome === undefined ? 0 : bytesOf(record);
  entry.taken = { changed, isNew, hasEnded, bytes: before, request };
  entry.changed = 0;
  entry.isNew = false;
  entry.hasEnded = false;
  entry.bytes = bytes;
  // Once it is written, who asks for it gets it from there.
  entry.request = undefined;
  const part = (name: Part): readonly unknown[] | null =>
    (changed & BITS[name]) === 0 ? null : partOf(name, record, request);
  return [
    record.taskId,
    isNew ? record.submitted : null,
    record.engineId,
    outcome?.status ?? null,
    hasEnded,
    bytes,
    bytes - before,
    outcome?.places !== undefined || record.argumentPlaces !== undefined,
    // In the order of PARTS.
    part("record"),
    part("output"),
    part("shown"),
    part("result"),
    part("request"),
  ];
}

/** It could not be written. */
export function restore(entry: Entry): void {
  const { taken } = entry;
  if (taken === undefined) return;
  entry.changed |= taken.changed;
  entry.isNew ||= taken.isNew;
  entry.hasEnded ||= taken.hasEnded;
  entry.bytes = taken.bytes;
  entry.request ??= taken.request;
  entry.taken = undefined;
}

/** Records that were found, and those that match and are not written as they are now. */
export function withUnwritten(
  written: readonly TaskRecord[],
  changed: Iterable<Entry>,
  matches: (record: TaskRecord) => boolean,
): TaskRecord[] {
  const others = Array.from(changed, ({ record, request }) => {
    return { ...record, argumentBuffers: smallBuffers(request) };
  });
  const ids = new Set(others.map(({ taskId }) => taskId));
  const found = [...written.filter(({ taskId }) => !ids.has(taskId)), ...others.filter(matches)];
  return found.sort((a, b) => a.submitted - b.submitted);
}

/** Those of the tasks that have ended that are too many to be kept, the oldest. */
export function tooMany(entries: Iterable<Entry>, limits: TaskDatabaseLimits): Entry[] {
  const ended = [...entries].filter(({ record }) => record.outcome !== undefined);
  let bytes = ended.reduce((sum, { record }) => sum + bytesOf(record), 0);
  let count = 0;
  for (const { record } of ended) {
    if (ended.length - count <= limits.records && bytes <= limits.bytes) break;
    bytes -= bytesOf(record);
    count++;
  }
  return ended.slice(0, count);
}

/** What each task of a submission asks. */
export function requestsOf(
  message: Submit | SubmitBalanced,
  buffers: readonly Uint8Array[],
  isNested: boolean,
): (readonly [taskId: string, request: StoredRequest])[] {
  const nested = isNested ? { isNested } : {};
  if (message.type === "submitBalanced") return [[message.taskId, { message, buffers, ...nested }]];
  if (message.taskIds.length === 1) return [[message.taskIds[0] as string, { message, buffers, ...nested }]];
  return message.taskIds.map((taskId, index) => {
    const one = { ...message, taskIds: [taskId], engineIds: [message.engineIds[index] as number] };
    return [taskId, { message: one, buffers, ...nested }];
  });
}
