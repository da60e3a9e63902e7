/** The tasks of one client: numbered as they are made, in flight, and their results as long as nobody has fetched them. */

import type { ControllerLink } from "./controller-link.ts";
import { OutstandingTasks } from "./outstanding-tasks.ts";
import { ResultCache } from "./result-cache.ts";
import { ClientTask, type Origin } from "./task.ts";
import { publishSubmit } from "./task-channels.ts";
import { TaskHistory } from "./task-history.ts";

export class TaskBook {
  readonly #link: Pick<ControllerLink, "ended">;
  /** Ids of the tasks of this client begin with it. */
  readonly prefix: string;
  readonly outstanding: OutstandingTasks;
  /** Results that have come and have not been fetched. */
  readonly cache: ResultCache = new ResultCache();
  /** Those that were sent. */
  readonly sent: TaskHistory;
  #next = 0;

  constructor(link: ControllerLink) {
    this.#link = link;
    this.prefix = `${link.uuid}-`;
    this.outstanding = new OutstandingTasks(this.prefix, link);
    this.sent = this.newHistory();
  }

  /** For the tasks of one view. */
  newHistory(): TaskHistory {
    return new TaskHistory(this.prefix, (number) => this.outstanding.at(number) !== undefined);
  }

  /** A task that is not sent yet; `sent` notes it. */
  make(sent?: TaskHistory, origin: Origin = this.originOf({})): ClientTask {
    const number = this.#next++;
    sent?.add(number);
    return new ClientTask(origin, number);
  }

  /** What a task of this client is sent as: for whichever engine fits, unless one is given. */
  originOf({ engineId = -1, ...more }: Partial<Omit<Origin, "prefix">>): Origin {
    return { prefix: this.prefix, engineId, ...more };
  }

  /** The task is about to be sent; false, and the task rejected, when there is nobody to send it to. */
  begin(task: ClientTask): boolean {
    const { ended } = this.#link;
    if (ended !== undefined) {
      task.reject(ended);
      return false;
    }
    publishSubmit(task);
    this.outstanding.add(task);
    this.sent.add(task.number);
    return true;
  }

  /** Whether this client sent the task. */
  isOwn(taskId: string): boolean {
    return taskId.startsWith(this.prefix);
  }

  /** A task that is in flight, or whose result is still here: some of its output may come late. */
  known(taskId: string): ClientTask | undefined {
    return this.outstanding.get(taskId) ?? this.cache.get(taskId);
  }

  /** The result of a task has come, so many bytes of it: it is kept, unless somebody has it already. */
  keep(task: ClientTask, byteLength: number): void {
    if (!task.isFetched && task.prefix.startsWith(this.prefix)) this.cache.add(task, byteLength);
  }

  /** The results have been fetched: they need not be kept here any longer. */
  forget(tasks: readonly ClientTask[]): void {
    for (const task of tasks) this.cache.delete(task.id);
  }

  /** Those that have not ended fail with the error. */
  fail(tasks: readonly ClientTask[], error: Error): void {
    for (const task of tasks) if (this.outstanding.take(task)) task.reject(error);
  }
}
