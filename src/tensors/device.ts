/** The device of this process: what an engine was given by its agent, and what it found there. */

import type { AssignedDevice, DeviceInfo } from "../protocol/devices.ts";

export type { AssignedDevice, DeviceInfo, DeviceKind, DeviceSpec } from "../protocol/devices.ts";

const CURRENT = Symbol.for("ndparallel.device");
const PLAIN_CPU: DeviceInfo = { kind: "cpu", id: "cpu", name: "CPU", software: false, share: 1, gpu: 0 };

type Place = { [CURRENT]?: { assigned?: AssignedDevice; info?: DeviceInfo } };

/**
 * The device of this process: inside a task the one that its engine was given; the CPU where none was.
 *
 * @example
 * ```ts
 * await view.apply(() => device().kind); // "webgpu"
 * ```
 */
export function device(): DeviceInfo {
  return place().info ?? PLAIN_CPU;
}

/** The device that this process was given, whether or not a library uses it already. */
export function assignedDevice(): AssignedDevice | undefined {
  return place().assigned;
}

export function assignDevice(assigned: AssignedDevice): void {
  place().assigned = assigned;
}

export function setDevice(info: DeviceInfo): void {
  place().info = info;
}

/** On the global object, so that every copy of this module tells the same. */
function place(): { assigned?: AssignedDevice; info?: DeviceInfo } {
  const global = globalThis as Place;
  if (global[CURRENT] === undefined) Object.defineProperty(global, CURRENT, { value: {}, enumerable: false });
  return global[CURRENT] as { assigned?: AssignedDevice; info?: DeviceInfo };
}
