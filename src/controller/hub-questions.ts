/** Answers questions about tasks, purges records, and runs tasks again. */

import type { HubRequest } from "../protocol/messages.ts";
import type { TaskRow } from "../protocol/task-rows.ts";
import type { RequestStore } from "./request-store.ts";
import type { TaskDatabase } from "./task-database.ts";
import type { TaskQuery } from "./task-query.ts";
import { checkKeys, rowOf } from "./task-rows.ts";

/** The part of the requests that this file answers. */
export type Question = Extract<
  HubRequest,
  { readonly method: "resultStatus" | "history" | "query" | "purge" | "resubmit" }
>;

const methods: ReadonlySet<string> = new Set<Question["method"]>([
  "resultStatus",
  "history",
  "query",
  "purge",
  "resubmit",
]);

/** Whether {@link HubQuestions} answers a request. */
export function isQuestion(request: HubRequest): request is Question {
  return methods.has(request.method);
}

/** Which tasks have ended. */
export interface ResultStatus {
  readonly pending: string[];
  readonly completed: string[];
}

export class HubQuestions {
  readonly #database: TaskDatabase;
  readonly #requests: RequestStore;

  constructor(database: TaskDatabase, requests: RequestStore) {
    this.#database = database;
    this.#requests = requests;
  }

  /** `submit` runs a task with a new id. */
  answer(question: Question, submit: (taskId: string, oldId: string) => void): unknown {
    switch (question.method) {
      case "resultStatus":
        return this.#resultStatus(question.taskIds);
      case "history":
        return this.#database.history();
      case "query":
        return this.#query(question.query, question.keys);
      case "purge":
        return this.#purge(question);
      case "resubmit":
        return this.#resubmit(question.taskIds, question.newIds, submit);
    }
  }

  /** Ids of the tasks that an engine has completed and that are remembered. */
  completed(engineId: number): string[] {
    return this.#database.find({ engineId, completed: { $exists: true } }).map(({ taskId }) => taskId);
  }

  #resultStatus(taskIds: readonly string[]): ResultStatus {
    const status: ResultStatus = { pending: [], completed: [] };
    for (const taskId of new Set(taskIds)) {
      const record = this.#database.get(taskId);
      if (record === undefined) throw unknownTask(taskId);
      status[record.outcome === undefined ? "pending" : "completed"].push(taskId);
    }
    return status;
  }

  #query(query: TaskQuery, keys: readonly string[] | undefined): TaskRow[] {
    if (keys !== undefined) checkKeys(keys);
    return this.#database.find(query).map((record) => rowOf(record, this.#requests, keys));
  }

  #purge({ taskIds, engineIds }: Extract<Question, { method: "purge" }>): number {
    const chosen = new Set<string>();
    for (const taskId of taskIds ?? []) {
      if (this.#database.get(taskId) === undefined) throw unknownTask(taskId);
      chosen.add(taskId);
    }
    if (engineIds !== undefined || taskIds === undefined) {
      const query: TaskQuery = engineIds === undefined ? {} : { engineId: { $in: engineIds } };
      for (const { taskId } of this.#database.find(query)) chosen.add(taskId);
    }
    const pending = [...chosen].filter((taskId) => this.#database.get(taskId)?.outcome === undefined);
    if (pending.length > 0) {
      throw new Error(`${describe(pending)} not ended: wait for them, or abort them, before their records are purged`);
    }
    this.#database.drop(chosen);
    for (const taskId of chosen) this.#requests.delete(taskId);
    return chosen.size;
  }

  /** All or none. Gives their labels. */
  #resubmit(
    taskIds: readonly string[],
    newIds: readonly string[],
    submit: (taskId: string, oldId: string) => void,
  ): (string | undefined)[] {
    for (const taskId of taskIds) {
      if (this.#requests.get(taskId) !== undefined) continue;
      if (this.#database.get(taskId) === undefined) throw unknownTask(taskId);
      throw new RangeError(
        `what task "${taskId}" was sent with is no longer kept (it was large, or long ago): send it anew`,
      );
    }
    for (const [index, taskId] of taskIds.entries()) submit(newIds[index] as string, taskId);
    return newIds.map((taskId) => this.#requests.get(taskId)?.message.label);
  }
}

function unknownTask(taskId: string): RangeError {
  return new RangeError(
    `no task "${taskId}" is known to the hub: it never was, its record was purged, or it is too old`,
  );
}

function describe(taskIds: readonly string[]): string {
  const shown = taskIds.slice(0, 3).join(", ");
  if (taskIds.length === 1) return `task ${shown} has`;
  return taskIds.length <= 3 ? `tasks ${shown} have` : `tasks ${shown} and ${taskIds.length - 3} more have`;
}
