import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { SerializationError } from "../../src/errors.ts";
import { makeNdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { registerType } from "../../src/ndarray-transport/registry.ts";
import { INLINE_LIMIT, Serializer } from "../../src/ndarray-transport/serializer.ts";
import { Kind, Special } from "../../src/ndarray-transport/wire.ts";

class Point {
  constructor(readonly at: unknown) {}
}
registerType({
  name: "point",
  test: (value) => value instanceof Point,
  serialize: ({ at }: Point) => ({ meta: { at }, buffers: [new Uint8Array(3)] }),
  deserialize: ({ meta: { at } }) => new Point(at),
});

const serializer = new Serializer([
  { name: "function", test: (value) => typeof value === "function", encode: () => ["text", -0], decode: () => () => 1 },
]);
const packr = new Packr({ useRecords: false });

/** A head that says it holds something special, whatever it holds. */
function headOf(tree: unknown): Uint8Array {
  return Buffer.concat([Buffer.from([0x53]), packr.pack(tree)]);
}

/** Milliseconds of processor time that `work` takes. */
function processorTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Reads it; only a SerializationError may come of that, and that soon. */
function read(head: Uint8Array, buffers: readonly Uint8Array[] = []): void {
  const took = processorTime(() => {
    try {
      serializer.deserialize(head, buffers);
    } catch (error) {
      expect(error).toBeInstanceOf(SerializationError);
    }
  });
  expect(took).toBeLessThan(2000);
}

const cycle: Record<string, unknown> = { list: [1, "two", -0] };
cycle["self"] = cycle;
const samples: unknown[] = [
  [1, "abc", { x: 1, y: [1, 2, 3] }],
  cycle,
  { dates: [new Date(1), /a/g, new URL("http://a/")], text: "\ud800", big: 10n ** 30n },
  new Map<unknown, unknown>([
    ["k", new Set([1, [2]])],
    [{ a: 1 }, new Error("x", { cause: new TypeError("y") })],
  ]),
  [
    new Float64Array([1, 2, 3]),
    new Uint8Array(INLINE_LIMIT),
    Buffer.from("ab"),
    new ArrayBuffer(3),
    new DataView(new ArrayBuffer(2)),
  ],
  makeNdArray(new Float64Array(24), [2, 3, 4]).transpose(2, 0, 1),
  makeNdArray([1, { a: -0 }], [2]),
  [new Point([1, new Int8Array(2)]), () => 1],
  [1, , 3],
  JSON.parse('{"__proto__":[1]}'),
];

describe("random bytes", () => {
  test("as a head", () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, (head) => read(head)),
      { numRuns: 2000 },
    );
  });

  test("after the first byte of a head", () => {
    const head = fc.tuple(fc.constantFrom(0x50, 0x53), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(head, ([first, rest]) => read(Uint8Array.of(first, ...rest))),
      { numRuns: 5000 },
    );
  });

  test("in place of any part of a special", () => {
    const part = fc.oneof(
      fc.anything({ withBigInt: true }),
      fc.integer({ min: -2, max: 20 }),
      fc.array(fc.integer({ min: -3, max: 5 })),
      fc.uint8Array(),
      fc.constant(new Special([Kind.reference, 0])),
    );
    const special = fc.tuple(fc.integer({ min: 0, max: 17 }), fc.array(part, { maxLength: 8 }));
    fc.assert(
      fc.property(special, ([kind, parts]) => {
        let head: Uint8Array;
        try {
          head = headOf([{ a: 1 }, new Special([kind, ...parts])]);
        } catch {
          return fc.pre(false);
        }
        read(head, [new Uint8Array(4), new Uint8Array(16)]);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("damaged heads", () => {
  test.each(samples.map((sample, i) => [i, serializer.serialize(sample)] as const))(
    "sample %i cut short",
    (_, sent) => {
      for (let length = 0; length < Math.min(sent.head.byteLength, 2000); length++) {
        expect(() => serializer.deserialize(sent.head.subarray(0, length), sent.buffers)).toThrow(SerializationError);
      }
    },
  );

  test("with bytes changed, put in or taken out", () => {
    const heads = samples.map((sample) => serializer.serialize(sample));
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(4),
      put: fc.uint8Array({ maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.array(change, { minLength: 1, maxLength: 3 }), (sent, changes) => {
        let head = [...sent.head];
        for (const { at, cut, put } of changes) head = head.toSpliced(Math.floor(at * head.length), cut, ...put);
        read(Uint8Array.from(head), sent.buffers);
      }),
      { numRuns: 5000 },
    );
  });

  test("with something after the end", () => {
    const { head } = serializer.serialize([1, 2]);
    expect(() => serializer.deserialize(Buffer.concat([head, head]), [])).toThrow(SerializationError);
  });
});

describe("buffers that do not belong to the head", () => {
  const { head } = serializer.serialize([new Float64Array(INLINE_LIMIT), new Float32Array(INLINE_LIMIT)]);
  const [first, second] = [new Uint8Array(8 * INLINE_LIMIT), new Uint8Array(4 * INLINE_LIMIT)];

  test("are refused", () => {
    for (const buffers of [
      [],
      [first],
      [second, first],
      [first, second.subarray(4)],
      [first, null],
      "ab",
      undefined,
      null,
    ]) {
      expect(() => serializer.deserialize(head, buffers as Uint8Array[])).toThrow(SerializationError);
    }
    expect(() => serializer.deserialize(head, [first, second])).not.toThrow();
  });

  test.each([undefined, null, 1, "text", {}, [0x50, 1]])("%j is no head", (value) => {
    expect(() => serializer.deserialize(value as never, [])).toThrow(SerializationError);
  });
});

describe("absurd claims", () => {
  const bin = (...bytes: number[]): Uint8Array => Uint8Array.of(0x50, ...bytes);

  test.each<[string, Uint8Array]>([
    ["a list of 2^32 - 1 items", bin(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ["a record of 2^32 - 1 properties", bin(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ["bytes of 2^32 - 1", bin(0xc6, 0xff, 0xff, 0xff, 0xff)],
    ["a text of 2^32 - 1 bytes", bin(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ["an extension of 2^32 - 1 bytes", bin(0xc9, 0xff, 0xff, 0xff, 0xff, 0x42)],
    ["a special where none is announced", Buffer.from([0x50, ...packr.pack(new Special([Kind.negativeZero]))])],
    ["a reference to what comes later", headOf([new Special([Kind.reference, 1]), {}])],
    ["a reference to what was never there", headOf([new Special([Kind.reference, 1e9])])],
    ["a type within itself", headOf(new Special([Kind.handler, "function", [new Special([Kind.reference, 0])]]))],
    ["a list with an index outside", headOf(new Special([Kind.list, 2, 5, 1]))],
    ["a list with a length as property", headOf(new Special([Kind.list, 0, "length", 4e9]))],
    ["a list of a negative length", headOf(new Special([Kind.list, -1]))],
    ["a list of a fractional length", headOf(new Special([Kind.list, 1.5]))],
    ["a record with an index", headOf(new Special([Kind.record, 1, 1]))],
    ["a key without a value", headOf(new Special([Kind.map, 1]))],
    ["elements of part of a size", headOf(new Special([Kind.memory, 9, new Uint8Array(9)]))],
    ["a view that does not exist", headOf(new Special([Kind.memory, 99, new Uint8Array(9)]))],
    ["an ndarray larger than its data", headOf(new Special([Kind.ndarray, [1e9], [1], 0, 9, new Uint8Array(8)]))],
    ["an ndarray that repeats its data", headOf(new Special([Kind.ndarray, [1e9], [0], 0, 9, new Uint8Array(8)]))],
    ["an ndarray outside its data", headOf(new Special([Kind.ndarray, [1], [1], -1, 9, new Uint8Array(8)]))],
    [
      "an ndarray of a million dimensions",
      headOf(new Special([Kind.ndarray, new Array(1e6).fill(1), new Array(1e6).fill(1), 0, 9, new Uint8Array(8)])),
    ],
    [
      "an ndarray of other dimensions than strides",
      headOf(new Special([Kind.ndarray, [1], [], 0, 9, new Uint8Array(8)])),
    ],
    ["an ndarray over a DataView", headOf(new Special([Kind.ndarray, [1], [1], 0, 13, new Uint8Array(8)]))],
    ["a list ndarray larger than its data", headOf(new Special([Kind.ndarrayList, [1e9], [1], 0, [1]]))],
    ["an error of an unknown class", headOf(new Special([Kind.error, "constructor", 0]))],
    ["an error with more hidden properties than there are", headOf(new Special([Kind.error, "Error", 1e9]))],
    ["an unknown kind", headOf(new Special([99]))],
    ["a special of nothing", headOf(new Special([]))],
    ["a million open lists", Buffer.alloc(1e6, 0x91).fill(0x50, 0, 1)],
    ["a million open records", Buffer.concat([bin(), Buffer.alloc(1e6, Uint8Array.of(0x81, 0xa0))])],
    [
      "a million open specials",
      Buffer.concat([Buffer.from([0x53]), Buffer.alloc(4e6, Uint8Array.of(0xd4, 0x6e, 0, 0x91))]),
    ],
  ])("%s", (_, head) => {
    const before = process.memoryUsage();
    const took = processorTime(() => expect(() => serializer.deserialize(head, [])).toThrow(SerializationError));
    expect(took).toBeLessThan(2000);
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(150 * 2 ** 20);
  });

  test("a list of 2^32 - 1 holes takes no memory", () => {
    const before = process.memoryUsage().heapUsed;
    const list = serializer.deserialize(headOf(new Special([Kind.list, 2 ** 32 - 1])), []) as unknown[];
    const lists = Array.from({ length: 100 }, () => serializer.deserialize(headOf(new Special([Kind.list, 3e7])), []));
    expect(list.length).toBe(2 ** 32 - 1);
    expect(lists.length).toBe(100);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * 2 ** 20);
  });

  test("a serializer still works after all of it", () => {
    read(Buffer.alloc(1e6, 0x91).fill(0x50, 0, 1));
    const { head, buffers } = serializer.serialize({ a: [-0, new Date(1)] });
    expect(serializer.deserialize(head, buffers)).toEqual({ a: [-0, new Date(1)] });
  });
});
