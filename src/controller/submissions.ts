/** Takes tasks from clients, and keeps what they were sent with, so that they can run again. */

import type { Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { Submitter } from "./pending-task.ts";
import type { RequestStore } from "./request-store.ts";
import type { TaskRouter } from "./task-router.ts";

export class Submissions {
  readonly #router: TaskRouter;
  readonly #requests: RequestStore;

  constructor(router: TaskRouter, requests: RequestStore) {
    this.#router = router;
    this.#requests = requests;
  }

  submit(message: Submit, buffers: readonly Uint8Array[], client: Submitter): void {
    this.#requests.add(message, buffers);
    this.#router.submit(message, buffers, client);
  }

  submitBalanced(message: SubmitBalanced, buffers: readonly Uint8Array[], client: Submitter): void {
    this.#requests.add(message, buffers);
    this.#router.submitBalanced(message, buffers, client);
  }

  /** Runs what an earlier task was sent with as a new task. */
  resubmit(taskId: string, oldId: string, client: Submitter): void {
    const request = this.#requests.get(oldId);
    if (request === undefined) return;
    const { message, buffers } = request;
    const submitted = Date.now();
    if (message.type === "submit") this.submit({ ...message, taskIds: [taskId], submitted }, buffers, client);
    else this.submitBalanced({ ...message, taskId, submitted }, buffers, client);
  }
}
