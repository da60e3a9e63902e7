/** The first message of a turn leaves at once; what follows leaves together, in order, in packets that are not too large. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { duringRead, Outbox } from "../../src/channel/outbox.ts";
import type { PacketItem } from "../../src/protocol/codec.ts";
import type { Message, Output } from "../../src/protocol/messages.ts";
import { numbered } from "./recorder.ts";

const KIB = 1024;

function recording(): { outbox: Outbox; packets: (readonly PacketItem[])[]; sent: (() => void)[][] } {
  const packets: (readonly PacketItem[])[] = [];
  const sent: (() => void)[][] = [];
  const outbox = new Outbox((envelopes, onSent) => {
    packets.push(envelopes);
    sent.push(onSent);
  });
  return { outbox, packets, sent };
}

const numbersIn = (packet: readonly PacketItem[] | undefined): number[] => {
  return (packet ?? []).map(({ message }) => Number((message as Output).taskId));
};
const plain = (message: Message): PacketItem => ({ message, buffers: [] });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("the first message of a turn leaves at once, the others in one packet at the end of the turn", async () => {
  const { outbox, packets } = recording();
  for (const number of upTo(100)) outbox.add(plain(numbered(number)));
  expect(packets.map(numbersIn)).toEqual([[0]]);
  await Promise.resolve();
  expect(packets.map(numbersIn)).toEqual([[0], upTo(100).slice(1)]);
});

test("while much is read, the first leaves with the others once all has been read; while little is, at once", async () => {
  const { outbox, packets } = recording();
  duringRead(2 * KIB, () => {
    for (const number of upTo(3)) outbox.add(plain(numbered(number)));
    expect(packets).toEqual([]);
  });
  await Promise.resolve();
  duringRead(2 * KIB, () => outbox.add(plain(numbered(3))));
  expect(packets).toEqual([]);
  await new Promise(setImmediate);
  expect(packets.map(numbersIn)).toEqual([[0, 1, 2, 3]]);
  duringRead(100, () => outbox.add(plain(numbered(4))));
  expect(packets.map(numbersIn)).toEqual([[0, 1, 2, 3], [4]]);
  expect(() =>
    duringRead(2 * KIB, () => {
      throw new Error("not a packet");
    }),
  ).toThrow("not a packet");
  await Promise.resolve();
  outbox.add(plain(numbered(5)));
  expect(packets).toHaveLength(3);
});

test("each turn has a packet of its own, and a turn without messages none", async () => {
  const { outbox, packets } = recording();
  outbox.add(plain(numbered(0)));
  await Promise.resolve();
  await Promise.resolve();
  outbox.add(plain(numbered(1)));
  outbox.add(plain(numbered(2)));
  await Promise.resolve();
  expect(packets.map(numbersIn)).toEqual([[0], [1], [2]]);
});

test("a packet is cut at 512 messages, without waiting", async () => {
  const { outbox, packets } = recording();
  for (const number of upTo(1100)) outbox.add(plain(numbered(number)));
  expect(packets.map((packet) => packet.length)).toEqual([1, 512, 512]);
  await Promise.resolve();
  expect(packets.map((packet) => packet.length)).toEqual([1, 512, 512, 75]);
  expect(packets.flatMap(numbersIn)).toEqual(upTo(1100));
});

test.each<[string, (bytes: number) => PacketItem]>([
  ["buffers", (bytes) => ({ message: numbered(0), buffers: [new Uint8Array(bytes - 1), new Uint8Array(1)] })],
  ["payloads of tasks", (bytes) => plain({ type: "task", taskId: "0", payload: new Uint8Array(bytes) })],
  [
    "payloads of results",
    (bytes) => {
      const outcome = { status: "ok", payload: new Uint8Array(bytes) } as const;
      return plain({ type: "result", taskId: "0", engineId: 0, engineUuid: "", outcome });
    },
  ],
  ["output", (bytes) => plain({ type: "output", taskId: "0", stream: "stdout", text: "x".repeat(bytes) })],
])("a packet is cut at 256 KiB of %s, without waiting", async (_, envelope) => {
  const { outbox, packets } = recording();
  outbox.add(envelope(2));
  for (let i = 0; i < 3; i++) outbox.add(envelope(64 * KIB));
  expect(packets).toHaveLength(1);
  outbox.add(envelope(64 * KIB));
  outbox.add(envelope(2));
  expect(packets.map((packet) => packet.length)).toEqual([1, 4]);
  outbox.add(envelope(256 * KIB));
  expect(packets.map((packet) => packet.length)).toEqual([1, 4, 2]);
  await Promise.resolve();
  expect(packets).toHaveLength(3);
});

test("flush sends at once, and nothing is sent twice", async () => {
  const { outbox, packets } = recording();
  outbox.flush();
  outbox.add(plain(numbered(0)));
  outbox.flush();
  expect(packets.map(numbersIn)).toEqual([[0]]);
  outbox.flush();
  outbox.add(plain(numbered(1)));
  await Promise.resolve();
  await Promise.resolve();
  expect(packets.map(numbersIn)).toEqual([[0], [1]]);
});

test("what is called when a packet has left goes with its packet", async () => {
  const { outbox, sent } = recording();
  const calls = upTo(514).map((number) => () => number);
  for (const call of calls) outbox.add(plain(numbered(0)), call);
  outbox.add(plain(numbered(0)));
  await Promise.resolve();
  expect(sent).toEqual([calls.slice(0, 1), calls.slice(1, 513), calls.slice(513)]);
});

test("whatever is added, it leaves once and in order, and only the last message may exceed a packet's size", async () => {
  const size = fc.oneof(fc.nat(100), fc.nat(300 * KIB));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ size, flush: fc.boolean() }), { maxLength: 200 }), async (additions) => {
      const { outbox, packets } = recording();
      additions.forEach(({ size, flush }, number) => {
        outbox.add({ message: numbered(number), buffers: [new Uint8Array(size)] });
        if (flush) outbox.flush();
      });
      await Promise.resolve();
      expect(packets.flatMap(numbersIn)).toEqual(upTo(additions.length));
      for (const packet of packets) {
        expect(packet.length).toBeLessThanOrEqual(512);
        const before = packet.slice(0, -1).flatMap(({ buffers }) => buffers);
        expect(before.reduce((sum, buffer) => sum + buffer.byteLength, 0)).toBeLessThan(256 * KIB);
      }
    }),
    { numRuns: 30 },
  );
});
