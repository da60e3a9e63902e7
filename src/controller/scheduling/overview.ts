/** What the scheduler tells of its tasks and engines when it is asked. */

import { directWaiting } from "./direct-queues.ts";
import type { EngineBoard } from "./engine-board.ts";
import type { EngineQueue, Failures } from "./events.ts";
import type { TaskBook } from "./task-book.ts";
import { isBalanced } from "./task-state.ts";

export function queuesOf({ engines }: EngineBoard): EngineQueue[] {
  return [...engines.values()].map((engine) => ({
    engineId: engine.engineId,
    waiting: directWaiting(engine).map((task) => task.taskId),
    dispatched: [...engine.dispatched.keys()],
    completed: engine.completed,
  }));
}

export function unassignedOf({ tasks }: TaskBook): string[] {
  const all = [...tasks.values()];
  return all.filter((task) => isBalanced(task) && task.status !== "dispatched").map((task) => task.taskId);
}

export function failuresOf({ tasks }: TaskBook, taskId: string): Failures | undefined {
  const task = tasks.get(taskId);
  if (task === undefined || !isBalanced(task) || task.errors + task.deaths === 0) return undefined;
  return { errors: task.errors, deaths: task.deaths };
}

export function unfinishedOf({ tasks }: TaskBook, engineIds: readonly number[] | undefined): string[] {
  const wanted = engineIds === undefined ? undefined : new Set(engineIds);
  const ids: string[] = [];
  for (const [taskId, task] of tasks) {
    const isThere = task.status === "dispatched" || !isBalanced(task);
    if (wanted === undefined || (isThere && wanted.has(task.engineId))) ids.push(taskId);
  }
  return ids;
}
