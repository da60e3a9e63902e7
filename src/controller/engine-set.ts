/** A set of engines that were started together: what they were started with, and which of them are there. */

import { randomUUID } from "node:crypto";
import type { SpawnEngines } from "../protocol/agent-messages.ts";
import type { DeviceInfo, DeviceOrder } from "../protocol/devices.ts";
import type { RestartPolicy } from "../protocol/policies.ts";
import { Restarts } from "./restarts.ts";

export interface SetOptions {
  readonly env: Record<string, string>;
  /** What each engine offers to tasks. */
  readonly resources?: Readonly<Record<string, number>> | undefined;
  readonly restart?: RestartPolicy | undefined;
  readonly devices?: DeviceOrder | undefined;
}

export interface EngineSet extends SetOptions {
  readonly name: string;
  readonly agentUuid: string;
  readonly count: number;
  /** Processes that were started and have not ended. */
  readonly alive: Set<string>;
  /** Those of them that have not registered yet. */
  readonly starting: Set<string>;
  /** Those of them that were told to end: they are not replaced. */
  readonly unwanted: Set<string>;
  /** Without it nothing is replaced. */
  restarts: Restarts | undefined;
  restarting: boolean;
  failed: string | undefined;
  /** Why its engines are not replaced any more. */
  givenUp: string | undefined;
}

/** A new set, whose engines are on their way. */
export function makeSet(
  name: string,
  agentUuid: string,
  count: number,
  { env, resources, restart, devices }: SetOptions,
): EngineSet {
  const uuids = Array.from({ length: count }, () => randomUUID());
  return {
    name,
    agentUuid,
    count,
    env,
    resources,
    restart,
    devices,
    alive: new Set(uuids),
    starting: new Set(uuids),
    unwanted: new Set(),
    restarts: restart && new Restarts(restart),
    restarting: false,
    failed: undefined,
    givenUp: undefined,
  };
}

/** What an agent is told to start engines of the set. */
export function spawnOrder({ name, env, devices }: EngineSet, uuids: readonly string[]): SpawnEngines {
  return { type: "spawnEngines", engineSet: name, uuids, env, devices };
}

/** What an engine of the set offers to tasks: its share of a GPU, if it has one, and what the set was started with. */
export function offered(set: EngineSet | undefined, device: DeviceInfo | undefined): Readonly<Record<string, number>> {
  const gpu = device === undefined || device.gpu === 0 ? {} : { gpu: device.gpu };
  return { ...gpu, ...set?.resources };
}

/** One set, or all. @throws RangeError for an unknown one. */
export function named(sets: ReadonlyMap<string, EngineSet>, name: string | undefined): EngineSet[] {
  if (name === undefined) return [...sets.values()];
  const set = sets.get(name);
  if (set !== undefined) return [set];
  const known = [...sets.keys()].map((id) => `"${id}"`).join(", ") || "none";
  throw new RangeError(`there is no engine set "${name}"; there are: ${known}`);
}

/** How many engines are on their way. */
export function expectedOf(sets: Iterable<EngineSet>): number {
  let expected = 0;
  for (const { restarting, count, starting } of sets) expected += restarting ? count : starting.size;
  return expected;
}

/** The engine to be started in place of one that ended unasked, after a pause in milliseconds; none if it is not wanted. */
export function successorOf(
  set: EngineSet,
  uuid: string,
  reason: string,
): { readonly next: string; readonly pause: number } | undefined {
  const isWanted = !set.unwanted.delete(uuid) && !set.restarting && set.givenUp === undefined;
  if (!isWanted || set.restarts === undefined) return undefined;
  const pause = set.restarts.next(performance.now());
  if (pause === undefined) {
    set.givenUp = set.restarts.describe(reason);
    set.failed = set.givenUp;
    return undefined;
  }
  const next = randomUUID();
  set.alive.add(next);
  set.starting.add(next);
  return { next, pause };
}
