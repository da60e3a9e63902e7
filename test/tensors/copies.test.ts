/** Scatter, a kernel and gather copy each partition to the device once, and once back: counted where the bytes pass. */

import { describe, expect, test } from "vitest";
import { backends, isInstalled, loadTf, shareTensorCluster, type Tensor, type Tf } from "./libraries.ts";

declare const tf: Tf;
declare const x: Tensor;
/** On the engines, while they count. */
declare const copied: { toDevice: number; toHost: number };

interface Backend {
  readonly wasm?: { readonly HEAPU8: Uint8Array };
}
type Place = Record<string, unknown>;

/** Counts the bytes that pass between the host and the memory of the backend. */
function countCopies(): void {
  const counted = { toDevice: 0, toHost: 0 };
  (globalThis as unknown as Place)["copied"] = counted;
  const backend = (tf.engine() as unknown as { backendInstance: Backend }).backendInstance;
  const typed = Object.getPrototypeOf(Uint8Array.prototype) as Place;
  const isHeap = (array: unknown): boolean => ArrayBuffer.isView(array) && array.buffer === backend.wasm?.HEAPU8.buffer;
  const { set, slice } = typed as Record<string, (...parameters: unknown[]) => unknown>;
  // WebAssembly: what is written to its heap, and copied out of it.
  typed["set"] = function (this: Uint8Array, source: ArrayLike<number> & { byteLength?: number }, at?: number) {
    const bytes = source.byteLength ?? 0;
    if (isHeap(this)) counted.toDevice += bytes;
    else if (isHeap(source)) counted.toHost += bytes;
    return set?.call(this, source, at);
  };
  typed["slice"] = function (this: Uint8Array, ...range: number[]) {
    const copy = slice?.apply(this, range) as Uint8Array;
    if (isHeap(this)) counted.toHost += copy.byteLength;
    return copy;
  };
  // WebGPU: buffers that are mapped, to be read (usage 1) or to be written.
  const GpuBuffer = (globalThis as unknown as { GPUBuffer?: { prototype: Place } }).GPUBuffer;
  if (GpuBuffer === undefined) return;
  const { getMappedRange } = GpuBuffer.prototype as Record<string, (...parameters: unknown[]) => ArrayBuffer>;
  GpuBuffer.prototype["getMappedRange"] = function (this: { usage: number }, ...range: unknown[]) {
    const memory = getMappedRange?.apply(this, range) as ArrayBuffer;
    counted[(this.usage & 1) === 1 ? "toHost" : "toDevice"] += memory.byteLength;
    return memory;
  };
}

describe.skipIf(!isInstalled).each(backends)("engines on $name", ({ name, device }) => {
  const shared = shareTensorCluster(2, { devices: [device] });

  test("one copy of each partition to the device, and one back", async () => {
    const here = await loadTf();
    const rows = 128;
    const whole = here.tensor2d(
      Float32Array.from({ length: rows * 32_768 }, (_, i) => i % 1000),
      [rows, 32_768],
    ); // 16 MB
    const partition = (rows / 2) * 32_768 * 4;
    await shared.all.apply(countCopies);
    await shared.all.scatter("x", whole);
    await shared.all.apply(() => {
      (globalThis as unknown as Place)["y"] = tf.mul(x, 2);
    });
    const doubled: Tensor = await shared.all.gather("y");
    const elements = (await doubled.data()) as Float32Array;
    expect(elements.findIndex((value, i) => value !== 2 * (i % 1000))).toBe(-1);
    for (const { toDevice, toHost } of await shared.all.apply(() => copied)) {
      // The backend cpu computes in the memory in which its tensors came.
      const expected = name === "cpu" ? 0 : partition;
      expect(Math.abs(toDevice - expected)).toBeLessThan(1000); // but for the parameters of kernels
      expect(toHost).toBe(expected);
    }
  });

  test("what stays is used again without passing between them", async () => {
    const one = shared.rc.at(0);
    const keeping = one.with({ keep: true });
    await one.apply(countCopies);
    const count = (): number => copied.toDevice + copied.toHost;
    using kept = await keeping.apply(() => tf.mul(tf.ones([1000, 100]), 2));
    const before = await one.apply(count);
    using next = await keeping.apply((t: Tensor) => tf.add(t, t), kept as never);
    using last = await keeping.apply((t: Tensor) => tf.mul(t, t), next as never);
    // Not even as much as the parameters of kernels.
    expect((await one.apply(count)) - before).toBeLessThan(1000);
    const [first] = await ((await last.get()) as unknown as Tensor).data();
    expect(first).toBe(16);
    if (name !== "cpu") expect((await one.apply(count)) - before).toBeGreaterThanOrEqual(400_000);
  });
});
