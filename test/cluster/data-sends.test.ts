/** Memory that is borrowed: when it may be written again, and what happens to what is taken away too early. */

import { type AsyncResult, type Client, type DataWay, isParallelError, shared } from "ndparallel";
import { describe, expect, test } from "vitest";
import { expectSameBits } from "./arrays.ts";
import { Gate } from "./gate.ts";
import { useSandbox } from "./processes.ts";
import { shareCluster } from "./shared-cluster.ts";

useSandbox("file");

const WAYS: readonly DataWay[] = ["shared", "direct", "relay"];
const LENGTH = 1 << 17;

// In the namespace of the engines.
declare const kept: Float64Array;

interface Sent {
  readonly result: Pick<AsyncResult<unknown>, "sent" | "waitForSend" | "get">;
  /** What the result, or what came of it, has to be. */
  check(value: unknown): Promise<void> | void;
}

type Call = (client: Client, array: Float64Array<ArrayBuffer>) => Sent;

/** Every call that sends arrays, with the flag track. */
const calls: readonly [string, Call][] = [
  [
    "apply",
    (client, array) => {
      const result = client
        .view()
        .with({ track: true })
        .apply((x: Float64Array) => [x.length, x[1], x.at(-1)], array);
      const expected = [array.length, 1, array.length - 1];
      return { result, check: (value) => expect(value).toEqual([expected, expected]) };
    },
  ],
  [
    "push",
    (client, array) => {
      const expected = [array.length, 1, array.length - 1];
      const result = client.view().with({ track: true }).push({ kept: array });
      const check = async (): Promise<void> =>
        expect(await client.view().apply(() => [kept.length, kept[1], kept.at(-1)])).toEqual([expected, expected]);
      return { result, check };
    },
  ],
  [
    "scatter",
    (client, array) => {
      const expected = array.slice();
      const result = client.view().with({ track: true }).scatter("part", array);
      return { result, check: async () => expectSameBits(await client.view().gather("part"), expected) };
    },
  ],
  [
    "map",
    (client, array) => {
      const expected = array.map((x) => x + 1);
      const result = client
        .view()
        .with({ track: true })
        .map((x: number) => x + 1, array);
      return { result, check: (value) => expectSameBits(value, expected) };
    },
  ],
  [
    "balanced apply",
    (client, array) => {
      const expected = array.at(-1);
      const result = client
        .loadBalancedView()
        .with({ track: true })
        .apply((x: Float64Array) => x.at(-1), array);
      return { result, check: (value) => expect(value).toBe(expected) };
    },
  ],
  [
    "balanced map with chunks",
    (client, array) => {
      const expected = array.map((x) => x + 1);
      const view = client.loadBalancedView().with({ track: true, chunkSize: LENGTH / 4 });
      return { result: view.map((x: number) => x + 1, array), check: (value) => expectSameBits(value, expected) };
    },
  ],
  [
    "balanced map with chunks sized by time",
    (client, array) => {
      const expected = array.map((x) => x + 1);
      const view = client.loadBalancedView().with({ track: true, chunkSize: "auto" });
      return { result: view.map((x: number) => x + 1, array), check: (value) => expectSameBits(value, expected) };
    },
  ],
];

function counting(): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: LENGTH }, (_, i) => i);
}

describe.each(WAYS)("%s", { timeout: 60_000 }, (dataWay) => {
  const started = shareCluster(2, { dataWay });

  test.each(calls)("%s: what is written once it was sent changes nothing", async (_, call) => {
    for (const array of [counting(), shared.from(counting())]) {
      const { result, check } = call(started.rc, array);
      await result.waitForSend();
      expect(result.sent).toBe(true);
      array.fill(-1);
      await check(await result.get());
    }
  });

  test.each(calls)("%s: memory that is transferred at once was copied, or the call says so", async (_, call) => {
    const array = counting();
    const { result, check } = call(started.rc, array);
    structuredClone(array.buffer, { transfer: [array.buffer] });
    expect(array.length).toBe(0);
    await expectRightOrTold(result, check);
  });

  test.each(calls)("%s: memory that shrinks at once was copied, or the call says so", async (_, call) => {
    // Node 20 has them; the types of the language version that is compiled for do not.
    const Resizable = ArrayBuffer as unknown as new (
      length: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer & { resize(length: number): void };
    const memory = new Resizable(8 * LENGTH, { maxByteLength: 16 * LENGTH });
    const array = new Float64Array(memory, 0, LENGTH);
    array.set(counting());
    const { result, check } = call(started.rc, array);
    memory.resize(1024);
    await expectRightOrTold(result, check);
  });

  test("a map whose chunks are sized by time is not sent before the last chunk is", async () => {
    await using gate = await Gate.make();
    const view = started.rc.loadBalancedView().with({ track: true, chunkSize: "auto" });
    const { url } = gate;
    const array = counting().slice(0, 1000);
    const expected = array.map((x) => x + 1);
    const wait = async (x: number): Promise<number> => {
      if (x < 2) await fetch(url);
      return x + 1;
    };
    const result = view.map(wait, array) as AsyncResult<Float64Array>;
    await gate.arrived();
    expect(result.sent).toBe(false);
    gate.open();
    await result.waitForSend();
    array.fill(-1);
    expectSameBits(await result, expected);
  });

  /** By shared memory the bytes are copied when the call is made. Nothing hangs. */
  async function expectRightOrTold(result: Sent["result"], check: Sent["check"]): Promise<void> {
    const outcome = await result.get().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if ("error" in outcome) {
      const { error } = outcome as { error: Error & { errors?: Error[] } };
      for (const one of error.errors ?? [error]) {
        expect(isParallelError(one, "SerializationError"), one.stack).toBe(true);
        expect(one.message).toMatch(/transferred.*waitForSend/s);
      }
    } else {
      await check(outcome.value);
    }
    await result.waitForSend();
  }
});
