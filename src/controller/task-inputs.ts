/**
 * The results that tasks take as arguments: kept from the moment when they are there until every task that takes them has
 * ended, however much else the hub forgets meanwhile. Their large arrays stay where they are; who takes them fetches them
 * there.
 */

import type { BufferPlaces, CarriesBuffers } from "../protocol/data-messages.ts";
import type { InputValue, Outcome, Submit, SubmitBalanced, Task } from "../protocol/messages.ts";
import type { BufferLedger } from "./buffer-ledger.ts";
import type { PendingTask } from "./pending-task.ts";
import { RunTask } from "./run-task.ts";
import type { TaskDatabase } from "./task-database.ts";
import type { TaskRecord } from "./task-record.ts";

const NO_PAYLOAD = new Uint8Array(0);

/** How a task ended. */
export interface Ended {
  readonly outcome: Outcome;
  readonly buffers: readonly Uint8Array[];
}

interface Input {
  users: number;
  ended: Ended | undefined;
}

export class TaskInputs {
  readonly #ledger: BufferLedger;
  readonly #inputs = new Map<string, Input>();
  /** Tasks for which results are looked up: the scheduler does not know them yet. */
  readonly #looking = new Set<string>();

  constructor(ledger: BufferLedger) {
    this.#ledger = ledger;
  }

  /**
   * A task that takes these results has come. Those of tasks that have ended are looked up.
   *
   * @returns whether that takes time. Then `go` is called, with the first task whose result is not to be had, if there is
   *   one; unless the task {@link looksNoMore}
   */
  want(
    taskId: string,
    inputs: readonly string[],
    database: Pick<TaskDatabase, "get" | "fetch">,
    isOpen: (taskId: string) => boolean,
    go: (lost: string | undefined) => void,
  ): boolean {
    this.#use(inputs);
    const note = (id: string, record: TaskRecord | undefined): void => {
      if (record?.outcome !== undefined) this.ended(id, { outcome: record.outcome, buffers: record.buffers });
    };
    const closed = this.#missing(inputs).filter((id) => !isOpen(id));
    for (const id of closed) note(id, database.get(id));
    const elsewhere = this.#missing(closed);
    if (elsewhere.length === 0) return false;
    this.#looking.add(taskId);
    const fetched = elsewhere.map(async (id) => note(id, await database.fetch(id)));
    void Promise.allSettled(fetched).then(() => {
      if (this.#looking.delete(taskId)) go(this.#missing(elsewhere)[0]);
    });
    return true;
  }

  /** Whether results were looked up for the task; that counts no more. */
  looksNoMore(taskId: string): boolean {
    return this.#looking.delete(taskId);
  }

  /** Whether any task takes results. */
  get isNeeded(): boolean {
    return this.#inputs.size > 0;
  }

  #use(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      const input = this.#inputs.get(taskId);
      if (input === undefined) this.#inputs.set(taskId, { users: 1, ended: undefined });
      else input.users++;
    }
  }

  /** A task has ended, now or earlier. */
  ended(taskId: string, ended: Ended): void {
    const input = this.#inputs.get(taskId);
    if (input === undefined || input.ended !== undefined) return;
    input.ended = ended;
    this.#ledger.hold(ended.outcome);
  }

  /** Those of the tasks whose ends are not known here. */
  #missing(taskIds: readonly string[]): string[] {
    return taskIds.filter((taskId) => this.#inputs.get(taskId)?.ended === undefined);
  }

  /** A task that took these results has ended. */
  release(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      const input = this.#inputs.get(taskId);
      if (input === undefined || --input.users > 0) continue;
      this.#inputs.delete(taskId);
      if (input.ended !== undefined) this.#ledger.drop(input.ended.outcome);
    }
  }

  /** What the first of the tasks that did not end well ended with. */
  failureOf(taskIds: readonly string[]): string | undefined {
    for (const taskId of taskIds) {
      const error = this.#inputs.get(taskId)?.ended?.outcome.error;
      if (error !== undefined) return `${error.name}: ${error.message}`;
    }
    return undefined;
  }

  /** What an engine is sent of a task is no longer needed here. */
  letGo(task: PendingTask): void {
    // What a run consists of is kept as a whole.
    if (task.payload === undefined || task instanceof RunTask) return;
    task.payload = undefined;
    task.argumentBuffers = [];
    this.#ledger.drop(task);
  }

  /** What an engine is sent of a task, with the results that it takes. */
  orderFor(taskId: string, task: PendingTask): { readonly order: Task; readonly buffers: readonly Uint8Array[] } {
    const { payload = NO_PAYLOAD, isFree } = task;
    const attached = task.inputs && this.attach(task.inputs, task);
    const { places, buffers } = attached ?? { places: task.places, buffers: task.argumentBuffers };
    const plain: Task = { type: "task", taskId, payload, free: isFree || undefined };
    const order = attached === undefined ? plain : { ...plain, inputs: attached.inputs };
    return { order: places === undefined ? order : { ...order, places }, buffers };
  }

  /** The values, and the buffers of the task and, after them, of each value. */
  attach(
    taskIds: readonly string[],
    task: CarriesBuffers & { readonly argumentBuffers: readonly Uint8Array[] },
  ): {
    readonly inputs: readonly InputValue[];
    readonly places: BufferPlaces;
    readonly buffers: readonly Uint8Array[];
  } {
    const buffers = [...task.argumentBuffers];
    const places = [...placesOf(task, task.argumentBuffers)];
    const inputs = taskIds.map((taskId): InputValue => {
      const ended = this.#inputs.get(taskId)?.ended;
      const payload = ended?.outcome.payload;
      if (ended === undefined || payload === undefined) throw new Error(`the result of task ${taskId} is not here`);
      const own = placesOf(ended.outcome, ended.buffers);
      buffers.push(...ended.buffers);
      places.push(...own);
      return { payload, bufferCount: own.length };
    });
    return { inputs, places, buffers };
  }
}

function placesOf({ places }: CarriesBuffers, buffers: readonly Uint8Array[]): BufferPlaces {
  return places ?? buffers.map(() => null);
}

/** Tasks for certain engines that take results, in the form of tasks that wait for others: each for its engine alone. */
export function balancedForms({ taskIds, engineIds, inputs, type: _, ...shared }: Submit): SubmitBalanced[] {
  const retries = { death: 0, error: 0, backoff: 0, place: "same" } as const;
  return taskIds.map((taskId, index) => {
    const engineId = engineIds[index] as number;
    const request = { kind: `at ${engineId}`, units: 1, targets: [engineId], inputs, retries };
    return { type: "submitBalanced", taskId, request, ...shared };
  });
}

export function unknownInput(taskId: string): string {
  return `the result of task ${taskId} is an argument, and the hub does not know it, or no longer: await it, and pass its value`;
}
