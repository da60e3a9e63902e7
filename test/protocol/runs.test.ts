/** Runs: messages of one type become one, and come back as they were, in packets and by themselves. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeHead, type Envelope, encodeHead, MalformedPacket, readHead } from "../../src/protocol/codec.ts";
import { writeColumns } from "../../src/protocol/columns.ts";
import type { Message, Result } from "../../src/protocol/messages.ts";
import { RunWriter } from "../../src/protocol/run-writer.ts";
import {
  messagesOf,
  partOfRun,
  type Run,
  readRun,
  runFrom,
  type WrittenRun,
  writeRun,
} from "../../src/protocol/runs.ts";

const NONE: readonly Uint8Array[] = [];
const PAYLOAD = Uint8Array.of(1, 2, 3);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function task(id: string, more: object = {}): Message {
  return { type: "task", taskId: id, payload: PAYLOAD, ...more };
}

function result(number: number, byteLength: number): Result {
  return {
    type: "result",
    taskId: `c-${number}`,
    engineId: 1,
    engineUuid: "e",
    outcome: {
      status: "ok",
      started: number,
      completed: number + 0.5,
      duration: number / 10,
      payload: new Uint8Array(byteLength).fill(number),
    },
  };
}

function runOf(messages: readonly Message[]): Run | undefined {
  return runFrom(0, (index) => messages[index]);
}

function throughPacket(messages: readonly Message[]): Message[] {
  const envelopes: Envelope[] = messages.map((message) => ({ message, buffers: NONE }));
  return decodeHead(new Uint8Array(encodeHead(envelopes))).messages.map(({ message }) => message);
}

describe("a run", () => {
  test("begins with three messages of one type and ends where one does not fit", () => {
    const tasks = [0, 1, 2, 7, 300].map((number) => task(`c-${number}`, { free: true }));
    expect(runOf(tasks.slice(0, 2))).toBeUndefined();
    expect(runOf(tasks)?.ids).toEqual([0, 1, 2, 7, 300]);
    const odd: Message[] = [
      task("c-5"),
      task("d-5", { free: true }),
      task("c-05", { free: true }),
      task("c-", { free: true }),
      task("c-1e3", { free: true }),
      task("c-9999999999999999", { free: true }),
      task("c-5", { free: true, places: [null] }),
      { type: "abortTasks", taskIds: [] },
    ];
    for (const message of odd) {
      expect(runOf([...tasks.slice(0, 3), message, ...tasks])?.ids).toEqual([0, 1, 2]);
      expect(throughPacket([...tasks, message, ...tasks])).toEqual([...tasks, message, ...tasks]);
    }
  });

  test("of submissions shares what is asked of the scheduler only where it is the same object", () => {
    const request = { kind: "f", units: 1 };
    const submission = (number: number, asked: object): Message =>
      ({
        type: "submitBalanced",
        taskId: `c-${number}`,
        operation: "apply",
        submitted: number,
        request: asked,
        payload: PAYLOAD,
      }) as Message;
    const same = [1, 2, 3, 4].map((number) => submission(number, request));
    expect(runOf(same)?.ids).toHaveLength(4);
    expect(runOf(same.map((_, number) => submission(number, { ...request })))).toBeUndefined();
    expect(throughPacket(same)).toEqual(same);
  });

  test("goes into a packet as it is, and some of its messages as a run of those", () => {
    const messages = upTo(10).map((number) => result(number, number));
    const run = runOf(messages) as Run;
    const [only, ...more] = readHead(new Uint8Array(encodeHead([{ message: run, buffers: NONE }]))).messages;
    expect(more).toEqual([]);
    expect(messagesOf(only?.message as Run)).toEqual(messages);
    expect(messagesOf(partOfRun(run, [0, 3, 9]))).toEqual([messages[0], messages[3], messages[9]]);
    expect(messagesOf(partOfRun(run, upTo(10)))).toEqual(messages);
  });

  test("is refused when it does not add up", () => {
    const run = runOf([task("c-1"), task("c-2"), task("c-3")]) as Run;
    const written = writeRun(run);
    const columns = (...all: number[][]): object => ({ columns: writeColumns(all) });
    const wrong: object[] = [
      { count: 2 },
      { count: 4 },
      { count: -3 },
      { count: 3.5 },
      { count: 2 ** 40 },
      { count: "3" },
      columns([1, 2, 3], [3, 3, 4]),
      columns([1, 2, 3], [3, 9, -3]),
      columns([1, 2, 3], [3, 3, 2.5]),
      columns([1, 2, -3], [3, 3, 3]),
      columns([1, 2, Number.NaN], [3, 3, 3]),
      columns([1, 2, 3], [0, 0, 0], [3, 3, 3]),
      columns([1, 2, 3]),
      { columns: Uint8Array.of(9, 9, 9) },
      { columns: written.columns.subarray(0, -1) },
      { columns: [] },
      { bytes: "abc" },
      { of: "welcome" },
      { of: "toString" },
      { prefix: 5 },
      { common: null },
      { common: { beginning: "abc" } },
    ];
    expect(messagesOf(readRun(written))).toHaveLength(3);
    for (const change of wrong) {
      const changed = { ...written, ...change } as WrittenRun;
      expect(() => readRun(changed), JSON.stringify(change)).toThrow(TypeError);
      const head = new Uint8Array(encodeHead([{ message: { ...run, written: changed }, buffers: NONE }]));
      expect(() => decodeHead(head)).toThrow(MalformedPacket);
    }
  });

  test("leaves out what all payloads begin with, which its messages have", () => {
    const writer = new RunWriter("task", { free: true, beginning: Uint8Array.of(7, 8) }, "c-", 0);
    for (const number of upTo(5)) writer.bytes.fill(number, writer.add(number, number), writer.byteLength);
    const [only] = readHead(new Uint8Array(encodeHead([{ message: writer.run(), buffers: NONE }]))).messages;
    const run = only?.message as Run;
    const payloadOf = (number: number): Uint8Array => Uint8Array.of(7, 8, ...new Array(number).fill(number));
    const messages = upTo(5).map((number) => task(`c-${number}`, { payload: payloadOf(number), free: true }));
    expect(messagesOf(run)).toEqual(messages);
    expect(messagesOf(partOfRun(run, [1, 4]))).toEqual([messages[1], messages[4]]);
    expect(run.bytes.byteLength).toBe(0 + 1 + 2 + 3 + 4);
  });

  test("that was written message by message is the one that the messages make", () => {
    const messages = upTo(700).map((number) => result(number, number % 50));
    const writer = new RunWriter("result", { engineId: 1, engineUuid: "e" }, "c-", 3);
    for (const [number, { outcome }] of messages.entries()) {
      const payload = outcome.payload as Uint8Array;
      const at = writer.add(number, payload.byteLength);
      writer.bytes.set(payload, at);
      for (const [column, key] of (["started", "completed", "duration"] as const).entries()) {
        writer.number(column, outcome[key] as number);
      }
    }
    expect(writer.length).toBe(700);
    expect(messagesOf(writer.run())).toEqual(messages);
  });
});

test("whatever messages follow one another, they come back as they were", () => {
  const payload = fc.uint8Array({ maxLength: 20 });
  const taskId = fc.oneof(
    fc.nat(1000).map((number) => `c-${number}`),
    fc.string(),
  );
  const requests = [
    { kind: "f", units: 1 },
    { kind: "g", units: 2, priority: 3 },
  ];
  const time = fc.double({ noNaN: true, min: 0 });
  const outcome = fc.oneof(
    fc.record({ status: fc.constant("ok"), started: time, completed: time, duration: time, payload }),
    fc.record({ status: fc.constant("ok"), started: time, payload }),
    fc.constant({ status: "error", error: { kind: "remote", name: "Error", message: "no" } }),
  );
  const message = fc.oneof(
    fc.record({ type: fc.constant("task"), taskId, payload }),
    fc.record({ type: fc.constant("task"), taskId, payload, free: fc.boolean() }),
    fc.record({ type: fc.constant("result"), taskId, engineId: fc.nat(1), engineUuid: fc.constant("e"), outcome }),
    fc.record({
      type: fc.constant("submitBalanced"),
      taskId,
      operation: fc.constantFrom("apply", "map"),
      submitted: time,
      label: fc.constantFrom(undefined, "a"),
      request: fc.constantFrom(...requests),
      payload,
    }),
    fc.record({
      type: fc.constant("submit"),
      taskIds: fc.array(taskId, { maxLength: 2 }),
      engineIds: fc.array(fc.nat(9), { minLength: 1, maxLength: 1 }),
      operation: fc.constant("apply"),
      submitted: time,
      label: fc.constant(undefined),
      payload,
    }),
  );
  const messages = fc.array(fc.tuple(message, fc.integer({ min: 1, max: 5 })), { maxLength: 8 });
  fc.assert(
    fc.property(messages, (repeated) => {
      const all = repeated.flatMap(([one, times]) => new Array(times).fill(one) as Message[]);
      expect(throughPacket(all)).toEqual(all);
    }),
    { numRuns: 300 },
  );
});
