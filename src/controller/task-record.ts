/** What the controller writes down of one task. */

import type { Operation } from "../protocol/calls.ts";
import type { BufferPlaces, CarriesBuffers } from "../protocol/data-messages.ts";
import type { Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
import type { Failures } from "./scheduling/events.ts";

/** One task's submission. */
export interface StoredRequest {
  readonly message: Submit | SubmitBalanced;
  readonly buffers: readonly Uint8Array[];
  /** See `Submitter.isNested`. */
  readonly isNested?: boolean | undefined;
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
  failures?: Failures | undefined;
  /** Where the large arrays of its arguments are, if the hub keeps them. */
  argumentPlaces?: BufferPlaces | undefined;
  /** The small arrays of its arguments, if they were asked for. */
  readonly argumentBuffers?: readonly Uint8Array[] | undefined;
}

const NO_BUFFERS: readonly Uint8Array[] = [];
const NOTHING: Partial<TaskRecord> = {};

/** The record of a task that has just come; without an engine as long as it has none. */
export function newRecord(
  {
    taskId,
    operation,
    submitted,
    label,
  }: Pick<TaskRecord, "taskId" | "operation" | "submitted"> & { readonly label?: string | undefined },
  clientUuid: string,
  { engineId = -1, engineUuid = "", after, follow }: Partial<TaskRecord> = NOTHING,
): TaskRecord {
  // All fields at once: there are many records, and those of one form cost least.
  return {
    taskId,
    clientUuid,
    engineId,
    engineUuid,
    operation,
    submitted,
    label,
    after,
    follow,
    stdout: "",
    stderr: "",
    published: undefined,
    displayed: undefined,
    outcome: undefined,
    received: undefined,
    failures: undefined,
    argumentPlaces: undefined,
    buffers: NO_BUFFERS,
  };
}

/** What a record of a task that has ended holds of large arrays. */
export function holdings({ outcome, argumentPlaces }: TaskRecord): CarriesBuffers[] {
  const held: CarriesBuffers[] = outcome === undefined ? [] : [outcome];
  return argumentPlaces === undefined ? held : [...held, { places: argumentPlaces }];
}
