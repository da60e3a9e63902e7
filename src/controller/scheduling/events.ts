/** What the scheduler hears and what it orders: the whole of its interface, without logic. Times are milliseconds. */

import type { BalancedRequest } from "../../protocol/balancing.ts";
import type { TaskGroup } from "../task-groups.ts";

export type SchedulerEvent =
  | {
      readonly type: "engineUp";
      readonly engineId: number;
      readonly resources?: Readonly<Record<string, number>>;
      /** How many tasks it has completed for an earlier controller. */
      readonly completed?: number;
    }
  | { readonly type: "engineDown"; readonly engineId: number; readonly reason: string }
  /** Engines are on their way, so many; as long as there are some, tasks that nobody can run wait for them. */
  | { readonly type: "expect"; readonly engines: number }
  /** The engine gets nothing more until it is resumed: its process is stopped. */
  | { readonly type: "suspend" | "resume"; readonly engineId: number }
  /** The engine finishes what it has and takes nothing new. */
  | { readonly type: "retire"; readonly engineId: number }
  /** A task for one engine. */
  | { readonly type: "submit"; readonly taskId: string; readonly engineId: number }
  /** A task for whichever engine fits. */
  | { readonly type: "submitBalanced"; readonly taskId: string; readonly request: BalancedRequest }
  /** Tasks for one engine each, or for whichever fits, that are alike and were not known before. */
  | { readonly type: "submitRun"; readonly group: TaskGroup; readonly engineIds: ArrayLike<number> }
  | { readonly type: "submitBalancedRun"; readonly group: TaskGroup; readonly request: BalancedRequest }
  /** A task that an earlier controller had: it is known, and waits to be adopted or released. */
  | {
      readonly type: "restore";
      readonly taskId: string;
      readonly engineId: number;
      readonly request?: BalancedRequest | undefined;
      readonly failures?: Failures | undefined;
    }
  /** It is at that engine. */
  | { readonly type: "adopt"; readonly taskId: string; readonly engineId: number }
  /** It is nowhere, and goes its way from the beginning. */
  | { readonly type: "release"; readonly taskId: string }
  /** A task that an earlier controller had has ended: others may depend on it. */
  | { readonly type: "ended"; readonly taskId: string; readonly succeeded: boolean; readonly engineId: number }
  | {
      readonly type: "finish";
      readonly taskId: string;
      /** `unmet`: the engine refused the task, because what it depends on does not hold there. Default: `ok`. */
      readonly status?: "ok" | "error" | "aborted" | "unmet";
      /** What the engine says it took. */
      readonly duration?: number | undefined;
    }
  /**
   * The engine has done these tasks well, which took it so long each. Those that are not settled by it need a `finish` each:
   * they go their way by themselves, if they are there at all.
   */
  | {
      readonly type: "finishRun";
      readonly engineId: number;
      readonly prefix: string;
      readonly ids: ArrayLike<number>;
      readonly durations: ArrayLike<number>;
    }
  /** The engine's answer to an order to give tasks back: those that had not started, and those that it keeps. */
  | { readonly type: "recalled"; readonly taskIds: readonly string[]; readonly kept: readonly string[] }
  /** Tasks of the engine that wait for tasks of their own, and leave it free meanwhile; all of them. */
  | { readonly type: "waiting"; readonly engineId: number; readonly taskIds: readonly string[] }
  | { readonly type: "abort"; readonly taskId: string }
  /** Time has passed: see `Scheduler.wakeAt`. */
  | { readonly type: "tick" };

/** How often a task has been run in vain. */
export interface Failures {
  readonly errors: number;
  readonly deaths: number;
}

/** Why a task will not run. `own`: it did, and failed; what it failed with counts. */
export type Failure = "engine" | "impossible" | "invalid" | "timeout" | "own";

export type Instruction =
  /** Send the task to its engine. */
  | { readonly type: "dispatch"; readonly taskId: string; readonly engineId: number }
  /** Send these tasks of a group. */
  | {
      readonly type: "dispatchRun";
      readonly group: TaskGroup;
      readonly places: Int32Array;
      readonly engineId: number;
    }
  /** The outcome that the engine told is the task's: tell its client. */
  | { readonly type: "settle"; readonly taskId: string; readonly engineId: number }
  /** Likewise, for tasks of a group: a `finishRun` named them, one after another, from its place `at` on. */
  | {
      readonly type: "settleRun";
      readonly group: TaskGroup;
      readonly places: Int32Array;
      readonly at: number;
      readonly engineId: number;
    }
  /** The task will not run: tell its client. */
  | {
      readonly type: "fail";
      readonly taskId: string;
      readonly engineId: number;
      readonly failure: Failure;
      readonly reason: string;
    }
  /** The task was still waiting here and is forgotten: tell its client. */
  | { readonly type: "aborted"; readonly taskId: string; readonly engineId: number }
  /** The task is at its engine: ask the engine to forget it, if it has not started it. */
  | { readonly type: "recall"; readonly taskId: string; readonly engineId: number }
  /** Ask the engine to give those of the tasks back that it has not started: they may run elsewhere. */
  | { readonly type: "takeBack"; readonly taskIds: readonly string[]; readonly engineId: number }
  /** The engine that was to retire has nothing left to do. */
  | { readonly type: "retired"; readonly engineId: number };

export interface EngineQueue {
  readonly engineId: number;
  readonly waiting: readonly string[];
  /** Sent to the engine and not answered, in the order of sending. */
  readonly dispatched: readonly string[];
  readonly completed: number;
}
