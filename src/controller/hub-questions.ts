/** Answers questions about tasks, purges records, and runs tasks again. */

import { DEFAULT_RETRIES } from "../protocol/balancing.ts";
import type { HubRequest } from "../protocol/messages.ts";
import type { TaskRow } from "../protocol/task-rows.ts";
import type { BufferLedger } from "./buffer-ledger.ts";
import type { DatabaseFailure, TaskDatabase } from "./task-database.ts";
import type { TaskQuery } from "./task-query.ts";
import type { StoredRequest, TaskRecord } from "./task-record.ts";
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

/** Runs what a task was sent with as a task with a new id. */
export type Submit = (taskId: string, request: StoredRequest) => void;

export interface QuestionParts {
  readonly database: TaskDatabase;
  readonly ledger: BufferLedger;
  /** Whether the database keeps large arrays. */
  readonly keepsArrays: boolean;
}

export class HubQuestions {
  readonly #database: TaskDatabase;
  readonly #ledger: BufferLedger;
  readonly #keepsArrays: boolean;

  constructor({ database, ledger, keepsArrays }: QuestionParts) {
    this.#database = database;
    this.#ledger = ledger;
    this.#keepsArrays = keepsArrays;
  }

  get databaseFailure(): DatabaseFailure | undefined {
    return this.#database.failure;
  }

  /** `asker`: the client's uuid. */
  answer(question: Question, submit: Submit, asker: string): Promise<unknown> {
    switch (question.method) {
      case "resultStatus":
        return this.#resultStatus(question.taskIds);
      case "history":
        return this.#database.history();
      case "query":
        return this.#query(question.query, question.keys, asker);
      case "purge":
        return this.#purge(question);
      case "resubmit":
        return this.#resubmit(question, submit);
    }
  }

  /** Ids of the tasks that are remembered and that engines have completed, by engine. */
  async completed(): Promise<Map<number, string[]>> {
    const byEngine = new Map<number, string[]>();
    for (const { engineId, taskId } of await this.#database.find({ completed: { $exists: true } }, ["completed"])) {
      const ids = byEngine.get(engineId);
      if (ids === undefined) byEngine.set(engineId, [taskId]);
      else ids.push(taskId);
    }
    return byEngine;
  }

  async #resultStatus(taskIds: readonly string[]): Promise<ResultStatus> {
    const status: ResultStatus = { pending: [], completed: [] };
    const ids = [...new Set(taskIds)];
    const records = await this.#known(ids);
    for (const taskId of ids) status[records.get(taskId)?.outcome === undefined ? "pending" : "completed"].push(taskId);
    return status;
  }

  async #query(query: TaskQuery, keys: readonly string[] | undefined, asker: string): Promise<TaskRow[]> {
    if (keys !== undefined) checkKeys(keys);
    const rows = (await this.#database.find(query, keys)).map((record) => rowOf(record, keys));
    for (const { bufferPlaces: places } of rows) if (places !== undefined) this.#ledger.deliver(asker, { places });
    return rows;
  }

  async #purge({ taskIds, engineIds }: Extract<Question, { method: "purge" }>): Promise<number> {
    const chosen = await this.#known(taskIds ?? []);
    if (engineIds !== undefined || taskIds === undefined) {
      const query: TaskQuery = engineIds === undefined ? {} : { engineId: { $in: engineIds } };
      for (const record of await this.#database.find(query, [])) chosen.set(record.taskId, record);
    }
    const pending = [...chosen.values()].filter(({ outcome }) => outcome === undefined).map(({ taskId }) => taskId);
    if (pending.length > 0) {
      throw new Error(`${describe(pending)} not ended: wait for them, or abort them, before their records are purged`);
    }
    await this.#database.drop(chosen.keys());
    return chosen.size;
  }

  /** All or none. */
  async #resubmit(
    { taskIds, newIds, losses = 0 }: Extract<Question, { readonly method: "resubmit" }>,
    submit: Submit,
  ): Promise<void> {
    const found = await Promise.allSettled(taskIds.map((taskId) => this.#request(taskId)));
    const requests = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    try {
      for (const one of found) if (one.status === "rejected") throw one.reason;
      for (const { message } of requests) {
        if (losses > deathsAllowed(message)) throw new RangeError("its policy of retries does not run it again");
      }
      for (const [index, request] of requests.entries()) submit(newIds[index] as string, request);
    } finally {
      for (const { message } of requests) this.#ledger.drop(message);
    }
  }

  /** Its arrays are held, whatever is purged meanwhile. @throws RangeError when it is not kept, or never was. */
  async #request(taskId: string): Promise<StoredRequest> {
    const request = await this.#database.request(taskId);
    if (request !== undefined) {
      this.#ledger.hold(request.message);
      return request;
    }
    await this.#known([taskId]);
    const reason = this.#keepsArrays
      ? "it was too much for what the task database may hold (controller.database: records, bytes), or long ago"
      : "arrays of 64 KiB and more are kept only with controller: { database: { buffers: true } }; or it was long ago";
    throw new RangeError(`what task "${taskId}" was sent with is not kept (${reason}): send it anew`);
  }

  /** The records of these tasks. @throws RangeError when there is none of one of them. */
  async #known(taskIds: readonly string[]): Promise<Map<string, TaskRecord>> {
    const found = taskIds.length === 0 ? [] : await this.#database.find({ msgId: { $in: taskIds } }, []);
    const records = new Map(found.map((record) => [record.taskId, record]));
    const unknown = taskIds.find((taskId) => !records.has(taskId));
    if (unknown === undefined) return records;
    throw new RangeError(
      `no task "${unknown}" is known to the hub: it never was, its record was purged, or it is too old`,
    );
  }
}

function describe(taskIds: readonly string[]): string {
  const shown = taskIds.slice(0, 3).join(", ");
  if (taskIds.length === 1) return `task ${shown} has`;
  return taskIds.length <= 3 ? `tasks ${shown} have` : `tasks ${shown} and ${taskIds.length - 3} more have`;
}

/** How often a task may lose its engine. */
function deathsAllowed(message: StoredRequest["message"]): number {
  return message.type === "submitBalanced" ? (message.request.retries ?? DEFAULT_RETRIES).death : 0;
}
