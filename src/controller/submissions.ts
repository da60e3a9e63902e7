/** Takes tasks from clients, and keeps what they were sent with, so that they can run again. */

import type { Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { ArrayKeeper } from "./array-keeper.ts";
import type { Submitter } from "./pending-task.ts";
import { sendNoted } from "./send-result.ts";
import type { TaskDatabase } from "./task-database.ts";
import type { StoredRequest } from "./task-record.ts";
import type { TaskRouter } from "./task-router.ts";

export class Submissions {
  readonly #router: TaskRouter;
  readonly #database: TaskDatabase;

  readonly #keeper: ArrayKeeper | undefined;

  /** `keeper`: if large arrays are to be kept. */
  constructor(router: TaskRouter, database: TaskDatabase, keeper?: ArrayKeeper) {
    this.#router = router;
    this.#database = database;
    this.#keeper = keeper;
  }

  submit({ isSettled, ...message }: Submit, buffers: readonly Uint8Array[], client: Submitter): void {
    if (isSettled) {
      this.#router.recovery.claim(message.taskIds[0], () => this.submit(message, buffers, client));
      return;
    }
    this.#router.submit(message, buffers, client);
    this.#keep(message.taskIds, message, buffers, client);
  }

  submitBalanced({ isSettled, ...message }: SubmitBalanced, buffers: readonly Uint8Array[], client: Submitter): void {
    if (isSettled) {
      this.#router.recovery.claim(message.taskId, () => this.submitBalanced(message, buffers, client));
      return;
    }
    this.#router.submitBalanced(message, buffers, client);
    this.#keep([message.taskId], message, buffers, client);
  }

  #keep(
    taskIds: readonly string[],
    message: Submit | SubmitBalanced,
    buffers: readonly Uint8Array[],
    { isNested }: Submitter,
  ): void {
    this.#database.keep(message, buffers, isNested);
    if (message.places !== undefined) this.#keeper?.keepArguments(taskIds, message, buffers, isNested);
  }

  /** Runs what an earlier task was sent with as a new task. */
  resubmit(taskId: string, { message, buffers }: StoredRequest, client: Submitter): void {
    const submitted = Date.now();
    if (message.type === "submit") this.submit({ ...message, taskIds: [taskId], submitted }, buffers, client);
    else this.submitBalanced({ ...message, taskId, submitted }, buffers, client);
    const record = this.#database.get(taskId);
    if (record !== undefined) sendNoted(record, client.connection);
  }
}
