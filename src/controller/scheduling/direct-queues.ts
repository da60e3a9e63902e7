/** Tasks for one engine each: in the order of submission, so many at the engine at once, the rest in its queue here. */

import type { Held } from "./dispatched.ts";
import type { EngineState } from "./engine-state.ts";
import type { Sends } from "./sends.ts";
import { WaitingPart } from "./task-run.ts";
import type { TaskState } from "./task-state.ts";

/** Dispatches to the engine what waits for it, while it has room for such tasks. */
export function fillDirect(engine: EngineState, window: number, send: Sends): void {
  while (engine.direct < window && engine.head < engine.waiting.length) {
    const next = engine.waiting[engine.head] as TaskState | WaitingPart;
    if (next instanceof WaitingPart) {
      const places = next.take(window - engine.direct);
      if (next.size === 0) engine.head++;
      if (places.length > 0) send.piece(next.run, places, engine);
      continue;
    }
    engine.head++;
    if (next.status === "waiting") send.task(next, engine);
  }
  // Drop the part of the list that has been used, once it outweighs the rest.
  if (engine.head > 1024 && engine.head * 2 > engine.waiting.length) {
    engine.waiting = engine.waiting.slice(engine.head);
    engine.head = 0;
  }
}

/** The tasks that wait for the engine alone. */
export function directWaiting(engine: EngineState): Held[] {
  return engine.waiting.slice(engine.head).flatMap((next): Held[] => {
    if (next instanceof WaitingPart) return next.all().map((place) => ({ run: next.run, place }));
    return next.status === "waiting" ? [{ task: next }] : [];
  });
}
