/** Where the memory of received buffers came from, so that what is passed on is not copied again. */

import type { BufferDescriptor } from "../../protocol/data-messages.ts";

/** Memory that a received buffer lies in. */
export interface Origin {
  /** The bytes as they were received. */
  readonly bytes: Uint8Array;
  /** What they are at their owner, while this process holds it; `undefined`: the bytes are this process's own. */
  readonly descriptor?: BufferDescriptor | undefined;
}

export class Origins {
  readonly #byMemory = new WeakMap<ArrayBufferLike, Origin>();

  add(origin: Origin): void {
    this.#byMemory.set(origin.bytes.buffer, origin);
  }

  /** The origin of the memory that `bytes` lies in, if all of `bytes` was received. */
  of(bytes: Uint8Array): (Origin & { readonly offset: number }) | undefined {
    const origin = this.#byMemory.get(bytes.buffer);
    if (origin === undefined) return undefined;
    const offset = bytes.byteOffset - origin.bytes.byteOffset;
    const isInside = offset >= 0 && offset + bytes.byteLength <= origin.bytes.byteLength;
    return isInside ? { ...origin, offset } : undefined;
  }
}
