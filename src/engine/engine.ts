/**
 * An engine: runs the tasks it is sent one after another, in the order they came, and answers each. While tasks wait for
 * tasks of their own, it takes others that are free to go first, so that nobody waits for ever.
 */

import type { Connection } from "../channel/connection.ts";
import type { DataPlane } from "../channel/data/data-plane.ts";
import type { Packed } from "../channel/data/packing.ts";
import type { Message, Outcome } from "../protocol/messages.ts";
import { runTask, systemFailure, type TaskOutcome, type TaskRunner } from "./run-task.ts";
import { runInContext, type TaskContext } from "./task-context.ts";
import type { TaskOutput } from "./task-output.ts";
import { type QueuedTask, TaskQueue } from "./task-queue.ts";

/** After running this long without a break the engine looks for messages, in milliseconds. */
const TURN_MS = 5;
/** Answers are held back at most this long while further tasks run, in milliseconds. */
const ANSWER_MS = 1;

/**
 * How long the next task waits for somebody to fetch the arrays of earlier results, in milliseconds: while it computes,
 * nobody can. Arrays in shared memory need no waiting.
 */
const SERVING_MS = 500;

export interface EngineParts extends TaskRunner {
  readonly engineId: number;
  readonly uuid: string;
  readonly connection: Connection;
  readonly plane: DataPlane;
  readonly output: TaskOutput;
}

export class Engine {
  readonly #parts: EngineParts;
  readonly #queue: TaskQueue;
  /** Tasks that have begun, and go on by themselves. */
  readonly #begun = new Set<string>();
  /** How many tasks the clients within those wait for. */
  #waitedFor = 0;
  #reported = "";
  #isScheduled = false;
  #isLeaving = false;

  constructor(parts: EngineParts) {
    const { plane } = parts;
    this.#parts = parts;
    this.#queue = new TaskQueue({
      receive: (task, inline) => plane.receive(task, inline),
      refuse: (task) => plane.refuse(task),
      onReady: () => this.#start(),
    });
  }

  message(message: Message, buffers: readonly Uint8Array[]): void {
    if (message.type === "task") {
      this.#queue.add(message, buffers);
      this.#start();
    } else if (message.type === "abortTasks") {
      this.#abort(message.taskIds);
    } else if (message.type === "recallTasks") {
      this.#giveBack(message.taskIds);
    }
  }

  /** Ends the connection once the tasks that have begun are answered; takes no others. */
  leave(): void {
    this.#isLeaving = true;
    if (this.#begun.size === 0) this.#parts.connection.close();
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
    if (this.#waitsForFetches()) return;
    for (let task = this.#take(); task !== undefined; task = this.#take()) {
      const context: TaskContext = { taskId: task.task.taskId };
      const run = task;
      const outcome = runInContext(context, () => this.#run(run));
      if (outcome instanceof Promise) {
        this.#goesOn(context, outcome);
        continue;
      }
      this.#answer(context, outcome);
      if (this.#waitsForFetches()) return;
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

  #run({ task: { payload }, buffers, error }: QueuedTask): TaskOutcome | Promise<TaskOutcome> {
    if (buffers === undefined) return systemFailure(error);
    return runTask({ payload, buffers }, this.#parts);
  }

  /** Whether tasks wait while results are fetched; they go on by themselves. */
  #waitsForFetches(): boolean {
    const serving = this.#parts.plane.serving(SERVING_MS);
    if (serving === undefined) return false;
    this.#isScheduled = true;
    this.#parts.connection.flush();
    this.#report();
    void serving.then(() => this.#turn());
    return true;
  }

  #goesOn(context: TaskContext, outcome: Promise<TaskOutcome>): void {
    this.#begun.add(context.taskId);
    this.#parts.connection.flush();
    void outcome.then((settled) => {
      this.#begun.delete(context.taskId);
      this.#answer(context, settled);
      if (this.#isLeaving) this.leave();
      else this.#turn();
    });
  }

  #take(): QueuedTask | undefined {
    if (this.#isLeaving) return undefined;
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

  #send(taskId: string, { outcome, buffers, keys }: TaskOutcome): void {
    const { connection, plane, engineId, uuid } = this.#parts;
    let packed: Packed;
    try {
      packed = plane.packer().pack({ buffers, keys });
    } catch (error) {
      // No memory for a copy, for one thing.
      this.#send(taskId, systemFailure(error));
      return;
    }
    const { carrier, inline } = packed;
    const result = carrier.places === undefined ? outcome : { ...outcome, ...carrier };
    connection.send({ type: "result", taskId, engineId, engineUuid: uuid, outcome: result }, inline);
  }
}
