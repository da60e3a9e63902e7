/** Gets arrays from their owners, for the hub: in pieces, few at once, the arrays of one owner one after another. */

import { ConnectionError } from "../errors.ts";
import type { BufferDescriptor, FetchPiece, Piece, PieceRefused } from "../protocol/data-messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import { PIECE_BYTES } from "./array-store.ts";

/** How many pieces of one owner are under way, or being written. */
const PIECES_AT_ONCE = 4;

/** Takes a piece; resolves when there may be more. */
export type Take = (offset: number, bytes: Uint8Array) => Promise<void>;

interface Asked {
  readonly owner: string;
  resolve(bytes: Uint8Array): void;
  reject(error: Error): void;
}

export class ArrayFetcher {
  readonly #ask: (question: FetchPiece) => void;
  readonly #asked = new Map<number, Asked>();
  /** By owner: the end of the last fetch. */
  readonly #last = new Map<string, Promise<void>>();
  #nextRequest = 0;

  constructor(ask: (question: FetchPiece) => void) {
    this.#ask = ask;
  }

  /** Whether nothing is being fetched. */
  get isIdle(): boolean {
    return this.#last.size === 0;
  }

  /** Resolves when what is being fetched now is here, or cannot be had. */
  async ended(): Promise<void> {
    await Promise.all(this.#last.values());
  }

  /** Rejects when the owner refuses or has gone, or what was taken cannot be written. */
  fetch(place: BufferDescriptor, take: Take): Promise<void> {
    const { owner } = place;
    const fetched = (this.#last.get(owner) ?? Promise.resolve()).then(() => this.#fetchAll(place, take));
    const over: Promise<void> = fetched
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(owner) === over) this.#last.delete(owner);
      });
    this.#last.set(owner, over);
    return fetched;
  }

  arrived({ requestId }: Piece, [bytes]: readonly Uint8Array[]): void {
    const asked = this.#asked.get(requestId);
    this.#asked.delete(requestId);
    if (bytes !== undefined) asked?.resolve(bytes);
  }

  refused({ requestId, error }: PieceRefused): void {
    const asked = this.#asked.get(requestId);
    this.#asked.delete(requestId);
    asked?.reject(fromWireError(error));
  }

  gone(owner: string): void {
    for (const [requestId, asked] of [...this.#asked]) {
      if (asked.owner !== owner) continue;
      this.#asked.delete(requestId);
      asked.reject(new ConnectionError(`the process that kept the bytes (${owner}) is gone`));
    }
  }

  async #fetchAll(place: BufferDescriptor, take: Take): Promise<void> {
    const { byteLength } = place;
    const underWay: Promise<void>[] = [];
    let written = Promise.resolve();
    for (let offset = 0; offset < byteLength; offset += PIECE_BYTES) {
      if (underWay.length === PIECES_AT_ONCE) await underWay.shift();
      const piece = this.#fetchPiece(place, offset, Math.min(PIECE_BYTES, byteLength - offset));
      const before = written;
      written = piece.then(async (bytes) => {
        await before;
        await take(offset, bytes);
      });
      // It is waited for below.
      written.catch(() => undefined);
      underWay.push(written);
    }
    await Promise.all(underWay);
  }

  #fetchPiece({ owner, id, offset }: BufferDescriptor, from: number, byteLength: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const requestId = this.#nextRequest++;
      this.#asked.set(requestId, { owner, resolve, reject });
      this.#ask({ type: "fetchPiece", requestId, owner, id, offset: offset + from, byteLength });
    });
  }
}
