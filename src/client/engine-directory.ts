/** The engines that are registered now, and waiting for them. */

import { EngineError } from "../errors.ts";
import type { EngineDown, EngineInfo, Message } from "../protocol/messages.ts";
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

  /** Takes what the controller tells of engines. */
  message(message: Message): void {
    if (message.type === "engineUp") this.#up(message.engine);
    else if (message.type === "engineDown") this.#down(message);
    else if (message.type === "engineSetStopped") {
      this.#events.emit("engineSetStopped", { engineSet: message.engineSet, reason: message.reason });
    }
  }

  /** What was there when the client came, or came back; others may come back, too, while the controller recovers. */
  welcome(engines: readonly EngineInfo[], isRecovering: boolean): void {
    const isFirst = this.#engines.size === 0;
    for (const engine of engines) {
      if (isFirst) this.#engines.set(engine.engineId, engine);
      else this.#up(engine);
    }
    const present = new Set(engines.map(({ uuid }) => uuid));
    for (const { engineId, uuid } of [...this.#engines.values()]) {
      if (isRecovering || present.has(uuid)) continue;
      this.#down({ engineId, uuid, reason: "it did not come back after the controller was restarted" });
    }
  }

  #up(engine: EngineInfo): void {
    if (this.#engines.get(engine.engineId)?.uuid === engine.uuid) return;
    this.#engines.set(engine.engineId, engine);
    this.#events.emit("engineUp", { engineId: engine.engineId, uuid: engine.uuid });
    this.#changed();
  }

  #down({ engineId, uuid, reason }: Omit<EngineDown, "type">): void {
    this.#engines.delete(engineId);
    this.#events.emit("engineDown", { engineId, uuid, reason });
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
