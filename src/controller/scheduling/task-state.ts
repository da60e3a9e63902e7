/** What the scheduler keeps of tasks and engines. */

import type { BalancedRequest } from "../../protocol/balancing.ts";
import type { Speed } from "./durations.ts";
import type { HeapItem } from "./heap.ts";
import type { Candidate } from "./schemes.ts";

export interface TaskState {
  readonly taskId: string;
  /** Set for a load-balanced task; one without is for `engineId` and no other. */
  readonly request: BalancedRequest | undefined;
  /** Where it was sent, or will be; -1 while that is open. */
  engineId: number;
  /**
   * `held`: for other tasks to end; `waiting`: for its turn; `delayed`: before it is run again; `dispatched`: to an
   * engine.
   */
  status: "held" | "waiting" | "delayed" | "dispatched" | "ended";
}

/** More of a load-balanced one. */
export interface BalancedTask extends TaskState, HeapItem {
  readonly request: BalancedRequest;
  /** Its place in time among all: what is submitted first goes first. */
  readonly sequence: number;
  lane: WaitingPlace | undefined;
  /** When it must have started, or is to be run again; the heap of timers goes by it. */
  wakeAt: number;
  deadline: number;
  /** Expected to take so long where it was sent, in milliseconds; `undefined` if nobody knows. */
  estimate: number | undefined;
  /** It was asked for back. */
  recalled: boolean;
  /** It is to be forgotten if it has not started. */
  aborted: boolean;
  timedOut: boolean;
  deaths: number;
  errors: number;
  /** Why the last engine that ran it died. */
  lastDeath: string;
  /** Engines that failed it. */
  avoided: Set<number> | undefined;
  /** Engines where what it depends on does not hold. */
  refused: Set<number> | undefined;
  /** It may run there alone: where the tasks are that it follows. */
  places: ReadonlySet<number> | undefined;
  /** It had better run there. */
  preferred: readonly number[] | undefined;
}

/** The conditions that all tasks of one lane share. */
export interface LaneConditions {
  /** Only these engines. */
  readonly places?: ReadonlySet<number> | undefined;
  readonly resources?: Readonly<Record<string, number>> | undefined;
  readonly avoided?: ReadonlySet<number> | undefined;
  /** An engine that has nothing else to do, and gets nothing else meanwhile. */
  readonly alone: boolean;
  readonly nested: boolean;
}

/** A lane, as the tasks in it know it. */
export interface WaitingPlace {
  readonly conditions: LaneConditions;
}

export interface EngineState extends Candidate {
  readonly engineId: number;
  readonly offered: Readonly<Record<string, number>>;
  readonly free: Record<string, number>;
  /** Tasks for this engine alone, from `head` on; those that were aborted meanwhile are skipped. */
  waiting: TaskState[];
  head: number;
  readonly dispatched: Map<string, TaskState>;
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
    dispatched: new Map(),
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

export function isBalanced(task: TaskState): task is BalancedTask {
  return task.request !== undefined;
}

export function newBalancedTask(taskId: string, request: BalancedRequest, sequence: number, now: number): BalancedTask {
  return {
    taskId,
    request,
    engineId: -1,
    status: "held",
    place: -1,
    sequence,
    lane: undefined,
    wakeAt: Number.POSITIVE_INFINITY,
    deadline: request.timeout === undefined ? Number.POSITIVE_INFINITY : now + request.timeout,
    estimate: undefined,
    recalled: false,
    aborted: false,
    timedOut: false,
    deaths: 0,
    errors: 0,
    lastDeath: "",
    avoided: undefined,
    refused: undefined,
    places: undefined,
    preferred: undefined,
  };
}
