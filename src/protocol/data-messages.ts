/**
 * The data plane's part of the wire: where the bytes of large buffers are, and how they are fetched and let go.
 *
 * A message that carries a value holds descriptors of its large buffers instead of their bytes. Whoever uses the value
 * fetches them: over a connection to the owner itself, or through the controller, which passes everything here on to the
 * process named by `owner` or `to`, with the sender's name in `from`.
 */

import type { SliceDescriptor } from "../ndarray-transport/segments/descriptor.ts";
import type { WireError } from "./wire-error.ts";

/** How the bytes of large buffers travel: one way, or the first that works of shared memory, direct and relay. */
export type DataWay = "auto" | "shared" | "direct" | "relay";

export const DATA_WAYS: readonly DataWay[] = ["auto", "shared", "direct", "relay"];

/** The owner of arrays that the hub keeps: the controller itself, from which they come by the connection everybody has to it. */
export const HUB = "hub";

/** Some bytes of a buffer that a process owns. */
export interface BufferDescriptor {
  /** The uuid of the process that keeps the bytes, or {@link HUB}. */
  readonly owner: string;
  /** Tells the owner's buffers apart; never used again. */
  readonly id: number;
  /** Where in the owner's buffer the bytes begin. */
  readonly offset: number;
  readonly byteLength: number;
  /** Where these bytes lie in shared memory, for processes of the owner's host. */
  readonly shared?: SliceDescriptor | undefined;
  /** A name for these very bytes: who has bytes of that name need not fetch them again. */
  readonly key?: string | undefined;
}

/** The out-of-band buffers of a value, in order; `null`: the next of the buffers that came with the message. */
export type BufferPlaces = readonly (BufferDescriptor | null)[];

/** What can carry a value. */
export interface CarriesBuffers {
  /** Absent when every buffer came with the message. */
  readonly places?: BufferPlaces | undefined;
}

/** Asks for a piece of a buffer; answered by {@link Piece} or {@link PieceRefused}. */
export interface FetchPiece {
  readonly type: "fetchPiece";
  readonly requestId: number;
  readonly owner: string;
  readonly id: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly from?: string | undefined;
}

/** The bytes that were asked for: one buffer. */
export interface Piece {
  readonly type: "piece";
  readonly requestId: number;
  readonly to?: string | undefined;
}

export interface PieceRefused {
  readonly type: "pieceRefused";
  readonly requestId: number;
  readonly error: WireError;
  readonly to?: string | undefined;
}

/** Asks a process where it serves its buffers; answered by {@link Located}. */
export interface Locate {
  readonly type: "locate";
  readonly requestId: number;
  readonly owner: string;
  readonly from?: string | undefined;
}

/** Where a process serves its buffers; no port when it does not. */
export interface Located {
  readonly type: "located";
  readonly requestId: number;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly to?: string | undefined;
}

/** A receiver to the controller: it no longer needs the owners' copies, each as often as it was sent a descriptor. */
export interface ReleaseBuffers {
  readonly type: "releaseBuffers";
  readonly released: readonly { readonly owner: string; readonly ids: readonly number[] }[];
}

/** The controller to an owner: nobody holds these buffers, each of which was sent in so many descriptors so far. */
export interface FreeBuffers {
  readonly type: "freeBuffers";
  readonly ids: readonly number[];
  readonly uses: readonly number[];
}

/**
 * An owner to the controller, and on to those who hold its buffers: he wants to write to them, so they are to be made
 * independent of his memory, and released.
 */
export interface ReclaimBuffers {
  readonly type: "reclaimBuffers";
  readonly owner: string;
  readonly ids: readonly number[];
}

/** The controller to those who hold buffers of a process: it is gone. */
export interface OwnerGone {
  readonly type: "ownerGone";
  readonly owner: string;
}

export type DataMessage =
  | FetchPiece
  | Piece
  | PieceRefused
  | Locate
  | Located
  | ReleaseBuffers
  | FreeBuffers
  | ReclaimBuffers
  | OwnerGone;
