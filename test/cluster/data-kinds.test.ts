/**
 * Every kind of array, in every layout, by every call, over every way: bit for bit. What is compared is gathered here, by
 * strides, from whole machine words, so that no bit of a number can be lost in the comparison.
 */

import ndarray from "ndarray";
import {
  type Client,
  Cluster,
  type DataWay,
  type DirectView,
  isReadonly,
  type NdArray,
  type TypedArray,
} from "ndparallel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ArrayClass, classesFor, expectSameBits, randomArray, unusualNumbers } from "./arrays.ts";
import { useSandbox } from "./processes.ts";

useSandbox("file");

/** Small arrays lie in the messages, whatever the way: so every test has some of those, too. */
const WAYS: readonly DataWay[] = ["shared", "direct", "relay"];
const KIBIBYTE = 1024;
/** Inside messages; and beside them, the parts too. */
const SIZES = [512, 130 * KIBIBYTE] as const;
const echo = <T>(value: T): T => value;

function nd(data: TypedArray, shape: number[], stride?: number[], offset?: number): NdArray {
  return ndarray(data as unknown as number[], shape, stride, offset) as unknown as NdArray;
}

/** Ndarrays over `data`, by what is unusual about each. */
function layouts(data: TypedArray): [string, NdArray][] {
  const columns = 8;
  const rows = Math.floor(data.length / columns);
  const half = rows >> 1;
  const last = data.length - 1;
  return [
    ["C order", nd(data, [rows, columns])],
    ["Fortran order", nd(data, [rows, columns], [1, rows])],
    ["transposed, of three axes", nd(data, [2, half >> 1, columns]).transpose(2, 0, 1)],
    ["at an offset", nd(data, [rows - 2, columns], undefined, columns + 3)],
    ["backwards", nd(data, [data.length], [-1], last)],
    ["backwards along one axis", nd(data, [rows, columns], [-columns, 1], (rows - 1) * columns)],
    ["backwards along all axes, transposed", nd(data, [columns, rows], [-1, -columns], rows * columns - 1)],
    ["each third row", nd(data, [Math.floor(rows / 3), columns], [3 * columns, 1], columns)],
    ["some columns", nd(data, [rows, 3], [columns, 2], 1)],
    ["one row for all", nd(data, [5, rows], [0, 1], 2)],
    ["no rows", nd(data, [0, columns])],
    ["no columns", nd(data, [4, 0, 3], [0, 3, 1], last)],
    ["no elements", nd(data.subarray(0, 0), [0])],
    ["no axes", nd(data, [], [], last)],
    ["one element", nd(data, [1, 1], [7, 9], 5)],
  ];
}

/** The elements in C order, as unsigned whole words. */
function words(array: NdArray): Uint8Array {
  const data = array.data as unknown as TypedArray;
  const Words = [Uint8Array, Uint16Array, Uint32Array, BigUint64Array][Math.log2(data.BYTES_PER_ELEMENT)] as ArrayClass;
  const source = new Words(data.buffer, data.byteOffset, data.length);
  const { shape, stride, offset } = array;
  const found = new Words(shape.reduce((product, length) => product * length, 1));
  let written = 0;
  const visit = (axis: number, at: number): void => {
    if (axis === shape.length) found[written++] = source[at] as never;
    else for (let i = 0; i < (shape[axis] as number); i++) visit(axis + 1, at + i * (stride[axis] as number));
  };
  visit(0, offset);
  return new Uint8Array(found.buffer);
}

const wordsOf = new WeakMap<NdArray, Uint8Array>();

function expectSameWords(received: unknown, sent: NdArray, name: string): void {
  const actual = received as NdArray;
  expect([name, actual.dtype, actual.shape]).toEqual([name, sent.dtype, sent.shape]);
  expect(isReadonly(received)).toBe(true);
  const expected = wordsOf.get(sent) ?? words(sent);
  wordsOf.set(sent, expected);
  if (Buffer.compare(words(actual), expected) !== 0) throw new Error(`${name}: other bits have come back`);
}

describe.each(WAYS)("%s", { timeout: 60_000 }, (dataWay) => {
  let cluster: Cluster;
  let client: Client;
  let all: DirectView<"many", false>;
  beforeAll(async () => {
    cluster = await Cluster.start({ engines: 2, dataWay });
    client = await cluster.connect();
    all = client.view();
  });
  afterAll(async () => {
    client?.close();
    await cluster?.stop();
  });

  describe.each(classesFor(dataWay).map((Class) => [Class.name, Class] as const))("ndarrays over %s", (_, Class) => {
    const [small, large] = SIZES.map((size) => layouts(randomArray(Class, size / Class.BYTES_PER_ELEMENT, size)));
    // Beside the message layouts make no difference of their own: every second one will do.
    const cases = [small, large?.filter((_, index) => index % 2 === 1)] as [string, NdArray][][];

    test("apply, push and pull, broadcast", async () => {
      for (const named of cases) {
        const arrays = Object.fromEntries(named);
        all.push({ arrays });
        const received = (
          await Promise.all([
            client.view([0]).apply(echo<typeof arrays>, arrays),
            all.pull("arrays") as PromiseLike<(typeof arrays)[]>,
            client.broadcastView().apply(echo<typeof arrays>, arrays),
            client.loadBalancedView().apply((value: typeof arrays) => [value], arrays),
          ])
        ).flat();
        expect(received).toHaveLength(6);
        for (const back of received) for (const [name, array] of named) expectSameWords(back[name], array, name);
      }
    });

    test("scatter and gather, along every axis", async () => {
      const gathered = cases.flat().flatMap(([name, array], index) =>
        [...array.shape.keys()].flatMap((axis) =>
          (["block", "roundRobin"] as const).map(async (dist) => {
            const part = `part_${index}_${axis}_${dist}`;
            all.scatter(part, array, { axis, dist });
            expectSameWords(await all.gather(part, { axis, dist }), array, `${name}, axis ${axis}, ${dist}`);
          }),
        ),
      );
      await Promise.all(gathered);
      await all.clear();
    });

    test("map and parallel functions, of direct and of balanced views", async () => {
      const check = async (result: PromiseLike<unknown>, array: NdArray, name: string): Promise<void> =>
        expectSameWords(await result, array, name);
      const balanced = client.loadBalancedView().with({ chunkSize: 7 });
      const results = (cases[1] as [string, NdArray][]).flatMap(([name, array]) => {
        const { shape, size } = array;
        if (shape.length === 0) return [];
        const parts = check(all.applyParts(echo<NdArray>, [array]), array, `${name}, parts`);
        if (shape.length < 2 || size === 0 || (shape[0] as number) > 100) return [parts];
        const mapped = check(all.map(echo<NdArray>, array), array, `${name}, map`);
        return [parts, mapped, check(balanced.map(echo<NdArray>, array), array, `${name}, balanced map`)];
      });
      const numbers = unusualNumbers(Class, 20_000);
      const chunks = client.loadBalancedView().with({ chunkSize: 9_999 });
      for (const array of [nd(numbers, [20_000]), nd(numbers, [6_000], [-3], 18_000)]) {
        results.push(check(all.map(echo<number>, array as never), array, "numbers, map"));
        results.push(check(chunks.map(echo<number>, array as never), array, "numbers, balanced map"));
      }
      await Promise.all(results);
    });
  });

  test.each(classesFor(dataWay).map((Class) => [Class.name, Class] as const))(
    "%s in each kind of memory",
    async (_, Class) => {
      for (const size of [0, ...SIZES]) {
        const length = size / Class.BYTES_PER_ELEMENT;
        const array = randomArray(Class, length, size + 1);
        const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
        const common = new SharedArrayBuffer(size + 64);
        new Uint8Array(common).set(bytes, 16);
        // Node 20 has them; the types of the language version that is compiled for do not.
        const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer;
        const resizable = new Resizable(size, { maxByteLength: size + 4096 });
        new Uint8Array(resizable).set(bytes);
        for (const sent of [array, new Class(common, 16, length), new Class(resizable)]) {
          for (const back of await all.apply(echo<TypedArray>, sent)) expectSameBits(back, sent);
          all.push({ sent });
          for (const back of (await all.pull("sent")) as TypedArray[]) expectSameBits(back, sent);
          for (const dist of ["block", "roundRobin"] as const) {
            all.scatter("part", sent, { dist });
            expectSameBits(await all.gather("part", { dist }), sent);
          }
          expectSameBits(await all.applyParts(echo<TypedArray>, [sent]), sent);
        }
      }
    },
  );

  test("Buffers, ArrayBuffers, SharedArrayBuffers and DataViews", async () => {
    for (const size of [0, 100, 64 * KIBIBYTE, 160 * KIBIBYTE + 1, 2.5 * 1024 * KIBIBYTE + 3]) {
      const bytes = randomArray(Uint8Array as never, size, size) as Uint8Array;
      const common = new SharedArrayBuffer(size);
      new Uint8Array(common).set(bytes);
      const own = bytes.slice().buffer;
      const cases: [unknown, string][] = [
        [Buffer.from(bytes.buffer, bytes.byteOffset, size), "Buffer"],
        [own, "ArrayBuffer"],
        [common, "ArrayBuffer"],
        [new DataView(bytes.buffer, bytes.byteOffset, size), "DataView"],
        [new DataView(common), "DataView"],
        [Buffer.from(common), "Buffer"],
      ];
      const values = cases.map(([value]) => value);
      await all.push({ values });
      const received = [...(await all.apply(echo<unknown[]>, values)), ...((await all.pull("values")) as unknown[][])];
      expect(received).toHaveLength(4);
      for (const back of received) {
        for (const [index, [, kind]] of cases.entries()) {
          const value = back[index] as ArrayBuffer | ArrayBufferView;
          expect(value.constructor.name).toBe(kind);
          expect(isReadonly(value)).toBe(true);
          const found = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
          const same = Buffer.compare(Buffer.from(found.buffer, found.byteOffset, found.byteLength), bytes) === 0;
          expect([index, size, same]).toEqual([index, size, true]);
        }
      }
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, size);
      await all.scatter("part", buffer);
      expectSameBits(await all.gather("part"), buffer);
    }
  });
});
