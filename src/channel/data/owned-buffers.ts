/** The buffers that this process keeps for others: under a number, until the controller says that nobody needs them. */

import { SerializationError } from "../../errors.ts";
import { partOf, type SliceDescriptor } from "../../ndarray-transport/segments/descriptor.ts";
import type { BufferDescriptor, FetchPiece, FreeBuffers } from "../../protocol/data-messages.ts";

/** What is kept, and how. */
export interface Keeping {
  /** The bytes; asked for when somebody fetches them. */
  readonly bytes: () => Uint8Array;
  readonly byteLength: number;
  /** Where they lie in shared memory. */
  readonly shared?: SliceDescriptor | undefined;
  /** The memory is the user's, who may write to it, or detach it, once it is no longer needed. */
  readonly isBorrowed: boolean;
  readonly key?: string | undefined;
  /** Called once, when the buffer is let go; `isAbandoned`: without knowing whether others still use it. */
  readonly onFree?: ((isAbandoned: boolean) => void) | undefined;
}

export class OwnedBuffer {
  readonly id: number;
  readonly keeping: Keeping;
  /** How many descriptors were sent of which the controller has not said that they are done with. */
  uses = 0;

  constructor(id: number, keeping: Keeping) {
    this.id = id;
    this.keeping = keeping;
  }

  get byteLength(): number {
    return this.keeping.byteLength;
  }
}

export class OwnedBuffers {
  readonly #uuid: string;
  readonly #byId = new Map<number, OwnedBuffer>();
  readonly #byKey = new Map<string, OwnedBuffer>();
  /** Those that nobody can get without this process's help, and nobody has got yet. */
  readonly #unserved = new Set<number>();
  #onServed: (() => void) | undefined;
  #patience: NodeJS.Timeout | undefined;
  #nextId = 0;
  #byteLength = 0;

  constructor(uuid: string) {
    this.#uuid = uuid;
  }

  /** How many buffers are kept. */
  get size(): number {
    return this.#byId.size;
  }

  /** How many bytes they have. */
  get byteLength(): number {
    return this.#byteLength;
  }

  add(keeping: Keeping): OwnedBuffer {
    const owned = new OwnedBuffer(this.#nextId++, keeping);
    this.#byId.set(owned.id, owned);
    if (keeping.shared === undefined) this.#unserved.add(owned.id);
    if (keeping.key !== undefined) this.#byKey.set(keeping.key, owned);
    this.#byteLength += owned.byteLength;
    return owned;
  }

  get(id: number): OwnedBuffer | undefined {
    return this.#byId.get(id);
  }

  byKey(key: string): OwnedBuffer | undefined {
    return this.#byKey.get(key);
  }

  /** A descriptor of some of the bytes, to be sent once. */
  describe(owned: OwnedBuffer, offset = 0, byteLength: number = owned.byteLength): BufferDescriptor {
    owned.uses++;
    const { key, shared } = owned.keeping;
    const isWhole = byteLength === owned.byteLength;
    return {
      owner: this.#uuid,
      id: owned.id,
      offset,
      byteLength,
      ...(shared === undefined ? {} : { shared: partOf(shared, offset, byteLength) }),
      ...(key !== undefined && isWhole ? { key } : {}),
    };
  }

  /** Lets go of the buffers of which no descriptor is under way that the controller had not seen yet. */
  free({ ids, uses }: FreeBuffers): void {
    for (const [index, id] of ids.entries()) {
      const owned = this.#byId.get(id);
      if (owned === undefined) continue;
      owned.uses -= uses[index] ?? 0;
      if (owned.uses <= 0) this.#remove(owned);
    }
  }

  /**
   * The bytes that are asked for.
   * @throws SerializationError when they are not there any more.
   */
  bytesOf({ id, offset, byteLength }: FetchPiece): { readonly bytes: Uint8Array; readonly isBorrowed: boolean } {
    const owned = this.#byId.get(id);
    if (owned === undefined) throw new SerializationError(`buffer ${id} is not kept any more`);
    const bytes = owned.keeping.bytes();
    // A view of memory that was detached or shrunk has no length.
    if (bytes.byteLength !== owned.byteLength) {
      throw new SerializationError(
        `an array of ${owned.byteLength} bytes was transferred (detached) or resized before it had been sent; ` +
          "wait for the result, or for waitForSend() with the flag track, before you do that",
      );
    }
    if (!(offset >= 0 && byteLength >= 0 && offset + byteLength <= owned.byteLength)) {
      throw new SerializationError(
        `buffer ${id} has ${owned.byteLength} bytes; asked for: ${byteLength} from ${offset}`,
      );
    }
    return { bytes: bytes.subarray(offset, offset + byteLength), isBorrowed: owned.keeping.isBorrowed };
  }

  /** These bytes have left. */
  served({ id, offset, byteLength }: FetchPiece): void {
    const owned = this.#byId.get(id);
    this.#patience?.refresh();
    if (owned !== undefined && offset + byteLength === owned.byteLength) this.#isServed(id);
  }

  /**
   * Resolves once all that was added so far has been got by somebody, or let go, or when nobody has asked for any of it
   * for so many milliseconds. `undefined` when nothing is to be waited for.
   */
  serving(limit: number): Promise<void> | undefined {
    if (this.#unserved.size === 0) return undefined;
    return new Promise((resolve) => {
      this.#patience = setTimeout(() => {
        this.#unserved.clear();
        this.#onServed?.();
      }, limit);
      this.#onServed = () => {
        clearTimeout(this.#patience);
        this.#onServed = undefined;
        resolve();
      };
    });
  }

  #isServed(id: number): void {
    if (this.#unserved.delete(id) && this.#unserved.size === 0) this.#onServed?.();
  }

  /** Lets go of everything, though others may use it. */
  clear(): void {
    for (const owned of [...this.#byId.values()]) this.#remove(owned, true);
  }

  #remove(owned: OwnedBuffer, isAbandoned = false): void {
    this.#byId.delete(owned.id);
    this.#isServed(owned.id);
    const { key, onFree } = owned.keeping;
    if (key !== undefined && this.#byKey.get(key) === owned) this.#byKey.delete(key);
    this.#byteLength -= owned.byteLength;
    onFree?.(isAbandoned);
  }
}
