/**
 * The way of runs: tasks that are alike wait, go and end as one, as long as nothing befalls one of them alone. Whoever must
 * look at one of them gets it by itself, as any other task, and it stays so.
 */

import type { BalancedRequest } from "../../protocol/balancing.ts";
import { GroupIndex, type TaskGroup } from "../task-groups.ts";
import type { Balancer } from "./balancer.ts";
import type { Held } from "./dispatched.ts";
import type { EngineBoard } from "./engine-board.ts";
import type { EngineState } from "./engine-state.ts";
import type { SchedulerEvent } from "./events.ts";
import type { TaskBook } from "./task-book.ts";
import { allPlaces, TaskRun, WaitingPart } from "./task-run.ts";
import { newBalancedTask, type TaskState } from "./task-state.ts";

type Event<T extends SchedulerEvent["type"]> = Extract<SchedulerEvent, { type: T }>;

export class TaskRuns {
  readonly #board: EngineBoard;
  readonly #balancer: Balancer;
  readonly #book: TaskBook;
  readonly #index = new GroupIndex<TaskRun>();

  constructor(book: TaskBook, board: EngineBoard, balancer: Balancer) {
    this.#book = book;
    this.#board = board;
    this.#balancer = balancer;
  }

  /** Whether the task is here and has not ended. */
  has(taskId: string): boolean {
    const found = this.#index.find(taskId);
    return found?.group.isHere(found.place) === true;
  }

  /** A task, by itself from now on, if it is at an engine. */
  sent(taskId: string): TaskState | undefined {
    const found = this.#index.find(taskId);
    return found?.group.isSent(found.place) ? this.single(found.group, found.place) : undefined;
  }

  /** Likewise, if it waits: it waits no more. */
  waiting(taskId: string): TaskState | undefined {
    const found = this.#index.find(taskId);
    return found?.group.waits(found.place) ? this.single(found.group, found.place) : undefined;
  }

  /** Load-balanced tasks that need nothing but an engine. Says whether it took them. */
  submit(group: TaskGroup, request: BalancedRequest, sequence: number): boolean {
    const { after, follow, inputs, near, resources, timeout } = request;
    const asksMore = after ?? follow ?? inputs ?? near ?? resources ?? timeout;
    const run = new TaskRun(group, { request, sequence });
    if (asksMore !== undefined || this.#balancer.isStranded(run) || !this.#index.add(run)) return false;
    run.waiting = new WaitingPart(run, allPlaces(group.ids.length));
    this.#balancer.enqueuePart(run.waiting);
    return true;
  }

  /** Tasks for one engine each: gives who has more to do, and those whose engine takes nothing. */
  submitDirect({ group, engineIds }: Event<"submitRun">): { engines: EngineState[]; refused: readonly number[] } {
    const run = new TaskRun(group, { engineIds });
    const byEngine = new Map<number, number[]>();
    for (let place = 0; place < engineIds.length; place++) {
      const engineId = engineIds[place] as number;
      const places = byEngine.get(engineId);
      if (places === undefined) byEngine.set(engineId, [place]);
      else places.push(place);
    }
    if (!this.#index.add(run)) return { engines: [], refused: [...allPlaces(engineIds.length)] };
    const engines: EngineState[] = [];
    const refused: number[] = [];
    for (const [engineId, places] of byEngine) {
      const engine = this.#board.engines.get(engineId);
      if (engine === undefined || engine.retiring) {
        refused.push(...places);
        continue;
      }
      engine.waiting.push(new WaitingPart(run, Int32Array.from(places)));
      engines.push(engine);
    }
    this.#leave(run, refused);
    return { engines, refused };
  }

  /** The engine has done these tasks well. Says whether it had any of them. */
  finish(engine: EngineState, { prefix, ids, durations }: Event<"finishRun">): boolean {
    const answered = engine.dispatched.answered(prefix, ids);
    for (const { run, places, at, estimate } of answered) {
      const { request } = run;
      this.#board.takePiece(engine, run, places.length, estimate);
      engine.completed += places.length;
      for (let next = 0; request !== undefined && next < places.length; next++) {
        this.#board.note(engine, request, durations[at + next] as number);
      }
      this.#book.instruct({ type: "settleRun", group: run.group, places, at, engineId: engine.engineId });
      this.#book.endRun(run, places, engine.engineId);
      if (run.left === 0) this.#index.delete(run);
    }
    return answered.length > 0;
  }

  /** All that the engine has, each by itself, in the order of sending. */
  allAt(engine: EngineState): TaskState[] {
    return engine.dispatched.all().map((held) => this.itself(held));
  }

  itself(held: Held): TaskState {
    return "task" in held ? held.task : this.single(held.run, held.place);
  }

  /** A task of a run goes its way by itself from now on. One that waited does not wait any more. */
  single(run: TaskRun, place: number): TaskState {
    const { request, sequence } = run;
    const taskId = run.idAt(place);
    const engineId = run.engineId(place);
    const task: TaskState =
      request === undefined
        ? { taskId, request, engineId, status: "waiting" }
        : newBalancedTask(taskId, request, sequence + place, this.#book.now);
    this.#book.tasks.set(taskId, task);
    if (run.isSent(place)) {
      const estimate = this.#board.engines.get(engineId)?.dispatched.single(task, run, place);
      Object.assign(task, { engineId, status: "dispatched" }, request === undefined ? {} : { estimate });
    } else {
      run.holes++;
      if (run.waiting !== undefined) {
        run.waiting.size--;
        this.#balancer.leavePart(run.waiting, 1);
      }
    }
    this.#leave(run, [place]);
    return task;
  }

  /** Ids of those that have not ended, with how they stand. */
  *[Symbol.iterator](): Generator<{ readonly run: TaskRun; readonly place: number }> {
    for (const run of this.#index) {
      for (let place = 0; place < run.ids.length; place++) if (run.isHere(place)) yield { run, place };
    }
  }

  #leave(run: TaskRun, places: readonly number[]): void {
    run.leave(places);
    if (run.left === 0) this.#index.delete(run);
  }
}
