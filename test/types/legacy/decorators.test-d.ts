/** The types of decorated methods with legacy decorators (`experimentalDecorators`). */
import { type AsyncResult, asRemote, type DirectView, type NdArray, parallel, remote } from "ndparallel";
import { type Equal, expectType } from "../equal.ts";

declare const many: DirectView<"many", false>;

export class Model {
  @remote(many)
  static async loss(weights: Float64Array, rate: number): Promise<number> {
    return weights.length * rate;
  }

  @remote()
  async train(steps: number): Promise<{ steps: number }> {
    return { steps };
  }

  @parallel(() => many, { block: true })
  static async embed(images: NdArray<Float32Array>, { scale }: { scale: number }): Promise<Float64Array> {
    return new Float64Array(images.shape.length * scale);
  }

  @many.remote()
  static async square(x: number): Promise<number> {
    return x * x;
  }

  // @ts-expect-error a decorated call gives a promise, so the method must be async
  @remote(many)
  static sync(x: number): number {
    return x;
  }

  // @ts-expect-error with legacy decorators only methods can be decorated
  @remote(many)
  static field = async (x: number): Promise<number> => x;
}

expectType<Equal<typeof Model.loss, (weights: Float64Array, rate: number) => Promise<number>>>();
expectType<Equal<Model["train"], (steps: number) => Promise<{ steps: number }>>>();

const loss = asRemote(Model.loss, many)(new Float64Array(2), 0.1);
expectType<Equal<typeof loss, AsyncResult<number[]>>>();
const norm = remote(many)((x: number) => x)(1);
expectType<Equal<typeof norm, AsyncResult<number[]>>>();
