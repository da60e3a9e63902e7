/** The part of the wire that leads to and from host agents, without logic. */

import type { DeviceOrder } from "./devices.ts";

// Controller to agent.

export interface SpawnEngines {
  readonly type: "spawnEngines";
  readonly engineSet: string;
  readonly uuids: readonly string[];
  readonly env: Record<string, string>;
  readonly devices?: DeviceOrder | undefined;
}
export interface KillEngines {
  readonly type: "killEngines";
  readonly uuids: readonly string[];
}
export interface SignalEngines {
  readonly type: "signalEngines";
  readonly uuids: readonly string[];
  readonly signal: string | number;
}
/** Which tasks are to be interrupted, and why. */
export interface InterruptOrder {
  /** Without ids whatever runs. */
  readonly taskIds?: readonly string[] | undefined;
  /** The signal that asks for it, if it is one. */
  readonly signal?: string | undefined;
}
/** Interrupt what an engine runs, also while it computes without a break. */
export interface InterruptEngine {
  readonly type: "interruptEngine";
  readonly uuid: string;
  readonly order: InterruptOrder;
}
/** Stop every engine, then leave. */
export interface StopAgent {
  readonly type: "stopAgent";
}

// Agent to controller.

/** The host is there. */
export interface Heartbeat {
  readonly type: "heartbeat";
}
/** An engine's process was stopped, as by SIGSTOP, or goes on. */
export interface EngineStopped {
  readonly type: "engineStopped";
  readonly uuid: string;
  readonly stopped: boolean;
}

export interface EngineExited {
  readonly type: "engineExited";
  readonly uuid: string;
  readonly engineSet: string;
  readonly reason: string;
}
