/** The host agents that are connected. */

import { EngineError } from "../errors.ts";
import type { Message } from "../protocol/messages.ts";
import type { Agent } from "./members.ts";
import type { Waiters } from "./waiters.ts";

/** How long an order to start engines waits for a host agent, in milliseconds. */
const WAIT_MS = 5_000;
/** How long an agent that was sent away may take to end its engines and itself, in milliseconds. */
const STOP_MS = 4_000;

export class Agents {
  readonly #agents = new Map<string, Agent>();
  readonly #waiters: Waiters;
  /** Whether there was one, ever. */
  hadAny = false;

  constructor(waiters: Waiters) {
    this.#waiters = waiters;
  }

  get all(): readonly Agent[] {
    return [...this.#agents.values()];
  }

  has(uuid: string): boolean {
    return this.#agents.has(uuid);
  }

  get(uuid: string): Agent | undefined {
    return this.#agents.get(uuid);
  }

  add(agent: Agent): void {
    this.hadAny = true;
    this.#agents.set(agent.uuid, agent);
  }

  delete(uuid: string): boolean {
    return this.#agents.delete(uuid);
  }

  tell(message: Message): void {
    for (const { connection } of this.all) connection.send(message);
  }

  /** The first one, which may still be on its way when the cluster has just been started. @throws EngineError */
  async any(): Promise<Agent> {
    if (!this.hadAny) await this.#waiters.untilLimited(() => this.#agents.size > 0, WAIT_MS);
    const [agent] = this.all;
    if (agent === undefined) throw new EngineError("no host agent is connected: engines cannot be started");
    return agent;
  }

  /** Sends all away; done when they are gone, or do not answer for too long. */
  async stop(): Promise<void> {
    this.tell({ type: "stopAgent" });
    await this.#waiters.untilLimited(() => this.#agents.size === 0, STOP_MS);
  }
}
