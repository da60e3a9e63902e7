/** The decorators in every form: what they wrap runs on the engines, and what they make stays like what it wraps. */

import {
  AsyncResult,
  asParallel,
  asRemote,
  Cluster,
  closure,
  type DirectView,
  parallel,
  RemoteError,
  ref,
  remote,
} from "ndparallel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);
const all = (): DirectView<"many", false> => shared.all;

class Model {
  @remote(all)
  static async scaled(x: number, factor = 10): Promise<number> {
    return x * factor;
  }

  @parallel(all)
  static async doubled(x: Float64Array): Promise<Float64Array> {
    return x.map((v) => 2 * v);
  }

  @remote(all)
  async plus(x: number, y: number): Promise<number> {
    return x + y;
  }

  @remote(all)
  field = async (x: number): Promise<number> => x - 1;

  @remote(all)
  accessor negated = async (x: number): Promise<number> => -x;
}

describe("remote", () => {
  test("as a higher-order function: one value for each engine, a bare one for one engine", async () => {
    const square = remote(shared.all)((x: number) => x * x);
    expect(square(7)).toBeInstanceOf(AsyncResult);
    expect(await square(7)).toEqual([49, 49]);
    expect(await remote(shared.rc.at(0))((x: number) => x * x)(7)).toBe(49);
  });

  test("on static methods, methods, fields and accessors", async () => {
    const model = new Model();
    expect(await Model.scaled(4)).toEqual([40, 40]);
    expect(await Model.scaled(4, 2)).toEqual([8, 8]);
    expect(await model.plus(1, 2)).toEqual([3, 3]);
    expect(await model.field(1)).toEqual([0, 0]);
    expect(await model.negated(5)).toEqual([-5, -5]);
  });

  test("keeps name, length and text of what it wraps", () => {
    function area(width: number, height: number): number {
      return width * height;
    }
    const wrapped = remote(all)(area);
    expect(wrapped.name).toBe("area");
    expect(wrapped).toHaveLength(2);
    expect(String(wrapped)).toBe(String(area));
    expect(wrapped.local).toBe(area);
    expect(wrapped.local(2, 3)).toBe(6);
    expect(Model.scaled.name).toBe("scaled");
  });

  test("map calls the function once for each element", async () => {
    const square = remote(shared.all)((x: number) => x * x);
    expect(await square.map([1, 2, 3])).toEqual([1, 4, 9]);
    expect(await square.map(Int16Array.of(1, 2, 3))).toEqual(Int16Array.of(1, 4, 9));
    expect(await asRemote(Model.scaled, shared.all).map([1, 2], [3, 4])).toEqual([3, 8]);
  });

  test("takes default arguments and names of the engine's namespace", async () => {
    await shared.all.push({ offset: 100 });
    const shifted = (x: number, y = 5): number => x + y + offset;
    expect(await remote(all)(shifted)(1)).toEqual([106, 106]);
  });

  test("gives a promise of the value with the flag block", async () => {
    const result = remote(all, { block: true })((x: number) => x)(3);
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toEqual([3, 3]);
  });

  test("an error on the engines is a RemoteError", async () => {
    const failing = remote(() => shared.rc.at(1))((): number => {
      throw new RangeError("too far");
    });
    await expect(failing()).rejects.toMatchObject({ remoteName: "RangeError", message: "too far" });
    await expect(failing()).rejects.toBeInstanceOf(RemoteError);
  });

  test("view.remote() and view.parallel() are the same", async () => {
    expect(await shared.all.remote()((x: number) => x + 1)(1)).toEqual([2, 2]);
    expect(await shared.all.parallel()((x: number[]) => x.map((v) => v + 1))([1, 2, 3])).toEqual([2, 3, 4]);
  });

  test("what is decorated travels as the plain function: as an argument, in a namespace, as fn itself", async () => {
    const half = remote(all)((x: number) => x / 2);
    const use = (fn: (x: number) => number, x: number): number => fn(x);
    expect(await shared.rc.at(0).apply(use, half as never, 8)).toBe(4);
    expect(await shared.rc.at(0).apply(half as never, 6 as never)).toBe(3);
    await shared.all.push({ half });
    expect(await shared.all.apply(ref("half"), 10)).toEqual([5, 5]);
    const quarter = closure((x: number) => (half as unknown as (x: number) => number)(x) / 2, { half });
    expect(await shared.rc.at(0).apply(quarter, 12)).toBe(3);
  });
});

describe("parallel", () => {
  test("each engine has one contiguous part, and the parts are joined in kind", async () => {
    const sizes = parallel(all)((x: ArrayLike<number>) => [x.length]);
    expect(await sizes([1, 2, 3, 4, 5])).toEqual([3, 2]);
    expect(await Model.doubled(Float64Array.of(1, 2, 3))).toEqual(Float64Array.of(2, 4, 6));
    const again = parallel(all)((list: number[]) => [...list, ...list]);
    expect(await again([1, 2, 3, 4])).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
  });

  test("results that are no sequences come as a list, one for each engine", async () => {
    const sum = parallel(all)((x: Float64Array) => x.reduce((a, b) => a + b, 0));
    expect(await sum(Float64Array.of(1, 2, 3, 4))).toEqual([3, 7]);
  });

  test("several sequences are divided alike; unequal lengths are a RangeError that tells them", async () => {
    const add = parallel(all)((x: number[], y: number[]) => x.map((v, i) => v + y[i]!));
    expect(await add([1, 2, 3], [10, 20, 30])).toEqual([11, 22, 33]);
    expect(() => add([1, 2, 3], [1])).toThrow(RangeError);
    expect(() => add([1, 2, 3], [1])).toThrow("3, 1");
  });

  test("arguments that are no sequences go to every engine whole", async () => {
    const scale = parallel(all)((x: number[], options: { by: number }) => x.map((v) => v * options.by));
    expect(await scale([1, 2, 3], { by: 4 })).toEqual([4, 8, 12]);
  });

  test("without a sequence it is a TypeError", () => {
    const identity = parallel(all)((x: number) => x);
    expect(() => identity(5)).toThrow(TypeError);
  });

  test("nothing in, nothing out, of the same kind", async () => {
    expect(await Model.doubled(new Float64Array(0))).toEqual(new Float64Array(0));
    expect(await parallel(all)((x: number[]) => x)([])).toEqual([]);
  });

  test("map calls the function once for each element", async () => {
    const triple = parallel(all)((x: number) => 3 * x);
    expect(await triple.map([1, 2, 3])).toEqual([3, 6, 9]);
    expect(await asParallel(Model.doubled).local(Float64Array.of(1))).toEqual(Float64Array.of(2));
  });
});

describe("where the view comes from", () => {
  let other: Cluster;
  beforeAll(async () => {
    other = await Cluster.start({ engines: 1 });
  });
  afterAll(() => other.stop());

  test("a function that gives it is asked at each call", async () => {
    await using client = await other.connect();
    let view = shared.all;
    const count = remote(() => view)(() => 1);
    expect(await count()).toHaveLength(2);
    view = client.view();
    expect(await count()).toHaveLength(1);
  });

  test("without one it is the view that was activated last; before that an error says what to do", async () => {
    const one = remote()(() => 1);
    expect(() => one()).toThrow(/activate/);
    shared.all.activate();
    expect(await one()).toEqual([1, 1]);
  });
});

describe("bad input", () => {
  test.each([[5], [null], ["view"], [{}]])("remote(%o) is a TypeError at once", (view) => {
    expect(() => remote(view as never)).toThrow(TypeError);
    expect(() => parallel(view as never)).toThrow(TypeError);
  });

  test("a function that gives no view is a TypeError at the call", () => {
    expect(() => remote(() => 5 as never)(() => 1)()).toThrow(TypeError);
  });

  test.each([[5], [undefined], [{}]])("decorating %o is a TypeError", (value) => {
    expect(() => remote(all)(value as never)).toThrow(TypeError);
  });

  test("asRemote of a plain function is a TypeError", () => {
    expect(() => asRemote(async () => 1)).toThrow(TypeError);
  });

  test("an unknown flag is a TypeError at the call, and names the flags there are", () => {
    expect(() => remote(all, { speed: 5 } as never)(() => 1)()).toThrow(/speed.*block, track, targets/);
  });
});

declare const offset: number;
