/** Functions over the wire: which kinds travel, where their names are looked up, and what is refused before sending. */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import ndarray from "ndarray";
import { closure, RemoteError, ref, SerializationError } from "ndparallel";
import { describe, expect, test } from "vitest";
import { hypot, triple } from "../functions/fixtures/numbers.ts";
// biome-ignore lint/correctness/useImportExtensions: a module in JavaScript, with its declarations beside it
import { next } from "../functions/fixtures/stateful.mjs";
import { failure, shareCluster } from "./shared-cluster.ts";

declare const a: number;
declare const table: { rate: number };
declare const helper: (x: number) => number;

let seed = 0;
const seedWith = (value: number): void => {
  seed = value;
};
const nextState = (): number => {
  seed = (seed * 16_807) % 2_147_483_647;
  return seed;
};

const shared = shareCluster(2);

const constant = 42;
let changing = 1;
const weights = Float64Array.of(1, 2, 3);
function twice(x: number): number {
  return 2 * x;
}

async function refusal(call: () => unknown): Promise<SerializationError> {
  const sent = shared.rc.history.length;
  const error = await failure(call);
  expect(error).toBeInstanceOf(SerializationError);
  expect(shared.rc.history).toHaveLength(sent);
  return error as SerializationError;
}

describe("kinds", () => {
  class Shape {
    static count = 3;
    static scale(x: number): number {
      return x * 10;
    }
    static async later(x: number): Promise<number> {
      return x + 1;
    }
    readonly #side: number;
    constructor(side: number) {
      this.#side = side;
    }
    get area(): number {
      return this.#side ** 2;
    }
    plain(x: number): number {
      return x - 1;
    }
  }
  const record = {
    method(x: number): number {
      return x * 3;
    },
    async asyncMethod(x: number): Promise<number> {
      return x * 4;
    },
    ["computed name"](x: number): number {
      return x * 5;
    },
    get accessor(): number {
      return 6;
    },
    arrow: (x: number): number => x * 7,
  };

  test.each<[string, (x: number) => unknown, unknown]>([
    ["a declaration", twice, 20],
    ["an arrow function", (x) => x + 1, 11],
    [
      "an arrow function with a body",
      (x) => {
        const y = x;
        return y;
      },
      10,
    ],
    [
      "a function expression",
      function (x) {
        return x / 2;
      },
      5,
    ],
    [
      "a named function expression that calls itself",
      function down(x): unknown {
        return x === 0 ? "done" : down(x - 1);
      },
      "done",
    ],
    ["an async function", async (x) => x + 2, 12],
    [
      "an async function expression",
      async function (x) {
        return (await Promise.resolve(x)) + 3;
      },
      13,
    ],
    ["a function that returns a promise", (x) => Promise.resolve(x), 10],
    ["a method of a record", record.method, 30],
    ["an async method", record.asyncMethod, 40],
    ["a method with a computed name", record["computed name"], 50],
    ["a getter", Object.getOwnPropertyDescriptor(record, "accessor")?.get as () => number, 6],
    ["an arrow function in a record", record.arrow, 70],
    ["a static method", Shape.scale, 100],
    ["an async static method", Shape.later, 11],
    ["a method of a class", Shape.prototype.plain, 9],
    [
      "a bound function",
      function (this: { k: number }, y: number, x: number) {
        return this.k * y * x;
      }.bind({ k: 2 }, 3),
      60,
    ],
    ["a bound native function", Math.pow.bind(null, 2), 1024],
    ["a native function", Math.sqrt, Math.sqrt(10)],
    ["a constructor that is called without new", Number as (x: number) => number, 10],
    ["a function of a Node module", basename as never, undefined],
    ["a function made from text", new Function("x", "return x * 8") as (x: number) => number, 80],
    [
      "default values, rest and patterns",
      (x, [y] = [1], { z = 2 } = {}, ...rest: number[]) => [x, y, z, rest.length],
      [10, 1, 2, 0],
    ],
    [
      "a function that uses arguments",
      function () {
        return arguments.length;
      },
      1,
    ],
  ])("%s", async (name, fn, expected) => {
    if (name === "a function of a Node module") {
      expect(await shared.rc.at(0).apply(basename, "/a/b.c")).toBe("b.c");
    } else {
      expect(await shared.rc.at(0).apply(fn, 10)).toEqual(expected);
    }
  });

  test("a class travels as an argument, with its static members", async () => {
    const use = (C: typeof Shape): unknown[] => [new C(3).area, C.count, C.scale(2), new C(1).plain(1)];
    expect(await shared.rc.at(0).apply(use, Shape)).toEqual([9, 3, 20, 0]);
  });

  test("records are a result and an argument with their names; an instance of a class needs registerType", async () => {
    class Point {
      constructor(
        readonly x: number,
        readonly y: number,
      ) {}
    }
    const one = shared.rc.at(0);
    expect(await one.apply((x: number, y: number) => ({ x, y }), 1, 2)).toEqual({ x: 1, y: 2 });
    expect(await one.apply((p: { x: number; y: number }) => [p.y, p.x], { x: 1, y: 2 })).toEqual([2, 1]);
    const error = (await failure(() => one.apply((x: number) => new Point(x, 2), 1))) as RemoteError;
    expect(error.message).toMatch(/instance of class Point.*registerType/);
    expect(() => one.apply((p: Point) => p.x, new Point(1, 2))).toThrow(/instance of class Point.*registerType/);
  });

  test("a class cannot be called, as here", async () => {
    const error = (await failure(() => shared.rc.at(0).apply(Shape as never))) as RemoteError;
    expect(error.remoteName).toBe("TypeError");
    expect(error.message).toMatch(/new/);
  });

  test("generators run on the engine when they are consumed there; one as a result is refused", async () => {
    const one = shared.rc.at(0);
    function* count(n: number): Generator<number> {
      for (let i = 0; i < n; i++) yield i;
    }
    expect(await one.apply((make: typeof count) => [...make(3)], count)).toEqual([0, 1, 2]);
    const error = (await failure(() => one.apply(count, 3))) as RemoteError;
    expect(error.remoteName).toBe("SerializationError");
    expect(error.message).toMatch(/iterator.*Array\.from/);
    expect(((await failure(() => one.apply(async function* () {}))) as RemoteError).remoteName).toBe(
      "SerializationError",
    );
  });

  test("a function may be the default value of a parameter", async () => {
    const foo = (): string => "foo";
    const bar = (f = foo): string => f();
    expect(await shared.rc.at(0).apply(bar)).toBe("foo");
    expect(await shared.rc.at(0).apply(bar, () => "other")).toBe("other");
  });

  test("name and length are kept", async () => {
    const describeFunction = (fn: (...args: never[]) => unknown): unknown => [fn.name, fn.length];
    const arrow = (x: number, y: number): number => x + y;
    expect(await shared.rc.at(0).apply(describeFunction, arrow)).toEqual(["arrow", 2]);
    expect(await shared.rc.at(0).apply(describeFunction, twice)).toEqual(["twice", 1]);
    expect(await shared.rc.at(0).apply(describeFunction, record["computed name"])).toEqual(["computed name", 1]);
  });

  test("functions run in strict mode where they were written in it", async () => {
    const one = shared.rc.at(0);
    const strict = function (this: unknown): boolean {
      return this === undefined;
    };
    expect(await one.apply(strict)).toBe(true);
    expect(await one.apply(new Function("return this === globalThis") as () => boolean)).toBe(true);
  });

  test("values are of the same realm as the engine's own", async () => {
    const check = (x: Float64Array, list: unknown[], map: Map<string, number>): boolean[] => [
      x instanceof Float64Array,
      // biome-ignore lint/suspicious/useIsArray: the realm is what is asked
      list instanceof Array,
      map instanceof Map,
      new Error("x") instanceof Error,
      {}.constructor === Object,
    ];
    expect(await shared.rc.at(0).apply(check, weights, [], new Map())).toEqual([true, true, true, true, true]);
  });
});

describe("free names", () => {
  test("found nowhere here, they are looked up in the engine's namespace when the function runs", async () => {
    const { rc, all } = shared;
    const read = (): number => a + 1;
    await rc.at(0).push({ a: 1 });
    await rc.at(1).execute("a = 2");
    expect(await all.apply(read)).toEqual([2, 3]);
    await all.push({ a: 10 });
    expect(await all.apply(read)).toEqual([11, 11]);
  });

  test("writing to one writes to the namespace", async () => {
    const one = shared.rc.at(0);
    await one.push({ a: 1 });
    await one.apply(new Function("a = a + 1") as () => void);
    expect(await one.get("a")).toBe(2);
  });

  test("a missing one is a remote ReferenceError that names the function, the engine and the remedy", async () => {
    const readRate = (): number => table.rate;
    const error = (await failure(() => shared.rc.at(1).apply(readRate))) as RemoteError;
    expect(error).toBeInstanceOf(RemoteError);
    expect(error.remoteName).toBe("ReferenceError");
    expect(error.message).toMatch(/table is not defined/);
    for (const part of ['"readRate"', "engine 1", "push({ table })", "execute("]) expect(error.message).toContain(part);
    const inMap = (await failure(() => shared.rc.at(1).map(() => a, [1]))) as RemoteError;
    expect(inMap.message).toContain("push({ a })");
    const inAsync = (await failure(() => shared.rc.at(1).apply(async () => helper(1)))) as RemoteError;
    expect(inAsync.message).toContain("push({ helper })");
  });

  test("globals of the runtime are there", async () => {
    const use = (): unknown[] => [typeof process.pid, typeof Buffer, typeof setTimeout, JSON.stringify([1]), undefined];
    expect(await shared.rc.at(0).apply(use)).toEqual(["number", "function", "function", "[1]", undefined]);
    expect(await shared.rc.at(0).apply(() => process.pid)).not.toBe(process.pid);
  });

  test("import() inside a function finds modules on the engine", async () => {
    const use = async (): Promise<unknown[]> => {
      const { join } = await import("node:path");
      const { default: ndarray } = await import("ndarray");
      return [join("a", "b"), ndarray([1, 2], [2]).get(1)];
    };
    expect(await shared.rc.at(0).apply(use)).toEqual(["a/b", 2]);
  });

  test("recursion by the function's own name works, whatever holds it", async () => {
    function factorial(n: number): number {
      return n < 2 ? 1 : n * factorial(n - 1);
    }
    const fibonacci = (n: number): number => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));
    const asyncSum = async (n: number): Promise<number> => (n === 0 ? 0 : n + (await asyncSum(n - 1)));
    const one = shared.rc.at(0);
    expect(await one.apply(factorial, 10)).toBe(3_628_800);
    expect(await one.apply(fibonacci, 15)).toBe(610);
    expect(await one.apply(asyncSum, 10)).toBe(55);
    expect(await shared.all.map(fibonacci, [10, 11])).toEqual([55, 89]);
  });
});

describe("captured variables", () => {
  test("travel by value: a constant, a variable, an array, a function", async () => {
    const one = shared.rc.at(0);
    expect(await one.apply(() => constant)).toBe(42);
    expect(await one.apply(() => weights)).toEqual(Float64Array.of(1, 2, 3));
    expect(await one.apply((x: number) => twice(x), 4)).toBe(8);
    const read = (): number => changing;
    for (const value of [1, 2, 3]) {
      changing = value;
      expect(await one.apply(read)).toBe(value);
    }
  });

  test("are those of each closure", async () => {
    const make =
      (factor: number) =>
      (x: number): number =>
        x * factor;
    expect(await shared.all.map(make(3), [1, 2])).toEqual([3, 6]);
    expect(await shared.all.map(make(4), [1, 2])).toEqual([4, 8]);
  });

  test("are copies: what is assigned on the engine stays there", async () => {
    const one = shared.rc.at(0);
    let counter = 10;
    const count = (): number => ++counter;
    expect([await one.apply(count), await one.apply(count)]).toEqual([11, 11]);
    expect(counter).toBe(10);
  });

  test("which are arrays are received arrays: read-only", async () => {
    const error = (await failure(() => shared.rc.at(0).apply(() => weights.fill(0)))) as RemoteError;
    expect(error.remoteName).toBe("ReadOnlyError");
    expect(error.message).toContain("writable(");
    expect(weights).toEqual(Float64Array.of(1, 2, 3));
  });

  test("of large arrays leave the message, and are one object with the argument that they are", async () => {
    const large = new Float64Array(100_000).map((_, i) => i);
    const use = (x: Float64Array): unknown[] => [x === large, x.length, large[99_999]];
    expect(await shared.rc.at(0).apply(use, large)).toEqual([true, 100_000, 99_999]);
  });

  test("may be imports: of Node, of packages, of the project's own modules", async () => {
    const { rc } = shared;
    expect(await rc.at(0).apply(() => basename("/a/b"))).toBe("b");
    expect(await rc.at(0).apply(() => ndarray([1, 2, 3], [3]).pick(1).get())).toBe(2);
    expect(await rc.at(0).apply(() => triple(hypot(3, 4)))).toBe(15);
  });

  test("of local modules are copied each time, or imported once by each engine", async () => {
    const one = shared.rc.at(0);
    expect([await one.apply(() => next()), await one.apply(() => next())]).toEqual([1, 1]);
    const byName = one.with({ modules: "reference" });
    expect([await byName.apply(() => next()), await byName.apply(() => next())]).toEqual([1, 2]);
    expect(await one.apply(closure(() => next(), {}, { modules: "reference" }))).toBe(3);
    expect(() => one.with({ modules: "name" as never })).toThrow(/"value" or "reference"/);
  });

  test("are shared by the functions of one message", async () => {
    const state = { n: 0 };
    const functions = [(): number => ++state.n, (): number => ++state.n];
    const call = (list: (() => number)[]): number[] => list.map((f) => f());
    expect(await shared.rc.at(0).apply(call, functions)).toEqual([1, 2]);
  });

  test("hot loops over one run as on the client: the same sum", async () => {
    const n = 100_000;
    const sum = (): number => {
      let total = 0;
      for (let i = 0; i < n; i++) total += constant * i;
      return total;
    };
    expect(await shared.rc.at(0).apply(sum)).toBe((constant * n * (n - 1)) / 2);
  });
});

describe("what cannot travel is refused before anything is sent", () => {
  test("a captured value: function, place in this file, path, reason, remedy", async () => {
    const context = { deep: { p: Promise.resolve(1) } };
    const train = (): unknown => context;
    const error = await refusal(() => shared.all.apply(train));
    const line = Number(/functions\.test\.ts:(\d+):\d+/.exec(error.message)?.[1]);
    expect(error.message).toBe(
      `fn cannot be sent: function "train" (test/cluster/functions.test.ts:${line}:${error.place?.column}): ` +
        'captured variable "context" → .deep → .p is a Promise; await it, and send what it resolves to',
    );
    expect(error).toMatchObject({
      path: "fn",
      functionName: "train",
      culprit: 'captured variable "context" → .deep → .p',
      reason: "is a Promise",
      remedy: "await it, and send what it resolves to",
      place: { file: import.meta.filename, line },
    });
    const source = readFileSync(import.meta.filename, "utf8").split("\n");
    expect(source[line - 1]).toContain("const train = ");
  });

  test("in a function that is an argument, at any depth: the path leads to it", async () => {
    const handle = new WeakMap();
    const error = await refusal(() => shared.all.apply((x: unknown) => x, { list: [() => handle] }));
    expect(error.path).toBe("args[0].list[0]");
    expect(error.message).toContain('captured variable "handle" is a WeakMap');
  });

  test("in a function that a function captured", async () => {
    const pending = Promise.resolve();
    const inner = (): unknown => pending;
    const outer = (): unknown => inner();
    const error = await refusal(() => shared.all.apply(outer));
    expect(error.culprit).toBe('captured variable "inner" → variable "pending"');
    expect(error.functionName).toBe("outer");
  });

  test("what belongs to the code around it", async () => {
    class Counter {
      readonly #n = 1;
      arrow = (): number => this.#n;
      reads(): number {
        return this.#n;
      }
    }
    expect((await refusal(() => shared.all.apply(new Counter().arrow))).message).toMatch(/this|#n/);
    expect((await refusal(() => shared.all.apply(Counter.prototype.reads))).message).toMatch(/#n/);
    class Derived extends Counter {
      override reads(): number {
        return super.reads();
      }
    }
    expect((await refusal(() => shared.all.apply(Derived.prototype.reads))).message).toMatch(/super/);
    expect((await refusal(() => shared.all.apply(new Proxy(twice, {}), 1))).message).toMatch(/Proxy/);
  });

  test("with block the refusal comes through the promise", async () => {
    const promise = Promise.resolve();
    const call = shared.all.with({ block: true }).apply(() => promise);
    await expect(call).rejects.toBeInstanceOf(SerializationError);
  });
});

describe("closure", () => {
  test("sends the captured variables that are stated", async () => {
    const fn = closure((x: number) => x * constant + changing, { constant, changing });
    expect(await shared.all.apply(fn, 2)).toEqual([2 * constant + changing, 2 * constant + changing]);
    expect(fn(2)).toBe(2 * constant + changing);
  });

  test("arrays, functions and classes, at any depth", async () => {
    class Scaler {
      constructor(readonly by: number) {}
      scale(x: number): number {
        return x * this.by;
      }
    }
    const nested = { deep: [twice] };
    const fn = closure(
      (x: number) => (weights[2] as number) + (nested.deep[0] as typeof twice)(x) + new Scaler(10).scale(x),
      {
        weights,
        nested,
        Scaler,
      },
    );
    expect(await shared.rc.at(0).apply(fn, 1)).toBe(3 + 2 + 10);
  });

  test("values are as they are at the time of sending, or given by another name's value", async () => {
    const fn = closure(() => constant, { constant: 7 });
    expect(await shared.rc.at(0).apply(fn)).toBe(7);
    expect(fn()).toBe(42);
    const list = [1];
    const listed = closure(() => list, { list });
    list.push(2);
    expect(await shared.rc.at(0).apply(listed)).toEqual([1, 2]);
  });

  test("stated arrays are read-only on the engine", async () => {
    const error = (await failure(() =>
      shared.rc.at(0).apply(closure(() => weights.fill(0), { weights })),
    )) as RemoteError;
    expect(error.remoteName).toBe("ReadOnlyError");
    expect(weights).toEqual(Float64Array.of(1, 2, 3));
  });

  test("what is not stated is captured; names that are not used are a TypeError", async () => {
    changing = 2;
    expect(await shared.rc.at(0).apply(closure(() => constant + changing, { constant: 1 }))).toBe(3);
    expect(() => closure(() => constant, { constnat: 1 })).toThrow(/"constnat"/);
    expect(() => closure(5 as never, {})).toThrow(TypeError);
    expect(() => closure(() => 1, null as never)).toThrow(TypeError);
  });

  test("a captured value that cannot be sent is refused with its path", async () => {
    const bad = { deep: new WeakMap() };
    const error = await refusal(() => shared.all.apply(closure(() => bad, { bad })));
    expect(error.message).toMatch(/"bad" → \.deep is a WeakMap/);
  });

  test("works for maps, pushes and arguments", async () => {
    const scale = closure((x: number) => x * constant, { constant });
    expect(await shared.all.map(scale, [1, 2])).toEqual([42, 84]);
    await shared.all.push({ helper: scale });
    expect(await shared.all.apply(() => helper(3))).toEqual([126, 126]);
    expect(await shared.all.apply((f: typeof scale) => f(1), scale)).toEqual([42, 42]);
  });
});

describe("functions as values", () => {
  test("as arguments, at any depth", async () => {
    const use = (f: (x: number) => number, options: { list: ((x: number) => number)[] }): number[] => [
      f(3),
      ...options.list.map((g) => g(3)),
    ];
    expect(await shared.all.apply(use, twice, { list: [(x) => x - 1, Math.abs] })).toEqual([
      [6, 2, 3],
      [6, 2, 3],
    ]);
  });

  test("as results: callable here", async () => {
    const made = await shared.rc.at(0).apply(() => (x: number) => x + 1);
    expect(made(1)).toBe(2);
    const [first] = await shared.all.apply(() => ({ add: (x: number, y: number) => x + y }));
    expect(first?.add(1, 2)).toBe(3);
  });

  test("one that captured variables on the engine brings them back", async () => {
    const make = (factor: number) => (x: number) => x * factor;
    const triple = await shared.rc.at(0).apply(make, 3);
    expect(triple(2)).toBe(6);
    expect(await shared.rc.at(1).map(triple, [1, 2])).toEqual([3, 6]);
  });

  test("pushed, called by ref, pulled back, and sent again", async () => {
    const { all } = shared;
    await all.push({ helper: (x: number) => x + 5 });
    expect(await all.apply(ref("helper"), 1)).toEqual([6, 6]);
    expect(await all.apply((f: (x: number) => number) => f(2), ref("helper"))).toEqual([7, 7]);
    const pulled: (x: number) => number = await shared.rc.at(0).pull("helper");
    expect(pulled(3)).toBe(8);
    expect(await all.map(pulled, [1, 2, 3])).toEqual([6, 7, 8]);
  });

  test("defined by execute, pulled, and called here", async () => {
    await shared.all.execute("function helper(x) { return x ** 2 }; const arrow = (x) => -x");
    const [helperHere, arrowHere] = await shared.rc.at(0).pull(["helper", "arrow"]);
    expect([helperHere(3), arrowHere(3)]).toEqual([9, -3]);
    expect(await shared.all.map(ref("arrow"), [1, 2])).toEqual([-1, -2]);
  });

  test("the same function is revived for each task with variables of its own", async () => {
    const one = shared.rc.at(0);
    const state = { n: 0 };
    const count = closure(() => ++state.n, { state });
    expect([await one.apply(count), await one.apply(count)]).toEqual([1, 1]);
    expect(state.n).toBe(0);
  });
});

test("a random number generator of the module that one function seeds is seeded for the others, in each task anew", async () => {
  const draw = (start: number): number[] => {
    seedWith(start);
    return [nextState(), nextState()];
  };
  const expected = [3, 4, 5].map(draw);
  seedWith(0);
  for (const view of [shared.all, shared.rc.loadBalancedView()])
    expect(await view.map(draw, [3, 4, 5])).toEqual(expected);
  expect(await shared.all.apply(() => nextState())).toEqual([0, 0]);
});
