/**
 * The way of load-balanced tasks: held until what they depend on has ended, waiting for an engine, at an engine, and
 * back again when that dies, refuses or fails them, or another could run them sooner.
 */

import { idAt } from "../task-groups.ts";
import { Balancer } from "./balancer.ts";
import { Dependencies, type Verdict } from "./dependencies.ts";
import type { EngineBoard } from "./engine-board.ts";
import type { EngineState } from "./engine-state.ts";
import type { SchedulerEvent } from "./events.ts";
import {
  noteFailedPlace,
  pause,
  placeOf,
  retriesDeath,
  retriesError,
  whyGivenUp,
  whyStranded,
  whyTimedOut,
} from "./recovery.ts";
import type { Sends } from "./sends.ts";
import { tasksToTakeBack } from "./taking-back.ts";
import type { EndedTask, TaskBook } from "./task-book.ts";
import { TaskRuns } from "./task-runs.ts";
import { type BalancedTask, isBalanced, newBalancedTask, type TaskState } from "./task-state.ts";
import { Timers } from "./timers.ts";

type Event<T extends SchedulerEvent["type"]> = Extract<SchedulerEvent, { type: T }>;

export class BalancedTasks {
  readonly balancer: Balancer;
  readonly #book: TaskBook;
  readonly #board: EngineBoard;
  readonly #dependencies = new Dependencies<BalancedTask>();
  readonly #timers = new Timers();
  readonly runs: TaskRuns;
  #expected = 0;
  #sequence = 0;

  constructor(book: TaskBook, board: EngineBoard, send: Sends) {
    this.#book = book;
    this.#board = board;
    this.balancer = new Balancer(board, send);
    this.runs = new TaskRuns(book, board, this.balancer);
    this.balancer.single = (run, place) => this.runs.single(run, place);
    book.runs = this.runs;
    book.onEnd = (task) => this.#forget(task);
  }

  /** Whether tasks wait for others to end. */
  get hasHeld(): boolean {
    return this.#dependencies.size > 0;
  }

  /** When time alone changes something for a task. */
  get wakeAt(): number {
    return this.#timers.next;
  }

  submit({ taskId, request }: Event<"submitBalanced">): void {
    if (!this.#book.has(taskId)) this.release(this.#add(taskId, request));
  }

  /** Tasks that are alike: as one, or each by itself where more is asked than an engine. */
  submitRun({ group, request }: Event<"submitBalancedRun">): void {
    if (this.runs.submit(group, request, this.#sequence)) this.#sequence += group.ids.length;
    else {
      for (let place = 0; place < group.ids.length; place++) {
        this.submit({ type: "submitBalanced", taskId: idAt(group, place), request });
      }
    }
  }

  /** A task of an earlier controller: it is known, but does nothing yet. */
  restore({ taskId, request, failures }: Event<"restore"> & Pick<BalancedTask, "request">): void {
    Object.assign(this.#add(taskId, request), failures);
  }

  /** The task begins its way. */
  release(task: BalancedTask): void {
    const { endings } = this.#book;
    const { request } = task;
    const { after, follow, inputs } = request;
    task.preferred = request.near;
    if (after === undefined && follow === undefined && inputs === undefined) {
      this.#enqueue(task, false);
      return;
    }
    const argument = inputs && { taskIds: inputs, all: true, success: true, failure: false };
    const isKnown = (id: string): boolean => this.#book.has(id);
    this.#decide(task, this.#dependencies.add(task, { after, follow, argument }, endings, isKnown));
  }

  /** An engine has answered the task. */
  finished(task: BalancedTask, engine: EngineState, { status, duration }: Event<"finish">): void {
    if (task.deaths > 0) this.balancer.release(engine);
    if (duration !== undefined && (status ?? "ok") === "ok") this.#board.note(engine, task.request, duration);
    if (status === "unmet") {
      task.refused ??= new Set();
      task.refused.add(engine.engineId);
      this.#enqueue(task, true);
    } else if (status === "error" && retriesError(task) && this.#book.now < task.deadline) {
      task.errors++;
      noteFailedPlace(task, engine.engineId);
      this.#delay(task);
    } else {
      this.#book.settle(task, (status ?? "ok") === "ok");
    }
  }

  /** An engine has answered which of its tasks it gives back. */
  recalled({ taskIds, kept }: Event<"recalled">): EngineState[] {
    const { tasks } = this.#book;
    for (const taskId of kept) {
      const task = tasks.get(taskId);
      if (task !== undefined && isBalanced(task)) task.recalled = false;
    }
    const engines = new Set<EngineState>();
    // The last first, because each goes to the front.
    for (const taskId of taskIds.toReversed()) {
      const task = tasks.get(taskId);
      if (task?.status !== "dispatched" || !isBalanced(task) || !task.recalled) continue;
      const engine = this.#board.engines.get(task.engineId) as EngineState;
      engines.add(engine);
      this.#board.take(engine, task);
      this.#comeBack(task);
    }
    return [...engines];
  }

  /** The engine is gone: one of these it may have been running; the others, in this order, it had not started. */
  engineLost(suspects: readonly BalancedTask[], others: readonly BalancedTask[], reason: string): void {
    for (const task of suspects) {
      const goesOn = retriesDeath(task);
      task.deaths++;
      task.lastDeath = reason;
      task.recalled = false;
      if (goesOn) this.#delay(task);
      else this.#book.fail(task, "engine", whyGivenUp(task));
    }
    for (const task of others.toReversed()) this.#comeBack(task);
    this.strand();
  }

  /** So many engines are on their way. */
  expect(engines: number): void {
    this.#expected = engines;
    if (engines === 0) this.strand();
  }

  /** Looks for tasks that nobody can run any more. */
  strand(): void {
    this.#strand(this.balancer.takeStranded());
  }

  /** A task has ended, of whatever kind: those that depend on it go on. */
  ended(task: EndedTask, succeeded: boolean): void {
    const decided = this.#dependencies.ended(task.taskId, { succeeded, engineId: task.engineId });
    for (const { task: dependent, verdict } of decided) this.#decide(dependent, verdict);
  }

  /** Time has passed. */
  tick(): void {
    for (const task of this.#timers.due(this.#book.now)) this.#due(task);
  }

  /** Takes work back for engines that have nothing to do. */
  takeBack(): void {
    for (const [engine, tasks] of tasksToTakeBack(this.#board, this.#book.now)) {
      this.askBack(
        engine,
        tasks.map((held) => this.runs.itself(held) as BalancedTask),
      );
    }
  }

  askBack(engine: EngineState, tasks: readonly BalancedTask[]): void {
    if (tasks.length === 0) return;
    for (const task of tasks) task.recalled = true;
    const taskIds = tasks.map(({ taskId }) => taskId);
    this.#book.instruct({ type: "takeBack", taskIds, engineId: engine.engineId });
  }

  #add(taskId: string, request: BalancedTask["request"]): BalancedTask {
    const task = newBalancedTask(taskId, request, this.#sequence++, this.#book.now);
    this.#book.tasks.set(taskId, task);
    this.#timers.set(task, task.deadline);
    return task;
  }

  #forget(task: TaskState): void {
    if (!isBalanced(task)) return;
    this.balancer.leave(task);
    this.#dependencies.forget(task);
    this.#timers.set(task, Number.POSITIVE_INFINITY);
  }

  #decide(task: BalancedTask, verdict: Verdict): void {
    if (verdict.type === "met") {
      task.places = verdict.places;
      const { near = [], inputs = [] } = task.request;
      task.preferred = [...near, ...inputs.flatMap((id) => this.#book.endings.get(id)?.engineId ?? [])];
      this.#enqueue(task, false);
    } else if (verdict.type !== "open") {
      this.#book.fail(task, verdict.type, verdict.reason);
    }
  }

  #enqueue(task: BalancedTask, atFront: boolean): void {
    if (this.balancer.isStranded(task)) this.#strand([task]);
    else this.balancer.enqueue(task, atFront);
  }

  /** No engine that is there can run these tasks: they wait if one may still come, or fail. */
  #strand(tasks: readonly BalancedTask[]): void {
    for (const task of tasks) {
      if (task.avoided !== undefined && placeOf(task) === "prefer") {
        // Each engine has had its try: the next round may go anywhere.
        task.avoided = undefined;
        this.#enqueue(task, true);
        continue;
      }
      const { failure, reason: why, isFinal } = whyStranded(task, this.#board.engines);
      const reason = task.deaths > 0 ? `${task.lastDeath}; then ${why}` : why;
      const mayWait = this.#expected > 0 || task.deadline < Number.POSITIVE_INFINITY;
      if (!isFinal && mayWait) this.balancer.enqueue(task, true);
      else this.#book.fail(task, failure, reason);
    }
  }

  #delay(task: BalancedTask): void {
    const time = pause(task);
    if (time > 0) {
      task.status = "delayed";
      this.#timers.set(task, Math.min(this.#book.now + time, task.deadline));
    } else {
      this.#enqueue(task, true);
    }
  }

  /** The task was at an engine, which had not started it. */
  #comeBack(task: BalancedTask): void {
    task.recalled = false;
    if (task.aborted) this.#book.abort(task);
    else if (task.timedOut) this.#book.fail(task, "timeout", whyTimedOut(task));
    else this.#enqueue(task, true);
  }

  #due(task: BalancedTask): void {
    if (this.#book.now < task.deadline) {
      this.#timers.set(task, task.deadline);
      if (task.status === "delayed") this.#enqueue(task, true);
    } else if (task.status !== "dispatched") {
      const ownError = task.status === "delayed" && task.errors > 0;
      this.#book.fail(task, ownError ? "own" : "timeout", whyTimedOut(task));
    } else {
      const engine = this.#board.engines.get(task.engineId);
      const [running] = engine?.dispatched.all() ?? [];
      if (engine === undefined || running === undefined || ("task" in running && running.task === task)) return;
      task.timedOut = true;
      if (!task.recalled) this.askBack(engine, [task]);
    }
  }
}
