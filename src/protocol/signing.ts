/**
 * Who may speak: a mutual proof of the cluster's key when a connection is made, and a signature on every packet.
 *
 * Both ends prove the key over both ends' nonces, and the keys of the two directions are derived from the same nonces.
 * With a sequence number in every signature, a packet of another connection, of the other direction, or one that was
 * seen before, does not verify.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

export const NONCE_LENGTH = 32;
export const SIGNATURE_LENGTH = 32;

export type Side = "connector" | "listener";

export function newKey(): string {
  return randomBytes(32).toString("hex");
}

export function newNonce(): Buffer {
  return randomBytes(NONCE_LENGTH);
}

/** The proof that `side` knows `key`, over both nonces. */
export function proof(key: string, side: Side, listenerNonce: Uint8Array, connectorNonce: Uint8Array): Buffer {
  return hmac(Buffer.from(key, "utf8"), `proof of ${side}`, listenerNonce, connectorNonce);
}

/** The key that signs what `side` sends on this connection. */
export function directionKey(key: string, side: Side, listenerNonce: Uint8Array, connectorNonce: Uint8Array): Buffer {
  return hmac(Buffer.from(key, "utf8"), `packets of ${side}`, listenerNonce, connectorNonce);
}

/** Holds a sequence number while it is signed. */
const sequenceBytes = Buffer.alloc(8);
/**
 * Signs a head with its sequence number, a safe integer.
 *
 * @param signed where the signature is put. For every packet the same: each ArrayBuffer that is made while a large array is
 *   new makes V8 collect new objects.
 */
export function signature(
  directionKey: Uint8Array,
  sequence: number,
  head: Uint8Array,
  signed: Buffer = Buffer.alloc(SIGNATURE_LENGTH),
): Buffer {
  sequenceBytes.writeUInt32LE(sequence % 2 ** 32, 0);
  sequenceBytes.writeUInt32LE(Math.floor(sequence / 2 ** 32), 4);
  signed.write(createHmac("sha256", directionKey).update(sequenceBytes).update(head).digest("hex"), "hex");
  return signed;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function hmac(key: Buffer, purpose: string, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac("sha256", key).update(purpose);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
