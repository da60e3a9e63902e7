/** The client's typed events. */

import { EventEmitter } from "node:events";

/** What happens in a cluster, by name, with what listeners get. */
export interface ClientEvents {
  /** An engine has registered. */
  engineUp: { readonly engineId: number; readonly uuid: string };
  /** An engine has ended. */
  engineDown: { readonly engineId: number; readonly uuid: string; readonly reason: string };
  /** All engines of a set have ended, or the set could not be started. */
  engineSetStopped: { readonly engineSet: string; readonly reason: string };
  /** The connection to the controller is gone. */
  disconnected: { readonly error: Error };
}

const eventNames: ReadonlySet<string> = new Set<keyof ClientEvents>([
  "engineUp",
  "engineDown",
  "engineSetStopped",
  "disconnected",
]);

/** A typed emitter whose listeners cannot break the library: what one throws surfaces as an uncaught exception of its own. */
export class TypedEvents {
  readonly #emitter: EventEmitter = new EventEmitter().setMaxListeners(0);

  on<E extends keyof ClientEvents>(event: E, listener: (detail: ClientEvents[E]) => void): void {
    checkEvent(event);
    this.#emitter.on(event, listener);
  }

  off<E extends keyof ClientEvents>(event: E, listener: (detail: ClientEvents[E]) => void): void {
    checkEvent(event);
    this.#emitter.off(event, listener);
  }

  emit<E extends keyof ClientEvents>(event: E, detail: ClientEvents[E]): void {
    for (const listener of this.#emitter.listeners(event)) {
      try {
        listener(detail);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

function checkEvent(event: string): void {
  if (eventNames.has(event)) return;
  throw new TypeError(`there is no event "${String(event)}"; events are: ${[...eventNames].join(", ")}`);
}
