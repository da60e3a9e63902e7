/** The options of a direct view's methods. */

import type { JoinOptions } from "../parallel-map/join.ts";
import { checkOptions, type OptionKinds } from "./options.ts";

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

const JOIN_KINDS: OptionKinds<JoinOptions> = { dist: "any", axis: "any" };

/** @throws TypeError */
export function checkScatter(options: ScatterOptions): ScatterOptions {
  return checkOptions("scatter", options, { ...JOIN_KINDS, flatten: "boolean" });
}

/** @throws TypeError */
export function checkGather(options: JoinOptions): JoinOptions {
  return checkOptions("gather", options, JOIN_KINDS);
}

/** @throws TypeError */
export function checkExecute(options: ExecuteOptions): ExecuteOptions {
  return checkOptions("execute", options, { silent: "boolean" });
}
