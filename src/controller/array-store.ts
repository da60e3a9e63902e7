/** Where the hub keeps the bytes of large arrays, if it does: in pieces, under numbers that are never used again. */

import type { BufferPlaces } from "../protocol/data-messages.ts";
import { HUB } from "../protocol/data-messages.ts";

/** The bytes of each piece, except for the last one of an array. */
export const PIECE_BYTES: number = 1024 * 1024;

export interface ArrayStore {
  /** Whether there is room for so many bytes, if what has ended goes for it. */
  hasRoom(byteLength: number): boolean;
  /** Pieces come in order. Rejects when it cannot be written. */
  write(id: number, offset: number, bytes: Uint8Array): Promise<void>;
  /** Rejects with SerializationError when it is not there. */
  read(id: number, offset: number, byteLength: number): Promise<Uint8Array>;
  drop(ids: readonly number[]): void;
}

/** Whether the hub keeps all of the arrays. */
export function areKept(places: BufferPlaces | undefined): places is BufferPlaces {
  return places?.every((place) => place === null || place.owner === HUB) === true;
}

/** How many bytes the arrays have that are not in the message. */
export function bytesAt(places: BufferPlaces | undefined): number {
  let bytes = 0;
  if (places !== undefined) for (const place of places) bytes += place?.byteLength ?? 0;
  return bytes;
}
