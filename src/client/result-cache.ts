/**
 * The results of a client's own tasks that nobody has fetched yet, by message id: limited, the oldest go first. What
 * was had from its AsyncResult is forgotten here; the hub still knows it.
 */

import type { ClientTask } from "./task.ts";

/** How many results are kept, at most. */
const RECORDS = 10_000;
/** How many bytes of them, as they came over the wire. */
const BYTES = 64 * 1024 * 1024;
/** How much of that is left when the oldest have gone: many go at once. */
const KEPT = 0.9;

export class ResultCache {
  readonly #tasks = new Map<string, { readonly task: ClientTask; readonly bytes: number }>();
  #bytes = 0;

  get(taskId: string): ClientTask | undefined {
    return this.#tasks.get(taskId)?.task;
  }

  /** Oldest first. */
  *tasks(): Generator<ClientTask> {
    for (const { task } of this.#tasks.values()) yield task;
  }

  /** `bytes` is the size of the result on the wire. */
  add(task: ClientTask, bytes: number): void {
    this.delete(task.id);
    this.#tasks.set(task.id, { task, bytes });
    this.#bytes += bytes;
    // Not begun unless needed: the first entry of a Map is found behind all that were deleted before it.
    if (this.#tasks.size <= RECORDS && this.#bytes <= BYTES) return;
    for (const taskId of this.#tasks.keys()) {
      if (this.#tasks.size <= KEPT * RECORDS && this.#bytes <= KEPT * BYTES) break;
      this.delete(taskId);
    }
  }

  delete(taskId: string): void {
    const entry = this.#tasks.get(taskId);
    if (entry === undefined) return;
    this.#bytes -= entry.bytes;
    this.#tasks.delete(taskId);
  }

  clear(): void {
    this.#tasks.clear();
    this.#bytes = 0;
  }
}
