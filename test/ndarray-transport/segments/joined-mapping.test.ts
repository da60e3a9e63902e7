/** Received arrays that are joined without a copy. What is compared with is the array that was divided. */

import v8 from "node:v8";
import vm from "node:vm";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { SliceDescriptor } from "../../../src/ndarray-transport/segments/descriptor.ts";
import type { SegmentSlice } from "../../../src/ndarray-transport/segments/segment-pool.ts";
import {
  allocateShared,
  joinMapped,
  mapSlice,
  privatizer,
  receivedPart,
  segmentPool,
  sliceOf,
} from "../../../src/ndarray-transport/segments/slices.ts";
import { isSharedMemoryAvailable } from "../../../src/ndarray-transport/segments/system-calls.ts";
import { Peer } from "./peer.ts";

v8.setFlagsFromString("--expose-gc");
const gc = vm.runInNewContext("gc") as () => void;

/** Bytes that tell their place: byte i is i modulo 251, a prime, so that no block looks like another. */
function pattern(length: number, first = 0): Uint8Array {
  return new Uint8Array(length).map((_, i) => (i + first) % 251);
}

/** `whole` divided before these indices. */
function divided(whole: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts, whole.length];
  return ends.map((end, i) => whole.subarray(i === 0 ? 0 : (cuts[i - 1] as number), end));
}

/** Each part through a segment of its own. */
function received(parts: readonly Uint8Array[], unmapped?: () => void): { arrays: Uint8Array[]; free: () => void } {
  const slices = parts.map((part) => segmentPool.write([part])[0] as SegmentSlice);
  const arrays = slices.map((slice) => new Uint8Array(mapSlice(slice.describe(), unmapped)));
  const free = (): void => {
    for (const slice of slices) slice.release();
  };
  return { arrays, free };
}

function joined(arrays: readonly Uint8Array[]): Uint8Array {
  const buffer = joinMapped(arrays);
  expect(buffer).toBeDefined();
  return new Uint8Array(buffer as ArrayBuffer);
}

function expectSame(found: Uint8Array, wanted: Uint8Array): void {
  expect(found.length).toBe(wanted.length);
  expect(Buffer.compare(found, wanted)).toBe(0);
}

async function collected(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("this did not become true within 120 seconds");
    // Not in the turn of the condition, which holds what it looks at until the turn ends.
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
}

describe.skipIf(!isSharedMemoryAvailable())("joining what is mapped", () => {
  afterEach(() => segmentPool.trim());

  it("gives the bytes that were divided, wherever the cuts are and the memory begins", () => {
    const whole = pattern(50_000);
    fc.assert(
      fc.property(fc.array(fc.nat(40_000), { minLength: 1, maxLength: 6 }), fc.nat(9000), (cuts, start) => {
        const source = whole.subarray(start);
        const parts = divided(
          source,
          cuts.sort((a, b) => a - b),
        ).filter(({ length }) => length > 0);
        const { arrays, free } = received(parts);
        expectSame(joined(arrays), source);
        free();
      }),
      { numRuns: 60 },
    );
  });

  it("does not try where parts do not continue at their places in a page, or are no received memory", () => {
    const { arrays, free } = received([pattern(5000), pattern(5000)]);
    expect(joinMapped(arrays)).toBeUndefined();
    expect(joinMapped([arrays[0] as Uint8Array, new Uint8Array(10)])).toBeUndefined();
    expect(joinMapped([])).toBeUndefined();
    free();
  });

  it("does not join what was written to: nobody else would see that", () => {
    const { arrays, free } = received(divided(pattern(20_000), [8192]));
    (arrays[1] as Uint8Array)[3] = 255;
    expect(joinMapped(arrays)).toBeUndefined();
    free();
  });

  it("keeps what is written to the whole from the parts, and the other way round", () => {
    const whole = pattern(20_000);
    const { arrays, free } = received(divided(whole, [8191]));
    const one = joined(arrays);
    const other = joined(arrays);
    one.fill(1);
    (arrays[0] as Uint8Array).fill(2);
    expectSame(other, whole);
    expect(one.every((byte) => byte === 1)).toBe(true);
    expectSame(arrays[1] as Uint8Array, whole.subarray(8191));
    free();
  });

  it("holds the parts' memory as long as the whole is there, and shows the new bytes when it is used again", async () => {
    let unmapped = 0;
    const cuts = [8191];
    let { arrays, free } = received(divided(pattern(100_000), cuts), () => unmapped++);
    let whole: Uint8Array | undefined = joined(arrays);
    const inodes = arrays.map((array) => sliceOf(array)?.descriptor.inode);
    arrays = [];
    gc();
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    await new Promise((resolve) => setImmediate(resolve));
    expect(unmapped).toBe(0);
    whole.fill(7);
    whole = undefined;
    await collected(() => unmapped === 2);
    free();
    ({ arrays, free } = received(divided(pattern(100_000, 5), cuts)));
    expect(arrays.map((array) => sliceOf(array)?.descriptor.inode).sort()).toEqual(inodes.sort());
    expectSame(joined(arrays), pattern(100_000, 5));
    free();
  });

  it("tells where its parts are, so that they are passed on without a copy, unless they were written to", () => {
    const whole = pattern(60_000);
    const { arrays, free } = received(divided(whole, [20_001, 40_001]));
    const all = joined(arrays);
    const middle = all.subarray(20_001, 40_001);
    const { descriptor } = sliceOf(middle) as { descriptor: SliceDescriptor };
    expect(descriptor).toEqual(sliceOf(arrays[1] as Uint8Array)?.descriptor);
    expectSame(new Uint8Array(mapSlice(descriptor)), middle);
    const inside = receivedPart(all.subarray(30_000, 30_010));
    expect(inside).toEqual({ memory: receivedPart(arrays[1] as Uint8Array).memory, offset: 9999 });
    expect(sliceOf(all)).toBeUndefined();
    expect(sliceOf(all.subarray(20_000, 20_002))).toBeUndefined();
    all[20_001] = 255;
    expect(sliceOf(middle)).toBeUndefined();
    expect(sliceOf(all.subarray(0, 20_001))?.descriptor).toEqual(sliceOf(arrays[0] as Uint8Array)?.descriptor);
    free();
  });

  it("no longer shows what the senders write once it was made private, also if the parts are gone", async () => {
    const own = divided(new Uint8Array(allocateShared(60_000)), [20_001, 40_001]);
    const whole = pattern(60_000);
    for (const [i, part] of divided(whole, [20_001, 40_001]).entries()) own[i]?.set(part);
    let unmapped = 0;
    const join = (): { all: Uint8Array; first: Uint8Array; makePrivate: (() => void)[]; gone: WeakRef<object>[] } => {
      const arrays = own.map((part) => {
        const { descriptor } = sliceOf(part) as { descriptor: SliceDescriptor };
        return new Uint8Array(mapSlice(descriptor, () => unmapped++));
      });
      return {
        all: joined(arrays),
        first: arrays[0] as Uint8Array,
        makePrivate: arrays.map((array) => privatizer(array.buffer)),
        gone: arrays.slice(1).map(({ buffer }) => new WeakRef(buffer)),
      };
    };
    const { all, first, makePrivate, gone } = join();
    await collected(() => gone.every((buffer) => buffer.deref() === undefined));
    expect(unmapped).toBe(0);
    for (const make of makePrivate) make();
    expect(unmapped).toBe(3);
    for (const part of own) part.fill(1);
    expectSame(all, whole);
    expectSame(first, whole.subarray(0, 20_001));
  });

  it("shows what it showed when the owner was killed", async () => {
    const whole = pattern(40_000);
    const owner = await Peer.start();
    const ask = async (bytes: Uint8Array): Promise<SliceDescriptor> =>
      (await owner.ask({ ask: "write", bytes })) as SliceDescriptor;
    // Each in a page of its own, at its beginning.
    const parts = divided(whole, [8192, 16_384]);
    let unmapped = 0;
    let arrays: Uint8Array[] = [];
    for (const part of parts) arrays.push(new Uint8Array(mapSlice(await ask(part), () => unmapped++)));
    let all: Uint8Array | undefined = joined(arrays);
    await owner.kill();
    expectSame(all, whole);
    expect(() => joined(arrays)).toThrowError(expect.objectContaining({ reason: "unreachable" }));
    expectSame(all, whole);
    all = undefined;
    arrays = [];
    await collected(() => unmapped === 3);
  });
});
