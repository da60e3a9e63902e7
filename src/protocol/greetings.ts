/** The part of the wire with which every connection begins: who is there, and who is welcome; without logic. */

import type { DataWay } from "./data-messages.ts";
import type { DeviceInfo } from "./devices.ts";

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
}
export interface AgentHello {
  readonly type: "hello";
  readonly role: "agent";
  readonly uuid: string;
  readonly pid: number;
  readonly host: string;
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
}
