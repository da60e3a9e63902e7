/**
 * Keys by which a receiver tells that it has some bytes already.
 *
 * A key is the authentication tag of AES-GCM over the bytes alone (GMAC, NIST SP 800-38D) under a secret of this
 * process: 128 bits, four times as fast as SHA-256. For two contents of up to a gigabyte that differ, the tags are the
 * same with a probability below 2⁻¹⁰⁰. Keys of different processes never agree, which the random beginning sees to.
 */

import { createCipheriv, randomBytes } from "node:crypto";

const PROCESS_ID = randomBytes(12).toString("base64url");
const SECRET = randomBytes(16);
/** May be the same each time: nothing is encrypted, and the tags authenticate nothing to anybody. */
const NONCE = Buffer.alloc(12);
/** The most that one call of the cipher takes is 2 GiB. */
const CHUNK = 2 ** 30;

/** The key of `bytes`: the same text for the same content within this process, and for nothing else. */
export function contentKey(bytes: Uint8Array): string {
  const mac = createCipheriv("aes-128-gcm", SECRET, NONCE);
  for (let start = 0; start < bytes.byteLength; start += CHUNK) mac.setAAD(bytes.subarray(start, start + CHUNK));
  mac.final();
  return `${PROCESS_ID}.${bytes.byteLength.toString(36)}.${mac.getAuthTag().toString("base64url")}`;
}
