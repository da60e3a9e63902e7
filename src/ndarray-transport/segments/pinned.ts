/**
 * ArrayBuffers over memory that is given back when they were collected. Transferred, their memory would live on in another
 * ArrayBuffer, of which nobody here knows. Node itself refuses `postMessage` and `structuredClone` to transfer memory from
 * outside (version 20 copies it); `transfer()` remains.
 */

const refused = ["transfer", "transferToFixedLength"]
  .filter((name) => name in ArrayBuffer.prototype)
  .map((name) => ({ name, value: refusal(name) }));

/** `buffer`, which can no longer be transferred. */
export function pinned(buffer: ArrayBuffer): ArrayBuffer {
  for (const { name, value } of refused) Object.defineProperty(buffer, name, { value });
  return buffer;
}

function refusal(name: string): () => never {
  return () => {
    throw new TypeError(`${name}(): memory shared with other processes cannot be transferred; slice() gives a copy`);
  };
}
