/** Brings load-balanced tasks and engines together: lanes in which tasks wait, and who is next when an engine has room. */

import type { EngineBoard } from "./engine-board.ts";
import { activeTasks, type EngineState } from "./engine-state.ts";
import { goesBefore, Lane, type Waiting } from "./lanes.ts";
import { isUnrestrained, restrains } from "./restraint.ts";
import type { Sends } from "./sends.ts";
import { type TaskRun, WaitingPart } from "./task-run.ts";
import type { BalancedTask, LaneConditions, TaskState } from "./task-state.ts";

/** What the conditions of a task are told from. */
type Conditioned = Pick<BalancedTask, "request" | "places" | "refused" | "avoided" | "deaths" | "preferred">;

export class Balancer {
  readonly #board: EngineBoard;
  readonly #send: Sends;
  /** A task of a run goes its way by itself, and waits no more. */
  single: (run: TaskRun, place: number) => TaskState = (run) => {
    throw new Error(`nobody takes tasks out of ${run.prefix}`);
  };
  readonly #lanes = new Map<string, Lane>();
  /** The lanes that name no engines. */
  readonly #anywhere = new Set<Lane>();
  /** The lanes that name engines, by those. */
  readonly #named = new Map<number, Set<Lane>>();
  /** How many tasks wait that must run alone, and how many engines are kept for them. */
  #lonely = 0;
  #reserved = 0;
  #waiting = 0;

  constructor(board: EngineBoard, send: Sends) {
    this.#board = board;
    this.#send = send;
  }

  /** How many tasks wait for an engine. */
  get size(): number {
    return this.#waiting;
  }

  /** The task goes to an engine now, if there is one for it, or waits. */
  enqueue(task: BalancedTask, atFront: boolean): void {
    const lane = this.#laneOf(task);
    // Only what is first of its kind may find an engine that has room.
    const engine = lane.size === 0 || atFront ? this.#engineFor(task, lane) : undefined;
    if (engine !== undefined) {
      this.#leaveIfEmpty(lane);
      this.#sendTask(task, engine);
      return;
    }
    task.status = "waiting";
    lane.add(task, atFront);
    this.#waiting++;
    if (lane.conditions.alone) this.#lonely++;
  }

  /** Those go to engines now, if there are some for them, that can; the others wait. */
  enqueuePart(part: WaitingPart): void {
    const lane = this.#laneOf(part.run as Conditioned);
    const isFirst = lane.size === 0;
    lane.add(part, false);
    this.#waiting += part.size;
    while (isFirst && part.size > 0) {
      const engine = this.#engineFor(part.run as Conditioned, lane);
      if (engine === undefined) break;
      const share = lane.isOpen && engine.place >= 0 ? this.#board.pool.share(part.size) : 1;
      this.#sendPart(part, engine, Math.min(share, this.#board.roomFor(engine, part.request)));
    }
  }

  /** So many of them wait no more. */
  leavePart(part: WaitingPart, count: number): void {
    const lane = part.lane as Lane | undefined;
    if (lane === undefined) return;
    lane.leavePart(part, count);
    this.#waiting -= count;
    this.#leaveIfEmpty(lane);
  }

  /** The task waits no more. */
  leave(task: BalancedTask): void {
    const lane = task.lane as Lane | undefined;
    if (lane === undefined) return;
    lane.leave(task);
    this.#waiting--;
    if (lane.conditions.alone) this.#lonely--;
    this.#leaveIfEmpty(lane);
  }

  /** Sends waiting tasks to the engine while it has room. */
  fill(engine: EngineState, now: number): void {
    if (this.#waiting === 0 && !engine.reserved) return;
    for (;;) {
      const nested = !this.#board.hasRoom(engine);
      if (nested && !this.#board.hasRoom(engine, true)) return;
      const next = this.#nextFor(engine, nested, now);
      if (next === undefined) return;
      (next.lane as Lane).movedAt = now;
      if (next instanceof WaitingPart) {
        // Whoever is slow may leave those to others that come after the first.
        const isFree = !nested && isUnrestrained(this.#board, engine);
        this.#sendPart(next, engine, isFree ? this.#board.roomFor(engine, next.request) : 1);
        continue;
      }
      this.leave(next);
      this.#sendTask(next, engine);
    }
  }

  /** Sends waiting tasks to all engines that have room. */
  fillAll(now: number): void {
    if (this.#waiting === 0) return;
    for (const engine of [...this.#board.pool]) this.fill(engine, now);
  }

  /** The task that ran alone is no longer there, or the engine itself. */
  release(engine: EngineState): void {
    if (!engine.reserved) return;
    engine.reserved = false;
    this.#reserved--;
    this.#board.update(engine);
  }

  /** Whether no engine that is there could ever run the task. */
  isStranded(task: BalancedTask | TaskRun): boolean {
    const lane = this.#laneOf(task as Conditioned);
    this.#leaveIfEmpty(lane);
    return this.#isStranded(lane);
  }

  /** The waiting tasks that no engine could ever run, and that do not wait any more. */
  takeStranded(): BalancedTask[] {
    const stranded = [...this.#lanes.values()].filter((lane) => lane.size > 0 && this.#isStranded(lane));
    const tasks = stranded.flatMap((lane) => [...lane].flatMap((waiting) => this.#each(waiting)));
    for (const task of tasks) this.leave(task);
    return tasks;
  }

  /** All of them, by themselves. */
  #each(waiting: Waiting): BalancedTask[] {
    if (!(waiting instanceof WaitingPart)) return [waiting];
    return waiting.all().map((place) => this.single(waiting.run, place) as BalancedTask);
  }

  #isStranded(lane: Lane): boolean {
    if (lane.isOpen && this.#board.pool.size > 0) return false;
    const { places } = lane.conditions;
    const candidates = places === undefined ? this.#board.engines.values() : this.#present(places);
    for (const engine of candidates) if (!engine.retiring && lane.allows(engine)) return false;
    return true;
  }

  #sendTask(task: BalancedTask, engine: EngineState): void {
    if (task.deaths > 0 && !engine.reserved) {
      engine.reserved = true;
      this.#reserved++;
    }
    this.#send.task(task, engine);
  }

  #sendPart(part: WaitingPart, engine: EngineState, count: number): void {
    const places = part.take(count);
    this.leavePart(part, places.length);
    this.#send.piece(part.run, places, engine);
  }

  #engineFor(task: Conditioned, lane: Lane): EngineState | undefined {
    const { pool, engines } = this.#board;
    const { places, alone, nested } = lane.conditions;
    const suits = (engine: EngineState): boolean =>
      this.#board.hasRoom(engine, nested) &&
      lane.allows(engine) &&
      lane.fits(engine) &&
      (!alone || activeTasks(engine) === 0);
    const preferred = task.preferred?.flatMap((engineId) => engines.get(engineId) ?? []).filter(suits) ?? [];
    if (preferred.length > 0) return pool.choose(preferred);
    if (places !== undefined) return pool.choose([...this.#present(places)].filter(suits));
    if (lane.isOpen) return pool.pick() ?? (nested ? pool.choose([...engines.values()].filter(suits)) : undefined);
    return pool.choose([...pool].filter(suits));
  }

  #nextFor(engine: EngineState, onlyNested: boolean, now: number): Waiting | undefined {
    const named = this.#named.get(engine.engineId);
    const found = this.#firstOf(this.#anywhere, undefined, engine, onlyNested, now);
    const best = named === undefined ? found : this.#firstOf(named, found, engine, onlyNested, now);
    const mustRunAlone = best !== undefined && (best.lane as Lane).conditions.alone;
    if (engine.reserved && best === undefined) this.release(engine);
    if (!mustRunAlone || activeTasks(engine) === 0) return best;
    this.#reserve(engine);
    return undefined;
  }

  /** The one of these lanes' first tasks, or `best`, that goes to the engine first. */
  #firstOf(
    lanes: ReadonlySet<Lane>,
    best: Waiting | undefined,
    engine: EngineState,
    onlyNested: boolean,
    now: number,
  ): Waiting | undefined {
    for (const lane of lanes) {
      if (lane.size === 0 || (onlyNested && !lane.conditions.nested)) continue;
      if (engine.reserved && !lane.conditions.alone) continue;
      if (!lane.allows(engine) || !lane.fits(engine)) continue;
      const task = lane.first();
      if (task === undefined || (best !== undefined && !goesBefore(task, best))) continue;
      if (!restrains(this.#board, engine, lane, task, now)) best = task;
    }
    return best;
  }

  /** The engine takes nothing more, until it is empty. */
  #reserve(engine: EngineState): void {
    if (engine.reserved || this.#reserved >= this.#lonely) return;
    engine.reserved = true;
    this.#reserved++;
    this.#board.update(engine);
  }

  #present(places: ReadonlySet<number>): Set<EngineState> {
    const present = new Set<EngineState>();
    for (const place of places) {
      const engine = this.#board.engines.get(place);
      if (engine !== undefined) present.add(engine);
    }
    return present;
  }

  #laneOf(task: Conditioned): Lane {
    const { request, places, refused, avoided, deaths } = task;
    const unusual = places ?? request.targets ?? request.resources ?? refused ?? avoided ?? deaths;
    const usual = unusual === 0 ? this.#lanes.get(request.nested ? "nested" : "") : undefined;
    if (usual !== undefined) return usual;
    const conditions = conditionsOf(task);
    const key = unusual === 0 ? (request.nested ? "nested" : "") : keyOf(conditions);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(key, conditions);
      this.#lanes.set(key, lane);
      if (conditions.places === undefined) this.#anywhere.add(lane);
      for (const place of conditions.places ?? []) {
        const named = this.#named.get(place) ?? new Set();
        this.#named.set(place, named.add(lane));
      }
    }
    return lane;
  }

  #leaveIfEmpty(lane: Lane): void {
    if (lane.size > 0 || lane.isOpen) return;
    this.#lanes.delete(lane.key);
    this.#anywhere.delete(lane);
    for (const place of lane.conditions.places ?? []) {
      const named = this.#named.get(place);
      named?.delete(lane);
      if (named?.size === 0) this.#named.delete(place);
    }
  }
}

function conditionsOf({ request, places, refused, avoided, deaths }: Conditioned): LaneConditions {
  const { targets, resources, nested = false } = request;
  const both = places !== undefined && targets !== undefined ? targets.filter((id) => places.has(id)) : targets;
  const excluded = new Set([...(refused ?? []), ...(avoided ?? [])]);
  return {
    places: both === undefined ? places : new Set(both),
    resources,
    avoided: excluded.size === 0 ? undefined : excluded,
    alone: deaths > 0,
    nested,
  };
}

function keyOf({ places, resources, avoided, alone, nested }: LaneConditions): string {
  return JSON.stringify([places && [...places], resources, avoided && [...avoided], alone, nested]);
}
