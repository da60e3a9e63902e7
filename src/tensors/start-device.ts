/** Makes the device of an engine ready before its first task. */

import { type AssignedDevice, assignDevice, type DeviceInfo, setDevice } from "./device.ts";
import { gpuDevice, gpuDeviceInfo } from "./gpu.ts";
import { NotInstalledError } from "./import-library.ts";
import { prepareTfjs } from "./tfjs-backends.ts";

/**
 * Starts the device, and TensorFlow.js on it if that is installed; without it a task that needs it is told what to do.
 * @throws LibraryError when the device, or what is installed for it, does not work
 */
export async function startDevice(assigned: AssignedDevice): Promise<DeviceInfo> {
  assignDevice(assigned);
  const info = await openDevice(assigned);
  setDevice(info);
  return info;
}

async function openDevice(assigned: AssignedDevice): Promise<DeviceInfo> {
  if (assigned.kind === "webgpu") await gpuDevice(assigned);
  try {
    return await prepareTfjs();
  } catch (error) {
    if (!(error instanceof NotInstalledError)) throw error;
  }
  if (assigned.kind === "webgpu") return gpuDeviceInfo();
  const { kind, share, memory } = assigned;
  const id = assigned.id ?? kind;
  const gpu = kind === "cuda" ? share : 0;
  return { kind, id, name: assigned.name ?? id, software: false, share, memory, gpu };
}
