/** Clusters for the tests of tensors, with the libraries that are installed for them. */

import { type Client, Cluster, type ClusterOptions, type DeviceRequest, type DirectView } from "ndparallel";
import { afterAll, afterEach, beforeAll } from "vitest";
import { folder, softwareGpu, type Tensor } from "./installed-libraries.ts";

export { folder, isInstalled, loadTf, softwareGpu, type Tensor, type Tf } from "./installed-libraries.ts";

/** The backends that the whole suite runs on. */
export const backends: readonly { readonly name: "cpu" | "wasm" | "webgpu"; readonly device: DeviceRequest }[] = [
  { name: "cpu", device: "cpu" },
  { name: "wasm", device: "wasm" },
  { name: "webgpu", device: { kind: "webgpu", software: true } },
];

export interface TensorCluster {
  readonly cluster: Cluster;
  readonly rc: Client;
  readonly all: DirectView<"many", false>;
}

/** One cluster for a file or a group of tests, with TensorFlow.js under the name `tf` in its engines. */
export function shareTensorCluster(engines: number, options: ClusterOptions): TensorCluster {
  return shareCluster(engines, options, importTf);
}

/** One cluster for a file or a group of tests, whose engines find the libraries. */
export function shareCluster(
  engines: number,
  options: ClusterOptions,
  prepare: (rc: Client) => PromiseLike<void> = async () => undefined,
): TensorCluster {
  const shared: { cluster?: Cluster; rc?: Client } = {};
  const before = process.cwd();
  beforeAll(async () => {
    process.chdir(folder);
    shared.cluster = await Cluster.start({ engines, ...options, env: { ...softwareGpu(), ...options.env } });
    shared.rc = await shared.cluster.connect();
    await prepare(shared.rc);
  }, 60_000);
  afterEach(async () => {
    await shared.rc?.view().clear();
    if (shared.rc !== undefined) await prepare(shared.rc);
  });
  afterAll(async () => {
    shared.rc?.close();
    await shared.cluster?.stop();
    process.chdir(before);
  });
  return {
    get cluster() {
      return shared.cluster as Cluster;
    },
    get rc() {
      return shared.rc as Client;
    },
    get all() {
      return (shared.rc as Client).view();
    },
  };
}

async function importTf(rc: Client): Promise<void> {
  await rc.view().import({ tf: "@tensorflow/tfjs-core" });
}

/** The elements of a tensor as numbers. */
export async function numbers(tensor: Tensor): Promise<number[]> {
  return Array.from(await tensor.data());
}
