/** Who belongs to a cluster, as the controller knows them, and what it hears of their coming and going. */

import type { Connection } from "../channel/connection.ts";
import type { EngineInfo } from "../protocol/messages.ts";

/** A host agent. */
export interface Agent {
  readonly uuid: string;
  readonly pid: number;
  readonly host: string;
  readonly connection: Connection;
}

/** An engine that is registered. */
export interface Engine extends EngineInfo {
  readonly agentUuid: string;
  readonly connection: Connection;
  /** What it offers to tasks, e.g. `{ gpu: 1 }`. */
  readonly resources: Readonly<Record<string, number>>;
}

export interface RegistryListener {
  engineUp(engine: Engine): void;
  engineDown(engine: Engine, reason: string): void;
  engineSetStopped(engineSet: string, reason: string): void;
  /** These engines are there, though they are not back yet since the controller was restarted. */
  enginesKnown(engines: readonly Engine[]): void;
  enginesExpected(count: number): void;
  /** Something has changed that the next controller must know. */
  changed(): void;
  /** The engine's process was stopped, or goes on. */
  engineStopped(engine: Engine, stopped: boolean): void;
}
