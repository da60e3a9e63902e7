/** Large arrays that the hub keeps because it was asked to: the same of both databases, on every way. */

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Client, Cluster, type DataWay, shared, type TypedArray } from "ndparallel";
import { describe, expect, test } from "vitest";
import { arrayClasses, bytesOf, expectSameBits, randomArray, unusualNumbers } from "./arrays.ts";
import { Gate, waitAt } from "./gate.ts";
import { gone, until, useSandbox } from "./processes.ts";
import { failure } from "./shared-cluster.ts";

useSandbox();

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const DATABASES = ["memory", "sqlite"] as const;
const WAYS: readonly DataWay[] = ["shared", "direct", "relay", "auto"];

interface Options {
  readonly type?: "memory" | "sqlite";
  readonly file?: string;
  readonly bytes?: number;
  readonly records?: number;
}

async function start(database: Options, dataWay: DataWay = "auto", engines = 2): Promise<Cluster> {
  return await Cluster.start({ engines, dataWay, controller: { database: { buffers: true, ...database } } });
}

function noise(byteLength: number, seed = 1): Uint8Array {
  return randomArray(Uint8Array as never, byteLength, seed) as Uint8Array;
}

/** An array of that class with what is easily lost; those of float64 are more than a piece long. */
function sample(Class: (typeof arrayClasses)[number]): TypedArray {
  const byteLength = Class.name === "Float64Array" ? MEBIBYTE + 40 * KIBIBYTE : 70 * KIBIBYTE;
  return unusualNumbers(Class, byteLength / Class.BYTES_PER_ELEMENT + 1);
}

/** Runs a task as a client that then goes away. */
async function byAnother<T>(cluster: Cluster, use: (client: Client) => Promise<T>): Promise<T> {
  await using client = await cluster.connect();
  return await use(client);
}

function expectSameBytes(found: readonly Uint8Array[] | undefined, expected: readonly Uint8Array[]): void {
  expect(found?.length).toBe(expected.length);
  expected.forEach((bytes, index) => void expect(Buffer.compare(found?.[index] as Uint8Array, bytes)).toBe(0));
}

const reversed = (array: Uint8Array): Uint8Array => array.toReversed();

describe.each(DATABASES)("in %s", (type) => {
  // Nothing of the ways is different with the other database.
  test.each(type === "memory" ? WAYS : WAYS.slice(-2))(
    "results and arguments outlive engines and clients: %s",
    { timeout: 60_000 },
    async (way) => {
      await using cluster = await start({ type }, way);
      const samples = arrayClasses.map(sample);
      const id = await byAnother(cluster, async (client) => {
        const result = client.loadBalancedView().apply((arrays: TypedArray[]) => arrays.toReversed(), samples);
        await result;
        return result.messageIds[0] as string;
      });
      // It waits for what is on its way to the hub.
      await cluster.stopEngines();
      await using rc = await cluster.connect();
      expect(rc.size).toBe(0);
      const fetched = (await rc.getResult(id)) as TypedArray[];
      fetched.toReversed().forEach((array, index) => void expectSameBits(array, samples[index] as TypedArray));
      const [record] = await rc.dbQuery({ msgId: id }, ["buffers", "resultBuffers"]);
      const bits = samples.map(bytesOf);
      expectSameBytes(record?.buffers, bits);
      expectSameBytes(record?.resultBuffers, bits.toReversed());
      await cluster.startEngines(2);
      await rc.waitForEngines(2);
      const again = (await rc.resubmit([id])) as TypedArray[][];
      again[0]?.toReversed().forEach((array, index) => void expectSameBits(array, samples[index] as TypedArray));
    },
  );

  test("what is kept is what was sent, though the sender writes to it as soon as he has the result", async () => {
    for (const way of ["direct", "shared"] as const) {
      await using cluster = await start({ type }, way, 1);
      await using rc = await cluster.connect();
      const array = new Float64Array(384 * KIBIBYTE).fill(1);
      const first = rc.at(0).apply((a: Float64Array) => a.length, array);
      await first;
      array.fill(2);
      const [again] = await rc.resubmit([first.messageIds[0] as string]);
      expect(again).toBe(384 * KIBIBYTE);
      const [record] = await rc.dbQuery({ msgId: first.messageIds[0] as string }, ["buffers"]);
      const [kept] = record?.buffers ?? [];
      expect(kept?.byteLength).toBe(array.byteLength);
      expect(new Float64Array(new Uint8Array(kept as Uint8Array).buffer).every((value) => value === 1)).toBe(true);
    }
  });

  test("tracked memory is free again once the hub has it, too", async () => {
    await using cluster = await start({ type }, "direct", 1);
    await using rc = await cluster.connect();
    const result = rc
      .at(0)
      .with({ track: true })
      .apply((a: Uint8Array) => a.length, noise(2 * MEBIBYTE));
    expect(await result).toBe(2 * MEBIBYTE);
    await result.waitForSend({ timeout: 10_000 });
    const array = shared.empty("uint8", MEBIBYTE);
    const lent = rc
      .at(0)
      .with({ track: true })
      .apply((a: Uint8Array) => a.length, array);
    expect(await lent).toBe(MEBIBYTE);
    await lent.waitForSend({ timeout: 10_000 });
  });

  test("load-balanced tasks, aborted ones and those that are run again have their arrays, too", async () => {
    await using gate = await Gate.make();
    await using cluster = await start({ type });
    await using rc = await cluster.connect();
    const array = noise(300 * KIBIBYTE);
    const one = rc.loadBalancedView().with({ targets: [0] });
    const before = one.apply(waitAt<number>, gate.url, 0);
    const queued = one.apply(reversed, array);
    expect(await queued.abort()).toBeUndefined();
    expect((await failure(() => queued)).name).toBe("TaskAborted");
    gate.open();
    await before;
    const first = rc.resubmit(queued.messageIds[0] as string);
    expectSameBits((await first) as never, reversed(array));
    const second = rc.resubmit(first.messageIds[0] as string);
    await rc.purgeHubResults([queued.messageIds[0] as string, first.messageIds[0] as string]);
    expectSameBits((await second) as never, reversed(array));
    const third = rc.resubmit(second.messageIds[0] as string);
    expectSameBits((await third) as never, reversed(array));
  });

  test("one array of many tasks is kept once, and forgotten with the last of them", async () => {
    await using cluster = await start({ type });
    await using rc = await cluster.connect();
    const array = noise(MEBIBYTE);
    const results = rc.view().apply((a: Uint8Array) => a.length, array);
    expect(await results).toEqual([MEBIBYTE, MEBIBYTE]);
    // The one of the hub; the owner's is let go.
    await until(async () => (await rc.status()).buffers === 1, "one array is held");
    await rc.purgeHubResults([results.messageIds[0] as string]);
    expect((await rc.status()).buffers).toBe(1);
    expect(await rc.resubmit([results.messageIds[1] as string])).toEqual([MEBIBYTE]);
    await rc.purgeHubResults("all");
    await until(async () => (await rc.status()).buffers === 0, "nothing is held");
  });
});

test("with SQLite everything is there after a restart of the controller, and in another cluster", {
  timeout: 60_000,
}, async () => {
  const directory = process.env["TMPDIR"] as string;
  const file = join(directory, "kept.sqlite");
  const array = noise(3 * MEBIBYTE + 5);
  let id = "";
  {
    await using cluster = await start({ file });
    await using rc = await cluster.connect();
    await using gate = await Gate.make();
    const done = rc.at(0).apply(reversed, array);
    expectSameBits(await done, reversed(array));
    id = done.messageIds[0] as string;
    const running = rc.at(0).apply(waitAt<number>, gate.url, 0);
    const queued = rc.at(0).apply(reversed, array);
    await until(async () => (await rc.resultStatus(queued.messageIds)).pending.length === 1, "it is known");
    const { pid } = await rc.status();
    process.kill(pid, "SIGKILL");
    await gone([pid], 2_000);
    gate.open();
    await running;
    expectSameBits(await queued, reversed(array));
    expectSameBits((await rc.resubmit(queued.messageIds[0] as string)) as never, reversed(array));
    expectSameBits((await rc.getResult(id, { owner: false })) as never, reversed(array));
  }
  await using cluster = await start({ file }, "direct", 1);
  await using rc = await cluster.connect();
  expectSameBits((await rc.getResult(id)) as never, reversed(array));
  expectSameBits(((await rc.resubmit([id])) as Uint8Array[])[0] as Uint8Array, reversed(array));
  const [record] = await rc.dbQuery({ msgId: id }, ["buffers"]);
  expect(Buffer.compare(record?.buffers?.[0] as Uint8Array, array)).toBe(0);
  rc.close();
  await cluster.stop();
  for (const name of readdirSync(directory)) if (name.startsWith("kept.sqlite")) rmSync(join(directory, name));
});

test("memory stays within its bytes: the oldest go, and what is too much is not kept", {
  timeout: 60_000,
}, async () => {
  await using cluster = await start({ type: "memory", bytes: 4 * MEBIBYTE });
  await using rc = await cluster.connect();
  const length = (a: Uint8Array): number => a.length;
  const ids: string[] = [];
  for (let seed = 0; seed < 6; seed++) {
    const result = rc.at(0).apply(length, noise(MEBIBYTE, seed));
    await result;
    ids.push(result.messageIds[0] as string);
  }
  expect(await rc.hubHistory()).toEqual(ids.slice(-3));
  const rows = await rc.dbQuery({}, ["buffers"]);
  rows.forEach(({ buffers }, index) => void expectSameBytes(buffers, [noise(MEBIBYTE, index + 3)]));
  expect(await rc.resubmit([ids[5] as string])).toEqual([MEBIBYTE]);
  const large = rc.at(0).apply(length, noise(5 * MEBIBYTE));
  expect(await large).toBe(5 * MEBIBYTE);
  const error = await failure(() => rc.resubmit(large.messageIds));
  expect(error.message).toMatch(/is not kept \(it was too much for what the task database may hold/);
});

test("unless it is asked for nothing is kept, and that is said", async () => {
  await using cluster = await Cluster.start({ engines: 1 });
  await using rc = await cluster.connect();
  const result = rc.at(0).apply(reversed, noise(MEBIBYTE));
  await result;
  const error = await failure(() => rc.resubmit(result.messageIds));
  expect(error.message).toMatch(/kept only with controller: \{ database: \{ buffers: true \} \}/);
  const [record] = await rc.dbQuery({ msgId: result.messageIds[0] as string }, ["buffers"]);
  expect(record?.buffers).toBeUndefined();
  await expect(Cluster.start({ controller: { database: { buffers: 1 as never } } })).rejects.toThrow(
    "controller.database.buffers must be a boolean; given: 1",
  );
});
