/** The flags of a load-balanced view. They never change; `with` makes a new view. */

import { shown } from "../errors.ts";
import type { ModuleMode } from "../functions/stand-ins.ts";
import { DEFAULT_RETRIES, type DependencyRequest, type RetryRequest } from "../protocol/balancing.ts";
import { type DependencyInput, dependencyRequest } from "./dependency.ts";
import { commonChecks, expectCount, expectType, type FlagChecks, mergeChecked } from "./flags.ts";
import type { Session } from "./session.ts";
import { checkTargets, type Targets } from "./targets.ts";

/** How often a task is run again. */
export interface RetryPolicy {
  /** After errors that the function threw; 0 unless given. */
  readonly error?: number;
  /** After engines that died while they ran it; 3 unless given. */
  readonly death?: number;
  /** Milliseconds before the first repetition, doubled for each further one; 10 unless given. */
  readonly backoff?: number;
  /**
   * After an error: on an engine that has not failed it, while there is one (`"prefer"`, the default), on no other than
   * such (`"other"`), or on the same (`"same"`).
   */
  readonly place?: "prefer" | "other" | "same";
}

/** The flags of a load-balanced view. */
export interface BalancedFlags {
  /** Calls give a plain promise of the value instead of an AsyncResult. */
  readonly block?: boolean;
  /** Report through `sent` and `waitForSend()` when the memory of the arrays may be written again. */
  readonly track?: boolean;
  /** The engines that may be chosen; all unless given. */
  readonly targets?: Targets | null | undefined;
  /** Results stay on their engines; calls give a RemoteRef. */
  readonly keep?: boolean;
  /** Written into the metadata of the tasks. Tasks of one label are expected to take equally long. */
  readonly label?: string | undefined;
  /** Aborts the calls: tasks that have not started fail with TaskAborted. */
  readonly signal?: AbortSignal | undefined;
  /** Tasks that must have ended before the task starts. */
  readonly after?: DependencyInput | undefined;
  /** The same, and the task runs on the engine where they ran. */
  readonly follow?: DependencyInput | undefined;
  /** Milliseconds that the task may wait for its start; then it fails with TaskTimeout. */
  readonly timeout?: number | undefined;
  /** How often the task is run again; a number counts for errors and for dead engines. */
  readonly retries?: number | RetryPolicy | undefined;
  /** Tasks with a higher one go first; 0 unless given. */
  readonly priority?: number;
  /** What the task needs of its engine, e.g. `{ gpu: 0.5 }`: it goes to one that offers it. */
  readonly resources?: Readonly<Record<string, number>> | undefined;
  /** Items of a map in one task; `"auto"`, the default, goes by the time that they take. */
  readonly chunkSize?: number | "auto";
  /** How imports of local modules travel: by value, or by name, to be imported on the engine. */
  readonly modules?: ModuleMode;
  /** Whether iteration over a map yields in order; true unless given. */
  readonly ordered?: boolean;
  /** Errors are values in their places. */
  readonly returnExceptions?: boolean;
  /** Tasks of an `imap` that are under way at once: `"auto"`, the number of engines, unless given; 0: no limit. */
  readonly maxOutstanding?: number | "auto";
}

/** Flags with nothing left open. */
export interface ResolvedBalancedFlags {
  readonly block: boolean;
  readonly track: boolean;
  readonly targets: Targets;
  readonly keep: boolean;
  readonly label: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly after: DependencyRequest | undefined;
  readonly follow: DependencyRequest | undefined;
  readonly timeout: number | undefined;
  readonly retries: RetryRequest | undefined;
  readonly priority: number;
  readonly resources: Readonly<Record<string, number>> | undefined;
  readonly chunkSize: number | "auto";
  readonly modules: ModuleMode;
  readonly ordered: boolean;
  readonly returnExceptions: boolean;
  readonly maxOutstanding: number | "auto";
}

export const defaultBalancedFlags: ResolvedBalancedFlags = {
  block: false,
  track: false,
  targets: "all",
  keep: false,
  label: undefined,
  signal: undefined,
  after: undefined,
  follow: undefined,
  timeout: undefined,
  retries: undefined,
  priority: 0,
  resources: undefined,
  chunkSize: "auto",
  modules: "value",
  ordered: true,
  returnExceptions: false,
  maxOutstanding: "auto",
};

const checks: FlagChecks<ResolvedBalancedFlags> = {
  ...commonChecks,
  targets: (value, session) => (value === undefined || value === null ? "all" : checkTargets(value, session)),
  after: (value) => dependencyRequest(value as DependencyInput | undefined, "flag after"),
  follow: (value) => dependencyRequest(value as DependencyInput | undefined, "flag follow"),
  timeout: (value) => (value === undefined ? value : expectAmount("timeout", value)),
  retries: checkRetries,
  priority: (value) => expectType("priority", value, "number"),
  resources: checkResources,
  chunkSize: (value) => (value === "auto" ? value : expectCount("chunkSize", value, 1)),
  ordered: (value) => expectType("ordered", value, "boolean"),
  returnExceptions: (value) => expectType("returnExceptions", value, "boolean"),
};

/**
 * `flags` over `base`.
 * @throws TypeError for an unknown flag or a value of the wrong type, RangeError for an engine that does not exist or a
 * number that is too small.
 */
export function mergeBalancedFlags(
  base: ResolvedBalancedFlags,
  flags: BalancedFlags,
  session: Session,
): ResolvedBalancedFlags {
  return mergeChecked(base, flags, session, { checks, view: "load-balanced" });
}

function checkRetries(value: unknown): RetryRequest | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number") {
    const times = expectCount("retries", value, 0);
    return { ...DEFAULT_RETRIES, error: times, death: times };
  }
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`flag retries must be a number, or { error, death, backoff, place }; given: ${shown(value)}`);
  }
  const { place, ...numbers } = value as RetryPolicy;
  if (place !== undefined && !["prefer", "other", "same"].includes(place)) {
    throw new TypeError(`flag retries.place must be "prefer", "other" or "same"; given: ${shown(place)}`);
  }
  for (const [name, number] of Object.entries(numbers)) {
    if (!["error", "death", "backoff"].includes(name)) {
      throw new TypeError(`flag retries has no "${name}"; there are: error, death, backoff, place`);
    }
    if (name === "backoff") expectAmount("retries.backoff", number);
    else expectCount(`retries.${name}`, number, 0);
  }
  return { ...DEFAULT_RETRIES, ...(value as RetryPolicy) };
}

function checkResources(value: unknown): unknown {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`flag resources must be an object of numbers, as { gpu: 1 }; given: ${shown(value)}`);
  }
  const amounts = Object.entries(value).map(([name, amount]) => [name, expectAmount(`resources.${name}`, amount)]);
  return amounts.length === 0 ? undefined : Object.fromEntries(amounts);
}

function expectAmount(name: string, value: unknown): number {
  const amount = expectType(name, value, "number") as number;
  if (amount < 0) throw new RangeError(`flag ${name} must not be negative; given: ${amount}`);
  return amount;
}
