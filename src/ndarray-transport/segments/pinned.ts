/**
 * ArrayBuffers over memory that is given back when they were collected. Transferred, by `postMessage`, `structuredClone`
 * or `transfer()`, their memory would live on in another ArrayBuffer, of which nobody here knows.
 */

import { markAsUntransferable } from "node:worker_threads";

const refused = ["transfer", "transferToFixedLength"]
  .filter((name) => name in ArrayBuffer.prototype)
  .map((name) => ({ name, value: refusal(name) }));

/** `buffer`, which can no longer be transferred: Node 20 copies it instead, later versions throw. */
export function pinned(buffer: ArrayBuffer): ArrayBuffer {
  markAsUntransferable(buffer);
  for (const { name, value } of refused) Object.defineProperty(buffer, name, { value });
  return buffer;
}

function refusal(name: string): () => never {
  return () => {
    throw new TypeError(`${name}(): memory shared with other processes cannot be transferred; slice() gives a copy`);
  };
}
