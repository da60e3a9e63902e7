import { inspect } from "node:util";
import v8 from "node:v8";
import vm from "node:vm";
import { describe, expect, it } from "vitest";
import {
  canWatchReferences,
  findCollected,
  watchReferences,
} from "../../../src/ndarray-transport/segments/references.ts";

v8.setFlagsFromString("--expose-gc");
const gc = vm.runInNewContext("gc") as (options?: { type: "minor" }) => void;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Watches so many new buffers, whose numbers come when they are gone; nothing else refers to them. */
function watchNew(count: number, gone: number[]): void {
  for (let i = 0; i < count; i++) watchReferences(new ArrayBuffer(64), () => gone.push(i));
}

describe("what nothing refers to any more", () => {
  it("can be told here", () => {
    expect(canWatchReferences()).toBe(true);
  });

  it("is not guessed when what is there cannot be shown", async () => {
    const gone: number[] = [];
    const kept = new ArrayBuffer(64);
    watchReferences(kept, () => gone.push(0));
    const prototype = ArrayBuffer.prototype as { [inspect.custom]?: () => string };
    prototype[inspect.custom] = () => {
      throw new Error("not to be shown");
    };
    try {
      findCollected();
    } finally {
      delete prototype[inspect.custom];
    }
    expect(gone).toEqual([]);
    findCollected();
    expect(gone).toEqual([]);
    expect(kept.byteLength).toBe(64);
  });

  it("is found after a collection of new objects, each once", async () => {
    const gone: number[] = [];
    watchNew(3, gone);
    const kept = new ArrayBuffer(64);
    watchReferences(kept, () => gone.push(-1));
    await turn();
    gc({ type: "minor" });
    findCollected();
    expect(gone.toSorted()).toEqual([0, 1, 2]);
    findCollected();
    expect(gone).toHaveLength(3);
    expect(kept.byteLength).toBe(64);
  });

  it("is found after a collection of all if it had become old, however many there are", async () => {
    const gone: number[] = [];
    let kept: ArrayBuffer[] | undefined = Array.from({ length: 300 }, (_, i) => {
      const buffer = new ArrayBuffer(64);
      watchReferences(buffer, () => gone.push(i));
      return buffer;
    });
    for (let i = 0; i < 3; i++) gc({ type: "minor" });
    findCollected();
    expect(gone).toEqual([]);
    expect(kept).toHaveLength(300);
    kept = undefined;
    await turn();
    gc();
    findCollected();
    expect(gone.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });

  it("is not what a view still shows", async () => {
    const gone: number[] = [];
    const view = ((): Float64Array => {
      const buffer = new ArrayBuffer(64);
      watchReferences(buffer, () => gone.push(0));
      return new Float64Array(buffer).subarray(1);
    })();
    await turn();
    gc();
    findCollected();
    expect(gone).toEqual([]);
    expect(view).toHaveLength(7);
  });
});
