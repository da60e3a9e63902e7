/** What a controller is made with. */

import type { Rejections } from "../channel/listener.ts";
import type { DataWay } from "../protocol/data-messages.ts";
import type { HeartbeatPolicy } from "../protocol/policies.ts";
import type { OpenDatabase } from "./open-database.ts";
import type { SchedulerOptions } from "./scheduler.ts";

export interface ControllerOptions {
  readonly clusterId: string;
  /** How large buffers travel, for those who join. */
  readonly dataWay?: DataWay | undefined;
  readonly rejections: () => Readonly<Rejections>;
  /**
   * Called when a client has asked for the cluster to end, the agents are gone, and the answer has left (or the client
   * has); perhaps more than once.
   */
  readonly onShutdown: () => void;
  readonly scheduler?: SchedulerOptions | undefined;
  readonly heartbeat?: HeartbeatPolicy | undefined;
  /** In memory unless given. */
  readonly database?: OpenDatabase | undefined;
  /** How long everybody waits for another controller if this one dies, in milliseconds; unless given, not at all. */
  readonly patience?: number | undefined;
  /** Another controller was here before, whose clients and engines come back. */
  readonly isRestart?: boolean | undefined;
}
