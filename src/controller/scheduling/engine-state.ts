/** What the scheduler keeps of engines. */

import { Dispatched } from "./dispatched.ts";
import type { Speed } from "./durations.ts";
import type { Candidate } from "./schemes.ts";
import type { WaitingPart } from "./task-run.ts";
import type { TaskState } from "./task-state.ts";

export interface EngineState extends Candidate {
  readonly engineId: number;
  readonly offered: Readonly<Record<string, number>>;
  readonly free: Record<string, number>;
  /** Tasks for this engine alone, from `head` on; those that were aborted meanwhile are skipped. */
  waiting: (TaskState | WaitingPart)[];
  head: number;
  readonly dispatched: Dispatched;
  /** How many of the dispatched ones are for this engine alone. */
  direct: number;
  /** Those of the dispatched ones that wait for tasks of their own. */
  suspended: ReadonlySet<string>;
  /** Those of the dispatched ones that wait or have waited: they have begun, whatever is before them. */
  readonly begun: Set<string>;
  /** What the dispatched load-balanced tasks are expected to take, in milliseconds. */
  work: number;
  /** When a task was dispatched to it while idle, or finished, last. */
  progressAt: number;
  load: number;
  lastUsed: number;
  readonly speed: Speed;
  completed: number;
  /** It runs something. */
  busy: boolean;
  /** Nothing new goes there. */
  retiring: boolean;
  stopped: boolean;
  /** It has finished nothing for longer than expected, and what it held was taken back. */
  stuck: boolean;
  /** A task that may kill it runs, or is to run, there alone. */
  reserved: boolean;
}

export function newEngine(engineId: number, offered: Readonly<Record<string, number>>, now: number): EngineState {
  return {
    engineId,
    offered,
    free: { ...offered },
    waiting: [],
    head: 0,
    dispatched: new Dispatched(),
    direct: 0,
    suspended: new Set(),
    begun: new Set(),
    work: 0,
    progressAt: now,
    load: 0,
    lastUsed: 0,
    place: -1,
    speed: { count: 0, rank: 0.5, logSlowness: 0, slowness: 1 },
    completed: 0,
    busy: false,
    retiring: false,
    stopped: false,
    stuck: false,
    reserved: false,
  };
}

/** How many tasks keep the engine busy: those that were sent to it and do not wait for others. */
export function activeTasks(engine: EngineState): number {
  return engine.dispatched.size - engine.suspended.size;
}
