/**
 * When a slow engine leaves tasks to faster ones: as soon as all that waits would be done elsewhere before the slow engine
 * were done with a long one. As long as the others do take what waits: they may be busier than anyone can tell.
 */

import type { EngineBoard } from "./engine-board.ts";
import type { EngineState } from "./engine-state.ts";
import type { Lane, Waiting } from "./lanes.ts";

/** Engines that are less than so many times slower than the fastest take what comes. */
const CLEARLY_SLOWER = 2;

/** Whether the engine takes what comes, however much else waits. */
export function isUnrestrained(board: EngineBoard, engine: EngineState): boolean {
  return board.slowness(engine) < CLEARLY_SLOWER;
}

/** Whether the engine, which has room, had better not take the task, the first of its lane. */
export function restrains(
  board: EngineBoard,
  engine: EngineState,
  lane: Lane,
  { request: { kind, units } }: Waiting,
  now: number,
): boolean {
  const slowness = board.slowness(engine);
  if (slowness < CLEARLY_SLOWER || !lane.isOpen || !board.isBusy) return false;
  const mean = board.durations.estimate(kind, units);
  const long = board.durations.pessimistic(kind, units);
  if (mean === undefined || long === undefined) return false;
  const idle = now - Math.max(engine.progressAt, lane.movedAt);
  const others = board.speed - 1 / slowness;
  return idle <= slowness * long && (Math.max(1, lane.size) * mean) / others < slowness * long;
}
