/** The types of decorated functions, methods, fields and accessors, with standard decorators. */
import {
  type AsyncResult,
  asParallel,
  asRemote,
  type DirectView,
  type NdArray,
  type ParallelFunction,
  parallel,
  type RemoteFunction,
  remote,
} from "ndparallel";
import { type Equal, expectType } from "../equal.ts";

declare const many: DirectView<"many", false>;
declare const one: DirectView<"one", false>;
declare const blocking: DirectView<"many", true>;
declare const someArray: Float64Array;

// Higher-order.
const norm = remote(many)((x: Float64Array, p: number) => x.reduce((sum, v) => sum + Math.abs(v) ** p, 0));
expectType<Equal<typeof norm, RemoteFunction<[x: Float64Array, p: number], number, "many", false>>>();
const norms = norm(someArray, 2);
expectType<Equal<typeof norms, AsyncResult<number[]>>>();
const rows = norm.map([someArray], [1]);
expectType<Equal<typeof rows, AsyncResult<number[]>>>();
expectType<Equal<ReturnType<typeof norm.local>, number>>();
// @ts-expect-error an argument is missing
norm(someArray);
// @ts-expect-error an argument of the wrong type
norm("text", 2);

const single = remote(one)(async (x: number) => `${x}`)(1);
expectType<Equal<typeof single, AsyncResult<string>>>();
const promised = remote(blocking)((x: number) => x)(1);
expectType<Equal<typeof promised, Promise<number[]>>>();
const lookedUp = remote(() => one)((x: number) => x)(1);
expectType<Equal<typeof lookedUp, AsyncResult<number>>>();
const ofView = one.remote()((x: number) => x)(1);
expectType<Equal<typeof ofView, AsyncResult<number>>>();

// Flags count as those of a view do.
const flagged = remote(many, { block: true, targets: 0 })((x: number) => x)(1);
expectType<Equal<typeof flagged, Promise<number>>>();
const flaggedView = blocking.remote({ block: false, label: "a" })((x: number) => x)(1);
expectType<Equal<typeof flaggedView, AsyncResult<number[]>>>();
const flaggedParallel = parallel(many, { block: true })((x: number[]) => x)([1]);
expectType<Equal<typeof flaggedParallel, Promise<number[]>>>();
const current = remote(undefined, { targets: 0 })((x: number) => x)(1);
expectType<Equal<typeof current, AsyncResult<number>>>();

const relu = parallel(many)((x: Float32Array) => x.map((v) => Math.max(v, 0)));
const joined = relu(new Float32Array(2));
expectType<Equal<typeof joined, AsyncResult<Float32Array<ArrayBuffer>>>>();
const sums = parallel(many)((x: number[]) => x.length)([1]);
expectType<Equal<typeof sums, AsyncResult<number[]>>>();
const texts = many.parallel()(async (x: number[]) => x.join())([1]);
expectType<Equal<typeof texts, AsyncResult<string[]>>>();
const blocked = parallel(blocking)((x: number[]) => x)([1]);
expectType<Equal<typeof blocked, Promise<number[]>>>();

// @ts-expect-error a view, a function that gives one, or nothing
remote(5);
// @ts-expect-error what is decorated is a function
remote(many)(5);
// @ts-expect-error an unknown flag
remote(many, { blok: true });

// Methods, fields and accessors keep the types that they were declared with.
export class Model {
  readonly name = "model";

  @remote(many)
  static async loss(weights: Float64Array, rate: number): Promise<number> {
    return weights.length * rate;
  }

  @remote()
  async train(steps: number): Promise<{ steps: number }> {
    return { steps };
  }

  @parallel(many)
  static async embed(images: NdArray<Float32Array>, { scale }: { scale: number }): Promise<Float64Array> {
    return new Float64Array(images.shape.length * scale);
  }

  @remote(() => many)
  static square = async (x: number): Promise<number> => x * x;

  @parallel(many)
  static accessor twice = async (x: Float64Array): Promise<Float64Array> => x.map((v) => 2 * v);

  // @ts-expect-error a decorated call gives a promise, so the method must be async
  @remote(many)
  static sync(x: number): number {
    return x;
  }

  // @ts-expect-error there is no function to decorate
  @remote(many)
  static rate = 0.5;
}

expectType<Equal<typeof Model.loss, (weights: Float64Array, rate: number) => Promise<number>>>();
expectType<Equal<Model["train"], (steps: number) => Promise<{ steps: number }>>>();
expectType<Equal<typeof Model.square, (x: number) => Promise<number>>>();
expectType<Equal<typeof Model.twice, (x: Float64Array) => Promise<Float64Array>>>();

// asRemote and asParallel give the type that they really have.
const loss = asRemote(Model.loss, many)(someArray, 0.1);
expectType<Equal<typeof loss, AsyncResult<number[]>>>();
const lossOfAny = asRemote(Model.loss)(someArray, 0.1);
expectType<Equal<typeof lossOfAny, AsyncResult<number | number[]>>>();
const losses = asRemote(Model.loss, one).map([someArray], [0.1]);
expectType<Equal<typeof losses, AsyncResult<number[]>>>();
expectType<
  Equal<
    ReturnType<typeof asParallel<[x: Float64Array], Float64Array>>,
    ParallelFunction<[x: Float64Array], Float64Array>
  >
>();
const embedded = asParallel(Model.twice)(someArray);
expectType<Equal<typeof embedded, AsyncResult<Float64Array>>>();
// @ts-expect-error the wrong arguments
asRemote(Model.loss)("text");
