/** Makes descriptors of the large buffers that leave this process. */

import { SerializationError } from "../../errors.ts";
import { opened, type ReceivedBytes, sliceOf, UnopenedBytes } from "../../ndarray-transport/segments/slices.ts";
import { INLINE_LIMIT, type Serialized } from "../../ndarray-transport/serializer.ts";
import type { BufferDescriptor, CarriesBuffers } from "../../protocol/data-messages.ts";
import type { Origins } from "./origins.ts";
import type { Keeping, OwnedBuffer, OwnedBuffers } from "./owned-buffers.ts";
import { copyToShared, keepingOf } from "./shared-way.ts";

/** What a message gets: the places of all buffers, and the small ones themselves. */
export interface Packed {
  /** To be put into the message. */
  readonly carrier: CarriesBuffers;
  readonly inline: readonly Uint8Array[];
}

/** The buffers of a serialized value. */
export interface Packable {
  readonly buffers: readonly ReceivedBytes[];
  readonly keys?: Serialized["keys"] | undefined;
}

export interface PackerOptions {
  readonly owned: OwnedBuffers;
  readonly origins: Origins;
  /** Whether a process has ended, so that nothing can be got from it any more. */
  readonly isGone: (uuid: string) => boolean;
  /** Whether what is sent is copied into shared memory, where there is some. */
  readonly usesShared: boolean;
  /** Copies what is sent in any case, so that it cannot change any more. Otherwise the memory is borrowed. */
  readonly isSnapshot: boolean;
}

/** What the sender wants to know of memory of his that is borrowed. */
export interface BorrowListener {
  /** A borrowed buffer is no longer read. */
  onReleased(): void;
  /** A lent array is no longer used by anybody else. */
  onReturned(): void;
}

/** From how many bytes on a copy is made in pooled memory. */
const POOLED_BYTES = 1024 * 1024;
const NOTHING: CarriesBuffers = {};
const NO_BYTES = new Uint8Array(0);

/** Packs the values of one call, all at one moment: what several of them have in common is kept once. */
export class Packer {
  readonly #options: PackerOptions;
  readonly #listener: BorrowListener | undefined;
  readonly #kept = new Map<ArrayBufferLike, { readonly whole: Uint8Array; readonly owned: OwnedBuffer }[]>();
  readonly #lent: number[] = [];
  readonly #ahead = new Map<Packable, Packed>();
  #borrowed = 0;

  constructor(options: PackerOptions, listener?: BorrowListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** How many buffers were borrowed, until they were read. */
  get borrowed(): number {
    return this.#borrowed;
  }

  /** Ids of the user's shared arrays that were lent: receivers see what is written, as long as they use them. */
  get lent(): readonly number[] {
    return this.#lent;
  }

  /**
   * Packs what is about to be sent, so that the copies of all are made before the first message leaves: receivers that are
   * at work already want the cores. What cannot be packed fails when it is sent.
   */
  packAhead(packables: readonly Packable[]): void {
    for (const packable of packables) {
      try {
        this.#ahead.set(packable, this.#pack(packable));
      } catch {
        return;
      }
    }
  }

  pack(packable: Packable): Packed {
    const packed = this.#ahead.get(packable);
    if (packed === undefined) return this.#pack(packable);
    this.#ahead.delete(packable);
    return packed;
  }

  #pack({ buffers, keys }: Packable): Packed {
    if (buffers.every(({ byteLength }) => byteLength < INLINE_LIMIT)) {
      return { carrier: NOTHING, inline: buffers.map(opened) };
    }
    const passedOn = buffers.map((bytes) => (bytes instanceof UnopenedBytes ? this.#passOn(bytes) : undefined));
    const others = buffers.map((bytes, index) => (passedOn[index] === undefined ? opened(bytes) : NO_BYTES));
    this.#copyTogether(others, keys);
    const inline: Uint8Array[] = [];
    const places = others.map((bytes, index) => {
      const place = passedOn[index];
      if (place !== undefined) return place;
      if (bytes.byteLength >= INLINE_LIMIT) return this.#describe(bytes, keys?.[index]);
      inline.push(bytes);
      return null;
    });
    return { carrier: { places }, inline };
  }

  /** What was received and is sent on unseen: it need not be opened while its owner is there. */
  #passOn(bytes: UnopenedBytes): BufferDescriptor | undefined {
    const origin = this.#options.origins.of(bytes)?.descriptor;
    const shared = bytes.slice.describe();
    if (origin === undefined || shared === undefined || shared.slice !== undefined) return undefined;
    return this.#options.isGone(origin.owner) ? undefined : { ...origin, shared: shared.descriptor };
  }

  /** Copies what lies in ordinary memory into shared memory, all of one value at once. */
  #copyTogether(buffers: readonly Uint8Array[], keys: Serialized["keys"]): void {
    const { owned, usesShared } = this.#options;
    if (!usesShared) return;
    const chosen: { readonly bytes: Uint8Array; readonly key: string | undefined }[] = [];
    for (const [index, bytes] of buffers.entries()) {
      const key = keys?.[index];
      const isKnown = (key !== undefined && owned.byKey(key) !== undefined) || this.#keptOf(bytes) !== undefined;
      if (bytes.byteLength < INLINE_LIMIT || isKnown || this.#isReachable(bytes)) continue;
      if (chosen.some((other) => isSame(other.bytes, bytes))) continue;
      chosen.push({ bytes, key });
    }
    if (chosen.length === 0) return;
    const slices = copyToShared(chosen.map(({ bytes }) => bytes));
    if (slices === undefined) return;
    for (const [index, { bytes, key }] of chosen.entries()) {
      const slice = slices[index];
      if (slice !== undefined) this.#keep(bytes, { ...keepingOf(slice), key });
    }
  }

  /** Whether others can map it: memory of this process, or of another one that has not ended. */
  #isReachable(bytes: Uint8Array): boolean {
    const { origins, isGone } = this.#options;
    const shared = sliceOf(bytes);
    if (shared === undefined || shared.slice !== undefined) return shared !== undefined;
    const owner = origins.of(bytes)?.descriptor?.owner;
    return owner !== undefined && !isGone(owner);
  }

  #describe(bytes: Uint8Array, key: string | undefined): BufferDescriptor {
    const { owned, origins, isGone } = this.#options;
    const known = key === undefined ? undefined : owned.byKey(key);
    if (known !== undefined) return owned.describe(known);
    const kept = this.#keptOf(bytes);
    if (kept !== undefined) return owned.describe(kept);
    const shared = sliceOf(bytes);
    const origin = origins.of(bytes);
    if (origin?.descriptor !== undefined && shared !== undefined && shared.slice === undefined) {
      const { descriptor, offset } = origin;
      const passedOn = { offset: descriptor.offset + offset, byteLength: bytes.byteLength, shared: shared.descriptor };
      if (!isGone(descriptor.owner)) return { owner: descriptor.owner, id: descriptor.id, ...passedOn };
    }
    if (shared?.slice !== undefined)
      return owned.describe(this.#lend(bytes, keepingOf(shared.slice.retain(), shared.descriptor)));
    return owned.describe(this.#keep(bytes, this.#keepingOf(bytes, key, origin !== undefined)));
  }

  /** Memory that is shared already: the user's own, or what was made independent of its sender. */
  #lend(bytes: Uint8Array, keeping: Keeping): OwnedBuffer {
    const lent = this.#keep(bytes, {
      ...keeping,
      bytes: () => bytes,
      onFree: (isAbandoned) => {
        keeping.onFree?.(isAbandoned);
        this.#listener?.onReturned();
      },
    });
    this.#lent.push(lent.id);
    return lent;
  }

  #keepingOf(bytes: Uint8Array, key: string | undefined, isReceived: boolean): Keeping {
    const { byteLength } = bytes;
    // What has a key may be used again later, when the user has long written to it.
    if (key !== undefined || (this.#options.isSnapshot && !isReceived)) {
      // In memory that was used before, where there is some.
      const [slice] = (byteLength >= POOLED_BYTES ? copyToShared([bytes]) : undefined) ?? [];
      if (slice !== undefined) return { ...keepingOf(slice), shared: undefined, key };
      const copy = copied(bytes);
      return { bytes: () => copy, byteLength, isBorrowed: false, key };
    }
    if (isReceived) return { bytes: () => bytes, byteLength, isBorrowed: true };
    this.#borrowed++;
    return { bytes: () => bytes, byteLength, isBorrowed: true, onFree: () => this.#listener?.onReleased() };
  }

  #keep(whole: Uint8Array, keeping: Keeping): OwnedBuffer {
    const owned = this.#options.owned.add(keeping);
    this.#kept.set(whole.buffer, [...(this.#kept.get(whole.buffer) ?? []), { whole, owned }]);
    return owned;
  }

  #keptOf(bytes: Uint8Array): OwnedBuffer | undefined {
    return this.#kept.get(bytes.buffer)?.find(({ whole }) => isSame(whole, bytes))?.owned;
  }
}

/** @throws SerializationError when there is no memory for it */
function copied(bytes: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    throw new SerializationError(
      `an array of ${bytes.byteLength} bytes could not be sent: there is no memory for a copy of it`,
      undefined,
      { cause: error },
    );
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
}
