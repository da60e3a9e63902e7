/** The arrays that the hub keeps in memory. */

import { SerializationError } from "../errors.ts";
import { type ArrayStore, PIECE_BYTES } from "./array-store.ts";

export class MemoryArrays implements ArrayStore {
  readonly #pieces = new Map<number, Uint8Array[]>();
  readonly hasRoom: (byteLength: number) => boolean;

  constructor(hasRoom: (byteLength: number) => boolean) {
    this.hasRoom = hasRoom;
  }

  write(id: number, offset: number, bytes: Uint8Array): Promise<void> {
    const pieces = this.#pieces.get(id) ?? [];
    if (offset === 0) this.#pieces.set(id, pieces);
    // What shares its memory with something else would keep that, too.
    pieces.push(bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes));
    return Promise.resolve();
  }

  async read(id: number, offset: number, byteLength: number): Promise<Uint8Array> {
    const first = Math.floor(offset / PIECE_BYTES);
    const last = Math.floor((offset + byteLength - 1) / PIECE_BYTES);
    const pieces = this.#pieces.get(id)?.slice(first, last + 1) ?? [];
    const bytes = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
    const start = offset - first * PIECE_BYTES;
    if (start + byteLength > bytes.byteLength) throw new SerializationError(`array ${id} is not kept any more`);
    return bytes.subarray(start, start + byteLength);
  }

  drop(ids: readonly number[]): void {
    for (const id of ids) this.#pieces.delete(id);
  }
}
