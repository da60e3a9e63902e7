/** What the registry of engines tells its successor, by way of the agents. */

import type { AgentHello } from "../protocol/messages.ts";
import type { RegistryMemory, SetMemory } from "../protocol/reconnection.ts";
import { type EngineSet, makeSet, offered } from "./engine-set.ts";
import { Mailbox } from "./mailbox.ts";
import type { Engine } from "./members.ts";

export function memoryOf(
  sets: Iterable<EngineSet>,
  engines: Iterable<Engine>,
  nextEngineId: number,
  nextSet: number,
): RegistryMemory {
  return {
    nextEngineId,
    nextSet,
    sets: [...sets].map(({ agentUuid: _, restarts: __, restarting: ___, alive, starting, unwanted, ...set }) => ({
      ...set,
      alive: [...alive],
      starting: [...starting],
      unwanted: [...unwanted],
    })),
    engines: [...engines].map(({ engineId, uuid, pid, engineSet, device }) => ({
      engineId,
      uuid,
      pid,
      engineSet,
      device,
    })),
  };
}

/** What an agent that is back has kept: sets, engines, those of them that have ended, and processes that nobody knows. */
export interface Recalled {
  readonly sets: readonly EngineSet[];
  readonly engines: readonly Engine[];
  readonly dead: readonly (readonly [uuid: string, set: EngineSet])[];
  readonly unknown: readonly string[];
}

export function recall(
  { uuid: agentUuid, host }: AgentHello,
  { memory, alive }: NonNullable<AgentHello["back"]>,
): Recalled {
  const sets = memory.sets.map((set) => setFrom(set, agentUuid));
  const engines = memory.engines.map((known): Engine => {
    const set = sets.find(({ name }) => name === known.engineSet);
    return { ...known, agentUuid, host, resources: offered(set, known.device), connection: new Mailbox() };
  });
  const known = sets.flatMap((set) => [...set.alive].map((uuid) => [uuid, set] as const));
  const dead = known.filter(([uuid]) => !alive.includes(uuid));
  const unknown = alive.filter((uuid) => !known.some(([other]) => other === uuid));
  return { sets, engines, dead, unknown };
}

/** The set again; how often its engines were restarted is forgotten. */
function setFrom(memory: SetMemory, agentUuid: string): EngineSet {
  const { name, count, failed, givenUp, alive, starting, unwanted } = memory;
  const set = makeSet(name, agentUuid, count, memory);
  return {
    ...set,
    alive: new Set(alive),
    starting: new Set(starting),
    unwanted: new Set(unwanted),
    failed,
    givenUp,
  };
}
