/** Large arrays over every way that they can travel: bit for bit, kept no longer than needed, and lost with an error. */

import ndarray from "ndarray";
import {
  Client,
  Cluster,
  type DataWay,
  type DirectView,
  display,
  isReadonly,
  type NdArray,
  publish,
  ref,
  shared,
  type TypedArray,
} from "ndparallel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ArrayClass,
  classesFor,
  expectSameBits,
  expectSameNdArray,
  randomArray,
  unusualNumbers,
} from "./arrays.ts";
import { computeUntil, FileGate, Gate, waitAt } from "./gate.ts";
import { failureWithin, freeze, pidsOf, rejectionWithin, until, useSandbox } from "./processes.ts";

useSandbox("file");

const WAYS: readonly DataWay[] = ["shared", "direct", "relay", "auto"];
const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const echo = <T>(value: T): T => value;

function nd(data: TypedArray, shape: number[], stride?: number[], offset?: number): NdArray {
  return ndarray(data as unknown as number[], shape, stride, offset) as unknown as NdArray;
}

/** The numbers of an ndarray of one or two dimensions, in C order. */
function elements(array: NdArray): Float64Array {
  const [rows = 0, columns] = array.shape;
  const found = new Float64Array(array.size);
  for (let i = 0, at = 0; i < rows; i++) {
    if (columns === undefined) found[at++] = array.get(i) as number;
    else for (let j = 0; j < columns; j++) found[at++] = array.get(i, j) as number;
  }
  return found;
}

/** Bytes that look random, of which there are that many. */
function noise(byteLength: number, seed = 1): Uint8Array {
  return randomArray(Uint8Array as never, byteLength, seed) as Uint8Array;
}

/** How many large buffers the cluster holds in all. */
async function heldBuffers(client: Client): Promise<number> {
  return (await client.status()).buffers;
}

/** Resolves once no more large buffers are held than that, which earlier results in the records are. */
function heldNoMoreThan(client: Client, count: number): Promise<boolean> {
  return until(async () => (await heldBuffers(client)) <= count, `no more than ${count} buffers were held`);
}

describe.each(WAYS)("%s", (dataWay) => {
  let cluster: Cluster;
  let client: Client;
  let all: DirectView<"many", false>;
  let one: DirectView<"one", false>;
  beforeAll(async () => {
    cluster = await Cluster.start({ engines: 2, dataWay });
    client = await cluster.connect();
    all = client.view();
    one = client.at(0);
  });
  afterAll(async () => {
    client?.close();
    await cluster?.stop();
  });

  test("push, pull, scatter, gather, map", async () => {
    const array = randomArray(Float32Array as never, 123_457, 3) as Float32Array;
    await all.push({ array });
    for (const pulled of await all.pull("array")) expectSameBits(pulled, array);
    for (const dist of ["block", "roundRobin"] as const) {
      await all.scatter("part", array, { dist });
      expectSameBits(await all.gather("part", { dist }), array);
    }
    const numbers = Float64Array.from({ length: 100_000 }, (_, i) => i);
    expectSameBits(
      await all.map((x) => x * 2, numbers),
      numbers.map((x) => x * 2),
    );
  });

  test("what was gathered, or came from a map or a parallel function, goes back as it was", async () => {
    const array = randomArray(Int16Array as never, 2_500_001, 4) as Int16Array;
    await all.scatter("part", array);
    const gathered = (await all.gather("part")) as Int16Array;
    const mapped = (await all.map((x) => x + 1, gathered)) as Int16Array;
    const negated = (await all.applyParts((part: Int16Array) => part.map((x) => -x), [mapped])) as Int16Array;
    const expected = [array, array.map((x) => x + 1), array.map((x) => x + 1).map((x) => -x)];
    for (const [i, whole] of [gathered, mapped, negated].entries()) {
      const before = await heldBuffers(client);
      await all.scatter("again", whole);
      // The parts are the same buffers, not copies, where they were joined in place.
      if (dataWay === "shared" || dataWay === "auto") expect(await heldBuffers(client)).toBeLessThanOrEqual(before);
      expectSameBits(await all.gather("again"), expected[i] as Int16Array);
      const some = await one.apply(echo<Int16Array>, whole.subarray(1_000_000, 1_500_000));
      expectSameBits(some, (expected[i] as Int16Array).subarray(1_000_000, 1_500_000));
    }
  });

  test("a balanced map whose chunks are of megabytes is joined, and its chunks go back as they were", {
    timeout: 60_000,
  }, async () => {
    const numbers = Float64Array.from({ length: 900_000 }, (_, i) => i / 7);
    const size = 250_001;
    const mapped = await client
      .loadBalancedView()
      .with({ chunkSize: size })
      .map((x) => x + 1, numbers);
    const expected = numbers.map((x) => x + 1);
    expectSameBits(mapped, expected);
    expect(isReadonly(mapped)).toBe(true);
    const before = await heldBuffers(client);
    const kept = one
      .with({ keep: true })
      .apply((x: Float64Array) => x, mapped.subarray(size, 2 * size) as Float64Array);
    await kept;
    // The engine has the very buffer that it, or the other one, has made.
    if (dataWay === "shared" || dataWay === "auto") expect(await heldBuffers(client)).toBeLessThanOrEqual(before);
    expectSameBits(await (await kept).get(), expected.subarray(size, 2 * size));
    const rows = await client
      .loadBalancedView()
      .with({ chunkSize: 101 })
      .map((row: NdArray) => row, nd(expected, [900, 1000], [1, 900]));
    expectSameBits(elements(rows as NdArray), elements(nd(expected, [900, 1000], [1, 900])));
  });

  test("nothing is held once tasks have ended and their arrays have arrived", async () => {
    const before = await heldBuffers(client);
    const array = noise(MEBIBYTE);
    const lengths = await Promise.all(
      Array.from({ length: 20 }, () => all.apply((x: Uint8Array, y: Uint8Array) => x.length + y.length, array, array)),
    );
    expect(lengths).toEqual(new Array(20).fill([2 * MEBIBYTE, 2 * MEBIBYTE]));
    await heldNoMoreThan(client, before);
  });

  // On one host it is shared memory that is chosen.
  if (dataWay === "auto") return;

  test.each(classesFor(dataWay).map((Class) => [Class.name, Class] as const))(
    "%s comes back as it was",
    async (_, Class) => {
      const itemSize = (Class as ArrayClass).BYTES_PER_ELEMENT;
      for (const size of [0, 64 * KIBIBYTE - 8, 64 * KIBIBYTE, 64 * KIBIBYTE + 8, 3 * MEBIBYTE + 8]) {
        const array = randomArray(Class as ArrayClass, size / itemSize, size);
        const back = await one.apply(echo<TypedArray>, array);
        expectSameBits(back, array);
        expect(isReadonly(back)).toBe(true);
      }
    },
  );

  test("ndarrays with strides, offsets, no elements and no dimensions come back as they were", async () => {
    const data = randomArray(Float64Array as never, 40_000, 5) as Float64Array;
    const arrays = [
      nd(data, [200, 200]),
      nd(data, [100, 100], [1, 100], 17),
      nd(data, [150, 100], [-200, 2], 39_999 - 200),
      nd(data, [0, 7]),
      nd(data, [], [], 39_999),
      nd(new BigInt64Array(20_000).fill(-5n), [20, 10, 100]),
    ];
    for (const [i, back] of (await one.apply(echo<NdArray[]>, arrays)).entries()) {
      expectSameNdArray(back, arrays[i] as NdArray);
    }
  });

  test("at any depth, many in one value, and several views of one memory", async () => {
    const memory = noise(300 * KIBIBYTE);
    const views = [memory.subarray(1), memory.subarray(100_000, 200_000), memory, memory.subarray(0, 10)];
    const value = { views, map: new Map([["a", [{ deep: noise(100 * KIBIBYTE, 2) }]]]), set: new Set([views[1]]) };
    const back = await one.apply(echo<typeof value>, value);
    for (const [i, view] of views.entries()) expectSameBits(back.views[i], view);
    expectSameBits(back.map.get("a")?.[0]?.deep, noise(100 * KIBIBYTE, 2));
    expect([...back.set][0]).toBe(back.views[1]);
  });

  test("many large arrays in one value bring no warnings", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on("warning", note);
    const arrays = Array.from({ length: 20 }, (_, i) => noise(70 * KIBIBYTE, i));
    for (const [i, back] of (await one.apply(echo<Uint8Array[]>, arrays)).entries()) {
      expectSameBits(back, arrays[i] as Uint8Array);
    }
    // Warnings are told in the next turn.
    await client.status();
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });

  test.each(classesFor(dataWay).map((Class) => [Class.name, Class] as const))(
    "%s: parts of megabytes join",
    async (_, Class) => {
      // No whole number of pages.
      const { BYTES_PER_ELEMENT } = Class as ArrayClass;
      const array = randomArray(Class as ArrayClass, (2.5 * MEBIBYTE) / BYTES_PER_ELEMENT + 3, 11);
      await all.scatter("part", array);
      const whole = await all.gather("part");
      expectSameBits(whole, array);
      expect(isReadonly(whole)).toBe(true);
      const numbers = unusualNumbers(Class as ArrayClass, array.length) as Float64Array;
      expectSameBits(await all.map((x: unknown) => x as number, numbers), numbers);
      const reversed = await all.applyParts((part: TypedArray) => part.slice().reverse(), [array]);
      const middle = Math.ceil(array.length / 2);
      const expected = array.slice();
      expected.subarray(0, middle).reverse();
      expected.subarray(middle).reverse();
      expectSameBits(reversed, expected);
    },
  );

  test("ndarrays with parts of megabytes join, along every axis, whatever their strides", async () => {
    const data = randomArray(Float64Array as never, 300_000, 6) as Float64Array;
    for (const array of [
      nd(data, [1001, 299]),
      nd(data, [300, 999], [1, 300], 3),
      nd(data, [300_000], [-1], 299_999),
    ]) {
      for (const axis of array.shape.keys()) {
        await all.scatter("part", array, { axis });
        const whole = (await all.gather("part", { axis })) as NdArray;
        expect(whole.shape).toEqual(array.shape);
        expectSameBits(elements(whole), elements(array));
      }
    }
    const rows = (await all.map((row: NdArray) => row, nd(data, [1001, 299]))) as NdArray;
    expectSameBits(elements(rows), data.subarray(0, 1001 * 299));
  });

  test("what one engine gave goes to another, and on, as it was", async () => {
    const made = await one.apply(() => new Float64Array(50_000).map((_, i) => i / 3));
    const passed = await client.at(1).apply(echo<Float64Array>, made);
    const part = await client.at(0).apply(echo<Float64Array>, passed.subarray(10_000, 30_000));
    expectSameBits(
      part,
      Float64Array.from({ length: 20_000 }, (_, i) => (i + 10_000) / 3),
    );
  });

  test("a result is what it was when the task ended, whatever later tasks do", async () => {
    await one.execute("values = new Float64Array(1_000_000).fill(1)");
    const before = one.pull("values");
    const after = one.execute("values.fill(2)");
    const [values] = await Promise.all([before as PromiseLike<Float64Array>, after]);
    expect(values.every((value) => value === 1)).toBe(true);
  });

  test("what a task published and showed is there when its result is, however large", async () => {
    const result = one.apply((length: number) => {
      publish(new Uint8Array(length).fill(1));
      display({ "application/octet-stream": new Uint8Array(length).fill(2) }, { raw: true });
      publish(new Uint8Array(length).fill(3));
      return 5;
    }, 8 * MEBIBYTE);
    expect(await result).toBe(5);
    expectSameBits(result.data as Uint8Array, new Uint8Array(8 * MEBIBYTE).fill(3));
    const [shown] = result.outputs as unknown as [{ data: Record<string, Uint8Array> }];
    expectSameBits(shown.data["application/octet-stream"], new Uint8Array(8 * MEBIBYTE).fill(2));
  });

  test.each([20_000, 400_000])(
    "a result of %i numbers that a task of its own engine writes to is as it was for others",
    async (length) => {
      const made = one.apply((count: number) => new Float64Array(count).fill(2), length);
      await made.wait();
      const written = one.apply((array: Float64Array) => {
        array[3] = 7;
      }, made as never);
      await expect(Promise.resolve(written)).rejects.toThrow();
      const third = (array: Float64Array): number => array[3] as number;
      expect(await one.apply(third, made as never)).toBe(2);
      expect(await client.at(1).apply(third, made as never)).toBe(2);
      expect((await made)[3]).toBe(2);
    },
  );

  test("another client fetches a result from its owner", async () => {
    const array = noise(MEBIBYTE, 9);
    const ar = one.apply(echo<Uint8Array>, array);
    await ar;
    const other = await Client.connect({ file: cluster.file });
    expectSameBits(await other.getResult(ar.messageIds[0] as string), array);
    other.close();
  });

  test("a task that is aborted before it starts holds nothing, one that fails neither", async () => {
    const before = await heldBuffers(client);
    await using gate = await Gate.make();
    const busy = one.apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    const waiting = one.apply((x: Uint8Array) => x.length, noise(MEBIBYTE));
    await waiting.abort();
    await failureWithin(2_000, waiting, "TaskAborted");
    gate.open();
    await busy;
    const failing = one.apply((_: Uint8Array) => {
      throw new Error("no");
    }, noise(MEBIBYTE));
    await failureWithin(2_000, failing, "RemoteError");
    await heldNoMoreThan(client, before);
  });

  test("what is written once it was sent does not change what the engines got", async () => {
    const array = new Float64Array(1 << 20).fill(1);
    const ar = all.with({ track: true }).apply((x: Float64Array) => x.every((value) => value === 1), array);
    await ar.waitForSend();
    expect(ar.sent).toBe(true);
    array.fill(2);
    expect(await ar).toEqual([true, true]);
  });

  test("a client that goes away leaves nothing behind", async () => {
    const before = await heldBuffers(client);
    await using gate = await Gate.make();
    const other = await Client.connect({ file: cluster.file });
    const length = async (url: string, x: Uint8Array): Promise<number> => (await fetch(url)).status * 0 + x.length;
    const ar = other.at(0).apply(length, gate.url, noise(MEBIBYTE));
    const failed = failureWithin(2_000, ar, "ConnectionError");
    await gate.arrived();
    other.close();
    await failed;
    gate.open();
    await heldNoMoreThan(client, before);
  });
});

describe("shared memory", () => {
  test("of the user's own is seen without a copy until waitForSend, and not after it", async () => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using client = await cluster.connect();
    const all = client.view();
    const array = shared.empty("float64", 1 << 18).fill(1);
    const ar = all.with({ track: true }).push({ array });
    await ar;
    expect(ar.sent).toBe(false);
    const ends = (): PromiseLike<number[][]> =>
      all.apply((x: Float64Array) => [x[0], x.at(-1)], ref("array") as never) as never;
    array[0] = 2;
    expect(await ends()).toEqual([
      [2, 1],
      [2, 1],
    ]);
    await ar.waitForSend();
    expect(ar.sent).toBe(true);
    array.fill(3);
    expect(await ends()).toEqual([
      [2, 1],
      [2, 1],
    ]);
    await heldNoMoreThan(client, 0);
  });

  test("an array that is written after the call does not change what the engines got, tracked or not", async () => {
    await using cluster = await Cluster.start({ engines: 1, dataWay: "shared" });
    await using client = await cluster.connect();
    const array = new Float64Array(1 << 18).fill(1);
    const pushed = client.at(0).push({ array });
    array.fill(2);
    await pushed;
    expect(await client.at(0).apply((x: Float64Array) => x.every((value) => value === 1), ref("array") as never)).toBe(
      true,
    );
  });

  test("what a client sent stays with the engines as it was when the client has gone", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const first = await Client.connect({ file: cluster.file });
    const array = noise(4 * MEBIBYTE, 3);
    await first.at(0).push({ array });
    first.close();
    const second = await Client.connect({ file: cluster.file });
    // Memory that was used again would show these bytes.
    for (let i = 0; i < 5; i++) await second.at(0).apply((x: Uint8Array) => x.length, noise(4 * MEBIBYTE, 100 + i));
    expectSameBits(await client.at(0).pull("array"), array);
    second.close();
  });

  test("a query of the hub gives results with large arrays", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using client = await cluster.connect();
    const array = noise(MEBIBYTE, 4);
    await client
      .at(0)
      .with({ label: "large" })
      .apply(echo<Uint8Array>, array);
    const other = await Client.connect({ file: cluster.file });
    const [record] = await other.dbQuery({ label: "large" }, ["result"]);
    expectSameBits(record?.result, array);
    other.close();
  });
});

describe.each(["direct", "relay"] as const)("%s, when something goes wrong", (dataWay) => {
  test("memory that is transferred or resized before it left fails its task with an error that says so", async () => {
    await using cluster = await Cluster.start({ engines: 1, dataWay });
    await using client = await cluster.connect();
    const one = client.at(0);
    const transferred = new Float64Array(1 << 20);
    const lost = one.apply((x: Float64Array) => x.length, transferred);
    structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
    expect((await failureWithin(5_000, lost, "SerializationError")).message).toMatch(/8388608 bytes.*waitForSend/s);

    // Node 20 has them; the types of the language version that is compiled for do not.
    const Resizable = ArrayBuffer as unknown as new (
      length: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer & { resize(length: number): void };
    const memory = new Resizable(1 << 20, { maxByteLength: 1 << 21 });
    const shrunk = one.apply((x: Uint8Array) => x.length, new Uint8Array(memory, 0, 1 << 20));
    memory.resize(1 << 19);
    await failureWithin(5_000, shrunk, "SerializationError");
    expect(await one.apply((x: number) => x + 1, 1)).toBe(2);
  });

  test("an engine that is killed while it fetches fails its task, and the client's memory is let go", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const { engines } = await pidsOf(client);
    await freeze(engines[0] as number);
    const ar = client
      .view()
      .with({ track: true })
      .apply((x: Uint8Array) => x.length, noise(32 * MEBIBYTE));
    process.kill(engines[0] as number, "SIGKILL");
    const error = await rejectionWithin(10_000, ar);
    expect((error as { errors?: Error[] }).errors?.map(({ name }) => name)).toEqual(["EngineError"]);
    await ar.waitForSend();
    await heldNoMoreThan(client, 0);
  });

  test("an engine that is killed before its result was fetched fails the call with EngineError", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const [owner] = (await pidsOf(client)).engines as [number];
    // What engine 0 made is kept there, and engine 1 is to fetch it once engine 0 no longer answers.
    const [made] = await client.view([0]).apply(() => new Uint8Array(8 << 20).fill(1));
    const ids = client.at(0).apply(() => new Uint8Array(8 << 20).fill(2));
    await ids;
    await freeze(owner);
    const other = await Client.connect({ file: cluster.file });
    const late = other.getResult(ids.messageIds[0] as string);
    await other.status();
    process.kill(owner, "SIGKILL");
    await failureWithin(5_000, late, "EngineError");
    expect(made?.[0]).toBe(1);
    other.close();
  });

  test("a large result arrives although the next task computes without a break", async () => {
    await using cluster = await Cluster.start({ engines: 1, dataWay });
    await using client = await cluster.connect();
    const made = client.at(0).apply(() => new Uint8Array(8 << 20).fill(7));
    using gate = new FileGate();
    const busy = client.at(0).apply(computeUntil<number>, gate.path, 8);
    expect((await made).every((value) => value === 7)).toBe(true);
    expect(busy.ready).toBe(false);
    gate.open();
    expect(await busy).toBe(8);
  });

  test("an owner that is stopped: the wait times out, others go on, and it is fetched when the owner does", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const [pid] = (await pidsOf(client)).engines as [number];
    const gated = await Gate.make();
    const made = client.at(0).apply(async (url: string) => {
      await fetch(url);
      return new Uint8Array(8 << 20).fill(7);
    }, gated.url);
    await gated.arrived();
    await freeze(pid);
    gated.open();
    await failureWithin(2_000, made.get({ timeout: 300 }), "TimeoutError");
    expect((await client.at(1).apply(echo<Uint8Array>, noise(MEBIBYTE))).length).toBe(MEBIBYTE);
    process.kill(pid, "SIGCONT");
    expect((await made).every((value) => value === 7)).toBe(true);
    await gated[Symbol.asyncDispose]();
  });

  test("a client that is stopped holds back its own tasks, not those of others", async () => {
    await using cluster = await Cluster.start({ engines: 1, dataWay });
    await using client = await cluster.connect();
    await using gate = await Gate.make();
    const busy = client.at(0).apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    // More than an engine fetches ahead for one client.
    const lost = new Uint8Array(65 * MEBIBYTE);
    // Not the same process, so this client's memory is out of reach once the process is stopped.
    const script = `
      import { Client } from "ndparallel";
      const client = await Client.connect({ file: ${JSON.stringify(cluster.file)} });
      client.at(0).apply((x) => x.length, new Uint8Array(${lost.length})).catch(() => undefined);
      await client.status();
      console.log("submitted");`;
    const { spawn } = await import("node:child_process");
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    await freeze(child.pid as number);
    gate.open();
    await busy;
    expect(await client.at(0).apply((x: Uint8Array) => x.length, noise(MEBIBYTE))).toBe(MEBIBYTE);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    expect(await client.at(0).apply((x: number) => x, 5)).toBe(5);
    await heldNoMoreThan(client, 0);
  });
});

describe.each(WAYS)("%s, when engines are killed", (dataWay) => {
  test("parts that have arrived are joined when their engines are gone, and those of one that dies fail the call", async () => {
    await using cluster = await Cluster.start({ engines: 2, dataWay });
    await using client = await cluster.connect();
    const all = client.view();
    const { engines } = await pidsOf(client);
    const numbers = Float64Array.from({ length: 300_000 }, (_, i) => i);
    await all.scatter("part", numbers);
    const mapped = all.map((x) => x + 0.5, numbers);
    const gathered = all.applyAsync(() => (globalThis as unknown as { part: Float64Array }).part);
    await Promise.all([mapped.wait(), gathered.wait()]);
    process.kill(engines[0] as number, "SIGKILL");
    await until(() => client.ids.length === 1, "the engine was missed");
    expectSameBits(
      await mapped,
      numbers.map((x) => x + 0.5),
    );
    expectSameBits((await gathered)[0], numbers.subarray(0, 150_000));
    await client.at(0).execute("other = part.slice()");
    await freeze(engines[1] as number);
    const lost = client.view([1]).gather("other");
    process.kill(engines[1] as number, "SIGKILL");
    await failureWithin(5_000, lost, "CompositeError");
  });
});
