/** Answers requests for pieces of the buffers that this process keeps. */

import type { FetchPiece } from "../../protocol/data-messages.ts";
import type { Message } from "../../protocol/messages.ts";
import { toWireError } from "../../protocol/wire-error.ts";
import type { OwnedBuffers } from "./owned-buffers.ts";

/** The largest piece that can be asked for, in bytes. */
export const PIECE_LIMIT: number = 4 * 1024 * 1024;
/** How many copies of pieces are kept for use again. */
const SPARE_COPIES = 16;

export type Send = (message: Message, buffers?: readonly Uint8Array[], onSent?: () => void) => void;

export class PieceServer {
  readonly #owned: OwnedBuffers;
  readonly #spare: Uint8Array[] = [];

  constructor(owned: OwnedBuffers) {
    this.#owned = owned;
  }

  /** `onDone` is called when the piece has left, or was refused. */
  serve(request: FetchPiece, send: Send, onDone?: () => void): void {
    const { requestId, from } = request;
    const to = from === undefined ? {} : { to: from };
    try {
      const { bytes, isBorrowed } = this.#owned.bytesOf(request);
      const left = (): void => {
        this.#owned.served(request);
        onDone?.();
      };
      if (!isBorrowed) {
        send({ type: "piece", requestId, ...to }, [bytes], left);
        return;
      }
      // The user's memory could be detached, and freed, while the system reads it.
      const copy = this.#copy(bytes);
      send({ type: "piece", requestId, ...to }, [copy], () => {
        if (this.#spare.length < SPARE_COPIES) this.#spare.push(copy);
        left();
      });
    } catch (error) {
      send({ type: "pieceRefused", requestId, error: toWireError(error), ...to }, [], onDone);
    }
  }

  /** In memory that was used before, where there is some: the first touch of fresh memory costs many times a copy. */
  #copy(bytes: Uint8Array): Uint8Array {
    const found = this.#spare.findIndex((spare) => spare.byteLength === bytes.byteLength);
    const [spare] = found < 0 ? [] : this.#spare.splice(found, 1);
    if (spare === undefined) return new Uint8Array(bytes);
    spare.set(bytes);
    return spare;
  }
}
