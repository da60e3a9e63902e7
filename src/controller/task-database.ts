/** What ran where, when, and with what result: the one interface of the databases that keep it. */

import type { BufferPlaces, CarriesBuffers } from "../protocol/data-messages.ts";
import type { Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
import type { ArrayStore } from "./array-store.ts";
import type { SubmittedRun } from "./run-columns.ts";
import type { Failures } from "./scheduling/events.ts";
import type { GroupMember } from "./task-groups.ts";
import type { TaskQuery } from "./task-query.ts";
import type { StoredRequest, TaskRecord } from "./task-record.ts";

export interface TaskDatabaseLimits {
  /** Finished records that are kept. */
  readonly records: number;
  /** Bytes of results and output that are kept, here or by their owners; a character counts as one. */
  readonly bytes: number;
}

/** Hears of what records held that go: the outcome, and the arrays of the arguments. */
export type OnForgotten = (carrier: CarriesBuffers) => void;

/** Nothing can be written just now. */
export interface DatabaseFailure {
  readonly message: string;
  /** How many records were too many to be kept until it can be. */
  readonly lost: number;
}

/**
 * Records are written at once and asked for with an answer that comes later. What has not ended is always at hand, with
 * {@link TaskDatabase.get}.
 */
export interface TaskDatabase {
  add(record: TaskRecord): void;
  /** Keeps what a submission of one or several tasks asks, so that they can run again. */
  keep(message: Submit | SubmitBalanced, buffers: readonly Uint8Array[], isNested?: boolean): void;
  /** The hub has the arrays that a task is sent with. Says whether that is news, so that its record holds them. */
  keepArguments(taskId: string, places: BufferPlaces): boolean;
  /** The hub has the arrays of a result. Resolves to whether the record holds them. */
  keepPlaces(taskId: string, places: BufferPlaces): Promise<boolean>;
  /** Where those arrays are. */
  readonly arrays?: ArrayStore | undefined;
  /** A task that has not ended, and perhaps one that has. */
  get(taskId: string): TaskRecord | undefined;
  /** The task goes to an engine, told before it is sent; or (negative) has been given back. */
  assign(taskId: string, engineId: number, engineUuid: string): void;
  /** The engine has completed a task. */
  completed(engineUuid: string): void;
  /** Something is about to be sent. */
  leaving?(): void;
  /** It has been run in vain so often. */
  fail(taskId: string, failures: Failures): void;
  addOutput(taskId: string, stream: "stdout" | "stderr", text: string): void;
  /** Keeps what a task published or showed, unless it is too much. */
  addShown(taskId: string, type: "published" | "displayed", value: StoredValue): void;
  /** Keeps the result of a task. Its payload is copied, because it lies in the packet it came with. */
  finish(taskId: string, outcome: Outcome, buffers: readonly Uint8Array[]): void;

  /**
   * Keeps runs as they are, if it can; their tasks need no {@link TaskDatabase.keep}. Says whether it did: not when one of
   * the tasks is known.
   */
  addRun?(run: SubmittedRun): boolean;
  /** A task of a run that it keeps, and that is remembered. */
  runMember?(taskId: string): GroupMember<SubmittedRun> | undefined;
  /** These tasks of a run have ended, and the run knows how. */
  finishRun?(run: SubmittedRun, places: Int32Array): void;

  /** Set while nothing can be written. */
  readonly failure?: DatabaseFailure | undefined;
  /** Whether what is written outlives the controller. */
  readonly isDurable: boolean;
  /** Resolves once everything is written that was told so far. */
  recorded(): Promise<void>;

  /** The whole record of a task. */
  fetch(taskId: string): Promise<TaskRecord | undefined>;
  /** What a task was sent with, if that is kept. */
  request(taskId: string): Promise<StoredRequest | undefined>;
  /** Ids, oldest submission first. */
  history(): Promise<string[]>;
  /**
   * The records that match, oldest submission first, with at least what `keys` need (the metadata, unless given).
   * Rejects with TypeError for a bad query.
   */
  find(query: TaskQuery, keys?: readonly string[]): Promise<TaskRecord[]>;
  /** Forgets records of tasks that have ended. */
  drop(taskIds: Iterable<string>): Promise<void>;
  /** Writes what has not been written. */
  close(): Promise<void>;
}
