/** The flags of a view: how its calls are made. They never change; `with` makes a new view. */

import { shown } from "../errors.ts";
import type { ModuleMode } from "../functions/stand-ins.ts";
import type { Session } from "./session.ts";
import { checkTargets, type Shape, type ShapeOf, type Targets } from "./targets.ts";

/** The flags of a direct view. */
export interface DirectFlags {
  /** Calls give a plain promise of the value instead of an AsyncResult. */
  readonly block?: boolean;
  /** Report through `sent` and `waitForSend()` when the memory of the arrays may be written again. */
  readonly track?: boolean;
  readonly targets?: Targets;
  /** Results stay on their engines; calls give a RemoteRef. */
  readonly keep?: boolean;
  /** Written into the metadata of the tasks. */
  readonly label?: string | undefined;
  /** Aborts the calls: tasks that have not started fail with TaskAborted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How imports of local modules travel inside functions: `"value"` (the default) sends what is used of them,
   * `"reference"` has the engines import them, which suits modules with state of their own. The engines then have to
   * see the files. Packages and Node's modules are always imported by the engines.
   */
  readonly modules?: ModuleMode;
  /** Tasks of an `imap` that are under way at once: `"auto"`, the number of engines, unless given; 0: no limit. */
  readonly maxOutstanding?: number | "auto";
}

/** The shape of a view of shape `S` with the flags `F` over its own. */
export type WithTargets<F, S extends Shape> = F extends { readonly targets: infer T } ? ShapeOf<T> : S;

/** Whether a view that blocks if `B` does so with the flags `F` over its own. */
export type WithBlock<F, B extends boolean> = F extends { readonly block: infer V extends boolean } ? V : B;

/** Whether the results of a view stay on the engines, if they do so when `K`, with the flags `F` over its own. */
export type WithKeep<F, K extends boolean> = F extends { readonly keep: infer V extends boolean } ? V : K;

/** Flags with nothing left open. */
export interface ResolvedFlags {
  readonly block: boolean;
  readonly track: boolean;
  readonly targets: Targets;
  readonly keep: boolean;
  readonly label: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly modules: ModuleMode;
  readonly maxOutstanding: number | "auto";
}

type Check = (value: unknown, session: Session) => unknown;

/** The checks of the flags of some kind of view. */
export type FlagChecks<F> = { readonly [K in keyof F]: Check };

/** The checks of the flags that all views have: those of a direct view. */
export const commonChecks: FlagChecks<ResolvedFlags> = {
  block: (value) => expectType("block", value, "boolean"),
  track: (value) => expectType("track", value, "boolean"),
  targets: (value, session) => checkTargets(value, session),
  label: (value) => (value === undefined ? value : expectType("label", value, "string")),
  signal: (value) => {
    if (value === undefined || value instanceof AbortSignal) return value;
    throw new TypeError(`flag signal must be an AbortSignal; given: ${shown(value)}`);
  },
  modules: (value) => {
    if (value === "value" || value === "reference") return value;
    throw new TypeError(`flag modules must be "value" or "reference"; given: ${shown(value)}`);
  },
  maxOutstanding: (value) => (value === "auto" ? value : expectCount("maxOutstanding", value, 0)),
  keep: (value) => expectType("keep", value, "boolean"),
};

export const defaultFlags: ResolvedFlags = {
  block: false,
  track: false,
  targets: "all",
  keep: false,
  label: undefined,
  signal: undefined,
  modules: "value",
  maxOutstanding: "auto",
};

/**
 * `flags` over `base`.
 * @throws TypeError for an unknown flag or a value of the wrong type, RangeError for an engine that does not exist or a
 * number that is too small.
 */
export function mergeFlags(base: ResolvedFlags, flags: DirectFlags, session: Session): ResolvedFlags {
  return mergeChecked(base, flags, session, { checks: commonChecks, view: "direct" });
}

/** The same for the flags of any kind of view. */
export function mergeChecked<F>(
  base: F,
  flags: object,
  session: Session,
  { checks, view }: { readonly checks: FlagChecks<F>; readonly view: string },
): F {
  if (typeof flags !== "object" || flags === null)
    throw new TypeError(`flags must be an object; given: ${shown(flags)}`);
  const merged = { ...base } as Record<string, unknown>;
  for (const [name, value] of Object.entries(flags)) {
    if (!Object.hasOwn(checks, name)) {
      const known = Object.keys(checks).join(", ");
      throw new TypeError(`unknown flag "${name}"; the flags of a ${view} view are: ${known}`);
    }
    merged[name] = checks[name as keyof F](value, session);
  }
  return merged as unknown as F;
}

export function expectType(name: string, value: unknown, type: "boolean" | "string" | "number"): unknown {
  if (typeof value === type && !Number.isNaN(value)) return value;
  throw new TypeError(`flag ${name} must be a ${type}; given: ${shown(value)}`);
}

export function expectCount(name: string, value: unknown, least: number): number {
  if (!Number.isInteger(value)) throw new TypeError(`flag ${name} must be an integer; given: ${shown(value)}`);
  if ((value as number) < least) {
    throw new RangeError(`flag ${name} must be at least ${least}; given: ${shown(value)}`);
  }
  return value as number;
}
