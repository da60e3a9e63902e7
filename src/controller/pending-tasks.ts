/** The tasks on their way through the controller, by their ids: by themselves, and those of runs. */

import type { PendingTask } from "./pending-task.ts";
import type { TaskDatabase } from "./task-database.ts";

export class PendingTasks {
  readonly #tasks = new Map<string, PendingTask>();
  readonly #database: Pick<TaskDatabase, "runMember">;

  constructor(database: Pick<TaskDatabase, "runMember">) {
    this.#database = database;
  }

  get(taskId: string): PendingTask | undefined {
    const task = this.#tasks.get(taskId);
    if (task !== undefined) return task;
    const member = this.#database.runMember?.(taskId);
    return member?.group.isOpen(member.place) ? member.group.task(member.place) : undefined;
  }

  has(taskId: string): boolean {
    if (this.#tasks.has(taskId)) return true;
    const member = this.#database.runMember?.(taskId);
    return member?.group.isOpen(member.place) === true;
  }

  set(taskId: string, task: PendingTask): void {
    this.#tasks.set(taskId, task);
  }

  /** The task has ended. */
  delete(taskId: string): void {
    if (this.#tasks.delete(taskId)) return;
    const member = this.#database.runMember?.(taskId);
    member?.group.end(member.place);
  }
}
