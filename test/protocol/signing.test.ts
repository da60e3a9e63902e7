/** Proofs, keys and signatures depend on everything that they are made from. */

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  directionKey,
  NONCE_LENGTH,
  newKey,
  newNonce,
  proof,
  SIGNATURE_LENGTH,
  sameBytes,
  signature,
} from "../../src/protocol/signing.ts";

const listenerNonce = Buffer.alloc(NONCE_LENGTH, 1);
const connectorNonce = Buffer.alloc(NONCE_LENGTH, 2);

describe.each([
  ["proof", proof],
  ["directionKey", directionKey],
] as const)("%s", (_, make) => {
  const made = make("key", "listener", listenerNonce, connectorNonce);

  test("is 32 bytes, the same every time", () => {
    expect(made.byteLength).toBe(SIGNATURE_LENGTH);
    expect(make("key", "listener", listenerNonce, connectorNonce)).toEqual(made);
  });

  test("differs by side, key, each nonce, and their order", () => {
    const others = [
      make("key", "connector", listenerNonce, connectorNonce),
      make("key2", "listener", listenerNonce, connectorNonce),
      make("key", "listener", newNonce(), connectorNonce),
      make("key", "listener", listenerNonce, newNonce()),
      make("key", "listener", connectorNonce, listenerNonce),
    ];
    expect(new Set([made, ...others].map((bytes) => bytes.toString("hex"))).size).toBe(6);
  });
});

test("a proof is never the key of a direction", () => {
  const sides = ["listener", "connector"] as const;
  const all = sides.flatMap((side) =>
    [proof, directionKey].map((make) => make("k", side, listenerNonce, connectorNonce)),
  );
  expect(new Set(all.map((bytes) => bytes.toString("hex"))).size).toBe(4);
});

test("new keys and nonces are new, and 32 bytes", () => {
  expect(newKey()).toMatch(/^[0-9a-f]{64}$/);
  expect(newKey()).not.toBe(newKey());
  expect(newNonce().byteLength).toBe(NONCE_LENGTH);
  expect(newNonce()).not.toEqual(newNonce());
});

describe("signature", () => {
  const key = Buffer.alloc(32, 3);

  test("is HMAC-SHA256 over the sequence number, little endian, and the head", () => {
    const head = Buffer.from("a head");
    const expected = createHmac("sha256", key)
      .update(Buffer.of(0x39, 0x30, 0, 0, 0, 0, 0, 0))
      .update(head)
      .digest();
    expect(signature(key, 12_345, head)).toEqual(expected);
  });

  test("any changed byte of the head, any other sequence number and any other key give another one", () => {
    const head = fc.uint8Array({ minLength: 1, maxLength: 200 });
    const sequences = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(
        head,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        sequences,
        sequences,
        (bytes, at, flip, one, two) => {
          const signed = signature(key, one, bytes);
          const changed = bytes.slice();
          changed[at % bytes.length] = (changed[at % bytes.length] as number) ^ flip;
          expect(sameBytes(signature(key, one, changed), signed)).toBe(false);
          expect(sameBytes(signature(key, one, bytes.slice(1)), signed)).toBe(false);
          expect(sameBytes(signature(key, two, bytes), signed)).toBe(one === two);
          expect(sameBytes(signature(Buffer.alloc(32, 4), one, bytes), signed)).toBe(false);
          expect(sameBytes(signature(key, one, bytes.slice()), signed)).toBe(true);
        },
      ),
    );
  });
});

test("sameBytes compares content and length", () => {
  expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false);
  expect(sameBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
});
