/** A task on its way through the controller: who waits for it, what its engine needs, and how it may end. */

import type { Connection } from "../channel/connection.ts";
import type { CarriesBuffers } from "../protocol/data-messages.ts";
import type { Outcome, WireError } from "../protocol/messages.ts";
import type { BufferLedger } from "./buffer-ledger.ts";
import type { Failure } from "./scheduler.ts";

/** A client, who is told how the tasks end that it submitted or asked for. */
export interface Submitter {
  readonly uuid: string;
  readonly connection: Connection;
  /** It is within a task of an engine, which waits for what it submits. */
  readonly isNested: boolean;
}

export interface PendingTask extends CarriesBuffers {
  /** Nobody, for a task that an earlier controller had; its submitter is an asker then. */
  readonly submitter: Submitter | undefined;
  /** Other clients that have asked for the task since. */
  askers: Set<Submitter> | undefined;
  engineUuid: string;
  /** What the engine needs, with the buffers that it fetches; let go once it has been sent, unless it may have to be sent again. */
  payload: Uint8Array | undefined;
  argumentBuffers: readonly Uint8Array[];
  readonly isBalanced: boolean;
  /** See `Task.free`. */
  readonly isFree: boolean;
  /** Called when it has ended. */
  onEnded: (() => void)[] | undefined;
  /** The tasks whose results it takes. */
  readonly inputs: readonly string[] | undefined;
  /** What an engine has answered, until the scheduler says whether that is the end. */
  answer: Outcome | undefined;
  answerBuffers: readonly Uint8Array[];
}

export const NO_BUFFERS: readonly Uint8Array[] = [];

export function newTask(
  { payload, places }: CarriesBuffers & { readonly payload: Uint8Array },
  buffers: readonly Uint8Array[],
  submitter: Submitter | Pick<Submitter, "isNested">,
  { engineUuid, inputs }: { readonly engineUuid?: string; readonly inputs?: readonly string[] | undefined } = {},
): PendingTask {
  const isBalanced = engineUuid === undefined;
  return {
    submitter: "uuid" in submitter ? submitter : undefined,
    askers: undefined,
    engineUuid: engineUuid ?? "",
    payload,
    places,
    argumentBuffers: buffers,
    isBalanced,
    isFree: isBalanced || submitter.isNested,
    onEnded: undefined,
    inputs,
    answer: undefined,
    answerBuffers: NO_BUFFERS,
  };
}

/** Resolves when the task has ended. */
export function whenEnded(task: PendingTask): Promise<void> {
  return new Promise((resolve) => {
    task.onEnded ??= [];
    task.onEnded.push(resolve);
  });
}

/** Calls `send` for those who wait for the task; the buffers that `carrier` describes are theirs, too, from now on. */
export function tell(
  task: PendingTask,
  ledger: BufferLedger,
  carrier: CarriesBuffers,
  send: (connection: Connection) => void,
): void {
  const tellOne = ({ uuid, connection }: Submitter): void => {
    if (carrier.places !== undefined) ledger.deliver(uuid, carrier);
    send(connection);
  };
  if (task.submitter !== undefined) tellOne(task.submitter);
  if (task.askers !== undefined) for (const client of task.askers) tellOne(client);
}

/** How a task ends that will not run: with what it failed with itself, if that counts, or with why. */
export function failedOutcome(
  task: PendingTask | undefined,
  { failure, reason, engineId }: { readonly failure: Failure; readonly reason: string; readonly engineId: number },
  inputs: { failureOf(taskIds: readonly string[]): string | undefined },
): { readonly outcome: Outcome; readonly buffers: readonly Uint8Array[] } {
  if (failure === "own" && task?.answer !== undefined) return { outcome: task.answer, buffers: task.answerBuffers };
  const why = failure === "impossible" && task?.inputs && inputs.failureOf(task.inputs);
  const error = failureError(failure, why ? `${reason}: ${why}` : reason, engineId);
  return { outcome: { status: "error", error }, buffers: NO_BUFFERS };
}

export function abortedOutcome(): Outcome {
  const message = "the task was aborted before it started";
  return { status: "aborted", error: { kind: "aborted", name: "TaskAborted", message } };
}

export function failureError(failure: Failure, reason: string, engineId: number): WireError {
  switch (failure) {
    case "invalid":
      return { kind: "invalid", name: "InvalidDependency", message: reason };
    case "impossible":
      return { kind: "impossible", name: "ImpossibleDependency", message: reason };
    case "timeout":
      return { kind: "timeout", name: "TaskTimeout", message: reason };
    default: {
      const message = engineId < 0 ? reason : `engine ${engineId} is gone: ${reason}`;
      return { kind: "engine", name: "EngineError", message };
    }
  }
}
