import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { CopyJob } from "../../../dist/ndarray-transport/segments/copy-job.js";
import { copyBytes } from "../../../dist/ndarray-transport/segments/copying.js";
import { isSharedMemoryAvailable, systemCalls } from "../../../dist/ndarray-transport/segments/system-calls.js";

const MiB = 1024 * 1024;
const helperFile = new URL("../../../dist/ndarray-transport/segments/copy-helper.js", import.meta.url);

/** Bytes that tell their place: byte i is i modulo 251, a prime, so that no block looks like another. */
function pattern(length: number, first = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  const period = Uint8Array.from({ length: 251 }, (_, i) => (i + first) % 251);
  for (let at = 0; at < length; at += period.length) bytes.set(period.subarray(0, length - at), at);
  return bytes;
}

function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

describe("copyBytes", () => {
  it.each([0, 1, 4095, 4 * MiB - 1, 4 * MiB, 4 * MiB + 1, 13 * MiB + 7, 64 * MiB + 3])("copies %i bytes", (length) => {
    const target = new Uint8Array(length + 16).fill(255);
    for (const lead of [0, 5]) {
      const source = pattern(length + lead, lead).subarray(lead);
      copyBytes(target.subarray(8), source);
      expectSame(target.subarray(8, 8 + length), source);
      expect([...target.subarray(0, 8), ...target.subarray(8 + length)]).toEqual(new Array(16).fill(255));
    }
  });

  it("has read all when it returns", () => {
    const target = new Uint8Array(16 * MiB);
    for (let round = 0; round < 8; round++) {
      const source = pattern(16 * MiB, round);
      copyBytes(target, source);
      source.fill(0);
      expectSame(target, pattern(16 * MiB, round));
    }
  });
});

describe.skipIf(!isSharedMemoryAvailable())("a copy with a helper", () => {
  async function withHelper(use: (job: CopyJob) => Promise<void>): Promise<void> {
    const job = new CopyJob();
    const helper = new Worker(helperFile, { workerData: { memory: job.memory } });
    try {
      while (!job.isHelperThere) await new Promise((resolve) => setTimeout(resolve, 1));
      await use(job);
    } finally {
      await helper.terminate();
    }
  }

  function begin(job: CopyJob, target: Uint8Array, source: Uint8Array): void {
    const { addressOf } = systemCalls();
    job.begin(addressOf(target), addressOf(source), source.byteLength);
  }

  it("is done by the helper alone while the main thread does something else", async () => {
    await withHelper(async (job) => {
      for (const length of [1, MiB, 33 * MiB + 13]) {
        const source = pattern(length);
        const target = new Uint8Array(length);
        begin(job, target, source);
        while (!job.isDone) await new Promise((resolve) => setTimeout(resolve, 1));
        expectSame(target, source);
      }
    });
  });

  it("is done once by both", async () => {
    await withHelper(async (job) => {
      const pieces: number[] = [];
      for (let round = 0; round < 10; round++) {
        const length = 9 * MiB + round;
        const source = pattern(length, round);
        const target = new Uint8Array(length);
        begin(job, target, source);
        for (let piece = job.take(); piece !== undefined; piece = job.take()) {
          target.set(source.subarray(piece.start, piece.end), piece.start);
          pieces.push(piece.start);
        }
        job.finish();
        source.fill(0);
        expectSame(target, pattern(length, round));
      }
      expect(pieces.length).toBeLessThanOrEqual(10 * 10);
    });
  });

  it("leaves what is not begun to nobody, when it is finished early", async () => {
    await withHelper(async (job) => {
      const source = pattern(64 * MiB);
      const target = new Uint8Array(64 * MiB);
      begin(job, target, source);
      job.finish();
      const copied = target.slice();
      source.fill(7);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expectSame(target, copied);
    });
  });
});
