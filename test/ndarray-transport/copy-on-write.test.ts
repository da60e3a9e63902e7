import v8 from "node:v8";
import vm from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyOnWrite } from "../../src/ndarray-transport/copy-on-write.ts";
import { allocate, type DType, dtypes, type TypedArray } from "../../src/ndarray-transport/dtypes.ts";
import { makeNdArray, type NdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { isReadonly, markReadonly, writable } from "../../src/ndarray-transport/readonly.ts";

v8.setFlagsFromString("--expose-gc");
const gc = vm.runInNewContext("gc") as () => void;

/** Elements 0, 1, 2, … of either kind of number. */
function counting(dtype: DType, length: number): TypedArray {
  const array = allocate(dtype, length);
  for (let i = 0; i < length; i++) array[i] = (typeof array[i] === "bigint" ? BigInt(i) : i) as never;
  return array;
}

/** The elements of an ndarray in C order, by its definition. */
function elementsOf({ data, shape, stride, offset }: NdArray): unknown[] {
  let positions = [offset];
  shape.forEach((length, axis) => {
    positions = positions.flatMap((at) => Array.from({ length }, (_, i) => at + i * (stride[axis] as number)));
  });
  return positions.map((at) => (data as unknown as unknown[])[at]);
}

type Step = readonly ["transpose"] | readonly ["step" | "lo" | "hi" | "pick", number];

/** Some view of a 4 by 5 by 6 array: any offset, any strides, any number of dimensions from 0 to 3. */
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.constant(["transpose"] as const),
    fc.tuple(fc.constant("step" as const), fc.constantFrom(-2, -1, 2)),
    fc.tuple(fc.constantFrom("lo" as const, "pick" as const), fc.integer({ min: 0, max: 1 })),
    fc.tuple(fc.constant("hi" as const), fc.integer({ min: 0, max: 4 })),
  ),
  { maxLength: 5 },
);

function follow(array: NdArray, way: readonly Step[]): NdArray {
  let view = array;
  for (const [name, number] of way) {
    const rank = view.shape.length;
    if (rank === 0) break;
    const length = view.shape[0] as number;
    if (name === "transpose") view = view.transpose(...Array.from({ length: rank }, (_, i) => rank - 1 - i));
    else if (name === "step") view = view.step(number as number);
    // Beyond the end of an axis they would show what is not there.
    else if (name !== "pick" || (number as number) < length) view = view[name](Math.min(number as number, length));
  }
  return view;
}

describe("copyOnWrite", () => {
  it.each(dtypes)("shows the memory of a typed array of dtype %s until it is written to", (dtype) => {
    const array = markReadonly(counting(dtype, 10));
    const own = copyOnWrite(array);
    expect([own.shape, own.dtype]).toEqual([[10], dtype]);
    expect((own.data as unknown as TypedArray).buffer).toBe(array.buffer);
    own.set(3, own.get(7));
    expect((own.data as unknown as TypedArray).buffer).not.toBe(array.buffer);
    expect(elementsOf(own)).toEqual([...array].map((item, i) => (i === 3 ? array[7] : item)));
    expect(array).toEqual(counting(dtype, 10));
  });

  it("may be written, though what it shows may not", () => {
    const own = copyOnWrite(markReadonly(makeNdArray(new Float32Array(6), [2, 3])));
    expect([isReadonly(own), writable(own) === own]).toEqual([false, true]);
    own.set(1, 2, 5);
    expect([own.get(1, 2), isReadonly(own)]).toEqual([5, false]);
  });

  it("writes at full speed after the first time: nothing of its own is left", () => {
    const own = copyOnWrite(makeNdArray(new Float64Array(6), [2, 3]));
    own.set(0, 0, 1);
    expect(Object.keys(Object.getOwnPropertyDescriptors(own)).sort()).toEqual(["data", "offset", "shape", "stride"]);
    const { data } = own;
    own.set(0, 1, 2);
    expect(own.data).toBe(data);
  });

  it("changes like an ordinary copy would, and its views with it, for any layout and order of writes", () => {
    fc.assert(
      fc.property(
        steps,
        steps,
        steps,
        fc.array(fc.tuple(fc.nat(2), fc.nat(1000)), { maxLength: 6 }),
        (way, a, b, writes) => {
          const original = follow(makeNdArray(counting("float64", 120), [4, 5, 6]), way);
          const before = elementsOf(original);
          const own = copyOnWrite(original);
          const model = makeNdArray(
            Float64Array.from(original.data as Float64Array),
            original.shape,
            original.stride,
            original.offset,
          );
          const views = [own, follow(own, a), follow(own, b)] as const;
          const models = [model, follow(model, a), follow(model, b)] as const;
          for (const [which, place] of writes) {
            const target = models[which] as NdArray;
            if (target.shape.includes(0)) continue;
            const index = target.shape.map((length, axis) => (place >> (3 * axis)) % length);
            target.set(...([...index, 1000 + place] as [number]));
            (views[which] as NdArray).set(...([...index, 1000 + place] as [number]));
            // A view that is taken after the copy was made belongs to it, too.
            expect(elementsOf(follow(own, a))).toEqual(elementsOf(follow(model, a)));
          }
          for (const [index, view] of views.entries())
            expect(elementsOf(view)).toEqual(elementsOf(models[index] as NdArray));
          expect(elementsOf(original)).toEqual(before);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("does not collect the views that are taken from it", async () => {
    const own = copyOnWrite(makeNdArray(new Float64Array(100), [100]));
    const refs = Array.from({ length: 1000 }, () => new WeakRef(own.hi(5)));
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    expect(refs.filter((ref) => ref.deref() !== undefined)).toEqual([]);
    own.set(0, 1);
    expect(own.hi(5).get(0)).toBe(1);
  });

  it("copies only what it shows", () => {
    const column = makeNdArray(new Float64Array(1_000_000), [1000, 1000]).pick(5, -1).hi(10);
    const own = copyOnWrite(column);
    own.set(0, 1);
    expect((own.data as unknown as TypedArray).length).toBe(10);
  });

  it("replaces the arrays inside plain values", () => {
    const array = markReadonly(new Int8Array([1, 2]));
    const rest = { text: "kept" };
    const own = copyOnWrite({ list: [array, array], map: new Map([["k", array]]), set: new Set([array]), rest });
    own.list[0]?.set(0, 9);
    expect(own.list[0]).toBe(own.list[1]);
    expect(own.map.get("k")).toBe(own.list[0]);
    expect([...own.set]).toEqual([own.list[0]]);
    expect(own.rest).toBe(rest);
    expect([array[0], own.list[1]?.get(0)]).toEqual([1, 9]);
  });

  it("copies an ndarray over a list or a Buffer", () => {
    const list = makeNdArray(["a", "b", "c"], [3]);
    const own = copyOnWrite(list);
    own.set(1, "x" as never);
    expect([own.data, list.data]).toEqual([
      ["a", "x", "c"],
      ["a", "b", "c"],
    ]);
    const bytes = copyOnWrite(makeNdArray(Buffer.from([1, 2]), [2]));
    bytes.set(0, 7);
    expect(bytes.data).toEqual(Buffer.from([7, 2]));
  });

  it("says what it cannot do", () => {
    expect(() => copyOnWrite(5)).toThrow(
      new TypeError(
        "copyOnWrite(array): array must be a typed array, an ndarray, or an object that holds some, not number",
      ),
    );
    expect(() => copyOnWrite(null)).toThrow("not null");
    expect(() => copyOnWrite(new ArrayBuffer(1))).toThrow("make a typed array over a DataView or ArrayBuffer");
  });
});
