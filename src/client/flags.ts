/** The flags of a view: how its calls are made. They never change; `with` makes a new view. */

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
}

/** The shape of a view of shape `S` with the flags `F` over its own. */
export type WithTargets<F, S extends Shape> = F extends { readonly targets: infer T } ? ShapeOf<T> : S;

/** Whether a view that blocks if `B` does so with the flags `F` over its own. */
export type WithBlock<F, B extends boolean> = F extends { readonly block: infer V extends boolean } ? V : B;

/** Flags with nothing left open. */
export interface ResolvedFlags {
  readonly block: boolean;
  readonly track: boolean;
  readonly targets: Targets;
  readonly label: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly modules: ModuleMode;
}

const checks: { readonly [K in keyof ResolvedFlags]: (value: unknown, session: Session) => unknown } = {
  block: (value) => expectType("block", value, "boolean"),
  track: (value) => expectType("track", value, "boolean"),
  targets: (value, session) => checkTargets(value, session),
  label: (value) => (value === undefined ? value : expectType("label", value, "string")),
  signal: (value) => {
    if (value === undefined || value instanceof AbortSignal) return value;
    throw new TypeError(`flag signal must be an AbortSignal; given: ${String(value)}`);
  },
  modules: (value) => {
    if (value === "value" || value === "reference") return value;
    throw new TypeError(`flag modules must be "value" or "reference"; given: ${String(value)}`);
  },
};

export const defaultFlags: ResolvedFlags = {
  block: false,
  track: false,
  targets: "all",
  label: undefined,
  signal: undefined,
  modules: "value",
};

/**
 * `flags` over `base`.
 * @throws TypeError for an unknown flag or a value of the wrong type, RangeError for an engine that does not exist.
 */
export function mergeFlags(base: ResolvedFlags, flags: DirectFlags, session: Session): ResolvedFlags {
  if (typeof flags !== "object" || flags === null) throw new TypeError("flags must be an object");
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(flags)) {
    const check = Object.hasOwn(checks, name) ? checks[name as keyof ResolvedFlags] : undefined;
    if (check === undefined) {
      throw new TypeError(`unknown flag "${name}"; the flags of a direct view are: ${Object.keys(checks).join(", ")}`);
    }
    merged[name] = check(value, session);
  }
  return merged as unknown as ResolvedFlags;
}

function expectType(name: string, value: unknown, type: "boolean" | "string"): unknown {
  if (typeof value === type) return value;
  throw new TypeError(`flag ${name} must be a ${type}; given: ${String(value)}`);
}
