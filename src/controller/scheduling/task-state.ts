/** What the scheduler keeps of tasks. */

import type { BalancedRequest } from "../../protocol/balancing.ts";
import type { HeapItem } from "./heap.ts";

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
