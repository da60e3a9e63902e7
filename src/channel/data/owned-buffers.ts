/** The buffers that this process keeps for others: under a number, until the controller says that nobody needs them. */

import { SerializationError } from "../../errors.ts";
import type { BufferDescriptor, FetchPiece, FreeBuffers } from "../../protocol/data-messages.ts";

/** How a buffer is kept. */
export interface Keeping {
  /** The memory is the user's, who may write to it, or detach it, once it is no longer needed. */
  readonly isBorrowed: boolean;
  readonly key?: string | undefined;
  /** Called once, when the buffer is let go. */
  readonly onFree?: (() => void) | undefined;
}

export class OwnedBuffer {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly byteLength: number;
  readonly keeping: Keeping;
  /** How many descriptors were sent of which the controller has not said that they are done with. */
  uses = 0;

  constructor(id: number, bytes: Uint8Array, keeping: Keeping) {
    this.id = id;
    this.bytes = bytes;
    this.byteLength = bytes.byteLength;
    this.keeping = keeping;
  }

  /** Whether the memory is no longer what it was: a view of detached or shrunk memory has no length. */
  get isLost(): boolean {
    return this.bytes.byteLength !== this.byteLength;
  }
}

export class OwnedBuffers {
  readonly #uuid: string;
  readonly #byId = new Map<number, OwnedBuffer>();
  readonly #byKey = new Map<string, OwnedBuffer>();
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

  add(bytes: Uint8Array, keeping: Keeping): OwnedBuffer {
    const owned = new OwnedBuffer(this.#nextId++, bytes, keeping);
    this.#byId.set(owned.id, owned);
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
    const { key } = owned.keeping;
    const isWhole = byteLength === owned.byteLength;
    return { owner: this.#uuid, id: owned.id, offset, byteLength, ...(key !== undefined && isWhole ? { key } : {}) };
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
    if (owned.isLost) {
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
    return { bytes: owned.bytes.subarray(offset, offset + byteLength), isBorrowed: owned.keeping.isBorrowed };
  }

  /** Lets go of everything. */
  clear(): void {
    for (const owned of [...this.#byId.values()]) this.#remove(owned);
  }

  #remove(owned: OwnedBuffer): void {
    this.#byId.delete(owned.id);
    const { key, onFree } = owned.keeping;
    if (key !== undefined && this.#byKey.get(key) === owned) this.#byKey.delete(key);
    this.#byteLength -= owned.byteLength;
    onFree?.();
  }
}
