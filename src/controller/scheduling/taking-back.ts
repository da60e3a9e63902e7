/**
 * Work that an engine holds and has not started is taken back for one that has nothing to do: half of it, if it is worth
 * the way, or all of it if it is stuck behind a task that takes longer than anyone expected.
 */

import type { Held } from "./dispatched.ts";
import type { EngineBoard } from "./engine-board.ts";
import { activeTasks, type EngineState } from "./engine-state.ts";
import { type BalancedTask, isBalanced } from "./task-state.ts";

/** Less expected work than this is not worth the way, in milliseconds. */
const WORTH_MS = 2;
/** An engine that has finished nothing for so long is stuck, in milliseconds. */
const STUCK_MS = 10;
/** How many engines are looked at for one that has nothing to do. */
const LOOKED_AT = 16;

/** What to ask back of whom. Empty when nothing is to be gained now. */
export function tasksToTakeBack(board: EngineBoard, now: number): [engine: EngineState, tasks: Held[]][] {
  if (board.withMore.size === 0 || !hasIdle(board)) return [];
  let looked = 0;
  let most: [EngineState, Held[]] | undefined;
  let mostWork = WORTH_MS;
  const stuck: [EngineState, Held[]][] = [];
  for (const engine of board.withMore) {
    if (++looked > LOOKED_AT) break;
    const isStuck = now - engine.progressAt >= STUCK_MS;
    // What has not begun is less than all.
    if (!isStuck && engine.work <= mostWork) continue;
    const held = notStarted(engine);
    if (held.length === 0) continue;
    if (isStuck) {
      engine.stuck = true;
      board.update(engine);
      stuck.push([engine, held]);
      continue;
    }
    const work = held.reduce((sum, each) => sum + (estimateOf(each) ?? 0), 0);
    if (work > mostWork) [most, mostWork] = [[engine, held.slice(Math.floor(held.length / 2))], work];
  }
  return stuck.length > 0 ? stuck : most === undefined ? [] : [most];
}

function hasIdle({ pool }: EngineBoard): boolean {
  let looked = 0;
  for (const engine of pool) {
    if (activeTasks(engine) === 0) return true;
    if (++looked > LOOKED_AT) return false;
  }
  return false;
}

/** All that was sent after the task that the engine runs, if it was not asked for already. */
function notStarted(engine: EngineState): Held[] {
  const active = engine.dispatched.all().filter((held) => !("task" in held) || !engine.suspended.has(held.task.taskId));
  return active.slice(1).filter((held) => {
    if (!("task" in held)) return held.run.request !== undefined;
    return isBalanced(held.task) && !held.task.recalled;
  });
}

function estimateOf(held: Held): number | undefined {
  return "task" in held ? (held.task as BalancedTask).estimate : held.estimate;
}
