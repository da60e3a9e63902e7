/** One cluster for a whole test file; the namespaces are empty at the start of each test. */

import { type Client, Cluster, type ClusterOptions, type DirectView } from "ndparallel";
import { afterAll, afterEach, beforeAll } from "vitest";

export interface SharedCluster {
  readonly cluster: Cluster;
  readonly rc: Client;
  /** The lazy view on all engines. */
  readonly all: DirectView<"many", false>;
}

/** The environment variable that says which task database such clusters have, if not the one in memory. */
export const DATABASE = "NDPARALLEL_TEST_DATABASE";

/** Starts a cluster before the file's tests and stops it after them; to be called at the top of the file. */
export function shareCluster(engines: number, options: Omit<ClusterOptions, "engines"> = {}): SharedCluster {
  const isOnDisk = process.env[DATABASE] === "sqlite";
  let cluster: Cluster | undefined;
  let rc: Client | undefined;
  beforeAll(async () => {
    cluster = await Cluster.start({ ...options, engines, ...(isOnDisk ? { controller: { database: "sqlite" } } : {}) });
    rc = await cluster.connect();
  });
  afterEach(async () => {
    await rc?.view().clear();
  });
  afterAll(async () => {
    rc?.close();
    await cluster?.stop();
  });
  return {
    get cluster() {
      return present(cluster);
    },
    get rc() {
      return present(rc);
    },
    get all() {
      return present(rc).view();
    },
  };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the cluster is there once the tests have begun");
  return value;
}

/** What a promise, or a result, rejects with; a value of a call that throws at once counts too. */
export async function failure(call: () => unknown): Promise<Error> {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
