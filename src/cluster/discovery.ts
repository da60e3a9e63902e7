/** Which clusters are running, as far as their connection files tell. */

import { removeClusterFiles } from "../channel/cluster-files.ts";
import { type ConnectionInfo, readConnectionFile } from "../client/connection-file.ts";
import { ControllerLink } from "../client/controller-link.ts";
import { ConnectionError, SecurityError } from "../errors.ts";

/** A running cluster of this user on this machine. */
export interface ClusterSummary {
  readonly clusterId: string;
  readonly file: string;
  readonly controllerPid: number;
  readonly startedAt: Date;
}

const PROBE_TIMEOUT_MS = 1_000;
const noListener = { message: (): void => undefined, lost: (): void => undefined };

/** The cluster of a connection file, if it is running; the file of a dead one is removed. */
export async function runningCluster(file: string): Promise<ClusterSummary | undefined> {
  const info = readable(file);
  if (info === undefined || (await probe(info, file)) !== "running") return undefined;
  const { clusterId, controllerPid, startedAt } = info;
  return { clusterId, file, controllerPid, startedAt: new Date(startedAt) };
}

/**
 * Makes sure that a new cluster can have this connection file; that of a dead one is removed.
 * @throws RangeError when it belongs to a cluster that is running.
 */
export async function checkFree(clusterId: string, file: string): Promise<void> {
  const info = readable(file);
  const state = info === undefined ? "dead" : await probe(info, file);
  if (state === "dead") return;
  const silent = state === "silent" ? ", though it does not answer" : "";
  throw new RangeError(
    `clusterId "${clusterId}" belongs to a running cluster${silent}: choose another, or take that one up with Cluster.from("${file}")`,
  );
}

/** What a file says, unless it is none of ours; one that says nothing is removed. */
function readable(file: string): ConnectionInfo | undefined {
  try {
    return readConnectionFile(file);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (error instanceof ConnectionError && code !== "ENOENT") removeClusterFiles(file);
    return undefined;
  }
}

/** Whether the controller answers; it is dead when nobody, or somebody else, listens at its port. */
async function probe(info: ConnectionInfo, file: string): Promise<"running" | "silent" | "dead"> {
  try {
    const link = await ControllerLink.connect(info, noListener, PROBE_TIMEOUT_MS);
    link.close();
    return "running";
  } catch (error) {
    const refused = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED";
    if (!refused && !(error instanceof SecurityError)) return "silent";
    removeClusterFiles(file);
    return "dead";
  }
}
