/** The WebGPU device of a process: made once, shared by tfjs and by raw buffers, watched for errors. */

import type { TaskScope } from "./adapter.ts";
import { assignedDevice, type DeviceInfo, type DeviceSpec } from "./device.ts";
import { importLibrary, LibraryError } from "./import-library.ts";

export interface GpuBuffer {
  readonly size: number;
  readonly usage: number;
  getMappedRange(): ArrayBuffer;
  mapAsync(mode: number): Promise<void>;
  unmap(): void;
  destroy(): void;
}

interface GpuCommands {
  copyBufferToBuffer(from: GpuBuffer, at: number, to: GpuBuffer, toAt: number, size: number): void;
  finish(): unknown;
}

type ErrorFilter = "validation" | "out-of-memory" | "internal";

/** The part of a GPUDevice that is used here. */
export interface GpuDevice {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly limits: { readonly maxBufferSize: number; readonly maxStorageBufferBindingSize: number };
  readonly queue: { submit(commands: readonly unknown[]): void; onSubmittedWorkDone(): Promise<void> };
  createBuffer(options: { size: number; usage: number; mappedAtCreation?: boolean }): GpuBuffer;
  createCommandEncoder(): GpuCommands;
  pushErrorScope(filter: ErrorFilter): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
  addEventListener(type: "uncapturederror", listener: (event: { error: { message: string } }) => void): void;
  destroy(): void;
}

interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

interface GpuAdapter {
  readonly info: AdapterInfo;
  readonly isFallbackAdapter?: boolean;
  readonly features: Iterable<string>;
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(options: object): Promise<GpuDevice>;
}

interface Gpu {
  readonly device: GpuDevice;
  readonly info: AdapterInfo;
  readonly described: DeviceInfo;
}

/** Something went wrong on the GPU, and rejects the task that caused it. */
export class DeviceError extends Error {
  override readonly name: "GPUValidationError" | "GPUOutOfMemoryError" | "GPUInternalError" | "DeviceLostError";

  constructor(name: DeviceError["name"], message: string) {
    super(message);
    this.name = name;
  }
}

let current: Promise<Gpu> | undefined;
let present: Gpu | undefined;
let lost: DeviceError | undefined;
const lostListeners = new Set<(error: DeviceError) => void>();

/** Calls `listener` when the device of this process is lost. */
export function onDeviceLost(listener: (error: DeviceError) => void): void {
  lostListeners.add(listener);
}

/**
 * The WebGPU device of this process; made at the first call, for which `spec` counts.
 * @throws LibraryError when there is no adapter, or only a software one that `spec` does not allow
 */
export async function gpuDevice(
  spec: DeviceSpec = assignedDevice() ?? { kind: "webgpu" },
): Promise<{ device: GpuDevice; info: AdapterInfo }> {
  current ??= openGpu(spec);
  try {
    present = await current;
  } catch (error) {
    current = undefined;
    throw error;
  }
  return present;
}

/** The device of this process, if {@link gpuDevice} has made one. */
export function presentGpu(): GpuDevice | undefined {
  return present?.device;
}

/** What to report of the device. @throws LibraryError before there is one */
export function gpuDeviceInfo(): DeviceInfo {
  if (present === undefined) throw new LibraryError("this process has no WebGPU device");
  return present.described;
}

async function openGpu(spec: DeviceSpec): Promise<Gpu> {
  const { create, globals } = (await importLibrary("webgpu", "WebGPU")) as unknown as {
    create(flags: string[]): { requestAdapter(options?: object): Promise<GpuAdapter | null | undefined> };
    globals: object;
  };
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  const gpu = create(["backend=vulkan", ...(spec.id === undefined ? [] : [`adapter=${spec.id}`])]);
  showToLibraries(gpu);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null || adapter === undefined) {
    const which = spec.id === undefined ? "no adapter" : `no adapter whose name contains "${spec.id}"`;
    throw new LibraryError(
      `WebGPU found ${which}: install a Vulkan driver for the GPU, or name a software driver in VK_DRIVER_FILES`,
    );
  }
  const { info } = adapter;
  const software = info.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false;
  if (software && spec.software !== true) {
    throw new LibraryError(
      `the only WebGPU adapter is software (${nameOf(info)}), which computes correctly but slowly: to use it, ` +
        'ask for it with devices: [{ kind: "webgpu", software: true }]',
    );
  }
  const device = await adapter.requestDevice({
    requiredFeatures: usefulFeatures(adapter),
    requiredLimits: greatestLimits(adapter),
  });
  watch(device);
  const share = spec.share ?? 1;
  const described: DeviceInfo = {
    kind: "webgpu",
    id: nameOf(info),
    name: nameOf(info),
    software,
    share,
    gpu: software ? 0 : share,
  };
  return { device, info, described };
}

/** `navigator.gpu`, where libraries made for browsers look. Node 20 has no navigator, later ones have one without it. */
function showToLibraries(gpu: object): void {
  const place = globalThis as { navigator?: object };
  if (place.navigator === undefined) {
    const value = { userAgent: "Node.js" };
    Object.defineProperty(globalThis, "navigator", { value, configurable: true, writable: true });
  }
  Object.defineProperty(place.navigator, "gpu", { value: gpu, configurable: true });
}

function nameOf({ description, device, architecture, vendor }: AdapterInfo): string {
  return [description, device, architecture, vendor].find((name) => name !== "") ?? "WebGPU adapter";
}

const FEATURES = ["timestamp-query", "shader-f16", "subgroups"];
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
];

function usefulFeatures({ features }: GpuAdapter): string[] {
  return [...features].filter((name) => FEATURES.includes(name));
}

function greatestLimits({ limits }: GpuAdapter): Record<string, number> {
  return Object.fromEntries(LIMITS.map((name) => [name, limits[name] as number]));
}

function watch(device: GpuDevice): void {
  void device.lost.then(({ reason, message }) => {
    if (present?.device !== device) return;
    lost = new DeviceError("DeviceLostError", `the GPU device of this engine was lost (${reason}): ${message}`);
    for (const listener of lostListeners) listener(lost);
  });
  device.addEventListener("uncapturederror", ({ error }) => {
    process.stderr.write(`GPU error outside of a task: ${error.message}\n`);
  });
}

const FILTERS: readonly ErrorFilter[] = ["validation", "out-of-memory", "internal"];
const NAMES = {
  validation: "GPUValidationError",
  "out-of-memory": "GPUOutOfMemoryError",
  internal: "GPUInternalError",
} as const;

/** Catches the errors of the GPU while a task runs: they do not throw by themselves. */
export function beginGpuScope(): Pick<TaskScope, "settle"> | undefined {
  const device = presentGpu();
  if (device === undefined) return undefined;
  for (const filter of FILTERS) device.pushErrorScope(filter);
  return {
    settle: async () => {
      const errors = FILTERS.toReversed().map((filter) => device.popErrorScope().then((error) => ({ filter, error })));
      const work = Promise.all([...errors, device.queue.onSubmittedWorkDone()]);
      // A lost device may leave all of them unanswered.
      await Promise.race([work.catch(() => undefined), device.lost]);
      if (lost !== undefined) throw lost;
      for (const { filter, error } of await Promise.all(errors)) {
        if (error !== null) throw describe(filter, error.message, device);
      }
    },
  };
}

function describe(filter: ErrorFilter, message: string, { limits }: GpuDevice): DeviceError {
  const most = `this device takes buffers of at most ${limits.maxBufferSize} bytes`;
  const binding = `and binds at most ${limits.maxStorageBufferBindingSize} bytes of one to a shader`;
  const isAboutSize = filter === "out-of-memory" || /size|limit|too large/i.test(message);
  return new DeviceError(NAMES[filter], isAboutSize ? `${message.trim()} (${most}, ${binding})` : message.trim());
}
