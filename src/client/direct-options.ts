/** The options of a direct view's methods. */

import type { JoinOptions } from "../parallel-map/join.ts";

/** How a sequence is divided. */
export interface ScatterOptions extends JoinOptions {
  /** Partitions of length one become their only element. */
  readonly flatten?: boolean;
}

/** What executed code reports. */
export interface ExecuteOptions {
  /** Do not report the value of the last expression. */
  readonly silent?: boolean;
}
