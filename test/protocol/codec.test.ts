/** Packets: what is written comes back, and what was not written by this version is refused and does no harm. */

import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import {
  decodeHead,
  type Envelope,
  encodeHead,
  HEAD_LIMIT,
  MalformedPacket,
  PROLOGUE_LENGTH,
  readPrologue,
  writePrologue,
} from "../../src/protocol/codec.ts";
import type { Message } from "../../src/protocol/messages.ts";
import { ALL_EXAMPLES, anyEnvelopes } from "./every-message.ts";

/** The head as the receiver has it: bytes in memory of its own. */
function encoded(envelopes: readonly Envelope[]): Uint8Array {
  return new Uint8Array(encodeHead(envelopes));
}

function withBuffers(message: Message, lengths: readonly number[]): Envelope {
  return { message, buffers: lengths.map((length) => new Uint8Array(length)) };
}

/** Decodes; bytes that are no head must be refused with the one error that receivers expect. */
function decodesOrIsRefused(head: Uint8Array): boolean {
  try {
    decodeHead(head);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedPacket);
    return false;
  }
}

describe("heads", () => {
  test.each(ALL_EXAMPLES.map((message) => [message.type, message] as const))("%s comes back", (_, message) => {
    for (const lengths of [[], [0], [5], [1, 0, 70_000]]) {
      const { messages, lengths: decoded } = decodeHead(encoded([withBuffers(message, lengths)]));
      expect(messages).toEqual([{ message, bufferCount: lengths.length }]);
      expect(decoded).toEqual(lengths);
    }
  });

  test("all messages in one packet come back in order, with their own buffers", () => {
    const envelopes = ALL_EXAMPLES.map((message, index) => withBuffers(message, Array(index % 4).fill(index)));
    const { messages, lengths } = decodeHead(encoded(envelopes));
    expect(messages.map(({ message }) => message)).toEqual(ALL_EXAMPLES);
    expect(messages.map(({ bufferCount }) => bufferCount)).toEqual(envelopes.map(({ buffers }) => buffers.length));
    expect(lengths).toEqual(envelopes.flatMap(({ buffers }) => buffers.map((buffer) => buffer.byteLength)));
  });

  test("an empty packet comes back", () => {
    expect(decodeHead(encoded([]))).toEqual({ lengths: [], messages: [] });
  });

  test("random packets come back", () => {
    fc.assert(
      fc.property(anyEnvelopes, (envelopes) => {
        const { messages, lengths } = decodeHead(encoded(envelopes));
        expect(messages.map(({ message }) => message)).toEqual(envelopes.map(({ message }) => message));
        expect(messages.map(({ bufferCount }) => bufferCount)).toEqual(envelopes.map(({ buffers }) => buffers.length));
        expect(lengths).toEqual(envelopes.flatMap(({ buffers }) => buffers.map((buffer) => buffer.byteLength)));
      }),
      { numRuns: 300 },
    );
  });

  test("a payload is given as bytes that lie in the head, not as a copy", () => {
    const head = encoded([withBuffers({ type: "task", taskId: "t", payload: Uint8Array.of(9, 8, 7) }, [])]);
    const message = decodeHead(head).messages[0]?.message;
    if (message?.type !== "task") throw new Error("no task");
    expect(message.payload.constructor).toBe(Uint8Array);
    expect(message.payload.buffer).toBe(head.buffer);
  });

  test("the bytes do not change when the next packet is written", () => {
    const first = encodeHead([withBuffers({ type: "stopAgent" }, [])]);
    const before = Buffer.from(first);
    for (let i = 0; i < 1_000; i++) encodeHead([withBuffers({ type: "killEngines", uuids: [`e-${i}`] }, [])]);
    expect(before.equals(first)).toBe(true);
  });
});

describe("heads that this version does not write", () => {
  const packr = new Packr({ useRecords: false });
  const hello = { type: "hello" };

  test.each<[string, unknown]>([
    ["a number", 7],
    ["null", null],
    ["no list", { lengths: [], messages: [] }],
    ["an empty list", []],
    ["no messages", [[]]],
    ["messages that are no list", [[], {}]],
    ["a message that is null", [[], [null, 0]]],
    ["a message that is a string", [[], ["hello", 0]]],
    ["a message without a type", [[], [{}, 0]]],
    ["a type that is no string", [[], [{ type: 7 }, 0]]],
    ["a message without a number of buffers", [[], [hello]]],
    ["one such after a good one", [[], [hello, 0, hello]]],
    ["a negative number of buffers", [[], [hello, -1]]],
    ["a fraction of a buffer", [[3], [hello, 0.5]]],
    ["more buffers than lengths", [[3], [hello, 2]]],
    [
      "fewer buffers than lengths",
      [
        [3, 4],
        [hello, 1],
      ],
    ],
    ["endless buffers", [[], [hello, Number.POSITIVE_INFINITY]]],
    ["a negative length", [[-1], [hello, 1]]],
    ["a length that is no integer", [[1.5], [hello, 1]]],
    ["a length that is NaN", [[Number.NaN], [hello, 1]]],
    ["a length beyond the integers", [[2 ** 60], [hello, 1]]],
    ["a length that is a string", [["3"], [hello, 1]]],
  ])("%s is refused", (_, value) => {
    expect(() => decodeHead(packr.pack(value))).toThrow(MalformedPacket);
  });

  test("bytes after the end, or missing at it, are refused", () => {
    const head = encoded([withBuffers({ type: "stopAgent" }, [1])]);
    expect(() => decodeHead(Buffer.concat([head, Buffer.of(0)]))).toThrow(MalformedPacket);
    for (let length = 0; length < head.byteLength; length++) {
      expect(() => decodeHead(head.slice(0, length))).toThrow(MalformedPacket);
    }
  });

  test("random bytes are refused", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        if (decodesOrIsRefused(new Uint8Array(bytes))) accepted++;
      }),
      { numRuns: 5_000 },
    );
    expect(accepted).toBe(0);
  });

  test("changed, cut and lengthened heads decode or are refused, and the next good one is read as ever", () => {
    const good = encoded([withBuffers({ type: "stopAgent" }, [1, 2])]);
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    let refused = 0;
    fc.assert(
      fc.property(
        anyEnvelopes,
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        (envelopes, changes, cut) => {
          const head = encoded(envelopes);
          for (const { at, to } of changes) head[at % head.byteLength] = to;
          if (!decodesOrIsRefused(head)) refused++;
          if (!decodesOrIsRefused(head.slice(0, cut % head.byteLength))) refused++;
          expect(decodeHead(good)).toEqual({
            lengths: [1, 2],
            messages: [{ message: { type: "stopAgent" }, bufferCount: 2 }],
          });
        },
      ),
      { numRuns: 1_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  test("a length that lies does not allocate what it claims", () => {
    // An array, a map, a string and bytes that claim four thousand million entries each, and nested arrays that do.
    const claims = [0xdd, 0xdf, 0xdb, 0xc6].map((token) => Uint8Array.of(0x92, 0x90, token, 0xff, 0xff, 0xff, 0xff));
    const nested = Buffer.concat(Array.from({ length: 200 }, () => Buffer.of(0xdd, 0x01, 0xff, 0xff, 0xff)));
    const before = process.memoryUsage();
    for (const head of [...claims, nested]) expect(() => decodeHead(head)).toThrow(MalformedPacket);
    const after = process.memoryUsage();
    expect(after.heapTotal - before.heapTotal).toBeLessThan(64 * 1024 * 1024);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024);
  });

  test("deep nesting is refused", () => {
    expect(() => decodeHead(new Uint8Array(500_000).fill(0x91))).toThrow(MalformedPacket);
  });

  test("values that refer to one another are refused, so that a few bytes cannot stand for billions", () => {
    const structured = new Packr({ structuredClone: true });
    const shared = { deep: true };
    expect(() => decodeHead(structured.pack([[], [{ type: "hello", a: shared, b: shared }, 0]]))).toThrow(
      MalformedPacket,
    );
  });
});

describe("prologues", () => {
  const signature = Uint8Array.from({ length: 32 }, (_, index) => index);

  function written(headLength: number, sequence: number): Buffer {
    const bytes = Buffer.alloc(PROLOGUE_LENGTH);
    writePrologue(bytes, { headLength, sequence, signature });
    return bytes;
  }

  test("have the documented form", () => {
    const bytes = written(0x01020304, 5);
    expect(bytes.subarray(0, 4)).toEqual(Buffer.from("NDP\x01", "latin1"));
    expect(bytes.subarray(4, 8)).toEqual(Buffer.of(4, 3, 2, 1));
    expect(bytes.subarray(8, 16)).toEqual(Buffer.of(5, 0, 0, 0, 0, 0, 0, 0));
    expect(bytes.subarray(16)).toEqual(Buffer.from(signature));
  });

  test("come back", () => {
    const length = fc.integer({ min: 0, max: HEAD_LIMIT });
    fc.assert(
      fc.property(length, fc.nat({ max: Number.MAX_SAFE_INTEGER }), (headLength, sequence) => {
        const prologue = readPrologue(written(headLength, sequence));
        expect({ ...prologue, signature: [...prologue.signature] }).toEqual({
          headLength,
          sequence,
          signature: [...signature],
        });
      }),
    );
  });

  test("another version, and a head beyond the limit, are refused", () => {
    const version = written(1, 1);
    version[3] = 2;
    expect(() => readPrologue(version)).toThrow(MalformedPacket);
    expect(() => readPrologue(written(HEAD_LIMIT + 1, 1))).toThrow(MalformedPacket);
  });

  test("random bytes are refused", () => {
    const random = fc.uint8Array({ minLength: PROLOGUE_LENGTH, maxLength: PROLOGUE_LENGTH });
    fc.assert(
      fc.property(random, (bytes) => {
        expect(() => readPrologue(Buffer.from(bytes))).toThrow(MalformedPacket);
      }),
      { numRuns: 2_000 },
    );
  });
});
