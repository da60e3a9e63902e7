/** The transports by name; each is loaded when it is asked for. */

import type { Wire } from "./wire.ts";

/** Everything that is compared. */
export const wireNames = ["node:net", "zeromq packed", "zeromq single", "node:net reused"] as const;
export type WireName = (typeof wireNames)[number];

/** @throws Error when zeromq is not installed. */
export async function loadWire(name: WireName): Promise<Wire> {
  switch (name) {
    case "node:net":
      return (await import("./net-wire.ts")).netWire;
    case "node:net reused":
      return (await import("./reusing-wire.ts")).reusingWire;
    case "zeromq packed":
      return (await import("./zeromq-wire.ts")).zeromqWire(true);
    case "zeromq single":
      return (await import("./zeromq-wire.ts")).zeromqWire(false);
  }
}
