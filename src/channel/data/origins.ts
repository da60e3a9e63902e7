/** Where the memory of received buffers came from, so that what is passed on is not copied again. */

import { type ReceivedBytes, receivedPart } from "../../ndarray-transport/segments/slices.ts";
import type { BufferDescriptor } from "../../protocol/data-messages.ts";

/** Memory that a received buffer lies in. */
export interface Origin {
  /** What it is at its owner, while this process holds it; `undefined`: the bytes are this process's own. */
  readonly descriptor?: BufferDescriptor | undefined;
}

interface Known extends Origin {
  readonly start: number;
  readonly end: number;
}

export class Origins {
  readonly #byMemory = new WeakMap<object, Known>();

  /** `bytes` as they were received. */
  add(bytes: ReceivedBytes, descriptor?: BufferDescriptor): void {
    const { memory, offset } = receivedPart(bytes);
    this.#byMemory.set(memory, { descriptor, start: offset, end: offset + bytes.byteLength });
  }

  /** The origin of the memory that `bytes` lies in, if all of `bytes` was received. */
  of(bytes: ReceivedBytes): (Origin & { readonly offset: number }) | undefined {
    const { memory, offset } = receivedPart(bytes);
    const known = this.#byMemory.get(memory);
    if (known === undefined || offset < known.start || offset + bytes.byteLength > known.end) return undefined;
    return { descriptor: known.descriptor, offset: offset - known.start };
  }
}
