/** Tasks for one engine each: in the order of submission, so many at the engine at once, the rest in its queue here. */

import type { EngineState, TaskState } from "./task-state.ts";

/** Dispatches to the engine what waits for it, while it has room for such tasks. */
export function fillDirect(
  engine: EngineState,
  window: number,
  dispatch: (task: TaskState, engine: EngineState) => void,
): void {
  while (engine.direct < window && engine.head < engine.waiting.length) {
    const task = engine.waiting[engine.head++] as TaskState;
    if (task.status === "waiting") dispatch(task, engine);
  }
  // Drop the part of the list that has been used, once it outweighs the rest.
  if (engine.head > 1024 && engine.head * 2 > engine.waiting.length) {
    engine.waiting = engine.waiting.slice(engine.head);
    engine.head = 0;
  }
}

/** The tasks that wait for the engine alone. */
export function directWaiting(engine: EngineState): TaskState[] {
  return engine.waiting.slice(engine.head).filter((task) => task.status === "waiting");
}
