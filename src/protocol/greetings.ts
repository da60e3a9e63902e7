/** The part of the wire with which every connection begins: who is there, and who is welcome; without logic. */

import type { DataWay } from "./data-messages.ts";
import type { DeviceInfo } from "./devices.ts";
import type { RegistryMemory } from "./reconnection.ts";

/** One engine, as the controller knows it. */
export interface EngineInfo {
  readonly engineId: number;
  readonly uuid: string;
  readonly pid: number;
  readonly engineSet: string;
  readonly host: string;
  /** The device that it was given; absent if it was given none. */
  readonly device?: DeviceInfo | undefined;
}

export interface ClientHello {
  readonly type: "hello";
  readonly role: "client";
  readonly uuid: string;
  /** For a client within a task: the engine whose task it is. */
  readonly engineUuid?: string | undefined;
}
export interface EngineHello {
  readonly type: "hello";
  readonly role: "engine";
  readonly uuid: string;
  readonly pid: number;
  readonly agentUuid: string;
  readonly engineSet: string;
  readonly device?: DeviceInfo | undefined;
  /**
   * Of an engine that is back: its id, the tasks it has, those that run first, and those of them whose results it is about
   * to send again.
   */
  readonly back?:
    | { readonly engineId: number; readonly taskIds: readonly string[]; readonly answered: readonly string[] }
    | undefined;
}
export interface AgentHello {
  readonly type: "hello";
  readonly role: "agent";
  readonly uuid: string;
  readonly pid: number;
  readonly host: string;
  /** Of an agent that is back: what it keeps for the controller, and which of its engines live. */
  readonly back?: { readonly memory: RegistryMemory; readonly alive: readonly string[] } | undefined;
}
export type Hello = ClientHello | EngineHello | AgentHello;

export interface Welcome {
  readonly type: "welcome";
  readonly clusterId: string;
  /** For an engine: the id it was given. */
  readonly engineId?: number | undefined;
  /** For a client: the engines registered now. */
  readonly engines?: readonly EngineInfo[] | undefined;
  /** How large buffers travel in this cluster; unless given, as works best. */
  readonly dataWay?: DataWay | undefined;
  /** How long to wait for the controller if it goes without a {@link Goodbye}, in milliseconds; unless given, not at all. */
  readonly patience?: number | undefined;
  /** Tasks and results are written down, and told to be so. */
  readonly isDurable?: boolean | undefined;
  /** The engines may not all be known yet. */
  readonly isRecovering?: boolean | undefined;
}
