/**
 * The first bytes of every connection: both ends prove that they know the cluster's key.
 *
 * ```
 * listener  → connector   "NDPH", version, nonce                 (8 + 32 bytes)
 * connector → listener    "NDPH", version, nonce, proof          (8 + 32 + 32 bytes)
 * listener  → connector   proof                                  (32 bytes)
 * ```
 */

import { PROTOCOL_VERSION } from "../protocol/codec.ts";
import { directionKey, NONCE_LENGTH, newNonce, proof, SIGNATURE_LENGTH, sameBytes } from "../protocol/signing.ts";
import type { DirectionKeys } from "./socket-connection.ts";

const PREFIX: Buffer = Buffer.from([0x4e, 0x44, 0x50, 0x48, PROTOCOL_VERSION, 0, 0, 0]);
const GREETING_LENGTH: number = PREFIX.byteLength + NONCE_LENGTH;

/** The other end does not speak this protocol, or not with this key. */
export class HandshakeError extends Error {}

/** One end's part of the conversation: bytes in, bytes out, and at last the keys. */
export interface Handshake {
  /** What to send at once, if anything. */
  readonly opening: Uint8Array | undefined;
  /**
   * Takes what was received.
   * @returns what to send; when `keys` are there the handshake is done, and `rest` belongs to the packets.
   * @throws HandshakeError
   */
  receive(chunk: Uint8Array): { readonly send?: Uint8Array; readonly keys?: DirectionKeys; readonly rest?: Buffer };
}

export function listenerHandshake(key: string): Handshake {
  const nonce = newNonce();
  const collect = collector(GREETING_LENGTH + SIGNATURE_LENGTH, checkPrefix);
  return {
    opening: Buffer.concat([PREFIX, nonce]),
    receive(chunk) {
      const received = collect(chunk);
      if (received === undefined) return {};
      const peerNonce = nonceOf(received.bytes);
      const given = received.bytes.subarray(GREETING_LENGTH);
      if (!sameBytes(given, proof(key, "connector", nonce, peerNonce))) throw new HandshakeError("wrong key");
      return {
        send: proof(key, "listener", nonce, peerNonce),
        keys: {
          sending: directionKey(key, "listener", nonce, peerNonce),
          receiving: directionKey(key, "connector", nonce, peerNonce),
        },
        rest: received.rest,
      };
    },
  };
}

export function connectorHandshake(key: string): Handshake {
  const nonce = newNonce();
  const collectGreeting = collector(GREETING_LENGTH, checkPrefix);
  const collectProof = collector(SIGNATURE_LENGTH);
  let peerNonce: Buffer | undefined;
  return {
    opening: undefined,
    receive(chunk) {
      if (peerNonce === undefined) {
        const greeting = collectGreeting(chunk);
        if (greeting === undefined) return {};
        peerNonce = nonceOf(greeting.bytes);
        return { send: Buffer.concat([PREFIX, nonce, proof(key, "connector", peerNonce, nonce)]) };
      }
      const received = collectProof(chunk);
      if (received === undefined) return {};
      if (!sameBytes(received.bytes, proof(key, "listener", peerNonce, nonce))) throw new HandshakeError("wrong key");
      return {
        keys: {
          sending: directionKey(key, "connector", peerNonce, nonce),
          receiving: directionKey(key, "listener", peerNonce, nonce),
        },
        rest: received.rest,
      };
    },
  };
}

/** Gathers bytes until there are `length`, checking them as they come; what follows them is the rest. */
function collector(
  length: number,
  check?: (gathered: Buffer) => void,
): (chunk: Uint8Array) => { bytes: Buffer; rest: Buffer } | undefined {
  let gathered = Buffer.alloc(0);
  return (chunk) => {
    gathered = Buffer.concat([gathered, chunk]);
    check?.(gathered);
    if (gathered.byteLength < length) return undefined;
    return { bytes: gathered.subarray(0, length), rest: gathered.subarray(length) };
  };
}

/** @throws HandshakeError at the first byte that differs, so that strangers are sent away at once. */
function checkPrefix(gathered: Buffer): void {
  const given = gathered.subarray(0, PREFIX.byteLength);
  if (!given.equals(PREFIX.subarray(0, given.byteLength))) {
    throw new HandshakeError("not this protocol, or another version of it");
  }
}

function nonceOf(greeting: Buffer): Buffer {
  return greeting.subarray(PREFIX.byteLength, GREETING_LENGTH);
}
