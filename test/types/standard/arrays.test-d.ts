/** The types of shared arrays, copy-on-write arrays, drafts and registered types. */
import { copyOnWrite, type NdArray, produce, registerType, shared, type TypedArray, writable } from "ndparallel";
import { type Equal, expectType } from "../equal.ts";

const flat = shared.empty("float64", 10);
expectType<Equal<typeof flat, Float64Array<ArrayBuffer>>>();
const grid = shared.empty("uint8", [2, 3]);
expectType<Equal<typeof grid, NdArray<Uint8Array<ArrayBuffer>>>>();
const copy = shared.from(new Int16Array(3));
expectType<Equal<typeof copy, Int16Array<ArrayBuffer>>>();
// @ts-expect-error there is no such element type
shared.empty("float", 3);
// @ts-expect-error a list is no array of numbers of one kind
shared.from([1, 2]);

declare const model: { readonly w: Float64Array; readonly layers: readonly NdArray[]; readonly name: string };
const own = copyOnWrite(model);
expectType<Equal<typeof own.w, NdArray>>();
expectType<Equal<typeof own.name, string>>();
own.layers[0]?.set(0, 1);
const same = writable(model);
expectType<Equal<typeof same, typeof model>>();

const next = produce(model, (draft) => {
  draft.w[0] = 1;
  draft.name = "next";
  draft.layers.push(draft.layers[0] as NdArray);
  // @ts-expect-error of another type
  draft.name = 5;
});
expectType<Equal<typeof next, typeof model>>();

class Matrix {
  constructor(
    readonly rows: number,
    readonly data: Float64Array,
  ) {}
}
registerType({
  name: "matrix",
  test: (value) => value instanceof Matrix,
  serialize: (matrix: Matrix) => ({ meta: { rows: matrix.rows }, buffers: [matrix.data] as const }),
  deserialize: ({ meta, buffers: [data] }) => {
    expectType<Equal<typeof meta, { rows: number }>>();
    expectType<Equal<typeof data, Float64Array<ArrayBufferLike>>>();
    return new Matrix(meta.rows, data);
  },
});
// @ts-expect-error a member is missing
registerType({ name: "half", test: () => true });

declare const anything: TypedArray;
expectType<Equal<ReturnType<typeof writable<typeof anything>>, TypedArray>>();
