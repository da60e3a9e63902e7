/** However a stream is cut into reads, the same messages come out of it; and what was tampered with does not. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BadSignature, PacketReader, Replayed } from "../../src/channel/packet-reader.ts";
import { encodeHead, MalformedPacket, type PacketItem, PROLOGUE_LENGTH } from "../../src/protocol/codec.ts";
import { anyEnvelopes } from "../protocol/every-message.ts";
import { packet, packetOf } from "./by-hand.ts";
import { numbered, pattern, sameContent } from "./recorder.ts";

const KEY = Buffer.alloc(32, 7);

function reading(): { reader: PacketReader; delivered: PacketItem[] } {
  const delivered: PacketItem[] = [];
  return { reader: new PacketReader(KEY, (envelope) => delivered.push(envelope)), delivered };
}

/** One read of at most `size` bytes: straight to the target, when it is wanted and there is one, or from elsewhere. */
interface Read {
  readonly size: number;
  readonly direct: boolean;
}

/** Reads the stream as `reads` say, over and over. */
function readAll(reader: PacketReader, stream: Uint8Array, reads: readonly Read[]): void {
  let position = 0;
  for (let i = 0; position < stream.byteLength; i++) {
    const { size, direct } = reads[i % reads.length] as Read;
    const target = direct ? reader.target() : undefined;
    const count = Math.min(size, stream.byteLength - position, target?.byteLength ?? Number.POSITIVE_INFINITY);
    const chunk = Buffer.from(stream.subarray(position, position + count));
    position += count;
    if (target === undefined) {
      reader.feed(chunk);
    } else {
      target.set(chunk);
      reader.advance(count);
    }
  }
}

describe("streams", () => {
  const read = fc.record({ size: fc.integer({ min: 1, max: 500 }), direct: fc.boolean() });

  test("random packets come out whole, whatever the reads", () => {
    fc.assert(
      fc.property(fc.array(anyEnvelopes, { maxLength: 4 }), fc.array(read, { minLength: 1 }), (packets, reads) => {
        const { reader, delivered } = reading();
        readAll(reader, Buffer.concat(packets.map((envelopes, index) => packet(KEY, index, envelopes))), reads);
        expect(delivered).toEqual(packets.flat());
      }),
      { numRuns: 100 },
    );
  });

  test("large buffers come out whole, whatever the reads", () => {
    const large = fc.record({ size: fc.integer({ min: 1_000, max: 300_000 }), direct: fc.boolean() });
    const envelopes = [
      { message: numbered(0), buffers: [pattern(200_000, 1), new Uint8Array(0), pattern(65_536, 2)] },
      { message: numbered(1), buffers: [pattern(65_535, 3), pattern(500_000, 4)] },
    ];
    const stream = Buffer.concat([packet(KEY, 0, envelopes), packet(KEY, 1, envelopes)]);
    fc.assert(
      fc.property(fc.array(large, { minLength: 1 }), (reads) => {
        const { reader, delivered } = reading();
        readAll(reader, stream, reads);
        expect(delivered.map(({ message }) => message)).toEqual([0, 1, 0, 1].map(numbered));
        const expected = [...envelopes, ...envelopes].flatMap(({ buffers }) => buffers);
        const buffers = delivered.flatMap((envelope) => envelope.buffers);
        expect(buffers.map((buffer, index) => sameContent(buffer, expected[index] as Uint8Array))).toEqual(
          expected.map(() => true),
        );
      }),
      { numRuns: 50 },
    );
  });

  test.each([1, 2, 47, 48, 49])("reads of %i bytes", (size) => {
    const envelopes = [
      { message: numbered(0), buffers: [pattern(100, 1)] },
      { message: numbered(1), buffers: [] },
    ];
    const { reader, delivered } = reading();
    const packets = [0, 1, 2].map((sequence) => packet(KEY, sequence, envelopes));
    readAll(reader, Buffer.concat(packets), [{ size, direct: true }]);
    expect(delivered).toEqual([...envelopes, ...envelopes, ...envelopes]);
  });

  test("nothing is delivered before the last byte of its packet", () => {
    const { reader, delivered } = reading();
    const bytes = packet(KEY, 0, [
      { message: numbered(0), buffers: [] },
      { message: numbered(1), buffers: [pattern(9, 1)] },
    ]);
    reader.feed(bytes.subarray(0, -1));
    expect(delivered).toEqual([]);
    reader.feed(bytes.subarray(-1));
    expect(delivered).toHaveLength(2);
  });

  test("a packet without messages is taken", () => {
    const { reader, delivered } = reading();
    reader.feed(Buffer.concat([packet(KEY, 0, []), packet(KEY, 1, [{ message: numbered(1), buffers: [] }])]));
    expect(delivered).toHaveLength(1);
  });
});

describe("buffers", () => {
  test("of no bytes come out, first, last and alone", () => {
    const none = new Uint8Array(0);
    const envelopes = [
      { message: numbered(0), buffers: [none] },
      { message: numbered(1), buffers: [none, Uint8Array.of(1), none, none] },
      { message: numbered(2), buffers: [] },
    ];
    const { reader, delivered } = reading();
    reader.feed(packet(KEY, 0, envelopes));
    expect(delivered).toEqual(envelopes);
  });

  test("are plain bytes over the whole of their own memory, so that any typed array fits over them", () => {
    const { reader, delivered } = reading();
    const buffers = [3, 8, 1_000, 100_000].map((length) => pattern(length, length));
    reader.feed(packet(KEY, 0, [{ message: numbered(0), buffers }]));
    for (const buffer of delivered[0]?.buffers ?? []) {
      expect(buffer.constructor).toBe(Uint8Array);
      expect(buffer.byteOffset).toBe(0);
      expect(buffer.buffer.byteLength).toBe(buffer.byteLength);
    }
    expect(delivered[0]?.buffers).toHaveLength(4);
  });

  test("that are large are delivered in the memory into which they were read", () => {
    const { reader, delivered } = reading();
    const content = pattern(1_000_000, 5);
    const bytes = packet(KEY, 0, [{ message: numbered(0), buffers: [content] }]);
    const start = bytes.byteLength - content.byteLength;
    expect(reader.target()).toBeUndefined();
    reader.feed(bytes.subarray(0, start));
    const first = reader.target() as Uint8Array;
    expect(first.byteLength).toBe(content.byteLength);
    first.set(content.subarray(0, 600_000));
    reader.advance(600_000);
    const second = reader.target() as Uint8Array;
    expect(second.buffer).toBe(first.buffer);
    expect([second.byteOffset, second.byteLength]).toEqual([600_000, 400_000]);
    second.set(content.subarray(600_000));
    reader.advance(400_000);
    expect(delivered[0]?.buffers[0]?.buffer).toBe(first.buffer);
    expect(sameContent(delivered[0]?.buffers[0], content)).toBe(true);
  });

  test("that are small are not read one by one", () => {
    const { reader } = reading();
    const bytes = packet(KEY, 0, [{ message: numbered(0), buffers: [pattern(1_000, 1), pattern(1_000, 2)] }]);
    reader.feed(bytes.subarray(0, -2_000));
    expect(reader.target()).toBeUndefined();
  });
});

describe("streams that were tampered with", () => {
  const first = packet(KEY, 0, [{ message: numbered(0), buffers: [] }]);
  const second = packet(KEY, 1, [{ message: numbered(1), buffers: [] }]);

  /** What the reader says of the last of these packets, after it has delivered the others. */
  function refusal(...packets: Buffer[]): unknown {
    const { reader, delivered } = reading();
    for (const good of packets.slice(0, -1)) reader.feed(good);
    const count = delivered.length;
    try {
      reader.feed(packets.at(-1) as Buffer);
    } catch (error) {
      expect(delivered).toHaveLength(count);
      return error;
    }
    return undefined;
  }

  test("the untouched stream is taken", () => {
    expect(refusal(first, second)).toBeUndefined();
  });

  test("a packet that comes again", () => {
    expect(refusal(first, first)).toBeInstanceOf(Replayed);
    expect(refusal(first, second, second)).toBeInstanceOf(Replayed);
    expect(refusal(first, second, first)).toBeInstanceOf(Replayed);
  });

  test("a packet that comes too soon", () => {
    expect(refusal(second)).toBeInstanceOf(Replayed);
    expect(refusal(first, packet(KEY, 2, []))).toBeInstanceOf(Replayed);
  });

  test("an old packet under a new number", () => {
    const renumbered = Buffer.from(first);
    renumbered.writeUInt8(1, 8);
    expect(refusal(first, renumbered)).toBeInstanceOf(BadSignature);
  });

  test("any changed byte of the head or of the signature", () => {
    for (let at = 16; at < first.byteLength; at++) {
      const changed = Buffer.from(first);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x40, at);
      expect(refusal(changed)).toBeInstanceOf(BadSignature);
    }
  });

  test("a shortened head", () => {
    const changed = Buffer.from(first);
    changed.writeUInt32LE(first.byteLength - PROLOGUE_LENGTH - 1, 4);
    expect(refusal(changed)).toBeInstanceOf(BadSignature);
    changed.writeUInt32LE(0, 4);
    expect(refusal(changed)).toBeInstanceOf(BadSignature);
  });

  test("a packet with another key", () => {
    expect(refusal(packet(Buffer.alloc(32, 8), 0, []))).toBeInstanceOf(BadSignature);
  });

  test("a prologue of garbage", () => {
    expect(refusal(Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"))).toBeInstanceOf(
      MalformedPacket,
    );
    expect(refusal(Buffer.alloc(PROLOGUE_LENGTH, 0xff))).toBeInstanceOf(MalformedPacket);
  });

  test("a head that is signed but malformed", () => {
    expect(refusal(packetOf(KEY, 0, Buffer.from("no msgpack"), []))).toBeInstanceOf(MalformedPacket);
    expect(refusal(packetOf(KEY, 0, new Uint8Array(0), []))).toBeInstanceOf(MalformedPacket);
  });

  test("a buffer of a length that no memory has", () => {
    const head = encodeHead([
      { message: numbered(0), buffers: [{ byteLength: Number.MAX_SAFE_INTEGER } as Uint8Array] },
    ]);
    expect(refusal(packetOf(KEY, 0, head, []))).toBeInstanceOf(MalformedPacket);
  });
});
