/**
 * An engine: runs the tasks it is sent one after another, in the order they came, and answers each. While tasks wait for
 * tasks of their own, it takes others that are free to go first, so that nobody waits for ever.
 */

import type { Connection } from "../channel/connection.ts";
import type { DataPlane } from "../channel/data/data-plane.ts";
import type { InterruptOrder } from "../protocol/agent-messages.ts";
import type { Message, Outcome } from "../protocol/messages.ts";
import type { Run } from "../protocol/runs.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { Answers } from "./answers.ts";
import { Computing } from "./computing.ts";
import type { KnownCall } from "./known-calls.ts";
import { provideLateCut } from "./late-cut.ts";
import { PaceOfLikes } from "./pace.ts";
import { type QueuedTask, RunMember } from "./queued-task.ts";
import { QuickCalls } from "./quick-calls.ts";
import { inputOf, type RunApart, runTask, type TaskRunner, undoWrites } from "./run-task.ts";
import { publishReceive, publishStart } from "./task-channels.ts";
import type { TaskContext } from "./task-context.ts";
import type { TaskMarks } from "./task-marks.ts";
import { endOf, interrupted, systemFailure, type TaskOutcome } from "./task-outcome.ts";
import type { TaskOutput } from "./task-output.ts";
import { TaskQueue } from "./task-queue.ts";
import { Turns } from "./turns.ts";
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

const NO_BUFFERS: TaskOutcome["buffers"] = [];

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
  readonly #answers: Answers;
  readonly #quickCalls: QuickCalls;
  /** Tasks that have begun, and go on by themselves. */
  readonly #begun = new Map<string, TaskContext>();
  readonly #computing: Computing;
  readonly #turns = new Turns(() => this.#turn());
  /** How long those take that are none of {@link QuickCalls}. */
  readonly #otherPaces = new PaceOfLikes();
  /** How many tasks the clients within those wait for. */
  #waitedFor = 0;
  #reported = "";
  #isLeaving = false;

  constructor(parts: EngineParts) {
    const { plane } = parts;
    this.#parts = parts;
    this.#answers = new Answers(parts);
    this.#computing = new Computing(parts.marks);
    this.#quickCalls = new QuickCalls(parts, this.#runApart);
    provideLateCut((taskId, taskIds) => {
      // A cut loses what else was about to go on.
      const areMeant = taskIds === null || [...this.#begun.keys()].every((begun) => taskIds.includes(begun));
      return this.#begun.has(taskId) && areMeant && !parts.marks.isShielded;
    });
    parts.output.owner = () => this.#computing.task ?? [...this.#begun.values()].at(-1);
    this.#queue = new TaskQueue({
      receive: (task, inline) => plane.receiveUnopened(task, inline),
      refuse: (task) => plane.refuse(task),
      onReady: () => this.#turns.next(),
    });
  }

  message(message: Message, buffers: readonly Uint8Array[]): void {
    if (message.type === "task") {
      publishReceive(message, this.#parts.engineId);
      this.#queue.add(message, buffers);
      this.#turns.next();
    } else if (message.type === "abortTasks") {
      this.#abort(message.taskIds);
    } else if (message.type === "clearNamespace") {
      this.#clear(message.orderId);
    } else if (message.type === "recallTasks") {
      this.#giveBack(message.taskIds);
    }
  }

  /** Takes a run of tasks. */
  run(run: Run): void {
    for (const task of this.#queue.addRun(run)) publishReceive(task, this.#parts.engineId);
    this.#turns.next();
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
    if (isNews) this.#turns.next();
  }

  /**
   * Tasks that run are interrupted: one that computes has been cut already, one that goes on by itself is answered for,
   * and what it still does counts no more. Tasks that have not started are aborted.
   */
  interrupt({ taskIds, signal }: InterruptOrder): void {
    const isMeant = ({ taskId }: TaskContext): boolean => taskIds?.includes(taskId) ?? true;
    // The thread is here, and not in the task, since its run was cut.
    const cut = this.#computing.takeCut();
    if (cut !== undefined) {
      this.#begun.delete(cut.taskId);
      undoWrites(cut);
      this.#answer(cut, interrupted(signal));
    }
    for (const context of [...this.#begun.values()].filter(isMeant)) {
      this.#begun.delete(context.taskId);
      undoWrites(context);
      this.#answer(context, interrupted(signal));
    }
    if (taskIds !== undefined) this.#abort(taskIds);
    this.#answers.flush();
    if (this.#isLeaving) this.leave();
    this.#turns.cutOff();
    this.#turns.next();
  }

  /** Runs queued tasks until there are none, one takes time of its own, or it is time for a look around. */
  #turn(): void {
    const began = checkCalendar();
    let answered = began;
    if (this.#waitsForFetches()) return;
    // Where one task ends the next one begins: reading a clock takes as long as a short task does.
    let now = began;
    for (let task = this.#take(); task !== undefined; task = this.#take()) {
      const call = task instanceof RunMember ? this.#quickCalls.look(task) : undefined;
      const pace = call?.pace ?? this.#otherPaces.of(task.task.payload);
      // Nobody waits for what is done while something runs that may take long.
      if (!pace.isShort) this.#answers.flush();
      const ended =
        task instanceof RunMember && call !== undefined ? this.#call(task, call, now) : this.#run(task, now);
      pace.took(ended - now);
      now = ended;
      if (this.#waitsForFetches()) return;
      if (now - answered > ANSWER_MS) {
        this.#answers.flush();
        answered = now;
      }
      if (now - began > TURN_MS) {
        this.#answers.flush();
        this.#turns.later();
        return;
      }
    }
    this.#answers.flush();
    this.report();
  }

  /** Runs one task; says when it ended, or went on by itself. */
  #run(task: QueuedTask, begun: number): number {
    const context: TaskContext = task instanceof RunMember ? task : { taskId: task.taskId };
    publishStart(context, this.#parts.engineId);
    return this.#settle(
      context,
      this.#computing.run(context, () => {
        if (task.buffers === undefined) return systemFailure(task.error);
        return runTask(inputOf(context, task.task, task.buffers), this.#parts, this.#runApart, begun);
      }),
    );
  }

  /** The same for one of the calls of which there are many. */
  #call(task: RunMember, call: KnownCall, begun: number): number {
    publishStart(task, this.#parts.engineId);
    const outcome = this.#computing.run(task, () => this.#quickCalls.run(call, task, begun));
    if (typeof outcome !== "number") return this.#settle(task, outcome);
    const ended = endOf(begun);
    this.#over(task, ended);
    this.#answers.gatherNumber(task, outcome, begun, ended);
    return ended;
  }

  #settle(context: TaskContext, outcome: TaskOutcome | Promise<TaskOutcome>): number {
    if (outcome instanceof Promise) {
      this.#goesOn(context, outcome);
      return performance.now();
    }
    this.#over(context, outcome.at);
    this.#answers.gather(context, outcome);
    return outcome.at;
  }

  /** What can be interrupted is a callback of its own, also where preparations come before it. */
  readonly #runApart: RunApart = <T>(context: TaskContext, run: () => T | Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      this.#turns.apart(() => {
        if (this.#begun.has(context.taskId))
          new Promise<T>((done) => done(this.#computing.run(context, run))).then(resolve, reject);
      });
    });

  /** Whether tasks wait while results are fetched; they go on by themselves. */
  #waitsForFetches(): boolean {
    const serving = this.#parts.plane.serving(SERVING_MS);
    if (serving === undefined) return false;
    this.#answers.flush();
    this.report();
    this.#turns.after(serving);
    return true;
  }

  #goesOn(context: TaskContext, outcome: Promise<TaskOutcome>): void {
    this.#begun.set(context.taskId, context);
    this.#answers.flush();
    void outcome.then((settled) => {
      // It may have been answered for already.
      if (!this.#begun.delete(context.taskId)) {
        if (settled.kept !== undefined) this.#parts.kept.release([settled.kept.value.id]);
        return;
      }
      this.#answer(context, settled);
      if (this.#isLeaving) this.leave();
      else this.#turns.next();
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

  #abort(asked: readonly string[]): void {
    for (const taskId of this.#queue.remove(asked)) {
      const message = "the task was aborted before it started";
      const outcome: Outcome = { status: "aborted", error: { kind: "aborted", name: "TaskAborted", message } };
      this.#answers.send({ taskId }, { outcome, buffers: NO_BUFFERS });
    }
  }

  #giveBack(asked: readonly string[]): void {
    const taskIds = this.#queue.remove(asked);
    const removed = new Set(taskIds);
    const kept = asked.filter((taskId) => !removed.has(taskId));
    this.#parts.connection.send({ type: "recalled", taskIds, kept });
  }

  #answer(context: TaskContext, outcome: TaskOutcome): void {
    this.#over(context, outcome.at);
    this.#answers.send(context, outcome);
  }

  /** The task has ended at this time, by `performance.now()`. */
  #over(context: TaskContext, now: number): void {
    this.#parts.output.end(context, now);
    if (context instanceof RunMember) context.letGo();
    if (this.#begun.size === 0) this.#parts.kept.forgetMoved();
  }
}
