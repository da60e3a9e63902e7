/** What the controller writes down of one task. */

import type { Operation } from "../protocol/calls.ts";
import type { Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";

/** One task's submission. */
export interface StoredRequest {
  readonly message: Submit | SubmitBalanced;
  readonly buffers: readonly Uint8Array[];
}

export interface TaskRecord {
  readonly taskId: string;
  readonly clientUuid: string;
  /** Negative as long as the task has no engine. */
  engineId: number;
  engineUuid: string;
  readonly operation: Operation;
  readonly submitted: number;
  readonly label: string | undefined;
  readonly after?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
  stdout: string;
  stderr: string;
  /** What it published last, and what it showed. */
  published?: StoredValue | undefined;
  displayed?: StoredValue[] | undefined;
  /** Set when the task has ended. */
  outcome: Outcome | undefined;
  /** When its result came here, in milliseconds since the epoch. */
  received?: number | undefined;
  buffers: readonly Uint8Array[];
  /** Those of its arguments, if they were asked for. */
  readonly argumentBuffers?: readonly Uint8Array[] | undefined;
}

const NO_BUFFERS: readonly Uint8Array[] = [];

/** The record of a task that has just come. */
export function newRecord(
  task: Omit<TaskRecord, "stdout" | "stderr" | "outcome" | "buffers" | "published" | "displayed" | "received">,
): TaskRecord {
  return { ...task, stdout: "", stderr: "", outcome: undefined, buffers: NO_BUFFERS };
}
