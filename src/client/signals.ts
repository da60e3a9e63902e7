/** Signals, as programs name them. */

import { constants } from "node:os";

/** @throws TypeError for what is no signal of this system. */
export function checkSignal(signal: unknown): void {
  const { signals } = constants;
  const known =
    typeof signal === "number" ? Object.values(signals).includes(signal) : Object.hasOwn(signals, String(signal));
  if (!known) throw new TypeError(`unknown signal ${String(signal)}; signals are: ${Object.keys(signals).join(", ")}`);
}
