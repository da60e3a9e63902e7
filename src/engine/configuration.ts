/** What the processes of a host are told when they start. */

import type { AssignedDevice } from "../protocol/devices.ts";
import type { HeartbeatPolicy } from "../protocol/policies.ts";

/** Where the controller is, and the key that opens it. */
export interface ControllerAddress {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  /** How long to wait for it when it is away, in milliseconds; unless given, not at all. */
  readonly patience?: number | undefined;
}

/** The environment variable that carries an {@link EngineConfiguration} from the agent to its engine. */
export const ENGINE_CONFIGURATION = "NDPARALLEL_ENGINE_CONFIGURATION";

/** The environment variable that says which writes to received arrays an engine notices. */
export const WRITE_DETECTION = "NDPARALLEL_WRITE_DETECTION";

export interface EngineConfiguration extends ControllerAddress {
  readonly uuid: string;
  readonly agentUuid: string;
  readonly engineSet: string;
  readonly connectTimeoutMs: number;
  readonly device?: AssignedDevice | undefined;
  /** Whether the engine has the reading ends of its own stdout and stderr. */
  readonly readsOwnOutput: boolean;
}

/** What an agent hears from its parent first. */
export interface AgentConfiguration extends ControllerAddress {
  readonly heartbeat: HeartbeatPolicy;
  /** Removed when the agent finds the controller dead. */
  readonly connectionFile: string;
}
