/** How devices are asked for when a cluster is started, and checks of it. */

import { shown } from "../errors.ts";
import type { DeviceKind, DeviceOrder, DeviceSpec } from "../protocol/devices.ts";

/**
 * A kind of device (`"webgpu"`, `"cuda"`, `"wasm"`, `"cpu"`), a certain one (`"cuda:1"`, `"cuda:GPU-…"`,
 * `"webgpu:part of its name"`), or more precisely an object.
 */
export type DeviceRequest = DeviceKind | `${"cuda" | "webgpu"}:${string}` | DeviceSpec;

/** `"auto"`: the GPUs that are found. `"none"`: no device is looked for. A list: engine after engine one of these. */
export type DeviceRequests = "auto" | "none" | readonly DeviceRequest[];

const KINDS: readonly string[] = ["cpu", "wasm", "webgpu", "cuda"] satisfies DeviceKind[];
const MEMBERS: readonly string[] = ["kind", "id", "software", "share"] satisfies (keyof DeviceSpec)[];

/** @throws TypeError for what is no request, RangeError for an empty list or a share that is none. */
export function parseDevices(devices: unknown): DeviceOrder {
  if (devices === "auto" || devices === "none") return devices;
  if (!Array.isArray(devices)) {
    throw new TypeError(`devices must be "auto", "none" or a list of devices; given: ${shown(devices)}`);
  }
  if (devices.length === 0) throw new RangeError('devices must name at least one device, or be "none"');
  return devices.map((request, index) => parseDevice(request, `devices[${index}]`));
}

function parseDevice(request: unknown, name: string): DeviceSpec {
  if (typeof request === "string") {
    const [, kind = "", id] = /^([^:]*)(?::(.+))?$/.exec(request) ?? [];
    return checkSpec(id === undefined ? { kind } : { kind, id }, name, request);
  }
  if (typeof request === "object" && request !== null) return checkSpec(request, name, shown(request));
  throw new TypeError(`${name} must be a text such as "cuda:0", or an object with a kind; given: ${shown(request)}`);
}

function checkSpec(spec: object, name: string, given: string): DeviceSpec {
  const { kind, id, software, share } = spec as Record<string, unknown>;
  const unknown = Object.keys(spec).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined) {
    throw new TypeError(`${name} has an unknown member "${unknown}"; the members are: ${MEMBERS.join(", ")}`);
  }
  if (!KINDS.includes(kind as string)) {
    throw new TypeError(`${name} must be of one of the kinds ${KINDS.join(", ")}; given: ${given}`);
  }
  if (id !== undefined && (kind === "cpu" || kind === "wasm")) {
    throw new TypeError(`${name}: there is only one "${String(kind)}", so it takes no id; given: ${given}`);
  }
  if (id !== undefined && typeof id !== "string") throw new TypeError(`${name}.id must be a string; given: ${given}`);
  if (software !== undefined && typeof software !== "boolean") {
    throw new TypeError(`${name}.software must be a boolean; given: ${given}`);
  }
  if (share !== undefined && !(typeof share === "number" && share > 0 && share <= 1)) {
    throw new RangeError(`${name}.share must be a number above 0 and up to 1; given: ${given}`);
  }
  return spec as DeviceSpec;
}
