/** A cluster: started, found again, enlarged, and stopped. */

import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { Client } from "../client/client.ts";
import {
  connectionFilePath,
  connectionFiles,
  defaultProfileDir,
  readConnectionFile,
} from "../client/connection-file.ts";
import { ControllerLink } from "../client/controller-link.ts";
import { checkOptions as checkNames } from "../client/options.ts";
import { checkSignal } from "../client/signals.ts";
import { checkWait, type Wait, within } from "../client/waiting.ts";
import { WRITE_DETECTION } from "../engine/configuration.ts";
import { ConnectionError, EngineError, shown } from "../errors.ts";
import { staysBehind } from "../functions/inert.ts";
import type { DeviceOrder } from "../protocol/devices.ts";
import {
  type DatabaseOptions,
  DEFAULT_HEARTBEAT,
  DEFAULT_PATIENCE,
  DEFAULT_RESTART,
  type RestartPolicy,
} from "../protocol/policies.ts";
import { type ClusterOptions, type ControllerOptions, checkCount, checkOptions } from "./cluster-options.ts";
import { parseDevices } from "./device-requests.ts";
import { type ClusterSummary, checkFree, runningCluster } from "./discovery.ts";
import { type LocalProcesses, launchLocally } from "./local-launcher.ts";

/** What another process needs to take up a cluster, with {@link Cluster.from}. Holds no secret. */
export interface ClusterJson {
  readonly clusterId: string;
  readonly profileDir: string;
  /** The connection file, readable by its owner only. */
  readonly file: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** How long the controller may take to end the engines and the agents, in milliseconds. */
const SHUTDOWN_MS = 5_000;
/** How long processes that have nothing left to do may take to end, in milliseconds. */
const LEAVE_MS = 1_000;

/** A controller, a host agent and engines, and what can be done with them. */
export class Cluster {
  readonly clusterId: string;
  readonly profileDir: string;
  /** The connection file. */
  readonly file: string;
  readonly #engineTimeout: number;
  readonly #env: Record<string, string>;
  readonly #resources: Readonly<Record<string, number>> | undefined;
  readonly #restart: RestartPolicy | undefined;
  readonly #devices: DeviceOrder;
  readonly #link: ControllerLink;
  /** Only the process that started the cluster has them. */
  readonly #processes: LocalProcesses | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(
    place: ClusterJson,
    link: ControllerLink,
    options: {
      readonly processes?: LocalProcesses;
      readonly engineTimeout?: number;
      readonly env?: Record<string, string>;
      readonly resources?: Readonly<Record<string, number>> | undefined;
      readonly restart?: RestartPolicy | undefined;
      readonly devices?: DeviceOrder;
    } = {},
  ) {
    this.clusterId = place.clusterId;
    this.profileDir = place.profileDir;
    this.file = place.file;
    this.#link = link;
    this.#processes = options.processes;
    this.#engineTimeout = options.engineTimeout ?? 60_000;
    this.#env = options.env ?? {};
    this.#resources = options.resources;
    this.#restart = options.restart;
    this.#devices = options.devices ?? "none";
  }

  /**
   * Starts a controller, a host agent and engines on this machine. They end when the cluster is stopped or disposed
   * of, and when this process ends, however it ends.
   * @throws TypeError for bad options, RangeError for the id of a running cluster, ConnectionError when the controller
   * does not come up, EngineError when engines cannot be started.
   */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    checkOptions(options);
    const clusterId = options.clusterId ?? newClusterId();
    const profileDir = options.profileDir ?? defaultProfileDir();
    const file = connectionFilePath(clusterId, profileDir);
    await checkFree(clusterId, file);
    const processes = await launchLocally(clusterId, file, processOptions(options));
    try {
      const link = await ControllerLink.connect(processes.info, ignore, CONNECT_TIMEOUT_MS);
      const { engineTimeout = 60_000, writeDetection, resources } = options;
      const env = { ...(writeDetection && { [WRITE_DETECTION]: writeDetection }), ...options.env };
      const restart = restartPolicy(options.restart);
      const devices = parseDevices(options.devices ?? "none");
      const place = { clusterId, profileDir, file };
      const cluster = new Cluster(place, link, { processes, engineTimeout, env, resources, restart, devices });
      const engines = options.engines ?? availableParallelism();
      if (engines > 0) await cluster.startEngines(engines);
      return cluster;
    } catch (error) {
      await processes.stop(SHUTDOWN_MS);
      throw error;
    }
  }

  /**
   * Takes up a running cluster: from the path of its connection file or from what {@link toJSON} gave. Such a cluster
   * is not stopped when this process ends.
   */
  static async from(source: string | ClusterJson): Promise<Cluster> {
    const file = typeof source === "string" ? source : (source as ClusterJson | null)?.file;
    if (typeof file !== "string") {
      throw new TypeError("Cluster.from needs the path of a connection file, or what cluster.toJSON() gave");
    }
    const info = readConnectionFile(file);
    const profileDir = typeof source === "string" ? defaultProfileDir() : source.profileDir;
    const link = await ControllerLink.connect(info, ignore, CONNECT_TIMEOUT_MS);
    return new Cluster({ clusterId: info.clusterId, profileDir, file }, link);
  }

  /** The running clusters whose connection files lie in `profileDir`; files of dead ones are removed. */
  static async list(options: { readonly profileDir?: string } = {}): Promise<ClusterSummary[]> {
    checkNames("list", options, { profileDir: "text" });
    const files = connectionFiles(options.profileDir ?? defaultProfileDir());
    const found = await Promise.all(files.map(({ path }) => runningCluster(path)));
    return found
      .filter((cluster) => cluster !== undefined)
      .sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  /**
   * A client, once all engines that were started have registered.
   * @throws TimeoutError after `timeout`, or `engineTimeout`, EngineError when engines ended instead, the reason of the
   * signal.
   */
  async connect(wait: Wait = {}): Promise<Client> {
    checkWait(wait, "connect");
    const { timeout = this.#engineTimeout, signal } = wait;
    const client = await Client.connect({ info: this.#link.info, signal });
    try {
      const { engineSets } = await this.#link.request<"status">({ method: "status" });
      const failed = engineSets.find((set) => set.failed !== undefined);
      if (failed !== undefined) throw new EngineError(`engines of ${failed.engineSet} did not start: ${failed.failed}`);
      const count = engineSets.reduce((sum, set) => sum + set.count, 0);
      await client.waitForEngines(count, { timeout, signal });
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Starts `count` more engines. Gives the id of their set at once; they register later: see `waitForEngines`. */
  async startEngines(
    count: number,
    options: Pick<ClusterOptions, "env" | "resources" | "restart" | "devices"> = {},
  ): Promise<string> {
    checkCount(count, 1);
    checkNames("startEngines", options, { env: "any", resources: "any", restart: "any", devices: "any" });
    checkOptions(options);
    const env = { ...this.#env, ...options.env };
    const resources = options.resources ?? this.#resources;
    const restart = options.restart === undefined ? this.#restart : restartPolicy(options.restart);
    const devices = options.devices === undefined ? this.#devices : parseDevices(options.devices);
    return this.#link.request<"startEngines">({ method: "startEngines", count, env, resources, restart, devices });
  }

  /**
   * Takes engines out, by id: they finish what they run, take nothing new, and end; what waits goes to others. Done when
   * their processes have ended.
   */
  async retireEngines(engineIds: number | readonly number[]): Promise<void> {
    const list = typeof engineIds === "number" ? [engineIds] : [...engineIds];
    for (const id of list) {
      if (!Number.isInteger(id)) throw new TypeError(`an engine id must be an integer; given: ${shown(id)}`);
    }
    await this.#link.request<"retire">({ method: "retire", engineIds: list });
  }

  /** Stops a set of engines, or all; done when their processes have ended. @throws RangeError for an unknown set. */
  async stopEngines(engineSet?: string): Promise<void> {
    await this.#link.request<"stopEngines">({ method: "stopEngines", engineSet });
  }

  /** Replaces the engines of a set, or all; done when the new ones, with new ids, have registered. */
  async restartEngines(engineSet?: string): Promise<void> {
    await this.#link.request<"restartEngines">({ method: "restartEngines", engineSet });
  }

  /** Sends a signal (name or number) to the processes of a set of engines, or of all. */
  async signalEngines(signal: NodeJS.Signals | number, engineSet?: string): Promise<void> {
    checkSignal(signal);
    await this.#link.request<"signalEngines">({ method: "signalEngines", signal, engineSet });
  }

  /**
   * Ends engines, agent and controller; done when nothing of them is left. Safe to call again.
   * @throws TimeoutError when the controller does not answer and is not this process's own to kill.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** {@link stop}, under the name that clients have for it. */
  close(): Promise<void> {
    return this.stop();
  }

  /** What {@link Cluster.from} takes, in another process too. */
  toJSON(): ClusterJson {
    return { clusterId: this.clusterId, profileDir: this.profileDir, file: this.file };
  }

  /** {@link stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    let patience = LEAVE_MS;
    this.#processes?.leave();
    try {
      await within(
        this.#link.request<"shutdown">({ method: "shutdown" }),
        { timeout: SHUTDOWN_MS },
        "stopping the cluster",
      );
      await within(this.#link.whenEnded, { timeout: LEAVE_MS }, "the end of the controller");
    } catch (error) {
      if (error instanceof ConnectionError) {
        // A controller that is gone already is what was wanted; the agent ends by itself, after its engines.
        patience = SHUTDOWN_MS;
      } else if (this.#processes === undefined) {
        throw error;
      }
    }
    this.#link.close();
    await this.#processes?.stop(patience);
  }
}

function restartPolicy(restart: RestartPolicy | boolean | undefined): RestartPolicy | undefined {
  return restart === true ? DEFAULT_RESTART : restart === false ? undefined : restart;
}

function processOptions({ controller, heartbeat, dataWay }: ClusterOptions): Parameters<typeof launchLocally>[2] {
  const given = typeof controller === "object" ? controller : {};
  const { scheme, hwm, prefetch, host, patience = DEFAULT_PATIENCE } = given;
  const database = databaseOptions(given.database);
  const isOnDisk = database?.type === "sqlite" || database?.file !== undefined;
  const restart = restartPolicy(given.restart ?? isOnDisk);
  return {
    scheduler: { scheme, hwm, prefetch },
    heartbeat: { ...DEFAULT_HEARTBEAT, ...heartbeat },
    dataWay,
    host,
    database,
    restart: restart && { ...restart, patience },
  };
}

/** A file is named as this process sees it. */
function databaseOptions(database: ControllerOptions["database"]): DatabaseOptions | undefined {
  if (typeof database !== "object") return database && { type: database };
  return database.file === undefined ? database : { ...database, file: resolve(database.file) };
}

const ignore = { message: (): void => undefined, lost: (): void => undefined };

/** Seconds since the epoch and four letters, so that ids sort by age. */
function newClusterId(): string {
  const letters = [...randomBytes(4)].map((byte) => String.fromCharCode(97 + (byte % 26))).join("");
  return `${Math.floor(Date.now() / 1000)}-${letters}`;
}

staysBehind(Cluster, "a cluster");
