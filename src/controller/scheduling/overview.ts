/** What the scheduler tells of its tasks and engines when it is asked. */

import { directWaiting } from "./direct-queues.ts";
import type { Held } from "./dispatched.ts";
import type { EngineBoard } from "./engine-board.ts";
import type { EngineQueue, Failures } from "./events.ts";
import type { TaskBook } from "./task-book.ts";
import { type BalancedTask, isBalanced } from "./task-state.ts";

export function queuesOf({ engines }: EngineBoard): EngineQueue[] {
  return [...engines.values()].map((engine) => ({
    engineId: engine.engineId,
    waiting: directWaiting(engine).map(idOf),
    dispatched: engine.dispatched.all().map(idOf),
    completed: engine.completed,
  }));
}

/** In the order of submission. */
export function unassignedOf({ tasks, runs }: TaskBook): string[] {
  const waiting: [sequence: number, taskId: string][] = [];
  for (const task of tasks.values()) {
    if (isBalanced(task) && task.status !== "dispatched") waiting.push([(task as BalancedTask).sequence, task.taskId]);
  }
  for (const { run, place } of runs ?? []) {
    if (run.request !== undefined && run.waits(place)) waiting.push([run.sequence + place, run.idAt(place)]);
  }
  return waiting.sort(([left], [right]) => left - right).map(([, taskId]) => taskId);
}

export function failuresOf({ tasks }: TaskBook, taskId: string): Failures | undefined {
  const task = tasks.get(taskId);
  if (task === undefined || !isBalanced(task) || task.errors + task.deaths === 0) return undefined;
  return { errors: task.errors, deaths: task.deaths };
}

export function unfinishedOf({ tasks, runs }: TaskBook, engineIds: readonly number[] | undefined): string[] {
  const wanted = engineIds === undefined ? undefined : new Set(engineIds);
  const ids: string[] = [];
  for (const [taskId, task] of tasks) {
    const isThere = task.status === "dispatched" || !isBalanced(task);
    if (wanted === undefined || (isThere && wanted.has(task.engineId))) ids.push(taskId);
  }
  for (const { run, place } of runs ?? []) {
    if (wanted === undefined || wanted.has(run.engineId(place))) ids.push(run.idAt(place));
  }
  return ids;
}

function idOf(held: Held): string {
  return "task" in held ? held.task.taskId : held.run.idAt(held.place);
}
