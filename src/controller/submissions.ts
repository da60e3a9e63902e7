/** Takes tasks from clients, and keeps what they were sent with, so that they can run again. */

import type { Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { Submitter } from "./pending-task.ts";
import type { TaskDatabase } from "./task-database.ts";
import type { StoredRequest } from "./task-record.ts";
import type { TaskRouter } from "./task-router.ts";

export class Submissions {
  readonly #router: TaskRouter;
  readonly #database: TaskDatabase;

  constructor(router: TaskRouter, database: TaskDatabase) {
    this.#router = router;
    this.#database = database;
  }

  submit({ isSettled, ...message }: Submit, buffers: readonly Uint8Array[], client: Submitter): void {
    if (isSettled) {
      this.#router.recovery.claim(message.taskIds[0], () => this.submit(message, buffers, client));
      return;
    }
    this.#router.submit(message, buffers, client);
    this.#database.keep(message, buffers, client.isNested);
  }

  submitBalanced({ isSettled, ...message }: SubmitBalanced, buffers: readonly Uint8Array[], client: Submitter): void {
    if (isSettled) {
      this.#router.recovery.claim(message.taskId, () => this.submitBalanced(message, buffers, client));
      return;
    }
    this.#router.submitBalanced(message, buffers, client);
    this.#database.keep(message, buffers, client.isNested);
  }

  /** Runs what an earlier task was sent with as a new task. */
  resubmit(taskId: string, { message, buffers }: StoredRequest, client: Submitter): void {
    const submitted = Date.now();
    if (message.type === "submit") this.submit({ ...message, taskIds: [taskId], submitted }, buffers, client);
    else this.submitBalanced({ ...message, taskId, submitted }, buffers, client);
  }
}
