/**
 * An engine: runs the tasks it is sent one after another, in the order they came, and answers each. While tasks wait for
 * tasks of their own, it takes others that are free to go first, so that nobody waits for ever.
 */

import type { Connection } from "../channel/connection.ts";
import type { DataPlane } from "../channel/data/data-plane.ts";
import type { Packed } from "../channel/data/packing.ts";
import type { InterruptOrder } from "../protocol/agent-messages.ts";
import type { Message, Outcome, Task } from "../protocol/messages.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { provideLateCut } from "./late-cut.ts";
import {
  interrupted,
  type RunApart,
  runTask,
  systemFailure,
  type TaskInput,
  type TaskOutcome,
  type TaskRunner,
} from "./run-task.ts";
import { publishEnd, publishReceive, publishStart } from "./task-channels.ts";
import { runInContext, type TaskContext } from "./task-context.ts";
import type { TaskMarks } from "./task-marks.ts";
import type { TaskOutput } from "./task-output.ts";
import { type QueuedTask, TaskQueue } from "./task-queue.ts";
import { checkCalendar } from "./wall-clock.ts";

/** After running this long without a break the engine looks for messages, in milliseconds. */
const TURN_MS = 5;
/** Answers are held back at most this long while further tasks run, in milliseconds. */
const ANSWER_MS = 1;

/**
 * How long the next task waits for somebody to fetch the arrays of earlier results, in milliseconds: while it computes,
 * nobody can. Arrays in shared memory need no waiting.
 */
const SERVING_MS = 500;

const NOTHING: Packed = { carrier: {}, inline: [] };
const NO_INPUTS: TaskInput["inputs"] = [];

export interface EngineParts extends TaskRunner {
  readonly engineId: number;
  readonly uuid: string;
  readonly connection: Connection;
  readonly plane: DataPlane;
  readonly output: TaskOutput;
  readonly marks: TaskMarks;
}

export class Engine {
  readonly #parts: EngineParts;
  readonly #queue: TaskQueue;
  /** Tasks that have begun, and go on by themselves. */
  readonly #begun = new Map<string, TaskContext>();
  /** The task that computes. */
  #computing: TaskContext | undefined;
  /** Turns come as messages to this port, so that nothing of others shares a callback with a task that is cut short. */
  readonly #turns = new MessageChannel();
  /** What is to be done in a callback of its own. */
  readonly #apart: (() => void)[] = [];
  /** How many tasks the clients within those wait for. */
  #waitedFor = 0;
  #reported = "";
  #isScheduled = false;
  #isLeaving = false;

  constructor(parts: EngineParts) {
    const { plane } = parts;
    this.#parts = parts;
    this.#turns.port2.on("message", () => (this.#apart.shift() ?? (() => this.#turn()))());
    this.#turns.port2.unref();
    provideLateCut((taskId, taskIds) => {
      // A cut loses what else was about to go on.
      const areMeant = taskIds === null || [...this.#begun.keys()].every((begun) => taskIds.includes(begun));
      return this.#begun.has(taskId) && areMeant && !parts.marks.isShielded;
    });
    parts.output.owner = () => this.#computing ?? [...this.#begun.values()].at(-1);
    this.#queue = new TaskQueue({
      receive: (task, inline) => plane.receive(task, inline),
      refuse: (task) => plane.refuse(task),
      onReady: () => this.#start(),
    });
  }

  message(message: Message, buffers: readonly Uint8Array[]): void {
    if (message.type === "task") {
      publishReceive(message.taskId, this.#parts.engineId);
      this.#queue.add(message, buffers);
      this.#start();
    } else if (message.type === "abortTasks") {
      this.#abort(message.taskIds);
    } else if (message.type === "clearNamespace") {
      this.#clear(message.orderId);
    } else if (message.type === "recallTasks") {
      this.#giveBack(message.taskIds);
    }
  }

  /** The tasks that it has and has not answered for, those that run first. */
  get taskIds(): string[] {
    return [...this.#begun.keys(), ...this.#queue.ids()];
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

  /**
   * Tasks that run are interrupted: one that computes has been cut already, one that goes on by itself is answered for,
   * and what it still does counts no more. Tasks that have not started are aborted.
   */
  interrupt({ taskIds, signal }: InterruptOrder): void {
    const isMeant = ({ taskId }: TaskContext): boolean => taskIds?.includes(taskId) ?? true;
    const computing = this.#computing;
    if (computing !== undefined) {
      // The thread is here, and not in the task, since its run was cut.
      this.#computing = undefined;
      this.#parts.marks.reset();
      this.#begun.delete(computing.taskId);
      this.#answer(computing, interrupted(signal));
    }
    for (const context of [...this.#begun.values()].filter(isMeant)) {
      this.#begun.delete(context.taskId);
      this.#answer(context, interrupted(signal));
    }
    if (taskIds !== undefined) this.#abort(taskIds);
    this.#parts.connection.flush();
    if (this.#isLeaving) this.leave();
    this.#isScheduled = false;
    this.#start();
  }

  #start(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After the packet in hand has been read, so that its tasks are answered together.
    this.#turns.port1.postMessage(undefined);
  }

  /** Runs queued tasks until there are none, one takes time of its own, or it is time for a look around. */
  #turn(): void {
    this.#isScheduled = false;
    const began = checkCalendar();
    let answered = began;
    if (this.#waitsForFetches()) return;
    for (let task = this.#take(); task !== undefined; task = this.#take()) {
      const context: TaskContext = { taskId: task.task.taskId };
      const run = task;
      publishStart(context.taskId, this.#parts.engineId);
      const outcome = this.#compute(context, () => this.#run(context, run));
      if (outcome instanceof Promise) {
        this.#goesOn(context, outcome);
        continue;
      }
      this.#answer(context, outcome);
      if (this.#waitsForFetches()) return;
      if (outcome.at - answered > ANSWER_MS) {
        this.#parts.connection.flush();
        answered = outcome.at;
      }
      if (outcome.at - began > TURN_MS) {
        this.#isScheduled = true;
        // Twice, so that the event loop polls the sockets in between, wherever it is now.
        setImmediate(() => setImmediate(() => this.#turns.port1.postMessage(undefined)));
        break;
      }
    }
    this.report();
  }

  #run(context: TaskContext, { task, buffers, error }: QueuedTask): TaskOutcome | Promise<TaskOutcome> {
    if (buffers === undefined) return systemFailure(error);
    return runTask(inputOf(context, task, buffers), this.#parts, this.#runApart);
  }

  /** What can be interrupted is a callback of its own, also where preparations come before it. */
  readonly #runApart: RunApart = <T>(context: TaskContext, run: () => T | Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      this.#apart.push(() => {
        if (this.#begun.has(context.taskId))
          new Promise<T>((done) => done(this.#compute(context, run))).then(resolve, reject);
      });
      this.#turns.port1.postMessage(undefined);
    });

  /** Runs what may be cut short. */
  #compute<T>(context: TaskContext, run: () => T): T {
    this.#computing = context;
    this.#parts.marks.begin(context.taskId);
    try {
      return runInContext(context, run);
    } finally {
      this.#parts.marks.end();
      this.#computing = undefined;
    }
  }

  /** Whether tasks wait while results are fetched; they go on by themselves. */
  #waitsForFetches(): boolean {
    const serving = this.#parts.plane.serving(SERVING_MS);
    if (serving === undefined) return false;
    this.#isScheduled = true;
    this.#parts.connection.flush();
    this.report();
    void serving.then(() => this.#turn());
    return true;
  }

  #goesOn(context: TaskContext, outcome: Promise<TaskOutcome>): void {
    this.#begun.set(context.taskId, context);
    this.#parts.connection.flush();
    void outcome.then((settled) => {
      // It may have been answered for already.
      if (!this.#begun.delete(context.taskId)) {
        if (settled.kept !== undefined) this.#parts.kept.release([settled.kept.value.id]);
        return;
      }
      this.#answer(context, settled);
      if (this.#isLeaving) this.leave();
      else this.#start();
    });
  }

  #clear(orderId: number): void {
    const { connection, operations } = this.#parts;
    try {
      operations.clear({});
      connection.send({ type: "controlDone", orderId });
    } catch (error) {
      connection.send({ type: "controlDone", orderId, error: toWireError(error) });
    }
  }

  #take(): QueuedTask | undefined {
    if (this.#isLeaving) return undefined;
    if (this.#begun.size === 0) return this.#queue.take();
    return this.#waitedFor > 0 ? this.#queue.takeFree() : undefined;
  }

  /** Tells the controller which tasks wait, if that has changed, or again. */
  report(again = false): void {
    const taskIds = this.#waitedFor > 0 ? [...this.#begun.keys()] : [];
    const report = taskIds.join(" ");
    if (report === this.#reported && !again) return;
    this.#reported = report;
    this.#parts.connection.send({ type: "waitingTasks", taskIds });
  }

  #abort(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      if (!this.#queue.remove(taskId)) continue;
      const message = "the task was aborted before it started";
      const outcome: Outcome = { status: "aborted", error: { kind: "aborted", name: "TaskAborted", message } };
      this.#send(taskId, outcome, []);
    }
  }

  #giveBack(asked: readonly string[]): void {
    const taskIds = asked.filter((taskId) => this.#queue.remove(taskId));
    const kept = asked.filter((taskId) => !taskIds.includes(taskId));
    this.#parts.connection.send({ type: "recalled", taskIds, kept });
  }

  #answer(context: TaskContext, outcome: TaskOutcome): void {
    this.#parts.output.end(context, outcome.at);
    if (this.#begun.size === 0) this.#parts.kept.forgetMoved();
    this.#send(context.taskId, outcome.outcome, outcome.buffers, outcome.keys);
  }

  #send(taskId: string, outcome: Outcome, buffers: TaskOutcome["buffers"], keys?: TaskOutcome["keys"]): void {
    const { connection, plane, engineId, uuid } = this.#parts;
    let packed: Packed = NOTHING;
    try {
      if (buffers.length > 0) packed = plane.packer().pack({ buffers, keys });
    } catch (error) {
      // No memory for a copy, for one thing.
      this.#send(taskId, systemFailure(error).outcome, []);
      return;
    }
    const { carrier, inline } = packed;
    const result = carrier.places === undefined ? outcome : { ...outcome, ...carrier };
    publishEnd(taskId, engineId, outcome);
    connection.send({ type: "result", taskId, engineId, engineUuid: uuid, outcome: result }, inline);
  }
}

/** What a task consists of: the buffers of the results that it takes follow its own. */
function inputOf(context: TaskContext, { payload, inputs }: Task, buffers: readonly Uint8Array[]): TaskInput {
  if (inputs === undefined) return { context, payload, buffers, inputs: NO_INPUTS };
  let end = buffers.length - inputs.reduce((sum, { bufferCount }) => sum + bufferCount, 0);
  const own = buffers.slice(0, end);
  const received = inputs.map((input) => {
    const start = end;
    end += input.bufferCount;
    return { payload: input.payload, buffers: buffers.slice(start, end) };
  });
  return { context, payload, buffers: own, inputs: received };
}
