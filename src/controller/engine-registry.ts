/**
 * Which agents, engines and sets of engines there are. An engine is up from its registration until its connection and
 * its process are both gone, so that results that were on their way still count.
 */

import type { Connection } from "../channel/connection.ts";
import { EngineError } from "../errors.ts";
import type { AgentHello, ControllerStatus, EngineExited, EngineHello, Message } from "../protocol/messages.ts";
import { DEFAULT_HEARTBEAT, type HeartbeatPolicy } from "../protocol/policies.ts";
import type { RegistryMemory } from "../protocol/reconnection.ts";
import { Agents } from "./agents.ts";
import { type EndSign, EndSigns } from "./end-signs.ts";
import {
  type EngineSet,
  expectedOf,
  makeSet,
  named,
  offered,
  type SetOptions,
  spawnOrder,
  successorOf,
} from "./engine-set.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Mailbox } from "./mailbox.ts";
import type { Agent, Engine, RegistryListener } from "./members.ts";
import { memoryOf, recall } from "./registry-memory.ts";
import { Waiters } from "./waiters.ts";

export type { Engine, RegistryListener } from "./members.ts";

export class EngineRegistry {
  readonly #listener: RegistryListener;
  readonly #engines = new Map<number, Engine>();
  readonly #idByUuid = new Map<string, number>();
  readonly #signs = new EndSigns((uuid, reason) => {
    this.#ended(uuid, reason, this.#sets.get(this.#byUuid(uuid)?.engineSet ?? ""));
  });
  readonly #sets = new Map<string, EngineSet>();
  readonly #waiters = new Waiters();
  readonly #agents = new Agents(this.#waiters);
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
    return this.#agents.all;
  }

  get engineSets(): ControllerStatus["engineSets"] {
    return [...this.#sets.values()].map(({ name, alive, failed }) => ({ engineSet: name, count: alive.size, failed }));
  }

  addAgent(hello: AgentHello, connection: Connection): void {
    const isFirst = !this.#agents.hadAny;
    this.#agents.add({ uuid: hello.uuid, pid: hello.pid, host: hello.host, connection });
    this.#heartbeats.heard(hello.uuid);
    if (isFirst) this.#takeUp(hello);
    this.#changed();
  }

  /** What the next controller must know. */
  get memory(): RegistryMemory {
    return memoryOf(this.#sets.values(), this.engines, this.#nextEngineId, this.#nextSet);
  }

  /** What an earlier controller knew: its engines are there, though they are not back yet. */
  #takeUp(hello: AgentHello): void {
    if (hello.back === undefined) return;
    ({ nextEngineId: this.#nextEngineId, nextSet: this.#nextSet } = hello.back.memory);
    const { sets, engines, dead, unknown } = recall(hello, hello.back);
    for (const set of sets) this.#sets.set(set.name, set);
    for (const engine of engines) {
      this.#engines.set(engine.engineId, engine);
      this.#idByUuid.set(engine.uuid, engine.engineId);
    }
    this.#listener.enginesKnown(engines);
    for (const [uuid, set] of dead) this.#ended(uuid, "its process ended while the controller was away", set);
    this.#agents.get(hello.uuid)?.connection.send({ type: "killEngines", uuids: unknown });
  }

  /** An engine of an earlier controller is back. `undefined` if it is not known: its agent may not be back yet. */
  addAgain({ uuid }: EngineHello, connection: Connection): { engine: Engine; mailbox: Mailbox } | undefined {
    const known = this.#byUuid(uuid);
    if (known === undefined || !(known.connection instanceof Mailbox)) return undefined;
    const engine: Engine = { ...known, connection };
    this.#engines.set(engine.engineId, engine);
    return { engine, mailbox: known.connection };
  }

  get hadAgent(): boolean {
    return this.#agents.hadAny;
  }

  heartbeat(uuid: string): void {
    if (this.#agents.has(uuid)) this.#heartbeats.heard(uuid);
  }

  /** The agent is gone, and its engines end with it. */
  removeAgent(uuid: string, reason = "its host agent died"): void {
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
    this.#changed();
  }

  tellAgents(message: Message): void {
    this.#agents.tell(message);
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
    const agent = await this.#agents.any();
    const set = makeSet(name, agent.uuid, count, options);
    this.#sets.set(name, set);
    agent.connection.send(spawnOrder(set, [...set.alive]));
    this.#changed();
    return name;
  }

  /** Stops the engines of a set, or of all; done when their processes have ended. */
  async stop(name?: string): Promise<void> {
    const sets = named(this.#sets, name);
    for (const set of sets) {
      for (const uuid of set.alive) set.unwanted.add(uuid);
      this.#agents.get(set.agentUuid)?.connection.send({ type: "killEngines", uuids: [...set.alive] });
    }
    this.#changed();
    await this.#waiters.until(() => sets.every((set) => set.alive.size === 0));
  }

  /** Stops the engines of a set, or of all, and starts as many; done when the new ones have registered. */
  async restart(name?: string): Promise<void> {
    const sets = named(this.#sets, name).filter((set) => set.alive.size > 0 || name !== undefined);
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
    for (const set of named(this.#sets, name)) {
      this.#agents.get(set.agentUuid)?.connection.send({ type: "signalEngines", uuids: [...set.alive], signal });
    }
  }

  /** Sends every agent away; done when they are gone, or do not answer for too long. */
  async stopAgents(): Promise<void> {
    for (const set of this.#sets.values()) set.restarts = undefined;
    await this.#agents.stop();
  }

  #sign(uuid: string, sign: EndSign): void {
    const engine = this.#byUuid(uuid);
    if (engine === undefined) return;
    // Of an engine that is not back after a restart there is no connection to lose.
    const isLast = !this.#agents.has(engine.agentUuid) || engine.connection instanceof Mailbox;
    this.#signs.sign(uuid, sign, isLast);
  }

  #ended(uuid: string, reason: string, set: EngineSet | undefined): void {
    this.#signs.forget(uuid);
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
    const agent = this.#agents.get(set.agentUuid);
    const successor = agent && successorOf(set, uuid, reason);
    if (agent === undefined || successor === undefined) return false;
    this.#changed();
    setTimeout(() => {
      const { next } = successor;
      if (set.unwanted.has(next)) this.#ended(next, "it was stopped before it was started", set);
      else agent.connection.send(spawnOrder(set, [next]));
    }, successor.pause).unref();
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
    const expected = expectedOf(this.#sets.values());
    if (expected !== this.#expected) {
      this.#expected = expected;
      this.#listener.enginesExpected(expected);
    }
    this.#listener.changed();
    this.#waiters.changed();
  }
}
