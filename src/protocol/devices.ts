/** Devices, as processes tell one another of them. */

/** What an engine computes on. */
export type DeviceKind = "cpu" | "wasm" | "webgpu" | "cuda";

/** Which device an engine is to use. */
export interface DeviceSpec {
  readonly kind: DeviceKind;
  /** CUDA: the UUID or index of the GPU. WebGPU: part of the adapter's name. */
  readonly id?: string | undefined;
  /** Whether an adapter that is only software may stand in for a GPU. Default: false. */
  readonly software?: boolean | undefined;
  /** The share of the device that an engine takes, above 0 and up to 1: 0.5 for two engines on one device. */
  readonly share?: number | undefined;
}

/** Devices for a set of engines: those that are found, none, or these, one after another. */
export type DeviceOrder = "auto" | "none" | readonly DeviceSpec[];

/** What an agent gives to an engine. */
export interface AssignedDevice extends DeviceSpec {
  readonly share: number;
  readonly name?: string | undefined;
  /** In bytes. */
  readonly memory?: number | undefined;
}

/** A device, as the engine that uses it reports it. */
export interface DeviceInfo {
  readonly kind: DeviceKind;
  /** CUDA: the UUID of the GPU; else the kind, or the adapter's name. */
  readonly id: string;
  readonly name: string;
  /** Whether it is a driver that computes on the CPU in place of a GPU. */
  readonly software: boolean;
  /** The share of it that this engine has. */
  readonly share: number;
  /** How much memory it has, in bytes, as far as that is known. */
  readonly memory?: number | undefined;
  /** The GPUs that the engine counts as, for resource requirements: its share of a GPU, else 0. */
  readonly gpu: number;
}
