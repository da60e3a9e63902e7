/** Which running cluster a command is about: the one that is named, or the only one. */

import { Client } from "../client/client.ts";
import { connectionFilePath } from "../client/connection-file.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { ClusterSummary } from "../cluster/discovery.ts";
import { type Options, text } from "./arguments.ts";
import { ExitCode, Failure } from "./failure.ts";

/** Where connection files lie, as `Cluster.list` takes it. */
export function place(options: Options): { readonly profileDir?: string } {
  const profileDir = text(options, "profile-dir");
  return profileDir === undefined ? {} : { profileDir };
}

/** @throws Failure when there is no such cluster, or none is named and several are running. */
export async function chooseCluster(options: Options): Promise<ClusterSummary> {
  const running = await Cluster.list(place(options));
  const [clusterId] = options.operands;
  const known = running.map((cluster) => cluster.clusterId).join(", ");
  if (clusterId !== undefined) {
    connectionFilePath(clusterId);
    const found = running.find((cluster) => cluster.clusterId === clusterId);
    if (found !== undefined) return found;
    const others = running.length === 0 ? "no cluster is running" : `running: ${known}`;
    throw new Failure(`cluster ${clusterId} is not running; ${others}`, ExitCode.notRunning);
  }
  const [only] = running;
  if (only === undefined) throw new Failure("no cluster is running", ExitCode.notRunning);
  if (running.length > 1) {
    throw new Failure(`several clusters are running, name one of them: ${known}`, ExitCode.usage);
  }
  return only;
}

/** A client of the chosen cluster; to be closed. */
export async function connectTo(options: Options): Promise<Client> {
  const { file } = await chooseCluster(options);
  return await Client.connect({ file });
}
