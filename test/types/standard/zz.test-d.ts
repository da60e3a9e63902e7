import { type DirectView, parallel, remote } from "ndparallel";
import type { NdArray } from "ndparallel";
declare const view: DirectView<"many", false>;
export class Model {
  @parallel(view)
  static async a(x: Float64Array): Promise<Float64Array> { return x; }
  @parallel(view)
  static async b(x: Float64Array, { k }: { k: number }): Promise<Float64Array> { return x.map((v) => v * k); }
  @remote(view)
  static async c(x: Float64Array): Promise<number> { return x.length; }
  @remote(view)
  async d(x: Float64Array): Promise<number> { return x.length; }
  @remote(view)
  static e = async (x: Float64Array): Promise<number> => x.length;
  @remote(view)
  static accessor f = async (x: Float64Array): Promise<number> => x.length;
  @parallel(view)
  static async g(x: NdArray<Float32Array>): Promise<Float64Array> { return new Float64Array(x.shape[0]!); }
}
