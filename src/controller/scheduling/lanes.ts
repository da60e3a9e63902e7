/**
 * Where load-balanced tasks wait: one lane for all that may run anywhere, and one for each set of conditions that others
 * have. Within a lane, higher priority goes first, then the order of submission; a lane whose tasks no engine can take
 * now does not hold up the others.
 */

import type { EngineState } from "./engine-state.ts";
import { WaitingPart } from "./task-run.ts";
import type { BalancedTask, LaneConditions, WaitingPlace } from "./task-state.ts";

/** One task, or several that are alike and follow one another. */
export type Waiting = BalancedTask | WaitingPart;

export class Lane implements WaitingPlace {
  readonly key: string;
  readonly conditions: LaneConditions;
  /** Whether any engine will do. */
  readonly isOpen: boolean;
  /** By priority, highest first. */
  readonly #levels: Level[] = [];
  /** How many tasks wait. */
  size = 0;
  /** When a task was last sent from here. */
  movedAt = 0;

  constructor(key: string, conditions: LaneConditions) {
    this.key = key;
    this.conditions = conditions;
    const { places, resources, avoided, alone } = conditions;
    this.isOpen = places === undefined && resources === undefined && avoided === undefined && !alone;
  }

  /** Whether the engine is one that these tasks may ever run on. */
  allows({ engineId, offered }: EngineState): boolean {
    if (this.isOpen) return true;
    const { places, resources = {}, avoided } = this.conditions;
    if (places !== undefined && !places.has(engineId)) return false;
    if (avoided?.has(engineId)) return false;
    return Object.entries(resources).every(([name, amount]) => (offered[name] ?? 0) >= amount);
  }

  /** Whether the engine has free what these tasks need. */
  fits({ free }: EngineState): boolean {
    const { resources } = this.conditions;
    if (resources === undefined) return true;
    return Object.entries(resources).every(([name, amount]) => (free[name] ?? 0) >= amount - 1e-9);
  }

  add(task: Waiting, atFront: boolean): void {
    const priority = priorityOf(task);
    let index = 0;
    while (index < this.#levels.length && (this.#levels[index] as Level).priority > priority) index++;
    if (this.#levels[index]?.priority !== priority) this.#levels.splice(index, 0, new Level(priority));
    const level = this.#levels[index] as Level;
    if (atFront) level.front.push(task);
    else level.tasks.push(task);
    task.lane = this;
    this.size += sizeOf(task);
  }

  /** Whose turn it is. */
  first(): Waiting | undefined {
    for (let level = this.#levels[0]; level !== undefined; level = this.#levels[0]) {
      const task = level.first(this);
      if (task !== undefined) return task;
      this.#levels.shift();
    }
    return undefined;
  }

  /** The task does not wait any more. Its entry is skipped later. */
  leave(task: BalancedTask): void {
    task.lane = undefined;
    this.size--;
  }

  /** So many of these do not wait any more. */
  leavePart(part: WaitingPart, count: number): void {
    if (part.size === 0) part.lane = undefined;
    this.size -= count;
  }

  /** All of them, in order. */
  *[Symbol.iterator](): Generator<Waiting> {
    for (const level of this.#levels) yield* level.all(this);
  }
}

/** Tasks of one priority. */
class Level {
  readonly priority: number;
  /** Those that came back, the next one last. */
  readonly front: Waiting[] = [];
  /** From `head` on. */
  tasks: Waiting[] = [];
  head = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  /** Drops what has left the lane. */
  first(lane: Lane): Waiting | undefined {
    for (let task = this.front.at(-1); task !== undefined; task = this.front.at(-1)) {
      if (task.lane === lane) return task;
      this.front.pop();
    }
    for (let task = this.tasks[this.head]; task !== undefined; task = this.tasks[this.head]) {
      if (task.lane === lane) return task;
      this.head++;
      if (this.head > 1024 && this.head * 2 > this.tasks.length) {
        this.tasks = this.tasks.slice(this.head);
        this.head = 0;
      }
    }
    return undefined;
  }

  *all(lane: Lane): Generator<Waiting> {
    const seen = new Set<Waiting>();
    for (const task of [...this.front.toReversed(), ...this.tasks.slice(this.head)]) {
      if (task.lane !== lane || seen.has(task)) continue;
      seen.add(task);
      yield task;
    }
  }
}

/** Tasks that others wait for while they block an engine go before their equals. */
function priorityOf({ request }: Waiting): number {
  return (request.priority ?? 0) + (request.nested ? 0.5 : 0);
}

function sizeOf(waiting: Waiting): number {
  return waiting instanceof WaitingPart ? waiting.size : 1;
}

/** Whether one of two tasks at the heads of their lanes goes before the other. */
export function goesBefore(one: Waiting, other: Waiting): boolean {
  const difference = priorityOf(one) - priorityOf(other);
  return difference > 0 || (difference === 0 && one.sequence < other.sequence);
}
