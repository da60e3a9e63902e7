/**
 * What tasks were sent with, for running them again: limited by tasks and by bytes, the oldest go first.
 */

import type { CarriesBuffers } from "../protocol/data-messages.ts";
import type { Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { StoredRequest } from "./task-record.ts";

/** How many tasks, and bytes, are kept; a task with more is not kept at all. */
const TASKS = 16_384;
const BYTES = 32 * 1024 * 1024;
const TASK_BYTES = 1024 * 1024;

interface Kept {
  readonly request: StoredRequest;
  readonly bytes: number;
}

export class RequestStore {
  readonly #requests = new Map<string, Kept>();
  /** In the order in which they came, from `#oldest` on; what was deleted meanwhile is skipped. */
  #queue: { readonly taskId: string; readonly kept: Kept }[] = [];
  #oldest = 0;
  #bytes = 0;

  get size(): number {
    return this.#requests.size;
  }

  get(taskId: string): StoredRequest | undefined {
    return this.#requests.get(taskId)?.request;
  }

  /** Keeps what a submission of one or several tasks asks. */
  add(message: Submit | SubmitBalanced, buffers: readonly Uint8Array[]): void {
    const total = buffers.reduce((sum, { byteLength }) => sum + byteLength, message.payload.byteLength);
    // Large arrays are with their owner, who may let them go once the task has them.
    if (total > TASK_BYTES || isElsewhere(message)) return;
    // A copy, because the payload lies in the packet it came with.
    const kept = { ...message, payload: new Uint8Array(message.payload) };
    if (kept.type === "submitBalanced") {
      this.#set(kept.taskId, { message: kept, buffers }, total);
    } else {
      const bytes = total / kept.taskIds.length;
      kept.taskIds.forEach((taskId, index) => {
        const engineIds = [kept.engineIds[index] as number];
        this.#set(taskId, { message: { ...kept, taskIds: [taskId], engineIds }, buffers }, bytes);
      });
    }
    this.#cull();
  }

  delete(taskId: string): void {
    this.#bytes -= this.#requests.get(taskId)?.bytes ?? 0;
    this.#requests.delete(taskId);
  }

  #set(taskId: string, request: StoredRequest, bytes: number): void {
    this.delete(taskId);
    const kept: Kept = { request, bytes };
    this.#requests.set(taskId, kept);
    this.#queue.push({ taskId, kept });
    this.#bytes += bytes;
  }

  #cull(): void {
    while (this.#requests.size > TASKS || this.#bytes > BYTES) {
      const oldest = this.#queue[this.#oldest++];
      if (oldest === undefined) break;
      if (this.#requests.get(oldest.taskId) === oldest.kept) this.delete(oldest.taskId);
    }
    if (this.#queue.length < 2 * this.#requests.size + 1024) return;
    this.#queue = this.#queue.slice(this.#oldest).filter(({ taskId, kept }) => this.#requests.get(taskId) === kept);
    this.#oldest = 0;
  }
}

function isElsewhere({ places }: CarriesBuffers): boolean {
  return places?.some((place) => place !== null) ?? false;
}
