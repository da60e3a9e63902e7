/** Records of the task database as they cross the wire. */

import type { BufferPlaces } from "./data-messages.ts";
import type { WireError } from "./messages.ts";

/** A value as the serializer wrote it. */
export interface StoredValue {
  readonly payload: Uint8Array;
  readonly buffers: readonly Uint8Array[];
  /** Large arrays of it are with their owner. */
  readonly isElsewhere?: boolean | undefined;
}

/** Chosen keys of one record; times are milliseconds since the epoch. */
export interface TaskRow {
  readonly msgId: string;
  readonly submitted?: number | undefined;
  readonly started?: number | undefined;
  readonly completed?: number | undefined;
  readonly received?: number | undefined;
  readonly engineId?: number | undefined;
  readonly engineUuid?: string | undefined;
  readonly status?: "ok" | "error" | "aborted" | undefined;
  readonly error?: WireError | undefined;
  readonly executeResult?: StoredValue | undefined;
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
  readonly outputs?: readonly StoredValue[] | undefined;
  readonly data?: StoredValue | undefined;
  readonly after?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
  readonly label?: string | undefined;
  readonly operation?: string | undefined;
  readonly clientUuid?: string | undefined;
  /** The task's value. */
  readonly result?: StoredValue | undefined;
  /** The arrays of the arguments, and of the result, as bytes. */
  readonly buffers?: readonly Uint8Array[] | undefined;
  /** Where those of the arguments are that are large; `null`: the next of `buffers`. */
  readonly bufferPlaces?: BufferPlaces | undefined;
  readonly resultBuffers?: readonly Uint8Array[] | undefined;
}

/** The keys that a record has unless others are asked for: those of the metadata. */
export const TASK_KEYS: readonly (keyof TaskRow)[] = [
  "msgId",
  "submitted",
  "started",
  "completed",
  "received",
  "engineId",
  "engineUuid",
  "status",
  "error",
  "executeResult",
  "stdout",
  "stderr",
  "outputs",
  "data",
  "after",
  "follow",
  "label",
];
