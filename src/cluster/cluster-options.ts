/** What a cluster can be started with, and checks of it. */

import { constants } from "node:os";

/** How processes are started. This machine is the only place so far. */
export type LauncherName = "local";

/** The options of `Cluster.start`. */
export interface ClusterOptions {
  /** How many engines; one for each processor unless given. */
  readonly engines?: number;
  /** Name of the cluster, for others to find it; made up unless given. */
  readonly clusterId?: string;
  /** Where the connection file lies; `$NDPARALLEL_DIR`, or a directory among the temporary ones, unless given. */
  readonly profileDir?: string;
  readonly controller?: LauncherName;
  readonly engine?: LauncherName;
  /** Environment variables for the engines, besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long `connect()` waits for the engines, in milliseconds; 60,000 unless given. */
  readonly engineTimeout?: number;
}

const checks: { readonly [K in keyof Required<ClusterOptions>]: (value: unknown) => void } = {
  engines: (value) => checkCount(value, 0, "engines"),
  clusterId: (value) => expectType("clusterId", value, "string"),
  profileDir: (value) => expectType("profileDir", value, "string"),
  controller: (value) => expectLocal("controller", value),
  engine: (value) => expectLocal("engine", value),
  env: checkEnv,
  engineTimeout: (value) => expectType("engineTimeout", value, "number"),
};

/** @throws TypeError for an unknown option or one of the wrong type, RangeError for an impossible number. */
export function checkOptions(options: ClusterOptions): void {
  if (typeof options !== "object" || options === null)
    throw new TypeError("the options of a cluster must be an object");
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(`unknown option "${name}"; the options of a cluster are: ${Object.keys(checks).join(", ")}`);
    }
    if (value !== undefined) checks[name as keyof ClusterOptions](value);
  }
}

/** @throws TypeError when `count` is no integer, RangeError when it is less than `least`. */
export function checkCount(count: unknown, least: number, name = "count"): void {
  if (!Number.isInteger(count)) throw new TypeError(`${name} must be a number of engines; given: ${String(count)}`);
  if ((count as number) < least) throw new RangeError(`${name} must be at least ${least}; given: ${String(count)}`);
}

/** @throws TypeError for what is no signal of this system. */
export function checkSignal(signal: unknown): void {
  const { signals } = constants;
  const known =
    typeof signal === "number" ? Object.values(signals).includes(signal) : Object.hasOwn(signals, String(signal));
  if (!known) throw new TypeError(`unknown signal ${String(signal)}; signals are: ${Object.keys(signals).join(", ")}`);
}

function checkEnv(value: unknown): void {
  const valid =
    typeof value === "object" && value !== null && Object.values(value).every((text) => typeof text === "string");
  if (!valid) throw new TypeError("env must be an object of strings");
}

function expectType(name: string, value: unknown, type: "string" | "number"): void {
  if (typeof value !== type) throw new TypeError(`${name} must be a ${type}; given: ${String(value)}`);
}

function expectLocal(name: string, value: unknown): void {
  if (value !== "local")
    throw new TypeError(`${name} must be "local", the only launcher there is so far; given: ${String(value)}`);
}
