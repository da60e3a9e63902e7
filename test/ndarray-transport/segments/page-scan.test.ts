import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { bindLinuxCalls } from "../../../src/ndarray-transport/segments/linux-calls.ts";
import { type ByteRange, type Koffi, pageScanners } from "../../../src/ndarray-transport/segments/page-scan.ts";
import { isSharedMemoryAvailable } from "../../../src/ndarray-transport/segments/system-calls.ts";

describe.skipIf(!isSharedMemoryAvailable())("the scan for written pages", () => {
  if (!isSharedMemoryAvailable()) return;
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const calls = bindLinuxCalls(koffi);
  const { pageSize } = calls;
  const pages = 20_000;

  it.each(Object.entries(pageScanners(koffi, koffi.load(null), pageSize)))("%s finds exactly those", (_, scan) => {
    const size = pages * pageSize;
    const fd = calls.createMemory(size);
    const address = calls.map(fd, size, "private");
    const bytes = new Uint8Array(calls.view(address, size));
    let sum = 0;
    for (let page = 0; page < pages; page += 3) sum += bytes[page * pageSize] as number;
    expect([sum, scan(address, size)]).toEqual([0, []]);
    // More ranges than one call reports, the first and the last page, and neighbours.
    const written = [0, ...Array.from({ length: 600 }, (__, i) => 10 + 2 * i), 8191, 8192, 8193, pages - 1];
    for (const page of written) bytes[page * pageSize + 5] = 1;
    const expected: ByteRange[] = [
      ...written.slice(0, -4).map((page) => ({ start: page * pageSize, end: (page + 1) * pageSize })),
      { start: 8191 * pageSize, end: 8194 * pageSize },
      { start: (pages - 1) * pageSize, end: size },
    ];
    expect(scan(address, size)).toEqual(expected);
    expect(scan(address + BigInt(10 * pageSize), pageSize)).toEqual([{ start: 0, end: pageSize }]);
    expect(scan(address + BigInt(11 * pageSize), pageSize)).toEqual([]);
    calls.advise(address, size, 4);
    expect([scan(address, size), bytes[5]]).toEqual([[], 0]);
    calls.unmap(address, size);
  });
});
