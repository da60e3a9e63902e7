import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { contentKey } from "../../src/ndarray-transport/content-key.ts";
import { Serializer } from "../../src/ndarray-transport/serializer.ts";
import type { TypeHandler } from "../../src/ndarray-transport/types.ts";

describe("contentKey", () => {
  it("is the same for the same bytes, wherever they lie", () => {
    const bytes = randomBytes(100_003);
    const moved = new Uint8Array(100_010);
    moved.set(bytes, 7);
    expect(contentKey(moved.subarray(7))).toBe(contentKey(bytes));
    expect(contentKey(Uint8Array.from(bytes))).toBe(contentKey(bytes));
  });

  it("differs for every bit, and for every length", () => {
    const bytes = new Uint8Array(1024);
    const keys = new Set([contentKey(bytes)]);
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      keys.add(contentKey(bytes));
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    }
    for (let length = 0; length < 1024; length++) keys.add(contentKey(bytes.subarray(0, length)));
    expect(keys.size).toBe(1 + Math.ceil((1024 * 8) / 7) + 1024);
    expect(keys).toContain(contentKey(bytes));
  });

  it("holds at least 128 bits beside the name of the process", () => {
    const [processId, length, tag] = contentKey(new Uint8Array(5)).split(".");
    expect(Buffer.from(processId as string, "base64url")).toHaveLength(12);
    expect(length).toBe("5");
    expect(Buffer.from(tag as string, "base64url")).toHaveLength(16);
  });
});

class Box {
  readonly content: unknown;
  constructor(content: unknown) {
    this.content = content;
  }
}
const boxHandler: TypeHandler = {
  name: "box",
  isKeyed: true,
  test: (value) => value instanceof Box,
  encode: (box: Box) => ({ content: box.content }),
  decode: ({ content }: { content: unknown }) => new Box(content),
};

describe("keys of a serialized value", () => {
  const large = (fill: number): Float64Array => new Float64Array(10_000).fill(fill);

  it("are there for the buffers inside values of a keyed handler, and for no others", () => {
    const serializer = new Serializer([boxHandler]);
    const shared = large(3);
    const { buffers, keys } = serializer.serialize([large(1), new Box([large(2), shared]), large(2), shared]);
    expect(buffers).toHaveLength(4);
    expect(keys).toEqual([
      undefined,
      contentKey(buffers[1] as Uint8Array),
      contentKey(buffers[2] as Uint8Array),
      undefined,
    ]);
    expect(keys?.[1]).not.toBe(keys?.[2]);
  });

  it("are absent where there are none", () => {
    expect(new Serializer([boxHandler]).serialize([large(1), new Box(5)])).not.toHaveProperty("keys");
  });
});
