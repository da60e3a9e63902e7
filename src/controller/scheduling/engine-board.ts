/**
 * The engines: what each has, whether it has room for more, and which of those with room is next by the scheme.
 *
 * An engine has room while what it holds is expected to take less than the prefetch time, so that short tasks run back
 * to back and nothing waits behind a long one. A task that nobody can tell the length of fills an engine.
 */

import type { BalancedRequest } from "../../protocol/balancing.ts";
import type { SchemeName } from "../../protocol/schemes.ts";
import { Durations, slownessOf } from "./durations.ts";
import { activeTasks, type EngineState, newEngine } from "./engine-state.ts";
import { makePool, type Pool } from "./schemes.ts";
import type { TaskRun } from "./task-run.ts";
import { type BalancedTask, isBalanced, type TaskState } from "./task-state.ts";

/** Milliseconds of work that an engine holds, unless told otherwise: enough to last over a round trip. */
const PREFETCH_MS = 5;
/** And never more than so many tasks. */
const MOST_HELD = 512;
/** From so many tasks on an engine may get its next ones in batches. */
const BATCHES_FROM = 32;
/** An engine with so many tasks that wait for others takes only those that others wait for. */
const MOST_SUSPENDED = 64;

export interface BoardOptions {
  readonly scheme?: SchemeName | undefined;
  /** At most so many tasks at an engine, instead of the prefetch time; 0: no limit. */
  readonly hwm?: number | undefined;
  /** Milliseconds of expected work at an engine. */
  readonly prefetch?: number | undefined;
  readonly random?: (() => number) | undefined;
}

export class EngineBoard {
  readonly engines: Map<number, EngineState> = new Map();
  /** Those that have room. */
  readonly pool: Pool<EngineState>;
  readonly durations: Durations = new Durations();
  /** Engines that hold more than what they run. */
  readonly withMore: Set<EngineState> = new Set();
  readonly #hwm: number | undefined;
  readonly #prefetch: number;
  /** How many engines run something. */
  #busy = 0;
  #uses = 0;
  /** The least slowness, and the sum of speeds; counted anew now and then. */
  #fastest = 1;
  #speed = 0;
  #countIn = 0;

  constructor({ scheme = "leastload", hwm, prefetch = PREFETCH_MS, random = Math.random }: BoardOptions) {
    this.pool = makePool(scheme, random);
    this.#hwm = hwm;
    this.#prefetch = prefetch;
  }

  add(engineId: number, offered: Readonly<Record<string, number>>, now: number): EngineState {
    const engine = newEngine(engineId, offered, now);
    this.engines.set(engineId, engine);
    this.#countIn = 0;
    this.update(engine);
    return engine;
  }

  remove(engine: EngineState): void {
    this.engines.delete(engine.engineId);
    this.withMore.delete(engine);
    if (engine.place >= 0) this.pool.remove(engine);
    if (engine.busy) this.#busy--;
    this.#countIn = 0;
  }

  /** Whether the engine may be sent another load-balanced task now. */
  hasRoom(engine: EngineState, nested: boolean = false): boolean {
    if (engine.retiring || engine.stopped) return false;
    const active = activeTasks(engine);
    if (engine.suspended.size >= MOST_SUSPENDED && !nested) return false;
    if (active === 0) return true;
    if (engine.reserved || engine.stuck || this.#directActive(engine)) return false;
    if (this.#hwm !== undefined) return this.#hwm === 0 || active < this.#hwm;
    return engine.work < this.#prefetch && active < MOST_HELD;
  }

  /** How many tasks may be sent to the engine until it has no room: at least one. */
  roomFor(engine: EngineState, request: BalancedRequest): number {
    const active = activeTasks(engine);
    if (!this.hasRoom(engine)) return 1;
    if (this.#hwm !== undefined) return this.#hwm === 0 ? Number.POSITIVE_INFINITY : Math.max(1, this.#hwm - active);
    const each = this.#estimate(engine, request) ?? this.#prefetch;
    return Math.max(1, Math.min(Math.ceil((this.#prefetch - engine.work) / each), MOST_HELD - active));
  }

  /** Whether the engine has more than half of what it may hold, in many short tasks: the next ones travel together later. */
  isWellSupplied(engine: EngineState): boolean {
    if (this.#hwm !== undefined || engine.reserved || activeTasks(engine) < BATCHES_FROM) return false;
    return engine.work > this.#prefetch / 2 || activeTasks(engine) > MOST_HELD / 2;
  }

  /** What has been sent to the engine, or come back, has changed. */
  update(engine: EngineState): void {
    const active = activeTasks(engine);
    if (engine.busy !== active > 0) {
      engine.busy = active > 0;
      this.#busy += engine.busy ? 1 : -1;
    }
    const slowness = slownessOf(engine.speed);
    // As many as an engine of ordinary speed would have that is done with one more at the same time.
    engine.load = slowness === 1 ? active : (active + 1) * slowness - 1;
    if (active > 1 && engine.dispatched.size > engine.direct) this.withMore.add(engine);
    else this.withMore.delete(engine);
    const room = this.hasRoom(engine);
    if (room && engine.place < 0) this.pool.add(engine);
    else if (room) this.pool.moved(engine);
    else if (engine.place >= 0) this.pool.remove(engine);
  }

  /** The task goes to the engine. */
  send(engine: EngineState, task: TaskState, now: number): void {
    if (activeTasks(engine) === 0) engine.progressAt = now;
    task.status = "dispatched";
    task.engineId = engine.engineId;
    engine.dispatched.add(task);
    engine.lastUsed = ++this.#uses;
    if (isBalanced(task)) this.#charge(engine, task);
    else engine.direct++;
    this.update(engine);
  }

  /** Tasks of a run go to the engine. */
  sendPiece(engine: EngineState, run: TaskRun, places: Int32Array, now: number): void {
    if (activeTasks(engine) === 0) engine.progressAt = now;
    const estimate = run.request && this.#estimate(engine, run.request);
    run.send(places, engine.engineId);
    engine.dispatched.addPiece(run, places, estimate);
    this.#uses += places.length;
    engine.lastUsed = this.#uses;
    if (run.request === undefined) engine.direct += places.length;
    else engine.work += places.length * (estimate ?? this.#prefetch);
    this.update(engine);
  }

  /** So many tasks of a run are not at the engine any more; {@link update} comes after the last. */
  takePiece(engine: EngineState, { request }: TaskRun, count: number, estimate: number | undefined): void {
    if (request === undefined) engine.direct -= count;
    else this.#lessWork(engine, count * (estimate ?? this.#prefetch));
  }

  /** The task is not at the engine any more. */
  take(engine: EngineState, task: TaskState): void {
    engine.dispatched.delete(task);
    if (engine.begun.size > 0) engine.begun.delete(task.taskId);
    if (engine.suspended.has(task.taskId)) {
      engine.suspended = new Set([...engine.suspended].filter((taskId) => taskId !== task.taskId));
    }
    if (isBalanced(task)) this.#discharge(engine, task);
    else engine.direct--;
    this.update(engine);
  }

  /** These of the engine's tasks wait for others. */
  suspend(engine: EngineState, taskIds: readonly string[]): void {
    engine.suspended = new Set(taskIds.filter((taskId) => engine.dispatched.get(taskId) !== undefined));
    for (const taskId of engine.suspended) engine.begun.add(taskId);
    const counts = (task: TaskState): boolean => isBalanced(task) && !engine.suspended.has(task.taskId);
    const estimate = (task: TaskState): number => (task as BalancedTask).estimate ?? this.#prefetch;
    engine.work = engine.dispatched.work(this.#prefetch, counts, estimate);
    this.update(engine);
  }

  /** Learns from a task that has ended. */
  note(engine: EngineState, request: BalancedRequest, duration: number): void {
    const wasLikeOthers = engine.speed.slowness === 1;
    this.durations.note(request.kind, request.units, duration, engine.speed);
    if (--this.#countIn <= 0 || wasLikeOthers !== (engine.speed.slowness === 1)) this.#countSpeeds();
  }

  /** How many times longer the engine takes than the fastest. */
  slowness(engine: EngineState): number {
    return slownessOf(engine.speed) / this.#fastest;
  }

  /** How many engines like the fastest would do as much as all. */
  get speed(): number {
    return this.#speed * this.#fastest;
  }

  /** Whether any engine runs something. */
  get isBusy(): boolean {
    return this.#busy > 0;
  }

  #charge(engine: EngineState, task: BalancedTask): void {
    const { resources } = task.request;
    task.estimate = this.#estimate(engine, task.request);
    engine.work += task.estimate ?? this.#prefetch;
    if (resources === undefined) return;
    for (const [name, amount] of Object.entries(resources)) engine.free[name] = (engine.free[name] ?? 0) - amount;
  }

  #estimate(engine: EngineState, { kind, units }: BalancedRequest): number | undefined {
    const estimate = this.durations.estimate(kind, units);
    return estimate === undefined ? undefined : estimate * slownessOf(engine.speed);
  }

  #lessWork(engine: EngineState, work: number): void {
    engine.work -= work;
    // Sums of small numbers drift.
    if (activeTasks(engine) === 0 || engine.work < 0) engine.work = 0;
  }

  #discharge(engine: EngineState, task: BalancedTask): void {
    this.#lessWork(engine, task.estimate ?? this.#prefetch);
    const { resources } = task.request;
    if (resources === undefined) return;
    for (const [name, amount] of Object.entries(resources)) engine.free[name] = (engine.free[name] ?? 0) + amount;
  }

  #directActive(engine: EngineState): boolean {
    if (engine.direct === 0) return false;
    let waiting = 0;
    for (const taskId of engine.suspended) {
      if (engine.dispatched.get(taskId)?.request === undefined) waiting++;
    }
    return engine.direct > waiting;
  }

  #countSpeeds(): void {
    const each = [...this.engines.values()].map(({ speed }) => slownessOf(speed));
    this.#fastest = each.reduce((least, slowness) => Math.min(least, slowness), Number.POSITIVE_INFINITY);
    this.#speed = each.reduce((sum, slowness) => sum + 1 / slowness, 0);
    this.#countIn = Math.max(16, each.length);
  }
}
