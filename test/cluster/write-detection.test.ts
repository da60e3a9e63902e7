/** What happens when a task writes by index to an array that it received: see docs/arrays.md. */

import ndarray from "ndarray";
import { Cluster, type DirectView, type RemoteError, TaskAborted, type TypedArray, writable } from "ndparallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isSharedMemoryAvailable } from "../../src/ndarray-transport/segments/system-calls.ts";
import { running } from "./tasks.ts";

// In the namespace of the engines.
declare const w: Float64Array;
declare const part: Float64Array;
declare const record: { list: [number, Int16Array] };

const classes = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** Below and above the size from which arrays travel beside the message, and many pages. */
const byteLengths = [8, 4096, 64 * 1024, 4 * 1024 * 1024];

async function failureOf(result: PromiseLike<unknown>): Promise<RemoteError> {
  try {
    await result;
  } catch (error) {
    return error as RemoteError;
  }
  throw new Error("this task should have failed");
}

/** Elements counted from 1, of either kind of number. */
function counted<A extends TypedArray>(arrayClass: new (length: number) => A, length: number): A {
  const array = new arrayClass(length);
  const isBig = typeof array[0] === "bigint";
  for (let i = 0; i < length; i++) array[i] = (isBig ? BigInt(i + 1) : i + 1) as never;
  return array;
}

/** Engines make what they receive immutable. */
const isImmutable = Number.parseInt(process.versions.node, 10) >= 26;

describe.skipIf(isImmutable)("writes by index", () => {
  let cluster: Cluster;
  let engines: Awaited<ReturnType<Cluster["connect"]>>;
  let one: DirectView<"one", false>;
  beforeAll(async () => {
    cluster = await Cluster.start({ engines: 2 });
    engines = await cluster.connect();
    one = engines.at(0) as never;
  });
  afterAll(() => cluster.stop());

  it.each(classes.flatMap((arrayClass) => byteLengths.map((bytes) => [arrayClass.name, bytes, arrayClass] as const)))(
    "to an argument, %s of %i bytes, fail the task; the sender's array stays as it was",
    async (_, byteLength, arrayClass) => {
      const array = counted(arrayClass as never, byteLength / arrayClass.BYTES_PER_ELEMENT) as TypedArray;
      const before = array.slice();
      const middle = array.length >> 1;
      const write = (value: { list: [number, TypedArray] }, at: number): void => {
        const received = value.list[1];
        received[at] = (typeof received[at] === "bigint" ? 99n : 99) as never;
      };
      const error = await failureOf(one.apply(write as never, { list: [1, array] } as never, middle as never));
      expect(error.remoteName).toBe("ReadOnlyError");
      expect(error.message).toContain("the task wrote to args[0].list[1]");
      expect(error.message).toContain("writable(array)");
      if (byteLength < 64 * 1024 || isSharedMemoryAvailable()) {
        expect(error.message).toContain(`(element ${middle})`);
      }
      expect(Buffer.compare(bytesOf(array), bytesOf(before))).toBe(0);
      // The engine and the next task are as good as new.
      const same = (a: TypedArray): TypedArray => a;
      expect(Buffer.compare(bytesOf((await one.apply(same as never, array as never)) as never), bytesOf(before))).toBe(
        0,
      );
    },
  );

  it.each(byteLengths)("to an array of %i bytes in the namespace fail the task and are undone", async (byteLength) => {
    const array = counted(Float64Array, byteLength / 8);
    await engines.view().push({ w: array });
    const last = array.length - 1;
    const error = await failureOf(
      one.apply((at: number) => {
        w[at] = -1;
      }, last),
    );
    expect(error.remoteName).toBe("ReadOnlyError");
    if (isSharedMemoryAvailable()) expect(error.message).toContain(`the task wrote to w (element ${last})`);
    else expect(error.message).toContain("the task wrote to w");
    if (isSharedMemoryAvailable() || byteLength < 64 * 1024) {
      expect(await one.apply((at: number) => w[at], last)).toBe(last + 1);
    }
    expect(await engines.at(1).apply((at: number) => w[at], last)).toBe(last + 1);
    expect(array[last]).toBe(last + 1);
  });

  it.each([100, 50_000, 300_000])("to a captured array of %i numbers tell the element", async (length) => {
    const settings = { weights: [counted(Float64Array, length)] };
    const view = (settings.weights[0] as Float64Array).subarray(2);
    const error = await failureOf(
      one.apply(() => {
        (settings.weights[0] as Float64Array)[7] = 200;
      }),
    );
    if (isSharedMemoryAvailable() || length * 8 < 64 * 1024) {
      expect(error.message).toContain("the task wrote to an array that its function captured (element 7)");
    }
    const inView = await failureOf(
      one.apply(() => {
        view[5] = 200;
      }),
    );
    if (isSharedMemoryAvailable() || length * 8 < 64 * 1024) expect(inView.message).toContain("captured (element 5)");
    expect(settings.weights[0]).toEqual(counted(Float64Array, length));
  });

  it("are noticed at any depth of what was pushed, and in parts that were scattered", async () => {
    await one.push({ record: { list: [1, counted(Int16Array, 10)] } });
    const deep = await failureOf(
      one.apply(() => {
        record.list[1].subarray(3, 6)[1] = 0;
      }),
    );
    expect(deep.message).toContain("the task wrote to record.list[1] (element 4)");
    await engines.view().scatter("part", counted(Float64Array, 100_001));
    const error = await failureOf(
      engines.at(1).apply(() => {
        part[7] = 0;
      }),
    );
    expect(error.message).toContain("the task wrote to part");
    expect((await engines.view().gather("part")) as unknown).toEqual(counted(Float64Array, 100_001));
  });

  it("are noticed in memory that was made independent of its sender, and undone to what was sent", async () => {
    const array = counted(Float64Array, 50_000);
    const pushed = one.with({ track: true }).push({ w: array });
    await pushed;
    await pushed.waitForSend();
    array.fill(7);
    const error = await failureOf(one.execute("w[49_999] = 0"));
    expect(error.remoteName).toBe("ReadOnlyError");
    if (isSharedMemoryAvailable()) expect(error.message).toContain("w (element 49999)");
    expect(await one.apply(() => w.every((value, i) => value === i + 1))).toBe(isSharedMemoryAvailable());
  });

  it("are noticed in code that is executed, and after an await", async () => {
    await one.push({ w: counted(Float64Array, 1000) });
    const executed = await failureOf(one.execute("w[3] = 0; w[5] = 0"));
    expect([executed.remoteName, executed.message]).toEqual([
      "ReadOnlyError",
      expect.stringContaining("w (elements 3 to 5)"),
    ]);
    const awaited = await failureOf(
      one.apply(
        async (array: Float64Array) => {
          await Promise.resolve();
          array[0] = 0;
        },
        counted(Float64Array, 3),
      ),
    );
    expect(awaited.message).toContain("args[0] (element 0)");
  });

  it("are noticed through every view of the memory", async () => {
    const size = 64;
    const cases: [unknown, (value: never) => unknown, string][] = [
      [new ArrayBuffer(size), (buffer: ArrayBuffer) => new Uint8Array(buffer).fill(1, 3, 5), "args[0] (bytes 3 to 4)"],
      [
        new DataView(new ArrayBuffer(size)),
        (view: DataView) => new Uint16Array(view.buffer).fill(9, 1, 2),
        "args[0] (byte",
      ],
      [Buffer.alloc(size), (buffer: Buffer) => Reflect.set(buffer, 9, 1), "args[0] (element 9)"],
      [
        ndarray(new Float32Array(size), [8, 8]).transpose(1, 0),
        (array: { data: Float32Array }) => Reflect.set(array.data, 8, 1),
        "args[0] (element 8)",
      ],
      [
        new Map([["k", new Uint8Array(size)]]),
        (map: Map<string, Uint8Array>) => Reflect.set(map.get("k")!, 1, 1),
        'args[0].get("k")',
      ],
      [
        new Set([new Uint8Array(size)]),
        (set: Set<Uint8Array>) => Reflect.set([...set][0]!, 1, 1),
        "args[0][set item 0]",
      ],
    ];
    for (const [value, write, expected] of cases) {
      const error = await failureOf(one.apply(write as never, value as never));
      expect([error.remoteName, error.message]).toEqual(["ReadOnlyError", expect.stringContaining(expected)]);
    }
  });

  it("are noticed in the elements of a map", async () => {
    const rows = [new Float64Array(4), new Float64Array(4)];
    const error = await failureOf(
      one.map((row: Float64Array) => {
        row[2] = 1;
        return 0;
      }, rows),
    );
    expect(error.message).toContain("the task wrote to sequences[0][0] (element 2), and 1 other array");
  });

  it.each(byteLengths)("of %i bytes, to what another engine keeps, are noticed", async (byteLength) => {
    using kept = await engines
      .at(1)
      .with({ keep: true })
      .apply((length: number) => new Float64Array(length).fill(4), byteLength / 8);
    const error = await failureOf(
      one.apply(
        ({ deep }: { deep: Float64Array }) => {
          deep[0] = 6;
        },
        { deep: kept as unknown as Float64Array },
      ),
    );
    expect(error.remoteName).toBe("ReadOnlyError");
    const element = isSharedMemoryAvailable() || byteLength < 64 * 1024 ? " (element 0)" : "";
    expect(error.message).toContain(`the task wrote to args[0].deep${element}`);
    const first = (array: Float64Array): number | undefined => array[0];
    const views = [one, engines.at(1)];
    expect(await Promise.all(views.map((view) => view.apply(first, kept as unknown as Float64Array)))).toEqual([4, 4]);
  });

  it.each([
    ["computes", "for (;;);"],
    ["waits", "return new Promise(() => undefined);"],
  ])("of a task that %s and is interrupted are undone, and nobody else's fault", async (_, end) => {
    for (const byteLength of byteLengths) {
      await one.push({ w: new Float64Array(byteLength / 8) });
      const write = `w[0] = argument[0] = 6; process.stdout.write("running"); ${end}`;
      const task = one.apply(new Function("argument", write) as (array: Float64Array) => unknown, await one.pull("w"));
      await running(task);
      await task.abort({ running: true });
      await expect(task).rejects.toThrow(TaskAborted);
      // Without shared memory what was written to a large array stays, and is noticed.
      const isUndone = isSharedMemoryAvailable() || byteLength < 64 * 1024;
      expect(await one.apply(() => w[0])).toBe(isUndone ? 0 : 6);
    }
  });

  it("to copies and to arrays of the task's own are nobody's business", async () => {
    await one.push({ w: counted(Float64Array, 100_000) });
    const result = await one.apply(
      (array: Float64Array) => {
        const copies = [array.slice(), Float64Array.from(w), new Float64Array(50_000)];
        for (const copy of copies) copy.fill(1);
        (globalThis as Record<string, unknown>)["own"] = copies[2];
        return copies.map((copy) => copy[0]);
      },
      counted(Float64Array, 100_000),
    );
    expect(result).toEqual([1, 1, 1]);
    await one.execute("own[5] = 3");
    expect(await one.pull("own").then((own: unknown) => (own as Float64Array)[5])).toBe(3);
  });

  it("to the copy that an imported writable() makes are nobody's business either", async () => {
    const sent = counted(Float64Array, 20_000);
    const own = await one.apply((array: Float64Array) => {
      const copy = writable(array);
      copy[0] = 7;
      return [copy[0], array[0], writable(copy) === copy];
    }, sent);
    expect(own).toEqual([7, 1, true]);
  });

  it("leave a task that throws its own error", async () => {
    const error = await failureOf(
      one.apply((array: Float64Array) => {
        array[0] = 1;
        throw new RangeError("my own");
      }, new Float64Array(2)),
    );
    expect([error.remoteName, error.message]).toEqual(["RangeError", "my own"]);
  });

  it("do not end with a detached buffer", async () => {
    const length = await one.apply((array: Float64Array) => {
      structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
      return array.length;
    }, new Float64Array(2));
    expect(length).toBe(0);
  });

  it.each(["arguments", "off"] as const)(
    "are not looked for where writeDetection %j says so",
    async (writeDetection) => {
      await using quiet = await Cluster.start({ engines: 1, writeDetection });
      await using rc = await quiet.connect();
      const view = rc.at(0);
      await view.push({ w: counted(Float64Array, 20_000) });
      await view.execute("w[0] = 5");
      expect(await view.apply(() => w[0])).toBe(5);
      const written = view.apply((array: Float64Array) => {
        array[0] = 7;
        return array[0];
      }, new Float64Array(3));
      if (writeDetection === "off") expect(await written).toBe(7);
      else expect((await failureOf(written)).remoteName).toBe("ReadOnlyError");
    },
  );

  it("can be switched off by known words only", async () => {
    await expect(Cluster.start({ writeDetection: "none" as never })).rejects.toThrow(
      new TypeError('writeDetection must be one of "full", "arguments", "off"; given: "none"'),
    );
  });
});

describe.runIf(isImmutable)("writes by index to immutable memory", () => {
  it("fail the task with ReadOnlyError, which says what to do and where it was", async () => {
    await using cluster = await Cluster.start({ engines: 1 });
    await using rc = await cluster.connect();
    const write = function writeTo(array: Float64Array): void {
      array[1] = 5;
    };
    const error = await failureOf(rc.at(0).apply(write, new Float64Array(2)));
    expect(error.remoteName).toBe("ReadOnlyError");
    expect(error.message).toMatch(/read only property '1'.*writable\(array\)/);
    expect(error.stack).toContain("writeTo");
    expect((error.cause as Error).name).toBe("TypeError");
  });

  it.each(byteLengths)("of %i bytes throw at once, wherever it came from, and nobody sees them", async (byteLength) => {
    await using cluster = await Cluster.start({ engines: 2 });
    await using rc = await cluster.connect();
    const sent = counted(Float64Array, byteLength / 8);
    const before = bytesOf(sent).slice();
    await rc.view().push({ w: sent, record: { list: [1, sent.subarray(0, 1)] } });
    await rc.view().scatter("part", sent);
    const kinds = await rc.view().apply(
      (argument: Float64Array, nested: { deep: Float64Array[] }) => {
        const arrays = [argument, nested.deep[0] as Float64Array, w, part, record.list[1]];
        return arrays
          .filter(({ length }) => length > 0)
          .map((array) => {
            const first = array[0];
            try {
              array[0] = 77;
              return "written";
            } catch (error) {
              return array[0] === first ? (error as Error).name : "changed";
            }
          });
      },
      sent,
      { deep: [sent] },
    );
    expect(new Set(kinds.flat())).toEqual(new Set(["TypeError"]));
    expect(Buffer.compare(bytesOf(sent), before)).toBe(0);
    for (const array of await rc.view().pull("w"))
      expect(Buffer.compare(bytesOf(array as Float64Array), before)).toBe(0);
  });
});

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
