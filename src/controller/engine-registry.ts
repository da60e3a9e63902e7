/**
 * Which agents, engines and sets of engines there are. An engine is up from its registration until its connection and
 * its process are both gone, so that results that were on their way still count.
 */

import { randomUUID } from "node:crypto";
import type { Connection } from "../channel/connection.ts";
import { EngineError } from "../errors.ts";
import type { AgentHello, ControllerStatus, EngineExited, EngineHello, Message } from "../protocol/messages.ts";
import { DEFAULT_HEARTBEAT, type HeartbeatPolicy } from "../protocol/policies.ts";
import { type EngineSet, makeSet, offered, type SetOptions, spawnOrder } from "./engine-set.ts";
import { Heartbeats } from "./heartbeats.ts";
import type { Agent, Engine, RegistryListener } from "./members.ts";
import { Waiters } from "./waiters.ts";

/** How long after one sign of an engine's end the other is waited for, in milliseconds. */
const SECOND_SIGN_MS = 250;

const AGENT_DIED = "its host agent died";
/** How long an order to start engines waits for a host agent, in milliseconds. */
const AGENT_WAIT_MS = 5_000;

/** How long an agent that was sent away may take to end its engines and itself, in milliseconds. */
const AGENT_STOP_MS = 4_000;

interface Ending {
  reason: string | undefined;
  disconnected: boolean;
  timer: NodeJS.Timeout | undefined;
}

export type { Engine, RegistryListener } from "./members.ts";

export class EngineRegistry {
  readonly #listener: RegistryListener;
  readonly #agents = new Map<string, Agent>();
  readonly #engines = new Map<number, Engine>();
  readonly #idByUuid = new Map<string, number>();
  readonly #endings = new Map<string, Ending>();
  readonly #sets = new Map<string, EngineSet>();
  readonly #waiters = new Waiters();
  #hadAgent = false;
  #nextEngineId = 0;
  #nextSet = 1;
  #expected = 0;
  readonly #heartbeats: Heartbeats;

  constructor(listener: RegistryListener, heartbeat: HeartbeatPolicy = DEFAULT_HEARTBEAT) {
    this.#listener = listener;
    this.#heartbeats = new Heartbeats(heartbeat, (uuid, silence) => {
      this.#loseAgent(uuid, `its host was silent for ${Math.round(silence)} ms and counts as lost`);
    });
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
    this.#heartbeats.heard(hello.uuid);
    this.#changed();
  }

  heartbeat(uuid: string): void {
    if (this.#agents.has(uuid)) this.#heartbeats.heard(uuid);
  }

  /** The agent is gone, and its engines end with it. */
  removeAgent(uuid: string, reason: string = AGENT_DIED): void {
    if (!this.#agents.delete(uuid)) return;
    this.#heartbeats.forget(uuid);
    for (const set of this.#sets.values()) {
      if (set.agentUuid !== uuid) continue;
      for (const engineUuid of [...set.alive]) this.#ended(engineUuid, reason, set);
    }
    for (const engine of this.engines) {
      if (engine.agentUuid === uuid) this.#ended(engine.uuid, reason, undefined);
    }
    this.#changed();
  }

  engineStopped(uuid: string, stopped: boolean): void {
    const engine = this.#byUuid(uuid);
    if (engine !== undefined) this.#listener.engineStopped(engine, stopped);
  }

  /** The engine has nothing left to do and is not wanted any more. */
  retired(engineId: number): void {
    const engine = this.#engines.get(engineId);
    if (engine === undefined) return;
    this.#sets.get(engine.engineSet)?.unwanted.add(engine.uuid);
    this.#agents.get(engine.agentUuid)?.connection.send({ type: "killEngines", uuids: [engine.uuid] });
  }

  /** Tells the host agent of an engine something about it. */
  tellAgent({ agentUuid }: Engine, message: Message): void {
    this.#agents.get(agentUuid)?.connection.send(message);
  }

  /** What an engine was started with. */
  optionsOf({ engineSet }: Engine): SetOptions {
    return this.#sets.get(engineSet) ?? { env: {} };
  }

  /** Resolves once none of the engines is there any more. */
  gone(engineIds: readonly number[]): Promise<void> {
    return this.#waiters.until(() => !engineIds.some((engineId) => this.#engines.has(engineId)));
  }

  /** Gives a new engine its id: ascending, never used again. */
  addEngine(hello: EngineHello, connection: Connection): Engine {
    const host = this.#agents.get(hello.agentUuid)?.host ?? "";
    const engineId = this.#nextEngineId++;
    const { uuid, pid, engineSet, agentUuid, device } = hello;
    const resources = offered(this.#sets.get(engineSet), device);
    const engine: Engine = { engineId, uuid, pid, engineSet, agentUuid, host, device, connection, resources };
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
  async start(count: number, options: SetOptions, name: string = `set-${this.#nextSet++}`): Promise<string> {
    const agent = await this.#anAgent();
    const set = makeSet(name, agent.uuid, count, options);
    this.#sets.set(name, set);
    agent.connection.send(spawnOrder(set, [...set.alive]));
    this.#changed();
    return name;
  }

  /** Stops the engines of a set, or of all; done when their processes have ended. */
  async stop(name?: string): Promise<void> {
    const sets = this.#named(name);
    for (const set of sets) {
      for (const uuid of set.alive) set.unwanted.add(uuid);
      this.#agents.get(set.agentUuid)?.connection.send({ type: "killEngines", uuids: [...set.alive] });
    }
    await this.#waiters.until(() => sets.every((set) => set.alive.size === 0));
  }

  /** Stops the engines of a set, or of all, and starts as many; done when the new ones have registered. */
  async restart(name?: string): Promise<void> {
    const sets = this.#named(name).filter((set) => set.alive.size > 0 || name !== undefined);
    for (const set of sets) set.restarting = true;
    await Promise.all(sets.map((set) => this.stop(set.name)));
    await this.started(await Promise.all(sets.map((set) => this.start(set.count, set, set.name))));
  }

  /** Resolves once the engines of new sets have registered. @throws EngineError when they cannot be started. */
  async started(names: readonly string[]): Promise<void> {
    const started = names.map((name) => this.#sets.get(name) as EngineSet);
    await this.#waiters.until(() => started.every((set) => set.starting.size === 0));
    const failed = started.find((set) => set.failed !== undefined);
    if (failed !== undefined) throw new EngineError(`engine set ${failed.name} could not be started: ${failed.failed}`);
  }

  signal(signal: string | number, name?: string): void {
    for (const set of this.#named(name)) {
      this.#agents.get(set.agentUuid)?.connection.send({ type: "signalEngines", uuids: [...set.alive], signal });
    }
  }

  /** Sends every agent away; done when they are gone, or do not answer for too long. */
  async stopAgents(): Promise<void> {
    for (const set of this.#sets.values()) set.restarts = undefined;
    for (const agent of this.#agents.values()) agent.connection.send({ type: "stopAgent" });
    await this.#waiters.untilLimited(() => this.#agents.size === 0, AGENT_STOP_MS);
  }

  /** The first agent, which may still be on its way when the cluster has just been started. */
  async #anAgent(): Promise<Agent> {
    if (!this.#hadAgent) await this.#waiters.untilLimited(() => this.#agents.size > 0, AGENT_WAIT_MS);
    const [agent] = this.#agents.values();
    if (agent === undefined) throw new EngineError("no host agent is connected: engines cannot be started");
    return agent;
  }

  #named(name: string | undefined): EngineSet[] {
    if (name === undefined) return [...this.#sets.values()];
    const set = this.#sets.get(name);
    if (set === undefined) {
      const known = [...this.#sets.keys()].map((id) => `"${id}"`).join(", ") || "none";
      throw new RangeError(`there is no engine set "${name}"; there are: ${known}`);
    }
    return [set];
  }

  /** One of the two signs that an engine has ended; the other is waited for, but not for long. */
  #sign(uuid: string, sign: { readonly reason?: string; readonly disconnected?: boolean }): void {
    const engine = this.#byUuid(uuid);
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
    const engine = this.#byUuid(uuid);
    const wasStarting = set?.starting.delete(uuid) ?? false;
    const wasAlive = set?.alive.delete(uuid) ?? false;
    // Ordered first, so that tasks wait for the new one.
    const replaced = wasAlive && set !== undefined && this.#replace(uuid, reason, set);
    if (engine !== undefined) {
      this.#engines.delete(engine.engineId);
      this.#idByUuid.delete(uuid);
      engine.connection.destroy();
      this.#listener.engineDown(engine, reason);
    }
    if (wasAlive && set !== undefined && !replaced) {
      if (wasStarting) set.failed = set.givenUp ?? reason;
      if (set.alive.size === 0 && !set.restarting) this.#listener.engineSetStopped(set.name, set.givenUp ?? reason);
    }
    this.#changed();
  }

  /** Whether another engine is started in place of one that ended unasked. */
  #replace(uuid: string, reason: string, set: EngineSet): boolean {
    const isWanted = !set.unwanted.delete(uuid) && !set.restarting && set.givenUp === undefined;
    const agent = this.#agents.get(set.agentUuid);
    if (!isWanted || set.restarts === undefined || agent === undefined) return false;
    const pause = set.restarts.next(performance.now());
    if (pause === undefined) {
      set.givenUp = set.restarts.describe(reason);
      set.failed = set.givenUp;
      return false;
    }
    const next = randomUUID();
    set.alive.add(next);
    set.starting.add(next);
    this.#changed();
    setTimeout(() => {
      if (set.unwanted.has(next)) this.#ended(next, "it was stopped before it was started", set);
      else agent.connection.send(spawnOrder(set, [next]));
    }, pause).unref();
    return true;
  }

  #byUuid(uuid: string): Engine | undefined {
    const engineId = this.#idByUuid.get(uuid);
    return engineId === undefined ? undefined : this.#engines.get(engineId);
  }

  #loseAgent(uuid: string, reason: string): void {
    const agent = this.#agents.get(uuid);
    this.removeAgent(uuid, reason);
    agent?.connection.destroy();
  }

  #changed(): void {
    const each = [...this.#sets.values()].map(({ restarting, count, starting }) =>
      restarting ? count : starting.size,
    );
    const expected = each.reduce((sum, count) => sum + count, 0);
    if (expected !== this.#expected) {
      this.#expected = expected;
      this.#listener.enginesExpected(expected);
    }
    this.#waiters.changed();
  }
}
