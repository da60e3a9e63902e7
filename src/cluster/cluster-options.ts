/** What a cluster can be started with, and checks of it. */

import { shown } from "../errors.ts";
import { type WriteDetection, writeDetections } from "../ndarray-transport/write-guard/write-guard.ts";
import { DATA_WAYS, type DataWay } from "../protocol/data-messages.ts";
import type { DatabaseOptions, HeartbeatPolicy, RestartPolicy } from "../protocol/policies.ts";
import { type SchemeName, schemeNames } from "../protocol/schemes.ts";

import { type DeviceRequests, parseDevices } from "./device-requests.ts";

/** How processes are started. This machine is the only place so far. */
export type LauncherName = "local";

/** How load-balanced tasks are scheduled, and where what is known of tasks is kept. */
export interface ControllerOptions {
  /** How the controller's process is started. */
  readonly launcher?: LauncherName;
  /**
   * The address of this host at which the controller listens, and data endpoints of this host's processes too; `127.0.0.1`,
   * which only this host reaches, unless given. What crosses a network is signed, except for the bytes of large arrays,
   * and not encrypted.
   */
  readonly host?: string;
  /** How an engine is chosen among those with room; `leastload` unless given. */
  readonly scheme?: SchemeName;
  /** Milliseconds of expected work that an engine holds in advance; 5 unless given. */
  readonly prefetch?: number;
  /** At most so many load-balanced tasks at an engine, instead of `prefetch`; 0: no limit. */
  readonly hwm?: number;
  /** Where what is known of tasks, and their results, are kept; in `"memory"` unless given. */
  readonly database?: "memory" | "sqlite" | DatabaseOptions;
  /**
   * Whether another controller takes the place of one that dies: how often in what time. `true`: 5 times in a minute.
   * Unless given, if the database is SQLite: tasks then go on.
   */
  readonly restart?: RestartPolicy | boolean;
  /** How long engines and clients wait for the next controller, in milliseconds; 10,000 unless given. */
  readonly patience?: number;
}

/** How engines are started. */
export interface EngineOptions {
  readonly launcher?: LauncherName;
}

/** The options of `Cluster.start`. */
export interface ClusterOptions {
  /** How many engines; one for each processor unless given. */
  readonly engines?: number;
  /** Name of the cluster, for others to find it; made up unless given. */
  readonly clusterId?: string;
  /** Where the connection file lies; `$NDPARALLEL_DIR`, or a directory among the temporary ones, unless given. */
  readonly profileDir?: string;
  readonly controller?: LauncherName | ControllerOptions;
  /** How the engines' processes are started. */
  readonly engine?: LauncherName | EngineOptions;
  /** Environment variables for the engines, besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Which writes by index to received arrays the engines notice when a task ends, and fail it for: `full`, to anything
   * that was received; `arguments`, to what the task itself received; `off`, none. `full` unless given. Where the
   * runtime has immutable memory (Node 26) such a write throws at once, whatever is given.
   */
  readonly writeDetection?: WriteDetection;
  /**
   * The devices of the engines: `"auto"`, `"none"` (the default), or a list such as `["cuda:0", "cuda:1"]`,
   * `[{ kind: "webgpu", software: true }]`, `[{ kind: "cuda", share: 0.5 }]`.
   */
  readonly devices?: DeviceRequests;
  /** How long `connect()` waits for the engines, in milliseconds; 60,000 unless given. */
  readonly engineTimeout?: number;
  /** Whether engines that end unasked are replaced: how often in what time. `true`: 5 times in a minute. */
  readonly restart?: RestartPolicy | boolean;
  /** What each engine offers to tasks that ask for it, e.g. `{ gpu: 1 }`. */
  readonly resources?: Readonly<Record<string, number>>;
  /** How soon it is noticed that processes are stopped, or hosts lost. */
  readonly heartbeat?: Partial<HeartbeatPolicy>;
  /**
   * How large arrays travel: `"shared"` memory, `"direct"` connections between the processes, or `"relay"` by the
   * controller. Unless given, `"auto"`: the first of these that works between the two.
   */
  readonly dataWay?: DataWay;
}

const checks: { readonly [K in keyof Required<ClusterOptions>]: (value: unknown) => void } = {
  engines: (value) => checkCount(value, 0, "engines"),
  clusterId: (value) => expectType("clusterId", value, "string"),
  profileDir: checkDirectory,
  controller: checkController,
  engine: checkEngine,
  env: checkEnv,
  writeDetection: checkWriteDetection,
  devices: parseDevices,
  engineTimeout: checkTime,
  restart: (value) => checkRestart("restart", value),
  resources: (value) => checkAmounts("resources", value),
  dataWay: checkDataWay,
  heartbeat: (value) => checkAmounts("heartbeat", value, ["period", "timeout", "stopped"]),
};

/** @throws TypeError for an unknown option or one of the wrong type, RangeError for an impossible number. */
export function checkOptions(options: ClusterOptions): void {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`the options of a cluster must be an object; given: ${shown(options)}`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(`unknown option "${name}"; the options of a cluster are: ${Object.keys(checks).join(", ")}`);
    }
    if (value !== undefined) checks[name as keyof ClusterOptions](value);
  }
}

/** @throws TypeError when `count` is no integer, RangeError when it is less than `least`. */
export function checkCount(count: unknown, least: number, name = "count"): void {
  if (!Number.isInteger(count)) throw new TypeError(`${name} must be a number of engines; given: ${shown(count)}`);
  if ((count as number) < least) throw new RangeError(`${name} must be at least ${least}; given: ${shown(count)}`);
}

function checkDirectory(value: unknown): void {
  expectType("profileDir", value, "string");
  if (value === "") throw new TypeError("profileDir must be the path of a directory; given: an empty string");
}

function checkTime(value: unknown): void {
  expectType("engineTimeout", value, "number");
  const time = value as number;
  if (Number.isNaN(time)) throw new TypeError("engineTimeout must be a number of milliseconds; given: NaN");
  if (time < 0) throw new RangeError(`engineTimeout must not be negative; given: ${time}`);
}

function checkEngine(value: unknown): void {
  if (typeof value !== "object" || value === null) {
    expectLocal("engine", value);
    return;
  }
  const { launcher = "local", ...others } = value as EngineOptions;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`unknown option "engine.${unknown}"; there is: launcher`);
  expectLocal("engine.launcher", launcher);
}

function checkDataWay(value: unknown): void {
  if (!DATA_WAYS.includes(value as DataWay))
    throw new TypeError(`dataWay must be one of ${DATA_WAYS.join(", ")}; given: ${shown(value)}`);
}

function checkEnv(value: unknown): void {
  const valid =
    typeof value === "object" && value !== null && Object.values(value).every((text) => typeof text === "string");
  if (!valid) throw new TypeError(`env must be an object of strings; given: ${shown(value)}`);
}

function checkController(value: unknown): void {
  if (typeof value !== "object" || value === null) {
    expectLocal("controller", value);
    return;
  }
  const { launcher = "local", scheme = "leastload", host, database, restart, ...amounts } = value as ControllerOptions;
  if (host !== undefined) expectType("controller.host", host, "string");
  checkDatabase(database);
  checkRestart("controller.restart", restart ?? false);
  expectLocal("controller.launcher", launcher);
  if (!schemeNames.includes(scheme)) {
    throw new TypeError(`controller.scheme must be one of ${schemeNames.join(", ")}; given: ${shown(scheme)}`);
  }
  checkAmounts("controller", amounts, ["prefetch", "hwm", "patience"]);
}

function checkRestart(option: string, value: unknown): void {
  if (typeof value !== "boolean") checkAmounts(option, value, ["times", "within", "delay"]);
}

function checkDatabase(value: unknown): void {
  if (value === undefined || value === "memory" || value === "sqlite") return;
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`controller.database must be "memory", "sqlite" or an object; given: ${shown(value)}`);
  }
  const { type, file, buffers, ...amounts } = value as DatabaseOptions;
  if (type !== undefined && type !== "memory" && type !== "sqlite") {
    throw new TypeError(`controller.database.type must be "memory" or "sqlite"; given: ${shown(type)}`);
  }
  if (file !== undefined) {
    expectType("controller.database.file", file, "string");
    if (type === "memory") throw new TypeError("controller.database.file is for a database of type sqlite");
  }
  if (buffers !== undefined) expectType("controller.database.buffers", buffers, "boolean");
  checkAmounts("controller.database", amounts, ["records", "bytes"]);
}

/** @throws TypeError unless `value` is a record of numbers with no names but these, RangeError for a negative number. */
export function checkAmounts(option: string, value: unknown, names?: readonly string[]): void {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`${option} must be an object of numbers; given: ${shown(value)}`);
  }
  for (const [name, amount] of Object.entries(value)) {
    if (names !== undefined && !names.includes(name)) {
      throw new TypeError(`unknown option "${option}.${name}"; there are: ${names.join(", ")}`);
    }
    if (amount === undefined) continue;
    if (typeof amount !== "number" || Number.isNaN(amount)) {
      throw new TypeError(`${option}.${name} must be a number; given: ${shown(amount)}`);
    }
    if (amount < 0) throw new RangeError(`${option}.${name} must not be negative; given: ${amount}`);
  }
}

function checkWriteDetection(value: unknown): void {
  if (writeDetections.includes(value as WriteDetection)) return;
  const allowed = writeDetections.map((detection) => `"${detection}"`).join(", ");
  throw new TypeError(`writeDetection must be one of ${allowed}; given: ${shown(value)}`);
}

function expectType(name: string, value: unknown, type: "string" | "number" | "boolean"): void {
  if (typeof value !== type) throw new TypeError(`${name} must be a ${type}; given: ${shown(value)}`);
}

function expectLocal(name: string, value: unknown): void {
  if (value !== "local")
    throw new TypeError(`${name} must be "local", the only launcher there is so far; given: ${shown(value)}`);
}
