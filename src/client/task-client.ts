/** A client's own tasks: what is in flight, what has come, waiting, stopping, fetching, and running again. */

import { bareValue, valueList } from "./assembly.ts";
import { AsyncHubResult } from "./async-hub-result.ts";
import { AsyncResult } from "./async-result.ts";
import { endOf, type Job, messageIdsOf, type TaskName } from "./jobs.ts";
import type { Metadata } from "./metadata.ts";
import { checkOptions } from "./options.ts";
import { checkInteractive, type InteractiveOptions, showProgress } from "./progress.ts";
import type { Session } from "./session.ts";
import type { ClientTask } from "./task.ts";
import type { TaskHistory } from "./task-history.ts";
import { checkWait, type Wait, within } from "./waiting.ts";

/** Which task the result of which is meant: nothing, or `null`, is the last that was sent. */
export type ResultName = TaskName | null | undefined;

export class TaskClient {
  protected readonly session: Session;
  /** The tasks that indices name. */
  protected readonly sent: TaskHistory;

  constructor(session: Session, sent: TaskHistory = session.tasks.sent) {
    this.session = session;
    this.sent = sent;
  }

  /** Ids of the tasks that have been sent and not answered. */
  get outstanding(): Set<string> {
    return this.sent === this.session.tasks.sent
      ? new Set(this.session.tasks.outstanding.keys())
      : this.sent.outstanding;
  }

  /** Ids of the tasks in the order they were sent, the last 100,000 at least; a copy. */
  get history(): string[] {
    return [...this.sent.ids];
  }

  /**
   * What has come and has not been had from its AsyncResult yet, by message id: values, and errors of what failed. The
   * last 10,000 and 64 MiB at most; the hub knows more.
   */
  get results(): Map<string, unknown> {
    const results = new Map<string, unknown>();
    for (const task of this.session.tasks.cache.tasks()) results.set(task.id, task.error ?? task.value);
    return results;
  }

  /** The metadata of the same tasks, and of those that are outstanding. */
  get metadata(): Map<string, Metadata> {
    const metadata = new Map<string, Metadata>();
    for (const task of this.session.tasks.cache.tasks()) metadata.set(task.id, task.metadata);
    for (const task of this.session.tasks.outstanding.values()) metadata.set(task.id, task.metadata);
    return metadata;
  }

  /**
   * Whether the jobs end in time: message ids, indices into the history, AsyncResults, promises, or a list of them;
   * without jobs everything that is outstanding. Never rejects for a job that failed.
   */
  async wait(jobs?: Job | readonly Job[], wait: Wait = {}): Promise<boolean> {
    checkWait(wait);
    const ends = this.#jobs(jobs).map((job) => endOf(job, this.session, this.sent));
    return await inTime(ends, wait);
  }

  /** {@link wait} with a bar on a terminal, or lines elsewhere, on stderr. */
  async waitInteractive(jobs?: Job | readonly Job[], options: InteractiveOptions = {}): Promise<boolean> {
    checkInteractive(options);
    let done = 0;
    const ends = this.#jobs(jobs).map(async (job) => {
      await endOf(job, this.session, this.sent);
      done++;
    });
    const { timeout, signal } = options;
    return await showProgress(
      { total: ends.length, done: () => done, unit: "jobs" },
      inTime(ends, { timeout, signal }),
      options,
    );
  }

  /** Resolves once every message that had already arrived has been handled. */
  async spin(): Promise<void> {
    // Twice, so that the event loop looks at the sockets in between, wherever it is now.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }

  /**
   * The result of tasks, whoever sent them, by message id, history index, or AsyncResult: of one name one value, of a
   * list a list; without a name of the last task. Own tasks give an AsyncResult, those of others (or, with `owner:
   * false`, any) an AsyncHubResult, fetched from the hub, which keeps results of late. It rejects with RangeError when
   * the hub does not know the task.
   */
  getResult(names: readonly TaskName[], options?: { readonly owner?: boolean }): AsyncResult<unknown[]>;
  getResult(name?: ResultName, options?: { readonly owner?: boolean }): AsyncResult<unknown>;
  getResult(
    names: ResultName | readonly TaskName[] = -1,
    options: { readonly owner?: boolean } = {},
  ): AsyncResult<unknown> {
    const { owner = true } = checkOptions("getResult", options, { owner: "boolean" });
    const ids = messageIdsOf(names ?? -1, this.sent);
    const tasks = ids.map((id) => this.session.fetch(id, owner));
    const Result = owner && ids.every((id) => this.session.tasks.isOwn(id)) ? AsyncResult : AsyncHubResult;
    return new Result<unknown>(tasks, { session: this.session, assembly: assemblyFor(names, ids), owner });
  }

  /**
   * Runs tasks again, on the engines that they were sent to, whether they have ended or not, as new tasks with new ids.
   * The result rejects with RangeError when the hub does not know a task, or no longer knows what it was sent with.
   */
  resubmit(names: readonly TaskName[]): AsyncHubResult<unknown[]>;
  resubmit(name: TaskName): AsyncHubResult<unknown>;
  resubmit(names: TaskName | readonly TaskName[]): AsyncHubResult<unknown> {
    const ids = messageIdsOf(names, this.sent);
    const tasks: ClientTask[] = this.session.resubmit(ids);
    return new AsyncHubResult<unknown>(tasks, { session: this.session, assembly: assemblyFor(names, ids) });
  }

  #jobs(jobs: Job | readonly Job[] | undefined): readonly Job[] {
    if (jobs === undefined) return [...this.outstanding];
    return Array.isArray(jobs) ? jobs : [jobs as Job];
  }
}

/** A list, or a result of several tasks, gives a list. */
function assemblyFor(names: ResultName | readonly TaskName[], ids: readonly string[]) {
  return Array.isArray(names) || ids.length !== 1 ? valueList : bareValue;
}

async function inTime(ends: readonly Promise<unknown>[], wait: Wait): Promise<boolean> {
  try {
    await within(Promise.all(ends), wait, "waiting for jobs");
    return true;
  } catch {
    return false;
  }
}
