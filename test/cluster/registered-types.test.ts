/** Types of the user's own on both sides: see docs/arrays.md. */

import { isReadonly, type RemoteError, registerType, SerializationError } from "ndparallel";
import { describe, expect, it } from "vitest";
import { shareCluster } from "./shared-cluster.ts";

// In the namespace of the engines.
declare const kept: Sparse;

class Sparse {
  readonly size: number;
  readonly indices: Uint32Array;
  readonly values: Float64Array;

  constructor(size: number, indices: Uint32Array, values: Float64Array) {
    this.size = size;
    this.indices = indices;
    this.values = values;
  }

  sum(): number {
    return this.values.reduce((sum, value) => sum + value, 0);
  }
}

registerType({
  name: "sparse",
  test: (value) => value instanceof Sparse,
  serialize: (sparse: Sparse) => ({ meta: { size: sparse.size }, buffers: [sparse.indices, sparse.values] as const }),
  deserialize: ({ meta, buffers: [indices, values] }) => new Sparse(meta.size, indices, values),
});

/** With buffers of that many elements. */
function sparseOf(length: number): Sparse {
  return new Sparse(
    10 * length,
    Uint32Array.from({ length }, (_, i) => 10 * i),
    Float64Array.from({ length }, (_, i) => i / 3),
  );
}

describe("a type registered on the client", () => {
  const shared = shareCluster(2);

  it.each([0, 3, 100_000])("goes to the engines and back, with buffers of %i elements", async (length) => {
    const sparse = sparseOf(length);
    const back = await shared.rc.at(0).apply(
      ({ list: [received] }: { list: [Sparse] }) => {
        if (!(received instanceof Sparse)) throw new Error("it is of another class here");
        return { received, sum: received.sum() };
      },
      { list: [sparse] } as { list: [Sparse] },
    );
    expect(back.sum).toBe(sparse.sum());
    expect(back.received).toBeInstanceOf(Sparse);
    expect(Buffer.compare(bytesOf(back.received.values), bytesOf(sparse.values))).toBe(0);
    expect(Buffer.compare(bytesOf(back.received.indices), bytesOf(sparse.indices))).toBe(0);
    expect([back.received.size, isReadonly(back.received.values)]).toEqual([sparse.size, true]);
  });

  it("comes from an engine that made it", async () => {
    const made = await shared.all.apply(() => new Sparse(7, new Uint32Array([6]), new Float64Array([0.5])));
    expect(made.map((sparse) => [sparse instanceof Sparse, sparse.size, sparse.sum()])).toEqual([
      [true, 7, 0.5],
      [true, 7, 0.5],
    ]);
  });

  it("stays in the namespace, through later calls, and can be pulled", async () => {
    await shared.all.push({ kept: sparseOf(4) });
    for (let i = 0; i < 12; i++) await shared.all.apply((sparse: Sparse) => sparse.size, sparseOf(i));
    expect(await shared.all.apply(() => kept.sum())).toEqual([2, 2]);
    const pulled = (await shared.rc.at(1).pull("kept")) as Sparse;
    expect([pulled instanceof Sparse, pulled.sum()]).toEqual([true, 2]);
  });

  it("is mapped over", async () => {
    const sums = await shared.all.map((sparse: Sparse) => sparse.sum(), [sparseOf(1), sparseOf(2), sparseOf(4)]);
    expect(sums.map((sum) => Math.round(3 * sum))).toEqual([0, 1, 6]);
  });

  it("does not disturb calls when its functions cannot travel, and says so when it is needed", async () => {
    class Handle {
      readonly #secret = 1;
      reveal(): number {
        return this.#secret;
      }
    }
    const generator = (function* () {
      yield 1;
    })();
    registerType({
      name: "handle",
      test: (value) => value instanceof Handle,
      serialize: () => ({ meta: generator.next().value, buffers: [] }),
      deserialize: () => new Handle(),
    });
    expect(await shared.rc.at(0).apply((x: number) => x + 1, 1)).toBe(2);
    const failure = await shared.rc
      .at(0)
      .apply((handle: unknown) => typeof handle, new Handle())
      .then(
        () => undefined,
        (error: RemoteError) => error,
      );
    expect(failure?.message).toContain('the type "handle" was received, but is not registered in this process');
  });
});

describe("a type that only engines have", () => {
  const shared = shareCluster(1);

  const register = async (): Promise<void> => {
    const { registerType: registerHere } = await import("ndparallel");
    class Grid {
      readonly cells: Int16Array;
      constructor(cells: Int16Array) {
        this.cells = cells;
      }
    }
    Object.assign(globalThis, { Grid, grid: new Grid(new Int16Array([1, 2, 3])) });
    registerHere({
      name: "grid",
      test: (value) => value instanceof Grid,
      serialize: (grid: Grid) => ({ meta: null, buffers: [grid.cells] as const }),
      deserialize: ({ buffers: [cells] }) => new Grid(cells),
    });
  };

  it("cannot be read by a client that has none of that name, which says so", async () => {
    await shared.rc.at(0).apply(register);
    const pulled = shared.rc.at(0).pull("grid");
    await expect(pulled).rejects.toThrow(SerializationError);
    await expect(pulled).rejects.toThrow('the type "grid" was received, but is not registered in this process');
  });

  it("is read by a client that registered the same name", async () => {
    registerType({
      name: "grid",
      test: () => false,
      serialize: () => ({ meta: null, buffers: [] }),
      deserialize: ({ buffers }) => ({ cells: (buffers as readonly Int16Array[])[0] }),
    });
    await shared.rc.at(0).apply(register);
    expect(await shared.rc.at(0).pull("grid")).toEqual({ cells: new Int16Array([1, 2, 3]) });
  });
});

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
