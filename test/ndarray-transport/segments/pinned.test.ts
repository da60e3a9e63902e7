/** Memory that is given back when its ArrayBuffer was collected must not move to another ArrayBuffer. */

import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  allocatePooled,
  allocateShared,
  mapSlice,
  segmentPool,
} from "../../../src/ndarray-transport/segments/slices.ts";
import { isSharedMemoryAvailable } from "../../../src/ndarray-transport/segments/system-calls.ts";

describe.skipIf(!isSharedMemoryAvailable())("memory shared with other processes", () => {
  const [slice] = isSharedMemoryAvailable() ? segmentPool.write([new Uint8Array(100_000).fill(7)]) : [];
  const kinds: [string, () => ArrayBuffer][] = [
    ["of this process", () => allocateShared(100_000)],
    ["from the pool", () => allocatePooled(100_000)],
    ["that was received", () => mapSlice(slice!.describe())],
  ];

  it.each(kinds)("%s is not transferred: what asks for it gets a copy, or an error", (_, make) => {
    const buffer = make();
    const before = new Uint8Array(buffer).slice();
    let copy: ArrayBuffer | undefined;
    try {
      copy = structuredClone(buffer, { transfer: [buffer] });
    } catch (error) {
      expect((error as Error).name).toMatch(/DataCloneError|TypeError/);
    }
    expect(buffer.byteLength).toBe(100_000);
    if (copy !== undefined) {
      new Uint8Array(copy).fill(9);
      expect(Buffer.compare(new Uint8Array(buffer), before)).toBe(0);
    }
    for (const name of ["transfer", "transferToFixedLength"] as const) {
      // Node 22 has them; the types of the language version that is compiled for do not.
      const movable = buffer as unknown as { [name in string]?: () => ArrayBuffer };
      if (movable[name] !== undefined) expect(() => movable[name]?.()).toThrow(TypeError);
    }
    expect(buffer.byteLength).toBe(100_000);
    expect(Buffer.compare(new Uint8Array(structuredClone(buffer)), before)).toBe(0);
  });

  it("does not disturb the end of a process that has some", () => {
    const script = 'import { shared } from "ndparallel"; globalThis.kept = shared.empty("float64", 100_000);';
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
