/** Makes descriptors of the large buffers that leave this process. */

import type { Serialized } from "../../ndarray-transport/serializer.ts";
import { INLINE_LIMIT } from "../../ndarray-transport/serializer.ts";
import type { BufferDescriptor, BufferPlaces, CarriesBuffers } from "../../protocol/data-messages.ts";
import type { Origins } from "./origins.ts";
import type { OwnedBuffer, OwnedBuffers } from "./owned-buffers.ts";

/** What a message gets: the places of all buffers, and the small ones themselves. */
export interface Packed {
  /** To be put into the message. */
  readonly carrier: CarriesBuffers;
  readonly inline: readonly Uint8Array[];
}

/** The buffers of a serialized value. */
export interface Packable {
  readonly buffers: Serialized["buffers"];
  readonly keys?: Serialized["keys"] | undefined;
}

export interface PackerOptions {
  readonly owned: OwnedBuffers;
  readonly origins: Origins;
  /** Copies what is sent at once, so that it cannot change any more. Otherwise the memory is borrowed. */
  readonly isSnapshot: boolean;
}

const NOTHING: CarriesBuffers = {};

/** Packs the values of one call, all at one moment: what several of them have in common is kept once. */
export class Packer {
  readonly #options: PackerOptions;
  readonly #kept = new Map<ArrayBufferLike, { readonly whole: Uint8Array; readonly owned: OwnedBuffer }[]>();
  readonly #onReleased: (() => void) | undefined;
  #borrowed = 0;

  /** `onReleased` is called for each borrowed buffer that is no longer needed; see {@link borrowed}. */
  constructor(options: PackerOptions, onReleased?: () => void) {
    this.#options = options;
    this.#onReleased = onReleased;
  }

  /** How many of the user's buffers were borrowed. */
  get borrowed(): number {
    return this.#borrowed;
  }

  pack({ buffers, keys }: Packable): Packed {
    if (buffers.length === 0) return { carrier: NOTHING, inline: buffers };
    const inline: Uint8Array[] = [];
    const places: BufferPlaces = buffers.map((bytes, index) => {
      if (bytes.byteLength >= INLINE_LIMIT) return this.#describe(bytes, keys?.[index]);
      inline.push(bytes);
      return null;
    });
    return inline.length === buffers.length ? { carrier: NOTHING, inline } : { carrier: { places }, inline };
  }

  #describe(bytes: Uint8Array, key: string | undefined): BufferDescriptor {
    const { owned, origins } = this.#options;
    const known = key === undefined ? undefined : owned.byKey(key);
    if (known?.isLost === false) return owned.describe(known);
    const origin = origins.of(bytes);
    if (origin !== undefined) {
      const { descriptor, offset } = origin;
      if (descriptor !== undefined) {
        return { ...descriptor, offset: descriptor.offset + offset, byteLength: bytes.byteLength };
      }
      return this.#keep(origin.bytes, bytes, () => owned.add(origin.bytes, { isBorrowed: true }));
    }
    return this.#keep(bytes, bytes, () => this.#take(bytes, key));
  }

  /** A descriptor of `part` of what is kept of `whole`, which `take` keeps unless that has been done. */
  #keep(whole: Uint8Array, part: Uint8Array, take: () => OwnedBuffer): BufferDescriptor {
    const inSameMemory = this.#kept.get(whole.buffer) ?? [];
    let kept = inSameMemory.find(
      (other) => other.whole.byteOffset === whole.byteOffset && other.whole.byteLength === whole.byteLength,
    );
    if (kept === undefined) {
      kept = { whole, owned: take() };
      this.#kept.set(whole.buffer, [...inSameMemory, kept]);
    }
    return this.#options.owned.describe(kept.owned, part.byteOffset - whole.byteOffset, part.byteLength);
  }

  #take(bytes: Uint8Array, key: string | undefined): OwnedBuffer {
    const { owned, isSnapshot } = this.#options;
    // What has a key may be used again later, when the user has long written to it.
    if (isSnapshot || key !== undefined) return owned.add(new Uint8Array(bytes), { isBorrowed: false, key });
    this.#borrowed++;
    return owned.add(bytes, { isBorrowed: true, onFree: this.#onReleased });
  }
}
