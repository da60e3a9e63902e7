/**
 * Which agents, engines and sets of engines there are. An engine is up from its registration until its connection and
 * its process are both gone, so that results that were on their way still count.
 */

import { randomUUID } from "node:crypto";
import type { Connection } from "../channel/connection.ts";
import { EngineError } from "../errors.ts";
import type { AgentHello, ControllerStatus, EngineExited, EngineHello, EngineInfo } from "../protocol/messages.ts";

/** How long after one sign of an engine's end the other is waited for, in milliseconds. */
const SECOND_SIGN_MS = 250;

const AGENT_DIED = "its host agent died";
/** How long an order to start engines waits for a host agent, in milliseconds. */
const AGENT_WAIT_MS = 5_000;

/** How long an agent that was sent away may take to end its engines and itself, in milliseconds. */
const AGENT_STOP_MS = 4_000;

interface Agent {
  readonly uuid: string;
  readonly pid: number;
  readonly host: string;
  readonly connection: Connection;
}

export interface Engine extends EngineInfo {
  readonly agentUuid: string;
  readonly connection: Connection;
}

interface EngineSet {
  readonly name: string;
  readonly agentUuid: string;
  readonly env: Record<string, string>;
  readonly count: number;
  /** Processes that were started and have not ended. */
  readonly alive: Set<string>;
  /** Those of them that have not registered yet. */
  readonly starting: Set<string>;
  restarting: boolean;
  failed: string | undefined;
}

interface Ending {
  reason: string | undefined;
  disconnected: boolean;
  timer: NodeJS.Timeout | undefined;
}

export interface RegistryListener {
  engineUp(engine: Engine): void;
  engineDown(engine: Engine, reason: string): void;
  engineSetStopped(engineSet: string, reason: string): void;
}

export class EngineRegistry {
  readonly #listener: RegistryListener;
  readonly #agents = new Map<string, Agent>();
  readonly #engines = new Map<number, Engine>();
  readonly #idByUuid = new Map<string, number>();
  readonly #endings = new Map<string, Ending>();
  readonly #sets = new Map<string, EngineSet>();
  readonly #waiters = new Set<() => void>();
  #hadAgent = false;
  #nextEngineId = 0;
  #nextSet = 1;

  constructor(listener: RegistryListener) {
    this.#listener = listener;
  }

  get engines(): readonly Engine[] {
    return [...this.#engines.values()];
  }

  engine(engineId: number): Engine | undefined {
    return this.#engines.get(engineId);
  }

  get agents(): readonly Omit<Agent, "connection">[] {
    return [...this.#agents.values()];
  }

  get engineSets(): ControllerStatus["engineSets"] {
    return [...this.#sets.values()].map(({ name, alive, failed }) => ({ engineSet: name, count: alive.size, failed }));
  }

  addAgent(hello: AgentHello, connection: Connection): void {
    this.#hadAgent = true;
    this.#agents.set(hello.uuid, { uuid: hello.uuid, pid: hello.pid, host: hello.host, connection });
    this.#changed();
  }

  /** The agent is gone, and its engines end with it. */
  removeAgent(uuid: string): void {
    this.#agents.delete(uuid);
    for (const set of this.#sets.values()) {
      if (set.agentUuid !== uuid) continue;
      for (const engineUuid of [...set.alive]) this.#ended(engineUuid, AGENT_DIED, set);
    }
    for (const engine of this.engines) {
      if (engine.agentUuid === uuid) this.#ended(engine.uuid, AGENT_DIED, undefined);
    }
    this.#changed();
  }

  /** Gives a new engine its id: ascending, never used again. */
  addEngine(hello: EngineHello, connection: Connection): Engine {
    const host = this.#agents.get(hello.agentUuid)?.host ?? "";
    const engineId = this.#nextEngineId++;
    const { uuid, pid, engineSet, agentUuid } = hello;
    const engine: Engine = { engineId, uuid, pid, engineSet, agentUuid, host, connection };
    this.#engines.set(engineId, engine);
    this.#idByUuid.set(uuid, engineId);
    this.#sets.get(engineSet)?.starting.delete(uuid);
    this.#listener.engineUp(engine);
    this.#changed();
    return engine;
  }

  engineDisconnected(uuid: string): void {
    this.#sign(uuid, { disconnected: true });
  }

  engineExited({ uuid, engineSet, reason }: EngineExited): void {
    const set = this.#sets.get(engineSet);
    if (this.#idByUuid.has(uuid)) this.#sign(uuid, { reason });
    else if (set !== undefined) this.#ended(uuid, reason, set);
  }

  /**
   * Starts processes on an agent; they register later.
   * @throws EngineError when no agent comes.
   */
  async start(count: number, env: Record<string, string>, name: string = `set-${this.#nextSet++}`): Promise<string> {
    const agent = await this.#anAgent();
    const uuids = Array.from({ length: count }, () => randomUUID());
    this.#sets.set(name, {
      name,
      agentUuid: agent.uuid,
      env,
      count,
      alive: new Set(uuids),
      starting: new Set(uuids),
      restarting: false,
      failed: undefined,
    });
    agent.connection.send({ type: "spawnEngines", engineSet: name, uuids, env });
    return name;
  }

  /** Stops the engines of a set, or of all; done when their processes have ended. */
  async stop(name?: string): Promise<void> {
    const sets = this.#named(name);
    for (const set of sets)
      this.#agents.get(set.agentUuid)?.connection.send({ type: "killEngines", uuids: [...set.alive] });
    await this.#until(() => sets.every((set) => set.alive.size === 0));
  }

  /** Stops the engines of a set, or of all, and starts as many; done when the new ones have registered. */
  async restart(name?: string): Promise<void> {
    const sets = this.#named(name).filter((set) => set.alive.size > 0 || name !== undefined);
    for (const set of sets) set.restarting = true;
    await Promise.all(sets.map((set) => this.stop(set.name)));
    await Promise.all(sets.map((set) => this.start(set.count, set.env, set.name)));
    const started = sets.map((set) => this.#sets.get(set.name) as EngineSet);
    await this.#until(() => started.every((set) => set.starting.size === 0));
    const failed = started.find((set) => set.failed !== undefined);
    if (failed !== undefined)
      throw new EngineError(`engine set ${failed.name} could not be restarted: ${failed.failed}`);
  }

  signal(signal: string | number, name?: string): void {
    for (const set of this.#named(name)) {
      this.#agents.get(set.agentUuid)?.connection.send({ type: "signalEngines", uuids: [...set.alive], signal });
    }
  }

  /** Sends every agent away; done when they are gone, or do not answer for too long. */
  async stopAgents(): Promise<void> {
    for (const agent of this.#agents.values()) agent.connection.send({ type: "stopAgent" });
    await this.#untilLimited(() => this.#agents.size === 0, AGENT_STOP_MS);
  }

  /** The first agent, which may still be on its way when the cluster has just been started. */
  async #anAgent(): Promise<Agent> {
    if (!this.#hadAgent) await this.#untilLimited(() => this.#agents.size > 0, AGENT_WAIT_MS);
    const [agent] = this.#agents.values();
    if (agent === undefined) throw new EngineError("no host agent is connected: engines cannot be started");
    return agent;
  }

  #named(name: string | undefined): EngineSet[] {
    if (name === undefined) return [...this.#sets.values()];
    const set = this.#sets.get(name);
    if (set === undefined) {
      const known = [...this.#sets.keys()].map((known) => `"${known}"`).join(", ") || "none";
      throw new RangeError(`there is no engine set "${name}"; there are: ${known}`);
    }
    return [set];
  }

  /** One of the two signs that an engine has ended; the other is waited for, but not for long. */
  #sign(uuid: string, sign: { readonly reason?: string; readonly disconnected?: boolean }): void {
    const engineId = this.#idByUuid.get(uuid);
    const engine = engineId === undefined ? undefined : this.#engines.get(engineId);
    if (engine === undefined) return;
    const ending: Ending = this.#endings.get(uuid) ?? { reason: undefined, disconnected: false, timer: undefined };
    this.#endings.set(uuid, ending);
    ending.reason ??= sign.reason;
    ending.disconnected ||= sign.disconnected ?? false;
    const finish = (): void => {
      this.#ended(uuid, ending.reason ?? "its connection was lost", this.#sets.get(engine.engineSet));
    };
    if ((ending.disconnected && ending.reason !== undefined) || !this.#agents.has(engine.agentUuid)) finish();
    else ending.timer ??= setTimeout(finish, SECOND_SIGN_MS);
  }

  #ended(uuid: string, reason: string, set: EngineSet | undefined): void {
    clearTimeout(this.#endings.get(uuid)?.timer);
    this.#endings.delete(uuid);
    const engineId = this.#idByUuid.get(uuid);
    const engine = engineId === undefined ? undefined : this.#engines.get(engineId);
    if (engine !== undefined) {
      this.#engines.delete(engine.engineId);
      this.#idByUuid.delete(uuid);
      engine.connection.destroy();
      this.#listener.engineDown(engine, reason);
    }
    if (set?.alive.delete(uuid)) {
      if (set.starting.delete(uuid)) set.failed = reason;
      if (set.alive.size === 0 && !set.restarting) this.#listener.engineSetStopped(set.name, reason);
    }
    this.#changed();
  }

  #changed(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** {@link #until}, but no longer than `limit` milliseconds. */
  async #untilLimited(condition: () => boolean, limit: number): Promise<void> {
    let tooLate = false;
    const timer = setTimeout(() => {
      tooLate = true;
      this.#changed();
    }, limit);
    await this.#until(() => condition() || tooLate);
    clearTimeout(timer);
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }
}
