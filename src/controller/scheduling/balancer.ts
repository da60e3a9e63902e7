/** Brings load-balanced tasks and engines together: lanes in which tasks wait, and who is next when an engine has room. */

import type { EngineBoard } from "./engine-board.ts";
import { goesBefore, Lane } from "./lanes.ts";
import { restrains } from "./restraint.ts";
import { activeTasks, type BalancedTask, type EngineState, type LaneConditions } from "./task-state.ts";

export class Balancer {
  readonly #board: EngineBoard;
  readonly #dispatch: (task: BalancedTask, engine: EngineState) => void;
  readonly #lanes = new Map<string, Lane>();
  /** The lanes that name no engines. */
  readonly #anywhere = new Set<Lane>();
  /** The lanes that name engines, by those. */
  readonly #named = new Map<number, Set<Lane>>();
  /** How many tasks wait that must run alone, and how many engines are kept for them. */
  #lonely = 0;
  #reserved = 0;
  #waiting = 0;

  /** `dispatch` sends a task to an engine. */
  constructor(board: EngineBoard, dispatch: (task: BalancedTask, engine: EngineState) => void) {
    this.#board = board;
    this.#dispatch = dispatch;
  }

  /** How many tasks wait for an engine. */
  get size(): number {
    return this.#waiting;
  }

  /** The tasks that wait for an engine. */
  *[Symbol.iterator](): Generator<BalancedTask> {
    for (const lane of this.#lanes.values()) yield* lane;
  }

  /** The task goes to an engine now, if there is one for it, or waits. */
  enqueue(task: BalancedTask, atFront: boolean): void {
    const lane = this.#laneOf(task);
    // Only what is first of its kind may find an engine that has room.
    const engine = lane.size === 0 || atFront ? this.#engineFor(task, lane) : undefined;
    if (engine !== undefined) {
      this.#leaveIfEmpty(lane);
      this.#send(task, engine);
      return;
    }
    task.status = "waiting";
    lane.add(task, atFront);
    this.#waiting++;
    if (lane.conditions.alone) this.#lonely++;
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
      const task = this.#nextFor(engine, nested, now);
      if (task === undefined) return;
      (task.lane as Lane).movedAt = now;
      this.leave(task);
      this.#send(task, engine);
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
  isStranded(task: BalancedTask): boolean {
    const lane = this.#laneOf(task);
    this.#leaveIfEmpty(lane);
    return this.#isStranded(lane);
  }

  /** The waiting tasks that no engine could ever run, and that do not wait any more. */
  takeStranded(): BalancedTask[] {
    const stranded = [...this.#lanes.values()].filter((lane) => lane.size > 0 && this.#isStranded(lane));
    const tasks = stranded.flatMap((lane) => [...lane]);
    for (const task of tasks) this.leave(task);
    return tasks;
  }

  #isStranded(lane: Lane): boolean {
    if (lane.isOpen && this.#board.pool.size > 0) return false;
    const { places } = lane.conditions;
    const candidates = places === undefined ? this.#board.engines.values() : this.#present(places);
    for (const engine of candidates) if (!engine.retiring && lane.allows(engine)) return false;
    return true;
  }

  #send(task: BalancedTask, engine: EngineState): void {
    if (task.deaths > 0 && !engine.reserved) {
      engine.reserved = true;
      this.#reserved++;
    }
    this.#dispatch(task, engine);
  }

  #engineFor(task: BalancedTask, lane: Lane): EngineState | undefined {
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

  #nextFor(engine: EngineState, onlyNested: boolean, now: number): BalancedTask | undefined {
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
    best: BalancedTask | undefined,
    engine: EngineState,
    onlyNested: boolean,
    now: number,
  ): BalancedTask | undefined {
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

  #laneOf(task: BalancedTask): Lane {
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

function conditionsOf({ request, places, refused, avoided, deaths }: BalancedTask): LaneConditions {
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
