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
      for (const [spec, sharing] of this.#divide(specs, engines)) {
        const share = spec.share ?? this.#equalShare(spec, sharing.length);
        for (const engine of sharing) {
          this.#take(spec, engine, share);
          assignments.set(engine, { device: { ...spec, share }, env: environment(spec) });
        }
      }
    } catch (error) {
      for (const engine of engines) this.release(engine);
      throw error;
    }
    return assignments;
  }

  /** Engine after engine the device that is taken least. */
  #divide(specs: readonly Candidate[], engines: readonly string[]): Map<Candidate, string[]> {
    const divided = new Map(specs.map((spec) => [spec, [] as string[]]));
    for (const engine of engines) {
      const loads = specs.map((spec) => this.#load(spec) + (divided.get(spec)?.length ?? 0) * (spec.share ?? 1));
      const least = loads.indexOf(Math.min(...loads));
      const spec = specs[least] as Candidate;
      if (isLimited(spec) && spec.share !== undefined && (loads[least] as number) + spec.share > 1 + ROUNDING) {
        throw new RangeError(
          `${engines.length} engines that take ${spec.share} of a device each do not fit on ${specs.length} devices ` +
            `(${keyOf(spec)}, …), of which ${specs.map((each) => 1 - this.#load(each)).join(", ")} are free: ` +
            "start fewer engines, or ask for smaller shares",
        );
      }
      divided.get(spec)?.push(engine);
    }
    return divided;
  }

  /** Without a word on it, engines share alike what is free; where nothing is, as if they had been there from the start. */
  #equalShare(spec: Candidate, engines: number): number {
    const free = 1 - this.#load(spec);
    return free > ROUNDING ? free / engines : 1 / (engines + (this.#taken.get(keyOf(spec))?.size ?? 0));
  }

  #take(spec: Candidate, engine: string, share: number): void {
    const key = keyOf(spec);
    const taken = this.#taken.get(key) ?? new Map<string, number>();
    this.#taken.set(key, taken.set(engine, share));
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
