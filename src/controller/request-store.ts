/**
 * What tasks were sent with, for running them again: limited by tasks and by bytes, the oldest go first.
 */

import type { Submit, SubmitBalanced } from "../protocol/messages.ts";
import { areKept } from "./array-store.ts";
import { keptCopy } from "./kept-bytes.ts";
import type { StoredRequest } from "./task-record.ts";

/** How many tasks, and bytes, are kept; a task with more is not kept at all. */
const TASKS = 4_096;
const BYTES = 32 * 1024 * 1024;
const TASK_BYTES = 1024 * 1024;

interface Kept extends StoredRequest {
  readonly taskId: string;
  readonly bytes: number;
}

export class RequestStore {
  readonly #requests = new Map<string, Kept>();
  /** In the order in which they came, from `#oldest` on; what was deleted meanwhile is skipped. */
  #queue: Kept[] = [];
  #oldest = 0;
  #bytes = 0;

  get size(): number {
    return this.#requests.size;
  }

  get(taskId: string): StoredRequest | undefined {
    const kept = this.#requests.get(taskId);
    return kept && { message: kept.message, buffers: kept.buffers };
  }

  /** Keeps what a submission of one or several tasks asks. The message that is kept: its payload is a copy. */
  add<M extends Submit | SubmitBalanced>(message: M, buffers: readonly Uint8Array[]): M {
    // Large arrays of others stay with their owner, who may change them once the task has ended.
    if (message.places !== undefined && !areKept(message.places)) return message;
    let total = message.payload.byteLength;
    for (const { byteLength } of buffers) total += byteLength;
    if (total > TASK_BYTES) return message;
    const kept: M = { ...message, payload: keptCopy(message.payload) };
    if (kept.type === "submitBalanced") {
      this.#set(kept.taskId, kept, buffers, total);
    } else if (kept.taskIds.length === 1) {
      this.#set(kept.taskIds[0] as string, kept, buffers, total);
    } else {
      const bytes = total / kept.taskIds.length;
      kept.taskIds.forEach((taskId, index) => {
        const engineIds = [kept.engineIds[index] as number];
        this.#set(taskId, { ...kept, taskIds: [taskId], engineIds }, buffers, bytes);
      });
    }
    this.#cull();
    return kept;
  }

  delete(taskId: string): void {
    this.#bytes -= this.#requests.get(taskId)?.bytes ?? 0;
    this.#requests.delete(taskId);
  }

  #set(taskId: string, message: Submit | SubmitBalanced, buffers: readonly Uint8Array[], bytes: number): void {
    if (this.#requests.has(taskId)) this.delete(taskId);
    const kept: Kept = { taskId, message, buffers, bytes };
    this.#requests.set(taskId, kept);
    this.#queue.push(kept);
    this.#bytes += bytes;
  }

  #cull(): void {
    while (this.#requests.size > TASKS || this.#bytes > BYTES) {
      const oldest = this.#queue[this.#oldest++];
      if (oldest === undefined) break;
      if (this.#requests.get(oldest.taskId) === oldest) this.delete(oldest.taskId);
    }
    if (this.#queue.length < 2 * this.#requests.size + 1024) return;
    this.#queue = this.#queue.slice(this.#oldest).filter((kept) => this.#requests.get(kept.taskId) === kept);
    this.#oldest = 0;
  }
}
