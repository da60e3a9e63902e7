/** What a client asks the hub: queues, the state of tasks, the task database; and purging. */

import type { TaskRow } from "../protocol/task-rows.ts";
import { messageIdsOf, type TaskName } from "./jobs.ts";
import { checkOptions } from "./options.ts";
import { checkTargets, type Targets } from "./targets.ts";
import { TaskClient } from "./task-client.ts";
import type { RecordKey, TaskQuery, TaskRecord } from "./task-records.ts";
import { decodeRow, encodeQuery, isElsewhere, keysToAsk } from "./task-records.ts";

/** How many tasks wait at, run on, and have been completed by one engine; or, if verbose, which. */
export interface EngineQueueStatus<T> {
  readonly queue: T;
  readonly tasks: T;
  /** If verbose, those that the hub remembers. */
  readonly completed: T;
}

/** Queues by engine id. `unassigned` counts tasks that have no engine yet. */
export type QueueStatusByEngine<T = number> = { readonly [engineId: number]: EngineQueueStatus<T> } & {
  readonly unassigned: T;
};

/** Which tasks have ended; with `results`, what they gave, by message id: values, and errors of what failed. */
export interface ResultStatus {
  readonly pending: string[];
  readonly completed: string[];
  readonly results?: Record<string, unknown>;
}

/** Of which engines, and in which form. */
export interface QueueStatusOptions {
  readonly targets?: Targets;
  /** Message ids instead of counts. */
  readonly verbose?: boolean;
}

/** What to purge: tasks by name, `"all"`, or nothing but the engines of `targets`. */
export interface PurgeOptions {
  readonly targets?: Targets;
}

export class HubClient extends TaskClient {
  /** Tasks by engine: counts, or with `verbose` message ids. */
  async queueStatus(options: QueueStatusOptions & { readonly verbose: true }): Promise<QueueStatusByEngine<string[]>>;
  async queueStatus(options?: QueueStatusOptions & { readonly verbose?: false }): Promise<QueueStatusByEngine>;
  async queueStatus(options: QueueStatusOptions = {}): Promise<unknown> {
    checkOptions("queueStatus", options, { targets: "any", verbose: "boolean" });
    const { targets = "all", verbose = false } = options;
    const wanted = engineIdsOf(checkTargets(targets, this.session));
    const answer = await this.session.link.request<"queueStatus">({ method: "queueStatus", verbose });
    const status: Record<string, unknown> = {};
    for (const { engineId, queued, running, completed } of answer.engines) {
      if (wanted?.includes(engineId) !== false) status[engineId] = { queue: queued, tasks: running, completed };
    }
    return { ...status, unassigned: answer.unassigned };
  }

  /**
   * Which of the tasks have ended, whoever sent them.
   * @throws RangeError when the hub does not know one.
   */
  async resultStatus(
    names: TaskName | readonly TaskName[],
    options: { readonly statusOnly?: boolean } = {},
  ): Promise<ResultStatus> {
    const { statusOnly = true } = checkOptions("resultStatus", options, { statusOnly: "boolean" });
    const taskIds = messageIdsOf(names, this.sent);
    const status = await this.session.link.request<"resultStatus">({ method: "resultStatus", taskIds });
    if (statusOnly) return status;
    const results = await Promise.all(
      status.completed.map(async (id) => {
        return [id, await this.getResult(id, { owner: false }).get({ returnExceptions: true })] as const;
      }),
    );
    return { ...status, results: Object.fromEntries(results) };
  }

  /** Message ids of all tasks that the hub remembers, of all clients, oldest submission first. */
  async hubHistory(): Promise<string[]> {
    return [...(await this.session.link.request<"history">({ method: "history" }))];
  }

  /**
   * The records of the hub's task database that match, oldest submission first, with all keys of the metadata or those
   * that are asked for. `buffers`, `resultBuffers` and `result` are there only if asked for.
   * @throws TypeError for an unknown key or operator, or an operand that an operator does not take.
   *
   * @example
   * ```ts
   * const failed = await rc.dbQuery({ status: "error", submitted: { $gte: new Date(Date.now() - 60_000) } });
   * const slow = await rc.dbQuery({ label: { $glob: "epoch*" } }, ["started", "completed"]);
   * ```
   */
  async dbQuery(query: TaskQuery, keys?: readonly RecordKey[]): Promise<TaskRecord[]> {
    const encoded = encodeQuery(query) as Record<string, unknown>;
    const asked = keysToAsk(keys);
    const rows = await this.session.link.request<"query">({ method: "query", query: encoded, keys: asked });
    const values = await Promise.all(rows.map((row) => (isElsewhere(row) ? this.#valueOf(row.msgId) : undefined)));
    const buffers = await Promise.all(rows.map((row) => this.#argumentsOf(row)));
    const records = rows.map((row, index) => decodeRow(row, this.session.serializer, values[index], buffers[index]));
    return asked === keys ? records : records.map(({ result: _, ...record }) => record);
  }

  /** The arrays of the row's arguments, if some have to be fetched. */
  async #argumentsOf({ buffers = [], bufferPlaces: places }: TaskRow): Promise<readonly Uint8Array[] | undefined> {
    if (places === undefined) return undefined;
    const { link, plane } = this.session;
    link.hold();
    try {
      return await plane.receive({ places }, buffers).buffers;
    } finally {
      link.release();
    }
  }

  /** The value of a task, from whoever has it; `undefined` when nobody has it any more. */
  async #valueOf(taskId: string): Promise<unknown> {
    const task = this.session.fetch(taskId, true);
    if (!task.settled) await new Promise<unknown>((resolve) => task.whenSettled(resolve));
    return task.value;
  }

  /** {@link purgeLocalResults} and {@link purgeHubResults}. */
  async purgeResults(names?: TaskName | readonly TaskName[] | "all", options: PurgeOptions = {}): Promise<void> {
    checkOptions("purgeResults", options, { targets: "any" });
    if (names === undefined) {
      await this.purgeHubResults(undefined, options);
      this.#forget((engineId) => engineIdsOf(this.#targets(options))?.includes(engineId) ?? true);
      return;
    }
    this.#checkEnded(this.#named(names));
    await this.purgeHubResults(names, options);
    this.purgeLocalResults(names);
  }

  /**
   * Forgets results that this client keeps. @throws Error when one of the tasks is outstanding, TypeError when nothing
   * is named.
   */
  purgeLocalResults(names: TaskName | readonly TaskName[] | "all"): void {
    const ids = this.#named(names);
    this.#checkEnded(ids);
    if (ids === undefined) this.session.tasks.cache.clear();
    else for (const id of ids) this.session.tasks.cache.delete(id);
  }

  /**
   * Makes the hub forget tasks: those named, all, or those of the engines of `targets`.
   * @throws Error when one of them has not ended, RangeError when the hub does not know one, TypeError when nothing is
   * named.
   */
  async purgeHubResults(names?: TaskName | readonly TaskName[] | "all", options: PurgeOptions = {}): Promise<void> {
    checkOptions("purgeHubResults", options, { targets: "any" });
    const engineIds = options.targets === undefined ? undefined : engineIdsOf(this.#targets(options));
    if (names === undefined && options.targets === undefined) throw nothingNamed();
    const taskIds = names === undefined ? undefined : this.#named(names);
    await this.session.link.request<"purge">({ method: "purge", taskIds, engineIds });
  }

  /** Forgets everything, here and at the hub, the history too. @throws Error when something is outstanding. */
  async purgeEverything(): Promise<void> {
    await this.purgeResults("all");
    this.sent.clear();
  }

  /** `undefined` for all. */
  #named(names: TaskName | readonly TaskName[] | "all"): string[] | undefined {
    if (names === undefined || names === null) throw nothingNamed();
    return names === "all" ? undefined : messageIdsOf(names, this.sent);
  }

  #targets({ targets = "all" }: PurgeOptions): Targets {
    return checkTargets(targets, this.session);
  }

  #checkEnded(ids: readonly string[] | undefined): void {
    const { outstanding } = this.session.tasks;
    const pending = ids === undefined ? [...outstanding.keys()] : ids.filter((id) => outstanding.has(id));
    if (pending.length === 0) return;
    throw new Error(
      `${pending.length} of the tasks (first ${pending[0]}) have not ended: wait for them, or abort them, before their results are purged`,
    );
  }

  #forget(isOn: (engineId: number) => boolean): void {
    for (const { id, metadata } of [...this.session.tasks.cache.tasks()]) {
      if (isOn(metadata.engineId ?? -1)) this.session.tasks.cache.delete(id);
    }
  }
}

function nothingNamed(): TypeError {
  return new TypeError('name what is to be purged: tasks, "all", or { targets }');
}

/** `undefined` for all engines, also those that are gone. */
function engineIdsOf(targets: Targets): readonly number[] | undefined {
  if (targets === "all") return undefined;
  return typeof targets === "number" ? [targets] : targets;
}
