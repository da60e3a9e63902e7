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
