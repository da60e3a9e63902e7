/**
 * Which task goes to which engine, and when: a pure state machine. Events go in, instructions come out; there is no
 * socket and no clock here (the time comes with each event), so that every decision can be tested and repeated.
 *
 * Tasks for one engine wait in that engine's queue. Load-balanced ones are held until what they depend on has ended, wait
 * in lanes for an engine that fits, and come back when their engine dies, refuses them, or others could run them sooner.
 */

import { BalancedTasks } from "./scheduling/balanced-tasks.ts";
import { directWaiting, fillDirect } from "./scheduling/direct-queues.ts";
import { type BoardOptions, EngineBoard } from "./scheduling/engine-board.ts";
import { activeTasks, type EngineState } from "./scheduling/engine-state.ts";
import type { EngineQueue, Failures, Instruction, SchedulerEvent } from "./scheduling/events.ts";
import { failuresOf, queuesOf, unassignedOf, unfinishedOf } from "./scheduling/overview.ts";
import { type Sends, sendsOf } from "./scheduling/sends.ts";
import { type EndedTask, TaskBook } from "./scheduling/task-book.ts";
import { type BalancedTask, isBalanced, type TaskState } from "./scheduling/task-state.ts";
import { idAt } from "./task-groups.ts";

export type { EngineQueue, Failure, Instruction, SchedulerEvent } from "./scheduling/events.ts";

export interface SchedulerOptions extends BoardOptions {
  /** How many tasks that are for one engine alone it holds at once: by default enough to keep it busy over a round trip. */
  readonly window?: number | undefined;
}

const DEFAULT_WINDOW = 256;
/** How often it is looked whether idle engines could take something over, in milliseconds. */
const LOOK_MS = 5;

type Event<T extends SchedulerEvent["type"]> = Extract<SchedulerEvent, { type: T }>;

export class Scheduler {
  readonly #window: number;
  readonly #board: EngineBoard;
  readonly #book = new TaskBook();
  readonly #balanced: BalancedTasks;
  readonly #onEnded = (task: EndedTask, succeeded: boolean): void => this.#balanced.ended(task, succeeded);
  readonly #send: Sends;
  #lookAt = Number.POSITIVE_INFINITY;

  constructor(options: SchedulerOptions = {}) {
    this.#window = options.window ?? DEFAULT_WINDOW;
    this.#board = new EngineBoard(options);
    this.#send = sendsOf(this.#book, this.#board);
    this.#balanced = new BalancedTasks(this.#book, this.#board, this.#send);
  }

  /** When to send a `tick` at the latest; Infinity if there is nothing that time alone changes. */
  get wakeAt(): number {
    return Math.min(this.#balanced.wakeAt, this.#lookAt);
  }

  /** Takes one event, at a time in milliseconds that never goes back, and says what is to be done, in order. */
  handle(event: SchedulerEvent, now: number = this.#book.now): Instruction[] {
    this.#book.now = Math.max(now, this.#book.now);
    this.#apply(event);
    this.#book.takeEnded(this.#onEnded, this.#balanced.hasHeld);
    const isRestless = this.#balanced.balancer.size > 0 ? this.#board.pool.size > 0 : this.#board.withMore.size > 0;
    if (!isRestless) this.#lookAt = Number.POSITIVE_INFINITY;
    else if (this.#lookAt === Number.POSITIVE_INFINITY) this.#lookAt = this.#book.now + LOOK_MS;
    return this.#book.takeInstructions();
  }

  /** The queues of all engines, by id. */
  queues(): EngineQueue[] {
    return queuesOf(this.#board);
  }

  /** The load-balanced tasks that are at no engine. */
  unassigned(): string[] {
    return unassignedOf(this.#book);
  }

  /** How often a task has been run in vain; `undefined` if never. */
  failures(taskId: string): Failures | undefined {
    return failuresOf(this.#book, taskId);
  }

  /** The tasks that have not ended, at or for these engines, or all. */
  unfinished(engineIds?: readonly number[]): string[] {
    return unfinishedOf(this.#book, engineIds);
  }

  #apply(event: SchedulerEvent): void {
    switch (event.type) {
      case "engineUp":
        this.#engineUp(event);
        break;
      case "engineDown":
        this.#engineDown(event);
        break;
      case "expect":
        this.#balanced.expect(event.engines);
        break;
      case "suspend":
      case "resume":
      case "waiting":
      case "retire":
        this.#withEngine(event);
        break;
      case "submit":
        this.#submit(event);
        break;
      case "submitBalanced":
        this.#balanced.submit(event);
        break;
      case "submitRun":
      case "submitBalancedRun":
      case "finishRun":
        this.#run(event);
        break;
      case "restore":
        this.#restore(event);
        break;
      case "adopt":
      case "release":
        this.#goOn(event);
        break;
      case "ended":
        this.#book.endings.note(event.taskId, event);
        break;
      case "finish":
        this.#finish(event);
        break;
      case "recalled":
        for (const engine of this.#balanced.recalled(event)) this.#leaveIfDone(engine);
        break;
      case "abort":
        this.#abort(event);
        break;
      case "tick":
        this.#tick();
        break;
    }
  }

  #engineUp({ engineId, resources = {}, completed = 0 }: Event<"engineUp">): void {
    const engine = this.#board.add(engineId, resources, this.#book.now);
    engine.completed = completed;
    this.#balanced.balancer.fill(engine, this.#book.now);
  }

  #engineDown({ engineId, reason }: Event<"engineDown">): void {
    const engine = this.#board.engines.get(engineId);
    if (engine === undefined) return;
    this.#balanced.balancer.release(engine);
    this.#board.remove(engine);
    const suspects: BalancedTask[] = [];
    const others: BalancedTask[] = [];
    let isFirst = true;
    for (const task of this.#balanced.runs.allAt(engine)) {
      const isWaiting = engine.suspended.has(task.taskId);
      if (!isBalanced(task)) this.#book.fail(task, "engine", reason);
      else if (isFirst || engine.begun.has(task.taskId)) suspects.push(task);
      else others.push(task);
      if (!isWaiting) isFirst = false;
    }
    for (const held of directWaiting(engine)) this.#book.fail(this.#balanced.runs.itself(held), "engine", reason);
    this.#balanced.engineLost(suspects, others, reason);
  }

  #withEngine(event: Event<"suspend" | "resume" | "waiting" | "retire">): void {
    const engine = this.#board.engines.get(event.engineId);
    if (engine === undefined) return;
    if (event.type === "waiting") {
      for (const taskId of event.taskIds) this.#book.get(taskId);
      this.#board.suspend(engine, event.taskIds);
    } else if (event.type === "retire") this.#retire(engine);
    else engine.stopped = event.type === "suspend";
    this.#board.update(engine);
    this.#balanced.balancer.fill(engine, this.#book.now);
  }

  #submit({ taskId, engineId }: Event<"submit">): void {
    if (this.#book.has(taskId)) return;
    const engine = this.#board.engines.get(engineId);
    const task: TaskState = { taskId, request: undefined, engineId, status: "waiting" };
    if (engine === undefined || engine.retiring) {
      const reason = engine === undefined ? "it is not registered" : "it is retiring and takes no new tasks";
      this.#book.fail(task, "engine", reason);
      return;
    }
    this.#book.tasks.set(taskId, task);
    engine.waiting.push(task);
    this.#fillDirect(engine);
  }

  #restore(event: Event<"restore">): void {
    const { taskId, engineId, request } = event;
    if (request !== undefined) this.#balanced.restore({ ...event, request });
    else this.#book.tasks.set(taskId, { taskId, request, engineId, status: "held" });
  }

  #goOn(event: Event<"adopt" | "release">): void {
    const task = this.#book.tasks.get(event.taskId);
    if (task?.status !== "held") return;
    const engine = this.#board.engines.get(event.type === "adopt" ? event.engineId : task.engineId);
    if (event.type === "adopt" && engine !== undefined) this.#board.send(engine, task, this.#book.now);
    else if (isBalanced(task)) this.#balanced.release(task);
    else if (engine === undefined) this.#book.fail(task, "engine", "it is not registered");
    else {
      task.status = "waiting";
      engine.waiting.push(task);
      this.#fillDirect(engine);
    }
  }

  #submitRun(event: Event<"submitRun">): void {
    const { engines, refused } = this.#balanced.runs.submitDirect(event);
    for (const engine of engines) this.#fillDirect(engine);
    for (const place of refused) {
      const engineId = event.engineIds[place] as number;
      this.#submit({ type: "submit", taskId: idAt(event.group, place), engineId });
    }
  }

  #finish(event: Event<"finish">): void {
    const task = this.#book.get(event.taskId);
    const engine = task === undefined ? undefined : this.#board.engines.get(task.engineId);
    if (task?.status !== "dispatched" || engine === undefined) return;
    this.#board.take(engine, task);
    this.#noteProgress(engine);
    engine.completed++;
    if (isBalanced(task)) this.#balanced.finished(task, engine, event);
    else this.#book.settle(task, (event.status ?? "ok") === "ok");
    this.#goesOn(engine);
  }

  #run(event: Event<"submitRun" | "submitBalancedRun" | "finishRun">): void {
    if (event.type === "submitRun") this.#submitRun(event);
    else if (event.type === "submitBalancedRun") this.#balanced.submitRun(event);
    else this.#finishRun(event);
  }

  #finishRun(event: Event<"finishRun">): void {
    const engine = this.#board.engines.get(event.engineId);
    if (engine === undefined) return;
    this.#noteProgress(engine);
    if (!this.#balanced.runs.finish(engine, event)) return;
    this.#board.update(engine);
    this.#goesOn(engine);
  }

  #noteProgress(engine: EngineState): void {
    engine.progressAt = this.#book.now;
    engine.stuck = false;
  }

  /** The engine has finished something, and may get more. */
  #goesOn(engine: EngineState): void {
    this.#fillDirect(engine);
    this.#board.update(engine);
    if (!this.#board.isWellSupplied(engine)) this.#balanced.balancer.fill(engine, this.#book.now);
    if (activeTasks(engine) === 0 && this.#balanced.balancer.size === 0) this.#balanced.takeBack();
    this.#leaveIfDone(engine);
  }

  #abort({ taskId }: Event<"abort">): void {
    const task = this.#book.get(taskId) ?? this.#balanced.runs.waiting(taskId);
    if (task === undefined) return;
    if (task.status !== "dispatched") {
      this.#book.abort(task);
      return;
    }
    // The engine may have given it back already.
    if (isBalanced(task)) task.aborted = true;
    this.#book.instruct({ type: "recall", taskId, engineId: task.engineId });
  }

  #fillDirect(engine: EngineState): void {
    fillDirect(engine, this.#window, this.#send);
  }

  #retire(engine: EngineState): void {
    if (engine.retiring) return;
    engine.retiring = true;
    const held = this.#balanced.runs.allAt(engine).slice(1);
    this.#balanced.askBack(
      engine,
      held.filter((task): task is BalancedTask => isBalanced(task) && !task.recalled),
    );
    this.#balanced.strand();
    this.#leaveIfDone(engine);
  }

  #leaveIfDone(engine: EngineState): void {
    if (!engine.retiring || engine.dispatched.size > 0 || directWaiting(engine).length > 0) return;
    this.#book.instruct({ type: "retired", engineId: engine.engineId });
  }

  #tick(): void {
    this.#balanced.tick();
    if (this.#book.now < this.#lookAt) return;
    this.#lookAt = Number.POSITIVE_INFINITY;
    this.#balanced.balancer.fillAll(this.#book.now);
    if (this.#balanced.balancer.size === 0) this.#balanced.takeBack();
  }
}
