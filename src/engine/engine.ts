/** An engine: runs the tasks it is sent one after another, in the order they came, and answers each. */

import type { Connection } from "../channel/connection.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { Message, Outcome, Task } from "../protocol/messages.ts";
import type { Operations } from "./operations.ts";
import { runTask, type TaskOutcome } from "./run-task.ts";
import { runInContext, type TaskContext } from "./task-context.ts";
import type { TaskOutput } from "./task-output.ts";

/** After running this long without a break the engine looks for messages, in milliseconds. */
const TURN_MS = 5;
/** Answers are held back at most this long while further tasks run, in milliseconds. */
const ANSWER_MS = 1;

interface QueuedTask extends Task {
  readonly buffers: readonly Uint8Array[];
}

export interface EngineParts {
  readonly engineId: number;
  readonly uuid: string;
  readonly connection: Connection;
  readonly serializer: Serializer;
  readonly operations: Operations;
  readonly output: TaskOutput;
}

export class Engine {
  readonly #parts: EngineParts;
  #queue: QueuedTask[] = [];
  #next = 0;
  #running = false;
  #aborted = new Set<string>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  message(message: Message, buffers: readonly Uint8Array[]): void {
    if (message.type === "task") {
      this.#queue.push({ ...message, buffers });
      if (!this.#running) this.#start();
    } else if (message.type === "abortTasks") {
      this.#abort(message.taskIds);
    }
  }

  #start(): void {
    this.#running = true;
    // After the packet in hand has been read, so that its tasks are answered together.
    queueMicrotask(() => this.#turn());
  }

  /** Runs queued tasks until there are none, one takes time of its own, or it is time for a look around. */
  #turn(): void {
    const began = performance.now();
    let answered = began;
    for (let task = this.#take(); task !== undefined; task = this.#take()) {
      const context: TaskContext = { taskId: task.taskId };
      const run = task;
      const outcome = runInContext(context, () => runTask(run, this.#parts.operations, this.#parts.serializer));
      if (outcome instanceof Promise) {
        this.#parts.connection.flush();
        void outcome.then((settled) => {
          this.#answer(context, settled);
          this.#turn();
        });
        return;
      }
      this.#answer(context, outcome);
      const now = performance.now();
      if (now - answered > ANSWER_MS) {
        this.#parts.connection.flush();
        answered = now;
      }
      if (now - began > TURN_MS) {
        // Twice, so that the event loop polls the sockets in between, wherever it is now.
        setImmediate(() => setImmediate(() => this.#turn()));
        return;
      }
    }
    this.#running = false;
  }

  #take(): QueuedTask | undefined {
    for (;;) {
      const task = this.#queue[this.#next];
      if (task === undefined) {
        this.#queue = [];
        this.#next = 0;
        return undefined;
      }
      // Let go of its arrays as soon as it has run.
      this.#queue[this.#next++] = undefined as unknown as QueuedTask;
      if (this.#next > 1024) {
        this.#queue = this.#queue.slice(this.#next);
        this.#next = 0;
      }
      if (!this.#aborted.delete(task.taskId)) return task;
    }
  }

  #abort(taskIds: readonly string[]): void {
    const queued = new Set(this.#queue.slice(this.#next).map((task) => task.taskId));
    for (const taskId of taskIds) {
      if (!queued.has(taskId) || this.#aborted.has(taskId)) continue;
      this.#aborted.add(taskId);
      const message = "the task was aborted before it started";
      const outcome: Outcome = { status: "aborted", error: { kind: "aborted", name: "TaskAborted", message } };
      this.#send(taskId, { outcome, buffers: [] });
    }
  }

  #answer(context: TaskContext, outcome: TaskOutcome): void {
    this.#parts.output.end(context);
    this.#send(context.taskId, outcome);
  }

  #send(taskId: string, { outcome, buffers }: TaskOutcome): void {
    const { connection, engineId, uuid } = this.#parts;
    connection.send({ type: "result", taskId, engineId, engineUuid: uuid, outcome }, buffers);
  }
}
