/** What was received and is used again, or passed on: when it was written to, and when its owner is gone. */

import { Client, Cluster, type DataWay, isParallelError, ref, type TypedArray } from "ndparallel";
import { describe, expect, test } from "vitest";
import { expectSameBits, randomArray } from "./arrays.ts";
import { failureWithin, freeze, pidsOf, until, useSandbox } from "./processes.ts";
import { shareCluster } from "./shared-cluster.ts";

useSandbox("file");

const WAYS: readonly DataWay[] = ["shared", "direct", "relay"];
const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
/** In ordinary memory where it came over a connection; and in pooled memory. */
const SIZES = [100 * KIBIBYTE, 4 * MEBIBYTE];
const echo = <T>(value: T): T => value;
/** Node 26 makes what engines receive immutable. */
const isImmutable = Number.parseInt(process.versions.node, 10) >= 26;

function noise(byteLength: number, seed = 1): Uint8Array {
  return randomArray(Uint8Array as never, byteLength, seed) as Uint8Array;
}

describe.each(WAYS)("%s", { timeout: 60_000 }, (dataWay) => {
  const started = shareCluster(2, { dataWay });

  describe("an array that functions captured", () => {
    test.skipIf(isImmutable).each(SIZES)("of %i bytes is what it was after a task has written to it", async (size) => {
      const table = noise(size, size);
      const one = started.rc.at(0);
      const sum = (): number => table.reduce((total, value) => total + value, 0);
      const expected = sum();
      expect(await one.apply(sum)).toBe(expected);
      const write = (): void => {
        table[size >> 1] = ((table[size >> 1] as number) + 1) % 256;
      };
      // The size is captured, too.
      expect((await failureWithin(10_000, one.apply(write), "RemoteError")).message).toContain("the task wrote to");
      expect(await one.apply(sum)).toBe(expected);
      const writeAndThrow = (): void => {
        table[0] = ((table[0] as number) + 1) % 256;
        throw new RangeError("of its own");
      };
      expect((await failureWithin(10_000, one.apply(writeAndThrow), "RemoteError")).message).toContain("of its own");
      expect(await one.apply(sum)).toBe(expected);
    });

    test.each(SIZES)("of %i bytes is there after a task has transferred it", async (size) => {
      const table = noise(size, size + 1);
      const one = started.rc.at(1);
      const transfer = (): number => {
        try {
          return structuredClone(table.buffer, { transfer: [table.buffer as ArrayBuffer] }).byteLength;
        } catch {
          return table.byteLength;
        }
      };
      expect(await one.apply(transfer)).toBeGreaterThanOrEqual(size);
      expect(await one.apply(() => table.reduce((total, value) => total + value, 0))).toBe(
        table.reduce((total, value) => total + value, 0),
      );
    });

    test("comes for one task although another one, with which it was on its way, was aborted", async () => {
      const [pid] = (await pidsOf(started.rc)).engines as [number];
      const table = noise(4 * MEBIBYTE, 17);
      const at = (i: number): number | undefined => table[i];
      await freeze(pid);
      const first = started.rc.at(0).apply(at, 1);
      const second = started.rc.at(0).apply(at, 2);
      await started.rc.status();
      const aborted = first.abort();
      await started.rc.status();
      process.kill(pid, "SIGCONT");
      expect(await second).toBe(table[2]);
      await aborted;
      expect(await started.rc.at(0).apply(at, 3)).toBe(table[3]);
    });
  });

  describe("a result that the client writes to by index", () => {
    test.each([1000, ...SIZES])("of %i bytes is sent as the client sees it, and stays with it", async (size) => {
      const sent = noise(size, size + 3);
      const result = await started.rc.at(0).apply(echo<Uint8Array>, sent);
      const other = await started.rc.at(1).apply(echo<Uint8Array>, sent);
      const before = sent.slice();
      for (const index of [0, size >> 1, size - 1]) result[index] = ((result[index] as number) + 1) % 256;
      const written = before.slice();
      for (const index of [0, size >> 1, size - 1]) written[index] = ((written[index] as number) + 1) % 256;
      expectSameBits(await started.rc.at(1).apply(echo<Uint8Array>, result), written);
      await started.rc.view().push({ result, part: result.subarray(10, size - 10) });
      for (const pulled of await started.rc.view().pull("result")) expectSameBits(pulled, written);
      for (const pulled of await started.rc.view().pull("part"))
        expectSameBits(pulled, written.subarray(10, size - 10));
      // Nobody else's bytes have changed.
      expectSameBits(sent, before);
      expectSameBits(other, before);
      expectSameBits(await started.rc.at(0).apply(echo<Uint8Array>, sent), before);
    });

    test("joined from parts, as well", async () => {
      const sent = noise(5 * MEBIBYTE, 29);
      const all = started.rc.view();
      await all.scatter("joined", sent);
      const whole = (await all.gather("joined")) as Uint8Array;
      const half = Math.ceil(sent.length / 2);
      const written = sent.slice();
      for (const index of [3, half - 1, half, sent.length - 1]) {
        whole[index] = ((whole[index] as number) + 1) % 256;
        written[index] = whole[index] as number;
      }
      await all.scatter("again", whole);
      expectSameBits(await all.gather("again"), written);
      expectSameBits(await started.rc.at(0).apply(echo<Uint8Array>, whole), written);
      expectSameBits(await all.gather("joined"), sent);
    });
  });
});

describe.each(WAYS)("%s, when the owner is gone", { timeout: 60_000 }, (dataWay) => {
  test("what a client had sent is given by the engine that has it", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const first = await Client.connect({ file: cluster.file });
    const arrays = SIZES.map((size) => noise(size, size));
    await first.at(0).push({ arrays });
    first.close();
    const pulled = (await client.at(0).pull("arrays")) as Uint8Array[];
    for (const [index, array] of arrays.entries()) expectSameBits(pulled[index], array);
    // And from there to another engine, whoever owns it by now.
    const passed = (await client.at(1).apply(echo<unknown>, client.at(0).pull("arrays"))) as Uint8Array[];
    for (const [index, array] of arrays.entries()) expectSameBits(passed[index], array);
  });

  test("a result is sent on by the client that has it; what was on its way fails with an error that says what is lost", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const [owner, receiver] = (await pidsOf(client)).engines as [number, number];
    const make = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => i % 251);
    const expected = make(4 * MEBIBYTE);
    const made = await client.at(0).apply(make, expected.length);
    const other = client.at(1);
    await freeze(receiver);
    const late = other.apply(echo<Uint8Array>, made);
    await client.status();
    process.kill(owner, "SIGKILL");
    await until(() => client.ids.length === 1, "the owner was missed");
    process.kill(receiver, "SIGCONT");
    const outcome = await late.get().then(
      (value) => value,
      (error: Error) => error,
    );
    if (outcome instanceof Error) {
      expect(dataWay).toBe("shared");
      expect(isParallelError(outcome, "ConnectionError") || isParallelError(outcome, "RemoteError")).toBe(true);
      expect(outcome.message).toContain(`an array of ${expected.length} bytes`);
    } else {
      expectSameBits(outcome, expected);
    }
    // The client has heard of it, and still has the bytes.
    expectSameBits(made, expected);
    expectSameBits(await other.apply(echo<Uint8Array>, made), expected);
    expectSameBits(
      await other.apply((x: Uint8Array) => x.subarray(1000, 900_000), made),
      expected.subarray(1000, 900_000),
    );
    await other.push({ made });
    expect(await other.apply((x: TypedArray) => x.length, ref("made") as never)).toBe(expected.length);
  });
});
