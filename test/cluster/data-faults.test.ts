/** Engines that are killed or stopped in the middle of a transfer, on every way: what fails says so, what remains is right. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type AsyncResult, type Client, Cluster, type DataWay, isParallelError, type TypedArray } from "ndparallel";
import { describe, expect, test } from "vitest";
import { type ArrayClass, arrayClasses, expectSameBits, randomArray, unusualNumbers } from "./arrays.ts";
import { freeze, pidsOf, rejectionWithin, until, useSandbox } from "./processes.ts";

useSandbox("file");

const WAYS: readonly DataWay[] = ["shared", "direct", "relay"];
const MEBIBYTE = 1024 * 1024;
const LENGTH = (64 * MEBIBYTE) / 8;
/** When a process has got so much more memory, a transfer to it is under way. */
const UNDER_WAY = 12 * MEBIBYTE;

/** Memory that a process has in use, as the system counts it. */
function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
}

/** Bytes that a process has written, to sockets too. */
function writtenBytes(pid: number): number {
  return Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** Resolves once bytes have begun to arrive in that process. */
async function receiving(pid: number, before: number): Promise<void> {
  await until(() => residentBytes(pid) > before + UNDER_WAY, `process ${pid} began to receive`, 10_000);
}

/** Runs on engines and here: 0, 1, 2, … */
function counting(length: number): Float64Array {
  const numbers = new Float64Array(length);
  for (let i = 0; i < length; i++) numbers[i] = i;
  return numbers;
}

/** Runs on engines and here: how many elements are not what {@link counting} made them. */
function wrong(numbers: Float64Array): number {
  let count = 0;
  for (let i = 0; i < numbers.length; i++) if (numbers[i] !== i) count++;
  return count;
}

async function nothingHeld(client: Client): Promise<void> {
  await until(async () => (await client.status()).buffers === 0, "no large buffer was held any more", 10_000);
}

/** Resolves once bytes of the result have left its owner, or all have come. */
async function beingFetched(made: AsyncResult<unknown>, owner: number, before: number): Promise<void> {
  await until(() => made.ready || writtenBytes(owner) > before + UNDER_WAY, "it was being fetched", 10_000);
}

/** A result whose owner is stopped when it has begun to come; what was under way then has arrived, or never will. */
async function fetchFrozen(client: Client, owner: number): Promise<{ made: AsyncResult<Float64Array> }> {
  const before = writtenBytes(owner);
  const made = client.at(0).apply(counting, LENGTH);
  await beingFetched(made, owner, before);
  await freeze(owner);
  await made.wait({ timeout: 500 });
  return { made };
}

/** How many files of shared memory this process has open. */
function openSegments(): number {
  const isSegment = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("/memfd:");
    } catch {
      return false;
    }
  };
  return readdirSync("/proc/self/fd").filter(isSegment).length;
}

describe.each(WAYS)("%s", { timeout: 60_000 }, (dataWay) => {
  test("a receiver is killed: its task fails, the other engine's is right, nothing is held", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const survivor = client.at(1);
    const [victim] = (await pidsOf(client)).engines as [number, number];
    const before = residentBytes(victim);
    const numbers = counting(LENGTH);
    const ar = client.view().with({ track: true }).apply(wrong, numbers);
    await receiving(victim, before);
    process.kill(victim, "SIGKILL");
    const [lost, other] = (await ar.get({ returnExceptions: true, timeout: 15_000 })) as unknown[];
    expect(isParallelError(lost, "EngineError") || lost === 0).toBe(true);
    if (dataWay !== "shared") expect(lost).not.toBe(0);
    expect(other).toBe(0);
    await ar.waitForSend();
    await nothingHeld(client);
    // What the killed engine had is used again: nothing more is opened.
    const segments = openSegments();
    expect(await survivor.apply(wrong, numbers)).toBe(0);
    expect(openSegments()).toBeLessThanOrEqual(segments);
  });

  test("an owner is killed while its result is fetched: a typed error, or the right bytes", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const [owner] = (await pidsOf(client)).engines as [number, number];
    const before = writtenBytes(owner);
    const made = client.at(0).apply(counting, LENGTH);
    const survivor = client.at(1);
    const others = survivor.apply(counting, LENGTH / 8);
    const outcome = made.get().then(
      (value) => value,
      (error: Error) => error,
    );
    await beingFetched(made, owner, before);
    process.kill(owner, "SIGKILL");
    const value = await outcome;
    if (value instanceof Error) expect(isParallelError(value, "EngineError")).toBe(true);
    else expect(wrong(value)).toBe(0);
    expect(wrong(await others)).toBe(0);
    expect(wrong(await survivor.apply(counting, LENGTH / 8))).toBe(0);
  });

  test("an owner is killed while another engine fetches from it: that one's task fails with a typed error, or is right", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const [owner, receiver] = (await pidsOf(client)).engines as [number, number];
    await client.view([0]).execute(`const made = (${counting})(${LENGTH})`);
    const before = residentBytes(receiver);
    const made = client.at(0).pull("made");
    const survivor = client.at(1);
    const checked = survivor.apply(wrong as (x: unknown) => number, made);
    await receiving(receiver, before);
    process.kill(owner, "SIGKILL");
    const value = await checked.get({ returnExceptions: true });
    if ((value as unknown) instanceof Error) expect(isParallelError(value)).toBe(true);
    else expect(value).toBe(0);
    expect(await survivor.apply(wrong, counting(LENGTH / 8))).toBe(0);
    await made.wait();
  });

  test("an owner that is stopped holds back only who waits for it; when it goes on, its bytes come, all of them", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay, heartbeat: { stopped: 60_000 } });
    await using client = await cluster.connect();
    const [owner] = (await pidsOf(client)).engines as [number, number];
    let { made } = await fetchFrozen(client, owner);
    // It may have been so quick that all bytes had come.
    for (let again = 0; dataWay !== "shared" && made.ready && again < 5; again++) {
      process.kill(owner, "SIGCONT");
      expect(wrong(await made)).toBe(0);
      ({ made } = await fetchFrozen(client, owner));
    }
    expect(await client.at(1).apply(wrong, counting(LENGTH / 8))).toBe(0);
    expect(wrong(await client.at(1).apply(counting, LENGTH / 8))).toBe(0);
    if (dataWay !== "shared") expect(made.ready).toBe(false);
    process.kill(owner, "SIGCONT");
    expect(wrong(await made)).toBe(0);
  });

  test("a receiver that is stopped for too long is given up: its task fails, and what it had is let go", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay, heartbeat: { stopped: 1_000 } });
    await using client = await cluster.connect();
    const [victim] = (await pidsOf(client)).engines as [number, number];
    const before = residentBytes(victim);
    const numbers = counting(LENGTH);
    const ar = client.at(0).with({ track: true }).apply(wrong, numbers);
    await receiving(victim, before);
    await freeze(victim);
    expect(await client.at(1).apply(wrong, numbers)).toBe(0);
    const error = await rejectionWithin(15_000, ar).catch((failure: Error) => failure);
    if (!ar.successful()) expect(isParallelError(error, "EngineError")).toBe(true);
    await ar.waitForSend();
    await nothingHeld(client);
  });
});

describe.each(WAYS)("%s, while an engine is killed in the middle of a transfer", { timeout: 120_000 }, (dataWay) => {
  test("push, pull, scatter, gather, map and broadcast of the others are right, bit for bit, of every dtype", async () => {
    await using cluster = await Cluster.start({ engines: 3, dataWay });
    await using client = await cluster.connect();
    const [victim] = (await pidsOf(client)).engines as [number];
    const others = client.view([1, 2]);
    const arrays = Object.fromEntries(
      arrayClasses.map((Class, i) => [`an${Class.name}`, randomArray(Class, 400_000 / Class.BYTES_PER_ELEMENT, i)]),
    );
    const before = residentBytes(victim);
    const lost = client.at(0).apply(wrong, counting(LENGTH));
    await receiving(victim, before);
    const work = async (): Promise<void> => {
      const names = Object.keys(arrays);
      others.push(arrays);
      for (const pulled of (await others.pull(names)) as unknown as TypedArray[][]) {
        for (const [i, name] of names.entries()) expectSameBits(pulled[i], arrays[name] as TypedArray);
      }
      await Promise.all(
        names.map(async (name) => {
          const array = arrays[name] as TypedArray;
          others.scatter(`part_${name}`, array);
          expectSameBits(await others.gather(`part_${name}`), array);
          const applied = await client.broadcastView([1, 2]).apply((x: TypedArray) => x, array);
          for (const back of applied) expectSameBits(back, array);
          const unusual = unusualNumbers(
            arrayClasses.find((Class) => `an${Class.name}` === name) as ArrayClass,
            40_000,
          );
          expectSameBits(await others.map((x: unknown) => x as number, unusual as Float64Array), unusual);
        }),
      );
    };
    const working = work();
    process.kill(victim, "SIGKILL");
    await working;
    const value = await lost.get({ returnExceptions: true }).catch((error: unknown) => error);
    if (value !== 0) expect(isParallelError(value, "EngineError")).toBe(true);
    await work();
  });

  test("a scatter and a gather that the engine takes part in fail for its part only", async () => {
    await using cluster = await Cluster.start({ engines: 3, dataWay });
    await using client = await cluster.connect();
    const [victim] = (await pidsOf(client)).engines as [number];
    const numbers = counting(LENGTH);
    await freeze(victim);
    const scattered = client.view().scatter("part", numbers);
    process.kill(victim, "SIGKILL");
    const errors = partsOf(await rejectionWithin(30_000, scattered));
    expect(errors.map((error) => isParallelError(error, "EngineError"))).toEqual([true]);
    const sizes = [0, 1, 2].map((part) => Math.floor(LENGTH / 3) + (part < LENGTH % 3 ? 1 : 0)) as [
      number,
      number,
      number,
    ];
    expectSameBits(await client.view([1, 2]).gather("part"), numbers.subarray(sizes[0]));

    const [second] = (await pidsOf(client)).engines as [number];
    await freeze(second);
    const gathered = client.view([1, 2]).gather("part");
    process.kill(second, "SIGKILL");
    const missing = partsOf(await rejectionWithin(30_000, gathered));
    expect(missing.map((error) => isParallelError(error, "EngineError"))).toEqual([true]);
    expectSameBits(await client.view([2]).gather("part"), numbers.subarray(sizes[0] + sizes[1]));
  });
});

/** The errors of the parts of a call. */
function partsOf(error: Error): Error[] {
  return (error as { errors?: Error[] }).errors ?? [error];
}

test("the controller does not grow by what it relays", { timeout: 60_000 }, async () => {
  await using cluster = await Cluster.start({ engines: 1, dataWay: "relay" });
  await using client = await cluster.connect();
  const { controller } = await pidsOf(client);
  const most = (): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${controller}/status`, "utf8"))?.[1]);
  const numbers = counting(LENGTH / 16);
  expect(wrong(await client.at(0).apply((x: Float64Array) => x, numbers))).toBe(0);
  const before = most();
  const large = counting(2 * LENGTH);
  expect(wrong(await client.at(0).apply((x: Float64Array) => x, large))).toBe(0);
  // 256 MiB have passed through it.
  expect((most() - before) / 1024).toBeLessThan(48);
});

test("results that were awaited are forgotten, large or small, good or bad; and nothing is held", async () => {
  await using cluster = await Cluster.start({ engines: 2 });
  await using client = await cluster.connect();
  const view = client.loadBalancedView();
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 50 }, (_, n) => view.apply((x: number) => x, n)));
    for (let trip = 0; trip < 5; trip++) await client.at(0).apply((x: Float64Array) => x, counting(20_000));
    await rejectionWithin(5_000, client.at(1).execute("throw new Error('bad')"));
    expect([client.results.size, client.outstanding.size]).toEqual([0, 0]);
  }
});
