/** The decorators in every form: what they wrap runs on the engines, and what they make stays like what it wraps. */

import ndarray from "ndarray";
import {
  AsyncResult,
  asParallel,
  asRemote,
  Cluster,
  type CompositeError,
  closure,
  type DirectView,
  type NdArray,
  parallel,
  RemoteError,
  ref,
  remote,
} from "ndparallel";
import { beforeEach, describe, expect, test } from "vitest";
import { expectSameNdArray } from "./arrays.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

declare const id: number;

const shared = shareCluster(2);
/** Looked up at each call: the cluster is not there yet when the classes below are defined. */
const all = (): DirectView<"many", false> => shared.all;

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

beforeEach(async () => {
  for (const [index, view] of [...shared.rc].entries()) await view.push({ id: index });
});

class Model {
  @remote(all)
  static async loss(weights: Float64Array, rate = 2): Promise<number> {
    return weights.reduce((sum, w) => sum + w, 0) * rate;
  }

  @remote(() => shared.rc.at(1))
  async where(offset: number): Promise<number> {
    return id + offset;
  }

  @parallel(all)
  static async doubled(x: Float64Array): Promise<Float64Array> {
    return x.map((v) => 2 * v);
  }

  @remote(() => shared.rc.at(0))
  static square = async (x: number): Promise<number> => x * x;

  @remote(all)
  cube = async (x: number): Promise<number> => x ** 3;

  @parallel(all)
  static accessor halved = async (x: Float64Array): Promise<Float64Array> => x.map((v) => v / 2);

  @remote(all)
  accessor negated = async (x: number): Promise<number> => -x;

  @remote(() => shared.rc.at(0), { block: true })
  static async ["computed name"](x: number): Promise<number> {
    return -x;
  }

  @remote()
  static async onCurrent(): Promise<number> {
    return id;
  }
}

describe("where the view comes from", () => {
  test("without one it is the view activated last, at the time of the call; before that an error says what to do", async () => {
    const where = remote()(() => id);
    expect(() => where()).toThrow(TypeError);
    expect(() => where()).toThrow(/activate/);
    const view = shared.rc.at(1);
    expect(view.activate()).toBe(view);
    expect(await where()).toBe(1);
    expect(await Model.onCurrent()).toBe(1);
    shared.all.activate();
    expect(await where()).toEqual([0, 1]);
    expect(await parallel()((part: number[]) => part.length)(range(5))).toEqual([3, 2]);
  });

  test("a function that gives it is asked at each call, and may change clusters", async () => {
    await using other = await Cluster.start({ engines: 1 });
    await using client = await other.connect();
    const views = [shared.all, client.view(), shared.rc.view([1])];
    let calls = 0;
    const count = remote(() => views[calls++] as DirectView<"many", false>)(() => 1);
    expect(calls).toBe(0);
    expect(await count()).toEqual([1, 1]);
    expect(await count()).toEqual([1]);
    expect(await count()).toEqual([1]);
    expect(calls).toBe(3);
  });

  test("view.remote() and view.parallel() are the same for that view", async () => {
    expect(await shared.rc.at(1).remote()(() => id)()).toBe(1);
    expect(await shared.all.remote({ targets: 0 })(() => id)()).toBe(0);
    expect(await shared.all.parallel()((part: number[]) => part.map((x) => x + 1))(range(3))).toEqual([1, 2, 3]);
    expect(await shared.all.parallel({ block: true })((part: number[]) => part)(range(3))).toEqual([0, 1, 2]);
  });

  test("flags go over those of the view", async () => {
    const call = remote(shared.all, { block: true })(() => id)();
    expect(call).toBeInstanceOf(Promise);
    expect(await call).toEqual([0, 1]);
    const labelled = remote(all, { label: "epoch 1", targets: 1 })(() => id)();
    expect(await labelled).toBe(1);
    expect(labelled.metadata).toMatchObject({ label: "epoch 1", engineId: 1 });
  });
});

describe("remote as a higher-order function", () => {
  test("gives what apply gives, in the shape of the view", async () => {
    const add = (a: number, b = 10): number => a + b;
    const onAll = remote(shared.all)(add);
    const result = onAll(1, 2);
    expect(result).toBeInstanceOf(AsyncResult);
    expect(await result).toEqual([3, 3]);
    expect(await onAll(1)).toEqual([11, 11]);
    expect(await remote(shared.rc.at(1))(add)(1)).toBe(11);
    expect(await remote(shared.rc.view([1]))(add)(1)).toEqual([11]);
  });

  test("map calls it once for each element", async () => {
    const square = remote(shared.all)((x: number) => x * x);
    expect(await square.map(range(5))).toEqual([0, 1, 4, 9, 16]);
    expect(await square.map(Int16Array.of(1, 2, 3))).toEqual(Int16Array.of(1, 4, 9));
    expect(await remote(shared.all)((x: number, y: number) => x + y).map([1, 2, 3], [10, 20])).toEqual([11, 22]);
  });

  test("keeps name, length, text and the function itself", () => {
    function area(width: number, height: number): number {
      return width * height;
    }
    for (const wrapped of [remote(all)(area), parallel(all)(area)]) {
      expect([wrapped.name, wrapped.length]).toEqual(["area", 2]);
      expect(String(wrapped)).toBe(String(area));
      expect(wrapped.local).toBe(area);
      expect(wrapped.local(2, 3)).toBe(6);
    }
  });

  test("errors are those of apply", async () => {
    const bad = remote(shared.rc.at(1))((x: number) => {
      throw new RangeError(`bad ${x}`);
    });
    const error = await failure(() => bad(7));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ remoteName: "RangeError", message: "bad 7", engineId: 1 });
    const outside = 5;
    expect(await remote(shared.all)(() => outside)()).toEqual([5, 5]);
    expect(await remote(shared.all)(closure(() => outside, { outside: 6 }))()).toEqual([6, 6]);
    const promise = Promise.resolve();
    expect(await failure(() => remote(shared.all)(() => promise)())).toMatchObject({ code: "SerializationError" });
  });
});

describe("parallel as a higher-order function", () => {
  test("each engine gets one part, and the results are joined: [1, 2, 1, 2, 3, 4, 3, 4] on 2 engines", async () => {
    const again = parallel(shared.all)((part: number[]) => [...part, ...part]);
    const result = again([1, 2, 3, 4]);
    expect(result).toBeInstanceOf(AsyncResult);
    expect(await result).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
  });

  test("map calls it once for each element: [5, 10, 15], and squares", async () => {
    const times = parallel(shared.all)((x: number) => 5 * x);
    expect(await times.map([1, 2, 3])).toEqual([5, 10, 15]);
    expect(await parallel(shared.all)((x: number) => x ** 2).map([1, 2, 3])).toEqual([1, 4, 9]);
    expect(await parallel(shared.all)((x: number, y: number) => x * y).map([1, 2, 3], [4, 5])).toEqual([4, 10]);
    expect(await times.map([])).toEqual([]);
  });

  test("typed arrays in, a typed array out", async () => {
    const relu = parallel(shared.all)((x: Float32Array) => x.map((v) => Math.max(v, 0)));
    expect(await relu(Float32Array.of(-1, 2, -3, 4, 5))).toEqual(Float32Array.of(0, 2, 0, 4, 5));
    const halves = parallel(shared.all)((x: Uint8Array) => Float64Array.from(x, (v) => v / 2));
    expect(await halves(Uint8Array.of(1, 2, 3))).toEqual(Float64Array.of(0.5, 1, 1.5));
  });

  test("ndarrays in, an ndarray out", async () => {
    const rows = ndarray(Float32Array.from(range(10)), [5, 2]) as unknown as NdArray;
    const swap = parallel(shared.all)((x: NdArray) => x.step(1, -1));
    expectSameNdArray(await swap(rows), rows.step(1, -1));
    expectSameNdArray(await swap(rows.transpose(1, 0)), rows.transpose(1, 0).step(1, -1));
  });

  test("results that are no sequences are listed, one for each engine", async () => {
    expect(await parallel(all)((x: Float64Array) => x.reduce((a, b) => a + b))(Float64Array.of(1, 2, 3, 4))).toEqual([
      3, 7,
    ]);
    expect(await parallel(all)((x: number[]) => ({ first: x[0] }))(range(5))).toEqual([{ first: 0 }, { first: 3 }]);
    expect(await parallel(all)((x: string[]) => x.join(""))(["a", "b", "c"])).toEqual(["ab", "c"]);
  });

  test("several sequences are divided alike; what is no sequence goes to each engine whole", async () => {
    const combine = parallel(all)((xs: number[], ys: Float64Array, options: { scale: number }, name: string) =>
      xs.map((x, i) => `${name}${x * options.scale + (ys[i] as number)}`),
    );
    const combined = await combine(range(3), Float64Array.of(0.5, 0.25, 0.125), { scale: 10 }, "n");
    expect(combined).toEqual(["n0.5", "n10.25", "n20.125"]);
  });

  test("other iterables are divided into lists", async () => {
    const parts = parallel(all)((x: Iterable<unknown>) => [[...x]]);
    expect(await parts(new Set([1, 2, 3]))).toEqual([[1, 2], [3]]);
    expect(await parts(range(3).values())).toEqual([[0, 1], [2]]);
  });

  test("sequences of different lengths are a RangeError that names them; none is a TypeError", async () => {
    const add = parallel(shared.all)((...args: unknown[]) => args);
    const sent = shared.rc.history.length;
    expect(() => add([1, 2], [1, 2, 3])).toThrow(RangeError);
    expect(() => add([1, 2], [1, 2, 3])).toThrow(/2, 3/);
    expect(() => add(5, { a: 1 })).toThrow(TypeError);
    expect(() => add()).toThrow(TypeError);
    const blocking = parallel(shared.all, { block: true })((x: unknown, y: unknown) => [x, y]);
    await expect(blocking([1], [])).rejects.toThrow(RangeError);
    expect(shared.rc.history).toHaveLength(sent);
  });

  test("nothing in, nothing of the same kind out, and the function is not called", async () => {
    const fail = parallel(all)((_x: unknown): unknown => {
      throw new Error("called");
    });
    const result = fail([]);
    expect(result).toBeInstanceOf(AsyncResult);
    expect(await result).toEqual([]);
    expect(await fail(new Float32Array(0))).toEqual(new Float32Array(0));
    const empty = (await fail(ndarray(new Int8Array(0), [0, 3]))) as unknown as NdArray;
    expect([empty.shape, empty.dtype]).toEqual([[0, 3], "int8"]);
  });

  test("fewer items than engines leave engines out; a single engine gets everything", async () => {
    const result = parallel(shared.all)((x: number[]) => [[id, ...x]])([7]);
    expect(result.engineIds).toEqual([0]);
    expect(await result).toEqual([[0, 7]]);
    expect(await parallel(shared.rc.at(1))((x: number[]) => [id, ...x])([5, 6])).toEqual([1, 5, 6]);
  });

  test("the parts are read-only on the engines", async () => {
    const error = await failure(() => parallel(all)((x: Float64Array) => x.fill(1))(new Float64Array(4)));
    const { errors } = error as CompositeError;
    expect(errors.map((one) => (one as RemoteError).remoteName)).toEqual(["ReadOnlyError", "ReadOnlyError"]);
  });

  test("iteration gives the joined items as the parts arrive; async functions are awaited", async () => {
    const seen: number[] = [];
    const plusOne = parallel(all)(async (x: number[]) => x.map((v) => v + 1));
    for await (const item of plusOne(range(5))) seen.push(item);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("standard decorators", () => {
  test("of static methods", async () => {
    expect(await Model.loss(Float64Array.of(1, 2))).toEqual([6, 6]);
    expect(await Model.loss(Float64Array.of(1, 2), 3)).toEqual([9, 9]);
    expect(await Model.doubled(Float64Array.of(1, 2, 3))).toEqual(Float64Array.of(2, 4, 6));
  });

  test("of methods of instances", async () => {
    expect(await new Model().where(100)).toBe(101);
    const { where } = new Model();
    expect(await where(1)).toBe(2);
  });

  test("of fields", async () => {
    expect(await Model.square(7)).toBe(49);
    expect(await new Model().cube(3)).toEqual([27, 27]);
  });

  test("of accessors, which can be assigned to", async () => {
    expect(await Model.halved(Float64Array.of(1, 3))).toEqual(Float64Array.of(0.5, 1.5));
    const model = new Model();
    expect(await model.negated(5)).toEqual([-5, -5]);
    model.negated = async (x) => x;
    expect(await model.negated(5)).toBe(5);
    expect(await new Model().negated(5)).toEqual([-5, -5]);
  });

  test("with flags, and computed names", async () => {
    const call = Model["computed name"](4);
    expect(call).toBeInstanceOf(Promise);
    expect(await call).toBe(-4);
  });

  test("name, length and text stay", () => {
    expect([Model.loss.name, Model.loss.length]).toEqual(["loss", 1]);
    expect([Model["computed name"].name, Model["computed name"].length]).toEqual(["computed name", 1]);
    expect(Model.square).toHaveLength(1);
    expect(String(Model.loss)).toMatch(/reduce/);
  });

  test("asRemote recovers the AsyncResult, map and local", async () => {
    const loss = asRemote(Model.loss, shared.all);
    expect(loss).toBe(Model.loss);
    const result = loss(Float64Array.of(1));
    expect(result).toBeInstanceOf(AsyncResult);
    expect(result.messageIds).toHaveLength(2);
    expect(await result).toEqual([2, 2]);
    expect(await loss.map([Float64Array.of(1), Float64Array.of(2)], [1, 10])).toEqual([1, 20]);
    expect(await loss.local(Float64Array.of(1))).toBe(2);
    expect(await asRemote(Model.square).map([1, 2, 3])).toEqual([1, 4, 9]);
    const doubled = asParallel(Model.doubled);
    expect(await doubled.map([Float64Array.of(1)])).toEqual([Float64Array.of(2)]);
    expect(await doubled.local(Float64Array.of(1))).toEqual(Float64Array.of(2));
  });
});

describe("wrappers travel as the functions that they wrap", () => {
  const plain = (x: number): number => x + 1;

  test("as arguments, as the function of a call, and in a namespace", async () => {
    const wrapped = remote(shared.all)(plain);
    const divided = parallel(shared.all)((x: number[]) => x.length);
    const one = shared.rc.at(0);
    expect(await one.apply((f: (x: number) => unknown, x: number) => f(x), wrapped as never, 1)).toBe(2);
    expect(await one.apply((o: { f: (x: number[]) => unknown }) => o.f([1, 2]), { f: divided } as never)).toBe(2);
    expect(await one.apply(wrapped as never, 5 as never)).toBe(6);
    expect(await one.map(wrapped as never, [1, 2])).toEqual([2, 3]);
    await shared.all.push({ wrapped });
    expect(await shared.all.apply(ref("wrapped"), 9)).toEqual([10, 10]);
    const pulled: (x: number) => number = await one.get("wrapped");
    expect(pulled(1)).toBe(2);
  });

  test("inside of other remote functions", async () => {
    const wrapped = remote(shared.all)(plain);
    const outer = remote(shared.rc.at(0))((x: number) => [wrapped(x), typeof wrapped]);
    expect(await outer(1)).toEqual([2, "function"]);
    expect(await remote(shared.rc.at(0))(closure((x: number) => wrapped(x), { wrapped }))(2)).toBe(3);
  });

  test("inside of classes whose methods name their own class and other decorated functions", async () => {
    const view = shared.all;
    const addOne = remote(view)(plain);
    class Tree {
      static readonly base = 100;
      @remote(view)
      static async depth(n: number): Promise<number> {
        return n === 0 ? Tree.base : 1 + (await Tree.depth(n - 1));
      }
      @remote(view)
      static async both(n: number): Promise<number> {
        return Number(await addOne(n)) + (await Tree.helper(n));
      }
      static async helper(n: number): Promise<number> {
        return 10 * n;
      }
    }
    expect(await Tree.depth(3)).toEqual([103, 103]);
    expect(await Tree.both(2)).toEqual([23, 23]);
    expect(await shared.rc.at(0).apply((T: typeof Tree) => T.depth(1), Tree)).toBe(101);
  });

  test("a view that a function captured stays here, and says so to whoever uses it there", async () => {
    const { rc, all } = shared;
    const touches = (use: boolean): unknown => (use ? all.size : typeof rc);
    expect(await rc.at(0).apply(touches, false)).toBe("object");
    const error = (await failure(() => rc.at(0).apply(touches, true))) as RemoteError;
    expect(error.message).toMatch(/"size" was asked of a view on an engine/);
  });

  test("one that calls itself by name runs the plain function on the engine", async () => {
    const fibonacci: (n: number) => unknown = remote(() => shared.rc.at(0))((n: number): unknown =>
      n < 2 ? n : (fibonacci(n - 1) as number) + (fibonacci(n - 2) as number),
    );
    expect(await fibonacci(10)).toBe(55);
  });

  test("decorated methods too", async () => {
    expect(await shared.rc.at(0).apply((f: typeof Model.square) => f(3), Model.square)).toBe(9);
  });
});

describe("refusals", () => {
  test.each<[unknown]>([[5], [null], ["all"], [{}], [[]]])("remote(%o) is a TypeError at once", (view) => {
    expect(() => remote(view as never)).toThrow(/remote takes a view/);
    expect(() => parallel(view as never)).toThrow(/parallel takes a view/);
    expect(() => parallel(view as never)).toThrow(TypeError);
  });

  test("a function that gives no view is a TypeError at the call", () => {
    expect(() => remote(() => 5 as never)(() => 1)()).toThrow(TypeError);
  });

  test.each<[unknown]>([[5], [null], [undefined], ["f"], [{}]])("decorating %o is a TypeError", (value) => {
    expect(() => remote(shared.all)(value as never)).toThrow(TypeError);
    expect(() => parallel(shared.all)(value as never)).toThrow(/takes a function/);
  });

  test.each<[unknown]>([[async () => 1], [null], [undefined], [5], [{}]])("asRemote(%o) is a TypeError", (value) => {
    expect(() => asRemote(value as never)).toThrow(TypeError);
    expect(() => asParallel(value as never)).toThrow(TypeError);
  });

  test("an unknown flag is a TypeError at the call, and names the flags there are", () => {
    expect(() => remote(all, { speed: 5 } as never)(() => 1)()).toThrow(/speed.*block, track, targets/);
  });

  test("fields without a function, getters and classes cannot be decorated", () => {
    expect(() => {
      class Wrong {
        // @ts-expect-error there is no function to decorate
        @remote(all)
        static rate = 0.5;
      }
      return Wrong;
    }).toThrow(/rate.*no function/);
    expect(() => {
      class Wrong {
        // @ts-expect-error getters cannot be decorated
        @remote(all)
        static get rate(): number {
          return 0.5;
        }
      }
      return Wrong;
    }).toThrow(/getter rate.*methods, fields and accessors/);
    expect(() => {
      // @ts-expect-error classes cannot be decorated
      @remote(all)
      class Wrong {}
      return Wrong;
    }).toThrow(TypeError);
  });
});
