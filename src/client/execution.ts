/** Where and when tasks were executed. */

import type { DeviceInfo } from "../protocol/devices.ts";

/** Of one task, or of those of a run, each of which has a place in the columns. Times in milliseconds since the epoch. */
export interface Execution {
  readonly engineId: number;
  readonly engineUuid: string;
  readonly device: DeviceInfo | undefined;
  readonly started: ArrayLike<number | undefined>;
  readonly completed: ArrayLike<number | undefined>;
  /** Milliseconds, finer than the times. */
  readonly duration: ArrayLike<number | undefined>;
  /** When the results came, if that is known before the tasks settle. */
  readonly received?: number | undefined;
}
