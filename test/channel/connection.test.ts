/** What every connection does, over a real socket and within the process. */

import { describe, expect, test } from "vitest";
import type { Message } from "../../src/protocol/messages.ts";
import { ALL_EXAMPLES } from "../protocol/every-message.ts";
import { inProcessPair, numbered, numbersOf, pattern, sameContent, socketPair, tcpPair } from "./recorder.ts";

/** Lets everything that is under way in this process happen: some rounds of the event loop. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) await new Promise<void>((resolve) => setImmediate(resolve));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe.each([
  ["over a socket", () => socketPair()],
  ["over TCP", tcpPair],
  ["within the process", inProcessPair],
])("%s", (_, pair) => {
  test("every kind of message arrives, in both directions, in order", async () => {
    const [a, b] = await pair();
    for (const message of ALL_EXAMPLES) {
      a.connection.send(message);
      b.connection.send(message);
    }
    await a.recorder.receive(ALL_EXAMPLES.length);
    await b.recorder.receive(ALL_EXAMPLES.length);
    expect(a.recorder.messages).toEqual(ALL_EXAMPLES);
    expect(b.recorder.messages).toEqual(ALL_EXAMPLES);
    expect(b.recorder.received.every(({ buffers }) => buffers.length === 0)).toBe(true);
  });

  test("10,000 messages of one turn arrive in order", async () => {
    const [a, b] = await pair();
    for (const number of upTo(10_000)) a.connection.send(numbered(number));
    await b.recorder.receive(10_000);
    expect(numbersOf(b.recorder)).toEqual(upTo(10_000));
  });

  test("answers sent from within a handler arrive in order", async () => {
    const [a, b] = await pair();
    const echo = b.recorder.message.bind(b.recorder);
    b.recorder.message = (message: Message, buffers: Uint8Array[]) => {
      b.connection.send(message, buffers);
      echo(message, buffers);
    };
    for (const number of upTo(500)) {
      a.connection.send(numbered(number), [pattern(number, number)]);
      if (number % 10 === 0) a.connection.flush();
    }
    await a.recorder.receive(500);
    expect(numbersOf(a.recorder)).toEqual(upTo(500));
    const same = a.recorder.received.map(({ buffers }, index) => sameContent(buffers[0], pattern(index, index)));
    expect(same).toEqual(upTo(500).map(() => true));
  });

  test("buffers arrive whole, also empty ones, each as memory of its own", async () => {
    const [a, b] = await pair();
    const lengths = [0, 1, 0, 1_000, 65_535, 65_536, 300_001, 0];
    const backing = pattern(400_000, 1);
    const buffers = lengths.map((length, index) => backing.subarray(index * 3, index * 3 + length));
    a.connection.send(numbered(0), buffers);
    a.connection.send(numbered(1), [Uint8Array.of(5)]);
    const { buffers: arrived } = await b.recorder.receive(1);
    expect(arrived.map((buffer) => buffer.byteLength)).toEqual(lengths);
    arrived.forEach((buffer, index) => {
      expect(sameContent(buffer, buffers[index] as Uint8Array)).toBe(true);
      expect(buffer.constructor).toBe(Uint8Array);
      expect([buffer.byteOffset, buffer.buffer.byteLength]).toEqual([0, buffer.byteLength]);
    });
    expect(new Set(arrived.map((buffer) => buffer.buffer)).size).toBe(lengths.length);
    expect([...((await b.recorder.receive(2)).buffers[0] ?? [])]).toEqual([5]);
  });

  test("onSent is called once, after which the memory may be written again", async () => {
    const [a, b] = await pair();
    const memory = pattern(100_000, 1);
    let calls = 0;
    await new Promise<void>((resolve) => {
      a.connection.send(numbered(0), [memory], () => {
        calls++;
        resolve();
      });
      expect(calls).toBe(0);
    });
    memory.fill(0);
    const { buffers } = await b.recorder.receive(1);
    expect(sameContent(buffers[0], pattern(100_000, 1))).toBe(true);
    await settle();
    expect(calls).toBe(1);
  });

  test("every onSent of a turn is called, in order", async () => {
    const [a] = await pair();
    const calls: number[] = [];
    await new Promise<void>((resolve) => {
      for (const number of upTo(300)) a.connection.send(numbered(number), [], () => calls.push(number));
      a.connection.send(numbered(300), [], resolve);
    });
    expect(calls).toEqual(upTo(300));
  });

  test("close sends what is queued, then ends both ends once, without an error", async () => {
    const [a, b] = await pair();
    for (const number of upTo(200)) a.connection.send(numbered(number), [pattern(1_000, number)]);
    a.connection.close();
    expect(a.connection.isOpen).toBe(false);
    expect(await b.recorder.end()).toBeUndefined();
    expect(await a.recorder.end()).toBeUndefined();
    expect(numbersOf(b.recorder)).toEqual(upTo(200));
    expect(b.connection.isOpen).toBe(false);
    a.connection.close();
    b.connection.close();
    a.connection.destroy();
    await settle();
    expect(a.recorder.ends).toHaveLength(1);
    expect(b.recorder.ends).toHaveLength(1);
  });

  test("what is sent after close is ignored", async () => {
    const [a, b] = await pair();
    let sent = 0;
    a.connection.send(numbered(0));
    a.connection.close();
    a.connection.send(numbered(1), [], () => sent++);
    a.connection.flush();
    await b.recorder.end();
    await a.recorder.end();
    b.connection.send(numbered(2), [], () => sent++);
    await settle();
    expect(numbersOf(b.recorder)).toEqual([0]);
    expect(a.recorder.messages).toEqual([]);
    expect(sent).toBe(0);
  });

  test("after close nothing is received any more", async () => {
    const [a, b] = await pair();
    b.connection.send(numbered(0));
    await a.recorder.receive(1);
    b.connection.send(numbered(1));
    a.connection.close();
    await b.recorder.end();
    await a.recorder.end();
    expect(numbersOf(a.recorder)).toEqual([0]);
  });

  test("destroy drops what is queued and ends both ends once, here with the reason", async () => {
    const [a, b] = await pair();
    const reason = new Error("enough");
    a.connection.send(numbered(0));
    a.connection.send(numbered(1));
    a.connection.destroy(reason);
    expect(a.connection.isOpen).toBe(false);
    expect(await a.recorder.end()).toBe(reason);
    await b.recorder.end();
    await settle();
    expect(numbersOf(b.recorder)).not.toContain(1);
    expect(a.recorder.ends).toHaveLength(1);
    expect(b.recorder.ends).toHaveLength(1);
    expect(b.connection.isOpen).toBe(false);
  });

  test("a handler that throws ends the connection with what it threw, and hears no more", async () => {
    const [a, b] = await pair();
    const mistake = new Error("a mistake");
    let calls = 0;
    b.recorder.message = () => {
      calls++;
      throw mistake;
    };
    a.connection.send(numbered(0));
    a.connection.send(numbered(1));
    expect(await b.recorder.end()).toBe(mistake);
    await a.recorder.end();
    expect(calls).toBe(1);
  });

  test("a handler may close the connection, and hears no more", async () => {
    const [a, b] = await pair();
    const keep = b.recorder.message.bind(b.recorder);
    b.recorder.message = (message: Message, buffers: Uint8Array[]) => {
      keep(message, buffers);
      b.connection.close();
    };
    a.connection.send(numbered(0));
    a.connection.send(numbered(1));
    await b.recorder.end();
    await a.recorder.end();
    expect(numbersOf(b.recorder)).toEqual([0]);
  });

  test("hold and release may be nested", async () => {
    const [a, b] = await pair();
    a.connection.hold();
    a.connection.hold();
    a.connection.release();
    a.connection.release();
    a.connection.send(numbered(0));
    await b.recorder.receive(1);
  });
});
