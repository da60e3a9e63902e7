/**
 * The tasks that an engine has not begun, in the order in which they came. The large buffers of the first ones are
 * fetched ahead. While the next task's bytes are on their way, tasks of other clients may go before it, so that a client
 * that does not answer holds back nobody else's.
 */

import type { Incoming } from "../channel/data/receiving.ts";
import { TaskAborted } from "../errors.ts";
import { type ReceivedBytes, UnopenedBytes } from "../ndarray-transport/segments/slices.ts";
import type { Task } from "../protocol/messages.ts";
import type { Run } from "../protocol/runs.ts";
import { LoneTask, type QueuedTask, RunMember } from "./queued-task.ts";

/** Buffers of a client's tasks are fetched ahead until this much of it is on its way, in bytes. */
const FETCH_AHEAD_BYTES = 64 * 1024 * 1024;

/** What the queue needs of the engine. */
export interface TaskQueueParts {
  readonly receive: (task: Task, inline: readonly Uint8Array[]) => Incoming<ReceivedBytes>;
  /** The task will not run: its buffers are of no use. */
  readonly refuse: (task: Task) => void;
  /** A task that was not ready before is so now. */
  readonly onReady: () => void;
}

/** What is fetched for one client's tasks. */
interface Fetches {
  /** Bytes. */
  onTheWay: number;
  /** Tasks whose buffers nobody has asked for yet, in order. */
  readonly unfetched: Set<LoneTask>;
}

export class TaskQueue {
  readonly #parts: TaskQueueParts;
  /** From `#next` on; what was taken out of order has left a gap. */
  #tasks: (QueuedTask | undefined)[] = [];
  #next = 0;
  /** By client: one that does not send its own takes nobody's turn. */
  readonly #fetches = new Map<string, Fetches>();

  constructor(parts: TaskQueueParts) {
    this.#parts = parts;
  }

  add(task: Task, inline: readonly Uint8Array[]): void {
    const queued = new LoneTask(task, inline);
    this.#tasks.push(queued);
    if (isReady(queued)) return;
    const client = clientOf(task.taskId);
    const fetches = this.#fetches.get(client) ?? { onTheWay: 0, unfetched: new Set() };
    this.#fetches.set(client, fetches);
    fetches.unfetched.add(queued);
    this.#fetchAhead(client, fetches);
  }

  /** Gives the tasks of the run. */
  addRun(run: Run): readonly QueuedTask[] {
    const members = RunMember.allOf(run);
    for (const member of members) this.#tasks.push(member);
    return members;
  }

  /** The first that is ready, of clients none of whose earlier tasks is not. */
  take(): QueuedTask | undefined {
    while (this.#next < this.#tasks.length && this.#tasks[this.#next] === undefined) this.#next++;
    const first = this.#tasks[this.#next];
    if (first === undefined) {
      this.#shorten();
      return undefined;
    }
    if (!isReady(first)) return this.#takeOfOthers();
    // Let go of its arrays as soon as it has run.
    this.#tasks[this.#next++] = undefined;
    if (this.#next > 1024) this.#shorten();
    return first;
  }

  /** The first that may go before others, and is ready. */
  takeFree(): QueuedTask | undefined {
    return this.#takeAt(this.#tasks.findIndex((queued) => queued?.isFree === true && isReady(queued)));
  }

  /** Of all that have not begun, in order. */
  ids(): string[] {
    return this.#tasks.flatMap((queued) => queued?.taskId ?? []);
  }

  /** Takes those of the tasks out that are there; says which. */
  remove(taskIds: readonly string[]): string[] {
    const wanted = new Set(taskIds);
    const removed: string[] = [];
    for (let at = this.#next; at < this.#tasks.length && removed.length < wanted.size; at++) {
      const queued = this.#tasks[at];
      const taskId = queued?.taskId;
      if (queued === undefined || taskId === undefined || !wanted.has(taskId)) continue;
      this.#tasks[at] = undefined;
      removed.push(taskId);
      for (const bytes of queued.buffers ?? []) if (bytes instanceof UnopenedBytes) bytes.drop();
      if (queued.incoming !== undefined) {
        queued.incoming.cancel(new TaskAborted("the task will not run here"));
      } else {
        this.#fetches.get(clientOf(taskId))?.unfetched.delete(queued as LoneTask);
        this.#parts.refuse(queued.task);
      }
    }
    return removed;
  }

  #takeOfOthers(): QueuedTask | undefined {
    const waiting = new Set<string>();
    for (let at = this.#next; at < this.#tasks.length; at++) {
      const queued = this.#tasks[at];
      if (queued === undefined) continue;
      const client = clientOf(queued.taskId);
      if (!isReady(queued)) waiting.add(client);
      else if (!waiting.has(client)) return this.#takeAt(at);
    }
    return undefined;
  }

  #takeAt(index: number): QueuedTask | undefined {
    const queued = this.#tasks[index];
    if (queued !== undefined) this.#tasks[index] = undefined;
    return queued;
  }

  #fetchAhead(client: string, fetches: Fetches): void {
    for (const queued of fetches.unfetched) {
      if (fetches.onTheWay >= FETCH_AHEAD_BYTES) return;
      fetches.unfetched.delete(queued);
      this.#fetch(queued, client, fetches);
    }
    if (fetches.onTheWay === 0 && this.#fetches.get(client) === fetches) this.#fetches.delete(client);
  }

  #fetch(queued: LoneTask, client: string, fetches: Fetches): void {
    const incoming = this.#parts.receive(queued.task, queued.inline);
    queued.incoming = incoming;
    const { buffers, byteLength } = incoming;
    if (!(buffers instanceof Promise)) {
      queued.buffers = buffers;
      return;
    }
    fetches.onTheWay += byteLength;
    const ended = (): void => {
      fetches.onTheWay -= byteLength;
      this.#fetchAhead(client, fetches);
      this.#parts.onReady();
    };
    buffers.then(
      (arrived) => {
        queued.buffers = arrived;
        ended();
      },
      (error: unknown) => {
        queued.error = error;
        ended();
      },
    );
  }

  #shorten(): void {
    this.#tasks = this.#tasks.slice(this.#next);
    this.#next = 0;
  }
}

function isReady({ buffers, error }: QueuedTask): boolean {
  return buffers !== undefined || error !== undefined;
}

/** Ids of tasks begin with the name of their client. */
export function clientOf(taskId: string): string {
  return taskId.slice(0, taskId.lastIndexOf("-"));
}
