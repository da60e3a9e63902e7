import { createHash } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import v8 from "node:v8";
import vm from "node:vm";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { partOf, type SliceDescriptor } from "../../../src/ndarray-transport/segments/descriptor.ts";
import { SegmentPool } from "../../../src/ndarray-transport/segments/segment-pool.ts";
import {
  allocateReceiving,
  allocateShared,
  mapSlice,
  memoryOf,
  privatizer,
  segmentPool,
  sliceOf,
  takeMappedChanges,
} from "../../../src/ndarray-transport/segments/slices.ts";
import { isSharedMemoryAvailable } from "../../../src/ndarray-transport/segments/system-calls.ts";
import { Peer } from "./peer.ts";

v8.setFlagsFromString("--expose-gc");
const gc = vm.runInNewContext("gc") as () => void;

const KiB = 1024;
const MiB = 1024 * KiB;
const sizes = [1, 7, 4095, 4096, 4097, 64 * KiB, MiB + 5, 64 * MiB + 3];

/** Bytes that tell their place: byte i is i modulo 251, a prime, so that no block looks like another. */
function pattern(length: number, first = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  const period = Uint8Array.from({ length: 251 }, (_, i) => (i + first) % 251);
  for (let at = 0; at < length; at += period.length) bytes.set(period.subarray(0, length - at), at);
  return bytes;
}

/** The anonymous files of this library that a process holds open. */
function openSegments(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).includes("memfd:ndparallel");
    } catch {
      return false;
    }
  });
}

/** How much of the anonymous files of this library this process has mapped pages of. */
function residentBytes(): number {
  const mappings = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const ours = mappings.filter((mapping) => mapping.includes("memfd:ndparallel"));
  return ours.reduce((sum, mapping) => sum + Number(/^Rss: +(\d+)/m.exec(mapping)?.[1]) * KiB, 0);
}

/** Lets all be collected that can be. */
async function collect(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("this did not become true within 120 seconds");
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.skipIf(!isSharedMemoryAvailable())("shared memory", () => {
  const peers: Peer[] = [];
  const startPeer = async (): Promise<Peer> => {
    const peer = await Peer.start();
    peers.push(peer);
    return peer;
  };
  let peer: Peer;
  beforeAll(async () => {
    peer = await startPeer();
    return () => Promise.all(peers.map((started) => started.kill()));
  });
  afterEach(() => segmentPool.trim());

  it.each(sizes)("%i bytes arrive bit for bit, at first use and in a segment that was used before", async (size) => {
    for (const first of [0, 5, 9]) {
      const bytes = pattern(size, first);
      const [slice] = segmentPool.write([bytes]);
      expect(await peer.ask({ ask: "map", descriptor: slice!.describe() })).toBe(size);
      expect(await peer.ask({ ask: "digest" })).toBe(createHash("sha1").update(bytes).digest("hex"));
      await peer.ask({ ask: "drop" });
      slice!.release();
    }
    expect(segmentPool.usage.idleSegments).toBe(1);
  });

  it("maps its own memory, too", () => {
    const bytes = pattern(100_000);
    const [slice] = segmentPool.write([bytes]);
    expect(Buffer.compare(new Uint8Array(mapSlice(slice!.describe())), bytes)).toBe(0);
  });

  it("puts several blocks into one segment, each at a page of its own", async () => {
    const blocks = [pattern(5), pattern(0), pattern(70_000, 3), pattern(4096, 7)];
    const slices = segmentPool.write(blocks);
    expect(new Set(slices.map((slice) => slice.describe().fd)).size).toBe(1);
    for (const [index, slice] of slices.entries()) {
      expect(slice.describe().offset % 4096).toBe(0);
      expect(Buffer.compare(new Uint8Array(mapSlice(slice.describe())), blocks[index]!)).toBe(0);
    }
    const busy = segmentPool.usage.busyBytes;
    for (const slice of slices.slice(1)) slice.release();
    expect(segmentPool.usage.busyBytes).toBe(busy);
    slices[0]!.release();
    expect(segmentPool.usage.busyBytes).toBeLessThan(busy);
  });

  it("keeps what a receiver writes from the sender and from other receivers", async () => {
    const other = await startPeer();
    const bytes = pattern(300_000);
    const [slice] = segmentPool.write([bytes]);
    const descriptor = slice!.describe();
    for (const receiver of [peer, other]) await receiver.ask({ ask: "map", descriptor });
    await peer.ask({ ask: "poke", index: 150_000, value: 255 });
    expect(((await peer.ask({ ask: "read" })) as Uint8Array)[150_000]).toBe(255);
    expect(Buffer.compare((await other.ask({ ask: "read" })) as Uint8Array, bytes)).toBe(0);
    expect(Buffer.compare(new Uint8Array(mapSlice(descriptor)), bytes)).toBe(0);
    slice!.release();
  });

  it("shows the new bytes in a mapping that was written to in its use before", async () => {
    const size = MiB;
    const [before] = segmentPool.write([pattern(size)]);
    const { inode } = before!.describe();
    await peer.ask({ ask: "map", descriptor: before!.describe() });
    await peer.ask({ ask: "poke", index: 4096 * 100, value: 255 });
    await peer.ask({ ask: "drop" });
    before!.release();
    const bytes = pattern(size, 100);
    const [after] = segmentPool.write([bytes]);
    expect(after!.describe().inode).toBe(inode);
    await peer.ask({ ask: "map", descriptor: after!.describe() });
    expect(Buffer.compare((await peer.ask({ ask: "read" })) as Uint8Array, bytes)).toBe(0);
    after!.release();
  });

  it("gives each of two arrays over the same bytes what was sent, whatever was written to the other", () => {
    const bytes = pattern(10_000);
    const [slice] = segmentPool.write([bytes]);
    const one = new Uint8Array(mapSlice(slice!.describe()));
    one[5000] = 255;
    const two = new Uint8Array(mapSlice(slice!.describe()));
    expect(Buffer.compare(two, bytes)).toBe(0);
    expect(one[5000]).toBe(255);
  });

  it("refuses a descriptor whose segment is in another use", async () => {
    const [slice] = segmentPool.write([pattern(100_000)]);
    const stale = slice!.describe();
    slice!.release();
    segmentPool.write([pattern(100_000)]);
    expect(() => mapSlice(stale)).toThrowError(expect.objectContaining({ reason: "stale" }));
    await expect(peer.ask({ ask: "map", descriptor: stale })).rejects.toMatchObject({ reason: "stale" });
  });

  it("refuses a descriptor whose file is another one, or is gone", async () => {
    const [slice] = segmentPool.write([pattern(100_000)]);
    const descriptor = slice!.describe();
    const reasonOf = (change: Partial<SliceDescriptor>): unknown => {
      try {
        return mapSlice({ ...descriptor, ...change });
      } catch (error) {
        return (error as { reason?: unknown }).reason;
      }
    };
    expect(reasonOf({ inode: descriptor.inode + 1 })).toBe("stale");
    expect(reasonOf({ fd: 0 })).toBe("stale");
    expect(reasonOf({ fd: 1_000_000 })).toBe("unreachable");
    expect(reasonOf({ byteLength: 10 * MiB })).toBe("stale");
    const owner = await startPeer();
    const lost = (await owner.ask({ ask: "write", bytes: pattern(100_000) })) as SliceDescriptor;
    await owner.kill();
    await expect(peer.ask({ ask: "map", descriptor: lost })).rejects.toMatchObject({ reason: "unreachable" });
  });

  it("keeps what is mapped when its owner is killed, and leaves nothing once it is let go", async () => {
    const owner = await startPeer();
    const receiver = await startPeer();
    const bytes = pattern(3 * MiB);
    const descriptor = (await owner.ask({ ask: "write", bytes })) as SliceDescriptor;
    await receiver.ask({ ask: "map", descriptor });
    await owner.kill();
    expect(Buffer.compare((await receiver.ask({ ask: "read" })) as Uint8Array, bytes)).toBe(0);
    expect(openSegments(receiver.pid)).toEqual([]);
    await receiver.kill();
  });

  it("calls back once when the array was collected, also if a view of it lives longer than the rest", async () => {
    const [slice] = segmentPool.write([pattern(100_000)]);
    let calls = 0;
    const views = [
      new Float64Array(
        mapSlice(slice!.describe(), () => calls++),
        0,
        10,
      ),
    ];
    gc();
    await new Promise((resolve) => setImmediate(resolve));
    expect([calls, views[0]?.length]).toEqual([0, 10]);
    views.length = 0;
    await until(() => calls > 0);
    expect(calls).toBe(1);
  });

  it("passes on what was received by the sender's descriptor, and no longer once it was written to", async () => {
    const [slice] = segmentPool.write([pattern(100_000)]);
    const descriptor = slice!.describe();
    await peer.ask({ ask: "map", descriptor });
    expect(await peer.ask({ ask: "pass" })).toEqual(descriptor);
    await peer.ask({ ask: "poke", index: 0, value: 255 });
    expect(await peer.ask({ ask: "pass" })).toBeUndefined();
    const array = new Uint16Array(mapSlice(descriptor), 2000, 100);
    expect(sliceOf(array)?.descriptor).toEqual(partOf(descriptor, 2000, 200));
    expect(sliceOf(new Uint8Array(5))).toBeUndefined();
  });

  it("no longer shows what the sender writes once it was made private, and says so", async () => {
    const owned = new Uint8Array(allocateShared(500_000));
    owned.set(pattern(500_000));
    await peer.ask({ ask: "map", descriptor: sliceOf(owned)!.descriptor });
    owned[7] = 255;
    expect(((await peer.ask({ ask: "read" })) as Uint8Array)[7]).toBe(255);
    const before = (await peer.ask({ ask: "privatize" })) as number;
    owned.fill(1);
    const expected = pattern(500_000);
    expected[7] = 255;
    expect(Buffer.compare((await peer.ask({ ask: "read" })) as Uint8Array, expected)).toBe(0);
    expect(before).toBeGreaterThan(0);
    const passedOn = (await peer.ask({ ask: "pass" })) as SliceDescriptor;
    expect(passedOn.pid).toBe(peer.pid);
    expect(Buffer.compare(new Uint8Array(mapSlice(passedOn)), expected)).toBe(0);
  });

  it("makes a part private that shares its pages with others", () => {
    const [slice] = segmentPool.write([pattern(20_000)]);
    const part = new Uint8Array(mapSlice(partOf(slice!.describe(), 5000, 5000)));
    const rest = new Uint8Array(mapSlice(partOf(slice!.describe(), 10_000, 10_000)));
    privatizer(part.buffer)();
    new Uint8Array(slice!.buffer()).fill(1);
    expect(Buffer.compare(part, pattern(20_000).subarray(5000, 10_000))).toBe(0);
    expect(rest.every((byte, i) => byte === 1 || i < 12_288 - 10_000)).toBe(true);
    expect(Buffer.compare(new Uint8Array(mapSlice(sliceOf(part)!.descriptor)), part)).toBe(0);
  });

  it("finds, byte by byte, what was changed in received arrays, and brings the sender's bytes back", () => {
    const bytes = pattern(50_000);
    const [slice] = segmentPool.write([bytes]);
    const [head, tail, whole] = [
      partOf(slice!.describe(), 0, 6000),
      partOf(slice!.describe(), 6000, 44_000),
      slice!.describe(),
    ].map((descriptor) => new Uint8Array(mapSlice(descriptor)));
    expect(takeMappedChanges()).toEqual([]);
    head![5999] = 255;
    head![5999] = bytes[5999] as number;
    tail![7] = 255;
    tail![100] = 254;
    tail![40_000] = 253;
    const found = takeMappedChanges([head!.buffer, tail!.buffer]);
    expect(found.map(({ memory, range }) => [memory === memoryOf(tail!.buffer), range])).toEqual([
      [true, { start: 7, end: 101 }],
      [true, { start: 40_000, end: 40_001 }],
    ]);
    expect(takeMappedChanges()).toEqual([]);
    expect(Buffer.compare(whole!, bytes)).toBe(0);
    expect(Buffer.compare(tail!, bytes.subarray(6000))).toBe(0);
  });

  it("gives zeros, also in memory that was used before, and takes it back by garbage collection", async () => {
    const before = segmentPool.usage.busyBytes;
    let array: Uint8Array | undefined = new Uint8Array(allocateShared(MiB));
    array.fill(9);
    array = undefined;
    await until(() => segmentPool.usage.busyBytes <= before);
    expect(segmentPool.usage.idleSegments).toBeGreaterThan(0);
    expect(new Uint8Array(allocateShared(MiB)).every((byte) => byte === 0)).toBe(true);
    expect(allocateShared(0).byteLength).toBe(0);
  });

  it("lets bytes be received into its own memory, which is then mapped as what others own is", async () => {
    const before = segmentPool.usage.busyBytes;
    const receive = (): { array: Uint8Array; descriptor: SliceDescriptor } => {
      const memory = allocateReceiving(300_000);
      memory.bytes.set(pattern(300_000));
      const array = memory.map();
      expect(takeMappedChanges([array.buffer])).toEqual([]);
      array[200_000] = 255;
      expect(takeMappedChanges([array.buffer]).map(({ range }) => range)).toEqual([{ start: 200_000, end: 200_001 }]);
      expect(Buffer.compare(array, pattern(300_000))).toBe(0);
      const shown = sliceOf(array.subarray(10, 20));
      expect(shown?.slice).toBeDefined();
      return { array, descriptor: shown!.descriptor };
    };
    let received: ReturnType<typeof receive> | undefined = receive();
    await peer.ask({ ask: "map", descriptor: received.descriptor });
    expect(await peer.ask({ ask: "read" })).toEqual(pattern(10, 10));
    expect(segmentPool.usage.busyBytes).toBeGreaterThan(before);
    received = undefined;
    await until(() => segmentPool.usage.busyBytes <= before);
  });

  it("does not use memory again that was dropped while somebody may still write to it", async () => {
    await collect();
    const before = segmentPool.usage.busyBytes;
    const drop = (): Uint8Array => {
      const memory = allocateReceiving(300_000);
      memory.drop();
      return memory.bytes.subarray(5);
    };
    let late: Uint8Array | undefined = drop();
    await collect();
    expect(segmentPool.usage.busyBytes).toBeGreaterThan(before);
    late.fill(1);
    late = undefined;
    await until(() => segmentPool.usage.busyBytes <= before);
  });

  it("does not use memory again while anybody holds it", () => {
    const pool = new SegmentPool();
    const [slice] = pool.write([pattern(100_000)]);
    slice!.retain();
    slice!.release();
    const [other] = pool.write([pattern(100_000, 50)]);
    expect(other!.describe().inode).not.toBe(slice!.describe().inode);
    expect(Buffer.compare(new Uint8Array(mapSlice(slice!.describe())), pattern(100_000))).toBe(0);
    slice!.release();
    expect(() => slice!.release()).toThrowError("released already");
    expect(() => slice!.retain()).toThrowError("has been released");
    other!.release();
    pool.trim();
  });

  it("enters the pages of what was written into the mapping for the next use, while nobody uses it", async () => {
    const pool = new SegmentPool();
    const before = residentBytes();
    pool.write([pattern(64 * MiB)])[0]!.release();
    await until(() => residentBytes() >= before + 64 * MiB);
    const [again] = pool.write([pattern(64 * MiB, 1)]);
    expect(Buffer.compare(again!.bytes(), pattern(64 * MiB, 1))).toBe(0);
    again!.release();
    pool.trim();
    expect(residentBytes()).toBe(before);
  });

  it("keeps no more unused memory than its limits allow, and not for longer", async () => {
    const pool = new SegmentPool({ idleBytes: 3 * MiB, idleMs: 1 });
    const slices = [1, 2, 3, 4].map(() => pool.allocate(MiB));
    for (const slice of slices) slice.release();
    expect(pool.usage).toEqual({ busyBytes: 0, idleBytes: 3 * MiB, idleSegments: 3 });
    await until(() => pool.usage.idleSegments === 0);
  });

  it("refuses what the system does not have, with a typed error, and works on", () => {
    const pool = new SegmentPool();
    pool.allocate(MiB).release();
    // More than any machine has. The system itself would begin to give it, until it kills the process.
    expect(() => pool.allocate(2 ** 46)).toThrowError(expect.objectContaining({ reason: "noMemory" }));
    const slice = pool.allocate(MiB);
    slice.release();
    pool.trim();
  });

  it("collects what nobody uses even if the program itself makes no garbage", async () => {
    const [slice] = segmentPool.write([pattern(64 * MiB)]);
    let live = 0;
    let most = 0;
    for (let i = 0; i < 40; i++) {
      mapSlice(slice!.describe(), () => live--);
      most = Math.max(most, ++live);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(most).toBeLessThanOrEqual(6);
    slice!.release();
  });
});
