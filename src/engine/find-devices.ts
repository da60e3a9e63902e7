/** Finds the devices of this host: the GPUs that NVIDIA's driver lists, and WebGPU's adapter. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DeviceInfo } from "../protocol/devices.ts";

const run = promisify(execFile);

/** How long a driver may take to list its devices, in milliseconds; the first call after a boot loads it. */
const LIST_TIMEOUT_MS = 20_000;

/** A GPU as `nvidia-smi` lists it. */
export interface NvidiaGpu {
  readonly index: string;
  readonly uuid: string;
  readonly name: string;
  /** In bytes. */
  readonly memory: number | undefined;
}

/**
 * The GPUs that `nvidia-smi` lists and `CUDA_VISIBLE_DEVICES` leaves visible; none where there is no such program.
 * @throws Error when it fails
 */
export async function nvidiaGpus(env: NodeJS.ProcessEnv): Promise<NvidiaGpu[]> {
  const query = ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"];
  let text: string;
  try {
    ({ stdout: text } = await run("nvidia-smi", query, { env, timeout: LIST_TIMEOUT_MS }));
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === "ENOENT") return [];
    throw new Error(`nvidia-smi could not list the GPUs: ${(stderr ?? "").trim() || message}`);
  }
  const gpus = text.split("\n").flatMap((line) => {
    const [index, uuid, name, mebibytes] = line.split(",").map((field) => field.trim());
    if (index === undefined || uuid === undefined || uuid === "") return [];
    const memory = Number(mebibytes);
    return [{ index, uuid, name: name ?? uuid, memory: Number.isFinite(memory) ? memory * 2 ** 20 : undefined }];
  });
  const visible = env["CUDA_VISIBLE_DEVICES"]?.split(",").map((id) => id.trim());
  return visible === undefined ? gpus : visible.flatMap((id) => gpuOf(gpus, id) ?? []);
}

/** The GPU of that index or UUID; the beginning of a UUID will do, as it does for CUDA. */
export function gpuOf(gpus: readonly NvidiaGpu[], id: string): NvidiaGpu | undefined {
  return gpus.find(({ index, uuid }) => index === id || uuid === id || (id.startsWith("GPU-") && uuid.startsWith(id)));
}

/** WebGPU's adapter, if the package `webgpu` is installed and finds one that is no software. Asked in a process of its own. */
export async function webgpuAdapter(env: NodeJS.ProcessEnv): Promise<DeviceInfo | undefined> {
  const probe = fileURLToPath(new URL("../tensors/probe-webgpu.js", import.meta.url));
  try {
    const { stdout } = await run(process.execPath, [probe], { env, timeout: LIST_TIMEOUT_MS });
    return JSON.parse(stdout) as DeviceInfo;
  } catch {
    return undefined;
  }
}
