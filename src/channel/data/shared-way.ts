/** Bytes through shared memory: written there once by their owner, mapped by every receiver of the host. */

import type { SliceDescriptor } from "../../ndarray-transport/segments/descriptor.ts";
import { SegmentError } from "../../ndarray-transport/segments/segment-error.ts";
import type { SegmentSlice } from "../../ndarray-transport/segments/segment-pool.ts";
import { mapUnopened, privatizer, segmentPool } from "../../ndarray-transport/segments/slices.ts";
import { isSharedMemoryAvailable } from "../../ndarray-transport/segments/system-calls.ts";
import type { BufferDescriptor } from "../../protocol/data-messages.ts";
import { NoRoute } from "./direct-routes.ts";
import type { Keeping } from "./owned-buffers.ts";
import type { Obtained, Way } from "./ways.ts";

/** Copies blocks into shared memory; `undefined` where there is none, or no room in it. */
export function copyToShared(blocks: readonly Uint8Array[]): SegmentSlice[] | undefined {
  if (!isSharedMemoryAvailable()) return undefined;
  try {
    return segmentPool.write(blocks);
  } catch (error) {
    if (error instanceof SegmentError) return undefined;
    throw error;
  }
}

/** How a slice of shared memory is kept for others; it is released with the buffer. */
export function keepingOf(slice: SegmentSlice, shared: SliceDescriptor = slice.describe()): Keeping {
  return {
    bytes: () => slice.bytes(),
    byteLength: shared.byteLength,
    shared,
    isBorrowed: false,
    onFree: (isAbandoned) => (isAbandoned ? slice.abandon() : slice.release()),
  };
}

export class SharedWay implements Way {
  readonly name = "shared";
  readonly #release: (descriptor: BufferDescriptor) => void;
  /** How what is mapped here is made independent, by its owner's name for it. */
  readonly #mapped = new Map<string, Set<() => void>>();

  /** `release` is called for each descriptor once nothing shows its owner's memory any more. */
  constructor(release: (descriptor: BufferDescriptor) => void) {
    this.#release = release;
  }

  fetch(descriptor: BufferDescriptor): Obtained {
    const { shared } = descriptor;
    if (shared === undefined) throw new NoRoute(`buffer ${descriptor.id} does not lie in shared memory`);
    const name = nameOf(descriptor);
    let mapped: (() => void) | undefined;
    try {
      const bytes = mapUnopened(shared, () => {
        this.#forget(name, mapped);
        this.#release(descriptor);
      });
      mapped = privatizer(bytes);
      this.#remember(name, mapped);
      return { bytes, isOwn: false };
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      throw new NoRoute(`the shared memory of buffer ${descriptor.id} cannot be used: ${error.message}`, {
        cause: error,
      });
    }
  }

  /** Makes what is mapped of a buffer independent of its owner's memory. */
  reclaim(owner: string, id: number): void {
    for (const mapped of [...(this.#mapped.get(nameOf({ owner, id })) ?? [])]) {
      try {
        mapped();
      } catch (error) {
        // Without memory for it the owner has to wait until it is no longer used.
        if (!(error instanceof SegmentError)) throw error;
      }
    }
  }

  /** What is mapped stays mapped. */
  gone(): void {}

  close(): void {}

  #remember(name: string, mapped: () => void): void {
    const others = this.#mapped.get(name);
    if (others === undefined) this.#mapped.set(name, new Set([mapped]));
    else others.add(mapped);
  }

  #forget(name: string, mapped: (() => void) | undefined): void {
    const others = this.#mapped.get(name);
    if (mapped !== undefined) others?.delete(mapped);
    if (others?.size === 0) this.#mapped.delete(name);
  }
}

function nameOf({ owner, id }: { readonly owner: string; readonly id: number }): string {
  return `${owner} ${id}`;
}
