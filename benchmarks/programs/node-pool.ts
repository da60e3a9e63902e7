/**
 * A pool of worker threads of Node: piscina, tinypool, workerpool or poolifier, by the name given. Arrays go and come
 * by structured clone. `piscina-shared` copies them through one SharedArrayBuffer that all threads see instead.
 */

import { answerOrders, type Operation, reportMissing, timed, Unsupported, verify } from "../lib/answering.ts";
import { forgetData, ramp, verifyRamp, verifySum, wave, waveSum } from "../lib/data.ts";
import { loadPool, type Pool, type PoolLibrary, peerVersion } from "../lib/pools.ts";

const THREADS = 2;
const [name = ""] = process.argv.slice(2);
const library = name.replace("-shared", "") as PoolLibrary;
const isShared = name.endsWith("-shared");

let makePool: ((threads: number) => Pool) | undefined;
let pool: Pool | undefined;
let single: Pool | undefined;
/** What both threads see. */
let shared = new Float64Array(0);

const calls: Record<string, Operation> = {
  async start() {
    await stop();
    return timed(async () => {
      pool = made(THREADS);
      const answers = await Promise.all([pool.run("addOne", 41), pool.run("addOne", 41)]);
      verify(
        answers.every((answer) => answer === 42),
        "answers of the threads",
      );
    });
  },

  async call({ count = 0 }) {
    const { run } = threads();
    return timed(async () => {
      for (let i = 0; i < count; i++) verify((await run("addOne", i)) === i + 1, "sum");
    });
  },

  async tasks({ count = 0, engines = 1 }) {
    single ??= made(1);
    const { run } = engines === 1 ? single : threads();
    let values: unknown[] = [];
    const seconds = await timed(async () => {
      values = await Promise.all(Array.from({ length: count }, (_, i) => run("addOne", i)));
    });
    verify(values.length === count && values.every((value, i) => value === i + 1), "sums");
    return seconds;
  },

  async release() {
    forgetData();
    shared = new Float64Array(0);
    await Promise.all([threads().run("forget", 0), threads().run("forget", 0)]);
    return 0;
  },
};

const cloned: Record<string, Operation> = {
  async echo({ bytes = 0, mark = 0 }) {
    const array = ramp(bytes, mark);
    let back: unknown;
    const seconds = await timed(async () => {
      back = await threads().run("same", array);
    });
    verifyRamp(back, bytes / 8, mark);
    return seconds;
  },

  async scatter({ bytes = 0, mark = 0 }) {
    const [first, second] = halves(ramp(bytes, mark));
    let ends: unknown[] = [];
    const seconds = await timed(async () => {
      // Parts of their own: a view would take the whole buffer along.
      ends = await Promise.all([threads().run("ends", first.slice()), threads().run("ends", second.slice())]);
    });
    verifyEnds(ends, bytes, mark);
    return seconds;
  },

  async gather({ bytes = 0 }) {
    const length = bytes / 16;
    let whole: Float64Array | undefined;
    const seconds = await timed(async () => {
      const parts = [0, length].map((from) => threads().run("part", { from, length }));
      const [first, second] = (await Promise.all(parts)) as [Float64Array, Float64Array];
      whole = new Float64Array(2 * length);
      whole.set(first);
      whole.set(second, length);
    });
    verifyRamp(whole, bytes / 8, 0);
    return seconds;
  },

  async push({ bytes = 0, mark = 0 }) {
    const array = ramp(bytes, mark);
    let ends: unknown[] = [];
    const seconds = await timed(async () => {
      ends = await Promise.all([threads().run("ends", array), threads().run("ends", array)]);
    });
    verify(
      ends.every((end) => `${end}` === `${[bytes / 8, mark, bytes / 8 - 1]}`),
      "ends of the array",
    );
    return seconds;
  },

  async mapMoved({ length = 0 }) {
    const [first, second] = halves(wave(length));
    return sumInThreads(length, () => [first.slice(), second.slice()]);
  },
};

const throughSharedMemory: Record<string, Operation> = {
  async echo({ bytes = 0, mark = 0 }) {
    const array = ramp(bytes, mark);
    const there = sharedMemory(bytes);
    const back = new Float64Array(bytes / 8);
    const seconds = await timed(async () => {
      there.set(array);
      back.set((await threads().run("same", there)) as Float64Array);
    });
    verifyRamp(back, bytes / 8, mark);
    return seconds;
  },

  async scatter({ bytes = 0, mark = 0 }) {
    const array = ramp(bytes, mark);
    const there = sharedMemory(bytes);
    let ends: unknown[] = [];
    const seconds = await timed(async () => {
      there.set(array);
      ends = await Promise.all(halves(there).map((half) => threads().run("ends", half)));
    });
    verifyEnds(ends, bytes, mark);
    return seconds;
  },

  async gather({ bytes = 0 }) {
    const there = sharedMemory(bytes);
    there.set(ramp(bytes, 0));
    let whole: unknown;
    const seconds = await timed(() => {
      whole = new Float64Array(there);
    });
    verifyRamp(whole, bytes / 8, 0);
    return seconds;
  },

  async push({ bytes = 0, mark = 0 }) {
    const array = ramp(bytes, mark);
    const there = sharedMemory(bytes);
    let ends: unknown[] = [];
    const seconds = await timed(async () => {
      there.set(array);
      ends = await Promise.all([threads().run("ends", there), threads().run("ends", there)]);
    });
    verify(
      ends.every((end) => `${end}` === `${[bytes / 8, mark, bytes / 8 - 1]}`),
      "ends of the array",
    );
    return seconds;
  },

  async mapMoved({ length = 0 }) {
    const array = wave(length);
    const there = sharedMemory(length * 8);
    return sumInThreads(length, () => {
      there.set(array);
      return halves(there);
    });
  },

  async mapResident({ length = 0 }) {
    const there = sharedMemory(length * 8);
    there.set(wave(length));
    return sumInThreads(length, () => halves(there));
  },
};

/** The others clone arrays just as piscina does: they are asked only about small ones. */
const LARGEST_OF_OTHERS = 64 * 2 ** 20;

await main();

async function main(): Promise<void> {
  try {
    makePool = await loadPool(library);
  } catch (error) {
    reportMissing((error as Error).message.split("\n")[0] as string);
    return;
  }
  const operations = { ...calls, ...(isShared ? throughSharedMemory : limited(cloned)) };
  await answerOrders({ [library]: peerVersion(library), node: process.version }, operations, stop);
}

function limited(operations: Record<string, Operation>): Record<string, Operation> {
  if (library === "piscina") return operations;
  const entries = Object.entries(operations).map(([operation, run]): [string, Operation] => [
    operation,
    async (parameters) => {
      if ((parameters["bytes"] ?? 0) <= LARGEST_OF_OTHERS) return run(parameters);
      throw new Unsupported("not asked: arrays are cloned as by piscina");
    },
  ]);
  return Object.fromEntries(entries);
}

function made(count: number): Pool {
  if (makePool === undefined) throw new Error("no pool was loaded");
  return makePool(count);
}

function threads(): Pool {
  if (pool === undefined) throw new Error("the pool has not been started");
  return pool;
}

async function stop(): Promise<void> {
  await pool?.close();
  await single?.close();
  pool = single = undefined;
}

function halves(array: Float64Array<ArrayBufferLike>): [Float64Array<ArrayBufferLike>, Float64Array<ArrayBufferLike>] {
  return [array.subarray(0, array.length / 2), array.subarray(array.length / 2)];
}

function verifyEnds(ends: readonly unknown[], bytes: number, mark: number): void {
  const half = bytes / 16;
  verify(`${ends}` === `${[half, mark, half - 1, half, half, 2 * half - 1]}`, `ends of the parts: ${ends}`);
}

function sharedMemory(bytes: number): Float64Array {
  if (shared.byteLength !== bytes) shared = new Float64Array(new SharedArrayBuffer(bytes)) as never;
  return shared;
}

async function sumInThreads(length: number, parts: () => readonly Float64Array<ArrayBufferLike>[]): Promise<number> {
  let sums: number[] = [];
  const seconds = await timed(async () => {
    sums = (await Promise.all(parts().map((part) => threads().run("sumOfWave", part)))) as number[];
  });
  verifySum(
    sums.reduce((sum, value) => sum + value, 0),
    waveSum(length),
  );
  return seconds;
}
