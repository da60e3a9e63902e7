/** The part of the wire that brings a cluster together again after its controller was restarted, without logic. */

import type { DeviceInfo, DeviceOrder } from "./devices.ts";
import type { RestartPolicy } from "./policies.ts";

/** One set of engines, as a controller remembers it. */
export interface SetMemory {
  readonly name: string;
  readonly count: number;
  readonly env: Record<string, string>;
  readonly resources?: Readonly<Record<string, number>> | undefined;
  readonly restart?: RestartPolicy | undefined;
  readonly devices?: DeviceOrder | undefined;
  readonly alive: readonly string[];
  readonly starting: readonly string[];
  readonly unwanted: readonly string[];
  readonly failed?: string | undefined;
  readonly givenUp?: string | undefined;
}

/** What a controller knows of engines, kept by their agent, which outlives it. */
export interface RegistryMemory {
  readonly nextEngineId: number;
  readonly nextSet: number;
  readonly sets: readonly SetMemory[];
  readonly engines: readonly {
    readonly engineId: number;
    readonly uuid: string;
    readonly pid: number;
    readonly engineSet: string;
    readonly device?: DeviceInfo | undefined;
  }[];
}

/** The controller to an agent: what to tell the next controller. */
export interface Remember {
  readonly type: "remember";
  readonly memory: RegistryMemory;
}

/** The controller to a client or an engine: so many more of the messages that must not be lost are written down. */
export interface Recorded {
  readonly type: "recorded";
  readonly count: number;
}

/** A submission that is sent again. */
export interface SentAgain {
  /** The client has the result already: this is only so that the task is written down. */
  readonly isSettled?: boolean | undefined;
}

/** A client that is back, to the controller: what it waits for. */
export interface Resume {
  readonly type: "resume";
  readonly taskIds: readonly string[];
}

/** The answer: which of these tasks nobody knows. The others go on, or have been answered. */
export interface Resumed {
  readonly type: "resumed";
  readonly unknown: readonly string[];
}

/** The controller to everybody: when this connection ends, that is meant. */
export interface Goodbye {
  readonly type: "goodbye";
}

export type ReconnectionMessage = Remember | Recorded | Resume | Resumed | Goodbye;
