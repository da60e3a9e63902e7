/**
 * Copies of small payloads that are kept for a while, since they lie in the packets that they came with: many in one piece
 * of memory, because memory of its own costs more than a small payload itself. What is kept goes oldest first, so such a
 * piece is let go as a whole soon after.
 */

const PIECE_BYTES = 64 * 1024;
/** Longer payloads get memory of their own. */
const SMALL_BYTES = 2 * 1024;

let piece = new ArrayBuffer(0);
let used = 0;

export function keptCopy(bytes: Uint8Array): Uint8Array {
  const { byteLength } = bytes;
  if (byteLength > SMALL_BYTES) return new Uint8Array(bytes);
  if (used + byteLength > piece.byteLength) {
    piece = new ArrayBuffer(PIECE_BYTES);
    used = 0;
  }
  const copy = new Uint8Array(piece, used, byteLength);
  copy.set(bytes);
  used += byteLength;
  return copy;
}
