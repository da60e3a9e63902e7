/** The engines that are registered now, and waiting for them. */

import { EngineError } from "../errors.ts";
import type { EngineInfo, Message } from "../protocol/messages.ts";
import type { ControllerLink } from "./controller-link.ts";
import type { TypedEvents } from "./events.ts";
import { type Wait, within } from "./waiting.ts";

export class EngineDirectory {
  readonly #events: TypedEvents;
  readonly #engines = new Map<number, EngineInfo>();
  readonly #waiters = new Set<() => void>();

  constructor(events: TypedEvents) {
    this.#events = events;
  }

  /** Ids, ascending. */
  get ids(): number[] {
    return [...this.#engines.keys()].sort((a, b) => a - b);
  }

  get engines(): ReadonlyMap<number, EngineInfo> {
    return this.#engines;
  }

  /** What was there when the client came. */
  welcome(engines: readonly EngineInfo[]): void {
    for (const engine of engines) this.#engines.set(engine.engineId, engine);
  }

  /** Takes what the controller tells of engines. */
  message(message: Message): void {
    if (message.type === "engineUp") {
      const { engineId, uuid } = message.engine;
      this.#engines.set(engineId, message.engine);
      this.#events.emit("engineUp", { engineId, uuid });
    } else if (message.type === "engineDown") {
      const { engineId, uuid, reason } = message;
      this.#engines.delete(engineId);
      this.#events.emit("engineDown", { engineId, uuid, reason });
    } else if (message.type === "engineSetStopped") {
      const { engineSet, reason } = message;
      this.#events.emit("engineSetStopped", { engineSet, reason });
      return;
    } else return;
    this.#changed();
  }

  /** The connection is gone, and with it what is known. */
  lost(): void {
    this.#engines.clear();
    this.#changed();
  }

  /** Waits for engines; an engine set that comes to nothing meanwhile ends the wait. */
  async waitFor(count: number, wait: Wait, link: ControllerLink): Promise<void> {
    let stopped: { readonly engineSet: string; readonly reason: string } | undefined;
    const listener = (detail: { engineSet: string; reason: string }): void => {
      stopped = detail;
      this.#changed();
    };
    const condition = (): boolean => {
      if (this.#engines.size >= count) return true;
      if (stopped === undefined) return false;
      const { engineSet, reason } = stopped;
      throw new EngineError(
        `engine set ${engineSet} stopped while waiting for ${count} engines (${this.#engines.size} are there): ${reason}`,
      );
    };
    this.#events.on("engineSetStopped", listener);
    try {
      await this.#until(condition, wait, `waiting for ${count} engines`, link);
    } finally {
      this.#events.off("engineSetStopped", listener);
    }
  }

  /** Resolves once `condition` holds; it is looked at again whenever engines come or go. */
  async #until(condition: () => boolean, wait: Wait, what: string, link: ControllerLink): Promise<void> {
    if (condition()) return;
    link.hold();
    let check: (() => void) | undefined;
    const met = new Promise<void>((resolve, reject) => {
      check = () => {
        try {
          if (condition()) resolve();
          else if (link.ended !== undefined) reject(link.ended);
        } catch (error) {
          reject(error as Error);
        }
      };
      this.#waiters.add(check);
      check();
    });
    try {
      await within(met, wait, what);
    } finally {
      if (check !== undefined) this.#waiters.delete(check);
      link.release();
    }
  }

  #changed(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}
