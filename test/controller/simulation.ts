/** For tests: engines that take simulated time, driven by a scheduler. Nothing here looks at a clock. */

import {
  type Instruction,
  Scheduler,
  type SchedulerEvent,
  type SchedulerOptions,
} from "../../src/controller/scheduler.ts";
import type { BalancedRequest } from "../../src/protocol/balancing.ts";

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function request(more: Partial<BalancedRequest> = {}): BalancedRequest {
  return { kind: "f", units: 1, ...more };
}

interface Occurrence {
  readonly time: number;
  readonly order: number;
  readonly happen: () => void;
}

interface SimulatedEngine {
  readonly slowness: number;
  readonly queue: string[];
  running: string | undefined;
}

export interface SimulationOptions extends SchedulerOptions {
  /** How many times longer each engine takes. */
  readonly engines: readonly number[];
  /** Milliseconds that a message takes between controller and engine. */
  readonly latency?: number;
  readonly durationOf: (taskId: string) => number;
}

export class Simulation {
  readonly scheduler: Scheduler;
  readonly ended = new Map<string, { readonly engineId: number; readonly started: number; readonly time: number }>();
  readonly instructions: Instruction[] = [];
  now = 0;
  readonly #options: SimulationOptions;
  readonly #engines: SimulatedEngine[];
  readonly #occurrences: Occurrence[] = [];
  readonly #started = new Map<string, number>();
  #order = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.scheduler = new Scheduler({ random: seeded(1), ...options });
    this.#engines = options.engines.map((slowness) => ({ slowness, queue: [], running: undefined }));
    for (const engineId of options.engines.keys()) this.tell({ type: "engineUp", engineId });
  }

  tell(event: SchedulerEvent): void {
    for (const instruction of this.scheduler.handle(event, this.now)) this.#obey(instruction);
  }

  /** Lets everything happen that is to come; the time of the last end. */
  run(): number {
    let last = this.now;
    for (;;) {
      const next = this.#takeNext();
      const wakeAt = this.scheduler.wakeAt;
      if (wakeAt < (next?.time ?? Number.POSITIVE_INFINITY)) {
        if (next !== undefined) this.#push(next);
        else if (this.ended.size === this.#started.size && this.scheduler.unfinished().length === 0) return last;
        this.now = Math.max(this.now, wakeAt);
        this.tell({ type: "tick" });
        continue;
      }
      if (next === undefined) return last;
      this.now = next.time;
      const before = this.ended.size;
      next.happen();
      if (this.ended.size > before) last = this.now;
    }
  }

  #obey(instruction: Instruction): void {
    this.instructions.push(instruction);
    const latency = this.#options.latency ?? 0.1;
    if (instruction.type === "dispatch") {
      const { taskId, engineId } = instruction;
      this.#after(latency, () => this.#arrive(taskId, engineId));
    } else if (instruction.type === "takeBack") {
      const { taskIds, engineId } = instruction;
      this.#after(latency, () => this.#giveBack(taskIds, engineId));
    }
  }

  #arrive(taskId: string, engineId: number): void {
    const engine = this.#engines[engineId] as SimulatedEngine;
    engine.queue.push(taskId);
    this.#next(engineId);
  }

  #next(engineId: number): void {
    const engine = this.#engines[engineId] as SimulatedEngine;
    if (engine.running !== undefined) return;
    const taskId = engine.queue.shift();
    if (taskId === undefined) return;
    if (this.#started.has(taskId)) throw new Error(`${taskId} ran twice`);
    this.#started.set(taskId, this.now);
    engine.running = taskId;
    const duration = this.#options.durationOf(taskId) * engine.slowness;
    this.#after(duration, () => {
      engine.running = undefined;
      this.ended.set(taskId, { engineId, started: this.#started.get(taskId) as number, time: this.now });
      this.#after(this.#options.latency ?? 0.1, () => this.tell({ type: "finish", taskId, duration }));
      this.#next(engineId);
    });
  }

  #giveBack(taskIds: readonly string[], engineId: number): void {
    const engine = this.#engines[engineId] as SimulatedEngine;
    const back = taskIds.filter((taskId) => engine.queue.includes(taskId));
    engine.queue.splice(0, engine.queue.length, ...engine.queue.filter((taskId) => !back.includes(taskId)));
    const kept = taskIds.filter((taskId) => !back.includes(taskId));
    this.#after(this.#options.latency ?? 0.1, () => this.tell({ type: "recalled", taskIds: back, kept }));
  }

  #after(delay: number, happen: () => void): void {
    this.#push({ time: this.now + delay, order: this.#order++, happen });
  }

  /** A binary heap would be faster; a sorted insertion from the end is enough, since most come in order. */
  #push(occurrence: Occurrence): void {
    let index = this.#occurrences.length;
    while (index > 0 && isLater(occurrence, this.#occurrences[index - 1] as Occurrence)) index--;
    this.#occurrences.splice(index, 0, occurrence);
  }

  #takeNext(): Occurrence | undefined {
    return this.#occurrences.pop();
  }
}

/** The next occurrence lies at the end. */
function isLater(one: Occurrence, other: Occurrence): boolean {
  return one.time > other.time || (one.time === other.time && one.order > other.order);
}
