/**
 * When a slow engine leaves the last tasks to faster ones: as soon as all that waits would be done elsewhere before the
 * slow engine were done with one of them. Not for long, though: others may be busier than anyone can tell.
 */

import type { EngineBoard } from "./engine-board.ts";
import type { Lane } from "./lanes.ts";
import type { BalancedTask, EngineState } from "./task-state.ts";

/** Engines that are less than so many times slower than the fastest take what comes. */
const CLEARLY_SLOWER = 2;
/** How many times longer than the longest of late the next task may be: where lengths have a heavy tail, records are broken. */
const CAUTION = 2;

/** Whether the engine, which has room, had better not take the task, the first of its lane. */
export function restrains(
  board: EngineBoard,
  engine: EngineState,
  lane: Lane,
  { request: { kind, units } }: BalancedTask,
  now: number,
): boolean {
  const slowness = board.slowness(engine);
  if (slowness < CLEARLY_SLOWER || !lane.isOpen) return false;
  const mean = board.durations.estimate(kind, units);
  const long = board.durations.pessimistic(kind, units);
  if (mean === undefined || long === undefined || now - engine.progressAt > slowness * long) return false;
  const others = board.speed - 1 / slowness;
  return (Math.max(1, lane.size) * mean) / others < CAUTION * slowness * long;
}
