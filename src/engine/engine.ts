/**
 * An engine: runs the tasks it is sent one after another, in the order they came, and answers each. While tasks wait for
 * tasks of their own, it takes others that are free to go first, so that nobody waits for ever.
 */

import type { Connection } from "../channel/connection.ts";
import type { Message, Outcome } from "../protocol/messages.ts";
import { runTask, type TaskOutcome, type TaskRunner } from "./run-task.ts";
import { runInContext, type TaskContext } from "./task-context.ts";
import type { TaskOutput } from "./task-output.ts";
import { type QueuedTask, TaskQueue } from "./task-queue.ts";

/** After running this long without a break the engine looks for messages, in milliseconds. */
const TURN_MS = 5;
/** Answers are held back at most this long while further tasks run, in milliseconds. */
const ANSWER_MS = 1;

export interface EngineParts extends TaskRunner {
  readonly engineId: number;
  readonly uuid: string;
  readonly connection: Connection;
  readonly output: TaskOutput;
}

export class Engine {
  readonly #parts: EngineParts;
  readonly #queue = new TaskQueue();
  /** Tasks that have begun, and go on by themselves. */
  readonly #begun = new Set<string>();
  /** How many tasks the clients within those wait for. */
  #waitedFor = 0;
  #reported = "";
  #isScheduled = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  message(message: Message, buffers: readonly Uint8Array[]): void {
    if (message.type === "task") {
      this.#queue.add({ ...message, buffers });
      this.#start();
    } else if (message.type === "abortTasks") {
      this.#abort(message.taskIds);
    } else if (message.type === "recallTasks") {
      this.#giveBack(message.taskIds);
    }
  }

  /** A client within a task waits for so many tasks more, or fewer. */
  waitsFor(change: number): void {
    const isNews = this.#waitedFor === 0 || this.#waitedFor + change === 0;
    this.#waitedFor += change;
    if (isNews) this.#start();
  }

  #start(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After the packet in hand has been read, so that its tasks are answered together.
    queueMicrotask(() => this.#turn());
  }

  /** Runs queued tasks until there are none, one takes time of its own, or it is time for a look around. */
  #turn(): void {
    this.#isScheduled = false;
    const began = performance.now();
    let answered = began;
    for (let task = this.#take(); task !== undefined; task = this.#take()) {
      const context: TaskContext = { taskId: task.taskId };
      const run = task;
      const outcome = runInContext(context, () => runTask(run, this.#parts));
      if (outcome instanceof Promise) {
        this.#goesOn(context, outcome);
        continue;
      }
      this.#answer(context, outcome);
      const now = performance.now();
      if (now - answered > ANSWER_MS) {
        this.#parts.connection.flush();
        answered = now;
      }
      if (now - began > TURN_MS) {
        this.#isScheduled = true;
        // Twice, so that the event loop polls the sockets in between, wherever it is now.
        setImmediate(() => setImmediate(() => this.#turn()));
        break;
      }
    }
    this.#report();
  }

  #goesOn(context: TaskContext, outcome: Promise<TaskOutcome>): void {
    this.#begun.add(context.taskId);
    this.#parts.connection.flush();
    void outcome.then((settled) => {
      this.#begun.delete(context.taskId);
      this.#answer(context, settled);
      this.#turn();
    });
  }

  #take(): QueuedTask | undefined {
    if (this.#begun.size === 0) return this.#queue.take();
    return this.#waitedFor > 0 ? this.#queue.takeFree() : undefined;
  }

  /** Tells the controller which tasks wait, if that has changed. */
  #report(): void {
    const taskIds = this.#waitedFor > 0 ? [...this.#begun] : [];
    const report = taskIds.join(" ");
    if (report === this.#reported) return;
    this.#reported = report;
    this.#parts.connection.send({ type: "waitingTasks", taskIds });
  }

  #abort(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      if (!this.#queue.remove(taskId)) continue;
      const message = "the task was aborted before it started";
      const outcome: Outcome = { status: "aborted", error: { kind: "aborted", name: "TaskAborted", message } };
      this.#send(taskId, { outcome, buffers: [] });
    }
  }

  #giveBack(asked: readonly string[]): void {
    const taskIds = asked.filter((taskId) => this.#queue.remove(taskId));
    const kept = asked.filter((taskId) => !taskIds.includes(taskId));
    this.#parts.connection.send({ type: "recalled", taskIds, kept });
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
