/** From what a program says to the data of a connection: which cluster, and where its controller is. */

import { setTimeout as delay } from "node:timers/promises";
import { ConnectionError, shown } from "../errors.ts";
import { DATA_WAYS, type DataWay } from "../protocol/data-messages.ts";
import {
  type ConnectionInfo,
  checkConnectionInfo,
  connectionFilePath,
  connectionFiles,
  defaultProfileDir,
  readConnectionFile,
} from "./connection-file.ts";
import { checkOptions, type OptionKinds } from "./options.ts";
import { checkLimits, WAIT_KINDS, within } from "./waiting.ts";

/** Where to find a cluster: exactly one of `clusterId`, `file` and `info`. */
export interface ConnectOptions {
  /** Id of a cluster of this user on this machine. */
  readonly clusterId?: string;
  /** Path of a connection file. */
  readonly file?: string;
  /** The contents of a connection file. */
  readonly info?: ConnectionInfo;
  /** Where connection files lie, for `clusterId`. */
  readonly profileDir?: string;
  /** Milliseconds for the file to appear and the controller to answer; 10,000 unless given. */
  readonly timeout?: number;
  /** Ends the attempt. */
  readonly signal?: AbortSignal | undefined;
  /** How large arrays travel to and from this client; as the cluster was started unless given. */
  readonly dataWay?: DataWay;
}

/** How often a connection file is looked for, in milliseconds. */
const FILE_POLL_MS = 50;

const CONNECT_KINDS: OptionKinds<ConnectOptions> = {
  clusterId: "text",
  file: "text",
  info: "any",
  profileDir: "text",
  ...WAIT_KINDS,
  dataWay: "any",
};

/** @throws TypeError */
export function checkConnectOptions(options: ConnectOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`connect needs an object with one of clusterId, file and info; given: ${shown(options)}`);
  }
  checkOptions("connect", options, CONNECT_KINDS);
  const given = (["clusterId", "file", "info"] as const).filter((name) => options[name] !== undefined);
  if (given.length !== 1) {
    throw new TypeError(`connect needs exactly one of clusterId, file and info; given: ${given.join(", ") || "none"}`);
  }
  checkLimits(options);
  if (options.dataWay !== undefined && !DATA_WAYS.includes(options.dataWay)) {
    throw new TypeError(`dataWay must be one of ${DATA_WAYS.join(", ")}; given: ${shown(options.dataWay)}`);
  }
}

/** @throws ConnectionError, SecurityError */
export async function findInfo(options: ConnectOptions, deadline: number): Promise<ConnectionInfo> {
  if (options.info !== undefined) return checkConnectionInfo(options.info);
  const profileDir = options.profileDir ?? defaultProfileDir();
  const path = options.file ?? connectionFilePath(options.clusterId as string, profileDir);
  for (;;) {
    try {
      return readConnectionFile(path);
    } catch (error) {
      const missing = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
      if (!missing || Date.now() >= deadline) throw missing ? noSuchCluster(path, profileDir, error) : error;
      await within(delay(FILE_POLL_MS), { signal: options.signal }, "waiting for the connection file");
    }
  }
}

function noSuchCluster(path: string, profileDir: string, cause: unknown): ConnectionError {
  const known = connectionFiles(profileDir).map(({ clusterId }) => clusterId);
  const running = known.length === 0 ? "no cluster is running" : `running clusters: ${known.join(", ")}`;
  return new ConnectionError(`there is no connection file ${path}; ${running}`, { cause });
}
