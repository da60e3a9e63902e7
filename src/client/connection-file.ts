/** Connection files: where a cluster's controller is and the key that opens it, readable by their owner only. */

import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { ConnectionError, SecurityError, shown } from "../errors.ts";

/** What a client needs to reach a controller. */
export interface ConnectionInfo {
  readonly version: 1;
  readonly clusterId: string;
  readonly host: string;
  readonly port: number;
  /** Whoever has it can run code on the cluster. */
  readonly key: string;
  readonly controllerPid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

const FILE_NAME = /^cluster-(.+)\.json$/;
const CLUSTER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Permissions of others, in a file's mode. */
const OTHERS = 0o077;

/** `$NDPARALLEL_DIR`, or a directory of the user's own among the temporary ones. */
export function defaultProfileDir(): string {
  const { uid, username } = userInfo();
  return process.env["NDPARALLEL_DIR"] ?? join(tmpdir(), `ndparallel-${uid >= 0 ? uid : username}`);
}

/** @throws TypeError when `clusterId` could not be part of a file name. */
export function connectionFilePath(clusterId: string, profileDir: string = defaultProfileDir()): string {
  if (typeof clusterId !== "string" || !CLUSTER_ID.test(clusterId)) {
    throw new TypeError(
      `clusterId must be 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit; given: ${JSON.stringify(clusterId)}`,
    );
  }
  return join(profileDir, `cluster-${clusterId}.json`);
}

/**
 * Writes a new connection file with mode 0600, in a directory with mode 0700. Nobody sees it before it is complete.
 * @throws SecurityError when the directory belongs to somebody else, RangeError when the file exists.
 */
export function writeConnectionFile(path: string, info: ConnectionInfo): void {
  const directory = dirname(path);
  const draft = `${path}.${process.pid}`;
  const text = `${JSON.stringify(info, undefined, 2)}\n`;
  for (let attempt = 0; ; attempt++) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    try {
      checkOwner(directory);
      writeFileSync(draft, text, { mode: 0o600, flag: "wx" });
      try {
        linkSync(draft, path);
      } finally {
        unlinkSync(draft);
      }
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST")
        throw new RangeError(`a cluster with the id "${info.clusterId}" has ${path}`, { cause: error });
      // Another cluster that ended just now may have taken the empty directory away.
      if (code !== "ENOENT" || attempt === 5) throw error;
    }
  }
}

/** Says something else in a connection file; nothing if it is not there any more. */
export function replaceConnectionFile(path: string, info: ConnectionInfo): void {
  const draft = `${path}.${process.pid}`;
  try {
    statSync(path);
    writeFileSync(draft, `${JSON.stringify(info, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
    renameSync(draft, path);
  } catch {
    // The cluster has ended.
  }
}

/**
 * @throws ConnectionError when there is no such file or it is not a connection file, SecurityError when others may
 * read or write it.
 */
export function readConnectionFile(path: string): ConnectionInfo {
  let text: string;
  try {
    checkOwner(path);
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof SecurityError) throw error;
    throw new ConnectionError(`cannot read the connection file ${path}: is the cluster running?`, { cause: error });
  }
  try {
    return checkConnectionInfo(JSON.parse(text));
  } catch (error) {
    throw new ConnectionError(`${path} is not a connection file: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws TypeError that names what is missing. */
export function checkConnectionInfo(value: unknown): ConnectionInfo {
  const info = value as Partial<ConnectionInfo> | null;
  if (typeof info !== "object" || info === null) throw new TypeError(`info must be an object; given: ${shown(info)}`);
  for (const [name, type] of [
    ["clusterId", "string"],
    ["host", "string"],
    ["port", "number"],
    ["key", "string"],
  ] as const) {
    if (typeof info[name] !== type) throw new TypeError(`info.${name} must be a ${type}`);
  }
  return info as ConnectionInfo;
}

/** The connection files in a directory, whether or not their clusters are alive. */
export function connectionFiles(profileDir: string): { readonly clusterId: string; readonly path: string }[] {
  let names: string[];
  try {
    names = readdirSync(profileDir);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const clusterId = FILE_NAME.exec(name)?.[1];
    return clusterId === undefined ? [] : [{ clusterId, path: join(profileDir, name) }];
  });
}

function checkOwner(path: string): void {
  if (process.getuid === undefined) return;
  const { uid, mode } = statSync(path);
  if (uid !== process.getuid() || (mode & OTHERS) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    throw new SecurityError(
      `${path} must belong to you and be closed to others (it has mode ${octal} and owner ${uid}): check who made it, then chmod go= it`,
    );
  }
}
