/** Which engine of this host has which device: one each, several a device only when that is asked for. */

import type { AssignedDevice, DeviceOrder, DeviceSpec } from "../protocol/devices.ts";
import { gpuOf, type NvidiaGpu, nvidiaGpus, webgpuAdapter } from "./find-devices.ts";

/** What an engine is started with. */
export interface Assignment {
  readonly device: AssignedDevice;
  readonly env: Readonly<Record<string, string>>;
}

/** Shares are sums of fractions: three thirds are one. */
const ROUNDING = 1e-9;

export class DevicePool {
  /** Taken shares of devices: by device, and by engine within. */
  readonly #taken = new Map<string, Map<string, number>>();

  /**
   * Gives each engine a device, the least taken first; none where there are none to be found.
   * @throws RangeError when a device that is asked for is not there, or too many engines share too few
   */
  async assign(
    order: DeviceOrder,
    engines: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<ReadonlyMap<string, Assignment>> {
    const specs = order === "none" ? [] : order === "auto" ? await this.#found(env) : await resolved(order, env);
    const assignments = new Map<string, Assignment>();
    if (specs.length === 0) return assignments;
    try {
      for (const engine of engines) assignments.set(engine, this.#assignOne(specs, engine, engines.length));
    } catch (error) {
      for (const engine of engines) this.release(engine);
      throw error;
    }
    return assignments;
  }

  /** The engine has ended: its device is free for others. */
  release(engine: string): void {
    for (const engines of this.#taken.values()) engines.delete(engine);
  }

  async #found(env: NodeJS.ProcessEnv): Promise<Candidate[]> {
    const gpus = await nvidiaGpus(env);
    if (gpus.length > 0) return gpus.map((gpu) => cudaDevice(gpu, { kind: "cuda" }));
    const adapter = await webgpuAdapter(env);
    return adapter === undefined ? [] : [{ kind: "webgpu", id: undefined, name: adapter.name }];
  }

  #assignOne(specs: readonly Candidate[], engine: string, engines: number): Assignment {
    const loads = specs.map((spec) => this.#load(spec));
    const least = loads.indexOf(Math.min(...loads));
    const spec = specs[least] as Candidate;
    // Without a word on it they share alike.
    const share = spec.share ?? Math.min(1, specs.length / engines);
    if (isLimited(spec) && spec.share !== undefined && (loads[least] as number) + share > 1 + ROUNDING) {
      throw new RangeError(
        `${engines} engines that take ${share} of a device each do not fit on ${specs.length} devices (${keyOf(spec)}, …), ` +
          `of which ${loads.map((load) => 1 - load).join(", ")} are free: start fewer engines, or ask for smaller shares`,
      );
    }
    const key = keyOf(spec);
    const taken = this.#taken.get(key) ?? new Map<string, number>();
    this.#taken.set(key, taken.set(engine, share));
    return { device: { ...spec, share }, env: environment(spec) };
  }

  #load(spec: Candidate): number {
    return [...(this.#taken.get(keyOf(spec))?.values() ?? [])].reduce((sum, share) => sum + share, 0);
  }
}

interface Candidate extends DeviceSpec {
  readonly name?: string | undefined;
  readonly memory?: number | undefined;
}

function keyOf({ kind, id }: Candidate): string {
  return id === undefined ? kind : `${kind}:${id}`;
}

/** Engines on the CPU share it as all processes do. */
function isLimited({ kind }: Candidate): boolean {
  return kind === "cuda" || kind === "webgpu";
}

function environment({ kind, id }: Candidate): Record<string, string> {
  // By UUID, which means the same card whatever the order in which they are counted.
  return kind === "cuda" && id !== undefined ? { CUDA_VISIBLE_DEVICES: id, CUDA_DEVICE_ORDER: "PCI_BUS_ID" } : {};
}

async function resolved(specs: readonly DeviceSpec[], env: NodeJS.ProcessEnv): Promise<Candidate[]> {
  if (!specs.some(({ kind }) => kind === "cuda")) return [...specs];
  const gpus = await nvidiaGpus(env);
  return specs.flatMap((spec): Candidate[] => {
    if (spec.kind !== "cuda") return [spec];
    if (spec.id === undefined && gpus.length > 0) return gpus.map((gpu) => cudaDevice(gpu, spec));
    const gpu = gpuOf(gpus, spec.id ?? "");
    if (gpu !== undefined) return [cudaDevice(gpu, spec)];
    const there = gpus.map(({ index, uuid, name }) => `${index} (${uuid}, ${name})`).join(", ");
    throw new RangeError(
      `there is no CUDA device${spec.id === undefined ? "" : ` "${spec.id}"`} on this host; ` +
        (there === "" ? "nvidia-smi lists none, or is not installed" : `there are: ${there}`),
    );
  });
}

function cudaDevice({ uuid, name, memory }: NvidiaGpu, spec: DeviceSpec): Candidate {
  return { ...spec, id: uuid, name, memory };
}
