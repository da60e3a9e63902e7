import { describe, expect, test } from "vitest";
import { SerializationError } from "../../src/errors.ts";
import { makeNdArray } from "../../src/ndarray-transport/ndarrays.ts";
import { Serializer, type TypeHandler } from "../../src/ndarray-transport/serializer.ts";

const serializer = new Serializer();

function refusal(value: unknown, name?: string): SerializationError {
  try {
    serializer.serialize(value, name);
  } catch (error) {
    expect(error).toBeInstanceOf(SerializationError);
    return error as SerializationError;
  }
  throw new Error("the value was not refused");
}

class Layer {
  readonly size = 2;
}

describe("what cannot be sent is refused, with the reason and the remedy", () => {
  function* numbers(): Generator<number> {
    yield 1;
  }
  async function* later(): AsyncGenerator<number> {
    yield 1;
  }
  class Bag extends Map<string, number> {}
  class Weights extends Float32Array {}
  class Row extends Array<number> {}
  const detached = new Float64Array(4);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const detachedView = new DataView(new ArrayBuffer(8));
  structuredClone(detachedView.buffer, { transfer: [detachedView.buffer] });
  const transferred = new ArrayBuffer(8);
  structuredClone(transferred, { transfer: [transferred] });
  const store = { length: 1, get: () => 0, set: () => undefined };

  test.each<[string, unknown, RegExp]>([
    ["symbol", Symbol("a"), /is a symbol.* send a string/],
    ["Promise", Promise.resolve(1), /is a Promise; await it/],
    ["WeakMap", new WeakMap(), /is a WeakMap.* send a Map/],
    ["WeakSet", new WeakSet(), /is a WeakSet.* send a Set/],
    ["WeakRef", new WeakRef({}), /is a WeakRef.* deref\(\)/],
    ["generator", numbers(), /is an iterator.* Array\.from/],
    ["async generator", later(), /is an iterator/],
    ["iterator of a list", [1].values(), /is an iterator/],
    ["iterator of a Map", new Map().entries(), /is an iterator/],
    ["boxed primitive", Object(1), /is a boxed primitive.* valueOf\(\)/],
    ["function", function train() {}, /is a function train, and functions cannot be sent/],
    [
      "arrow without a name",
      (
        () => () =>
          1
      )(),
      /is a function, and/,
    ],
    ["class", Layer, /is a function Layer/],
    ["Proxy of a function", new Proxy(() => 1, {}), /is a Proxy of a function/],
    ["instance", new Layer(), /is an instance of class Layer; send plain data, or register the type with registerType/],
    ["instance of a class without a name", new (class {})(), /is an instance of a class without a name/],
    ["instance of a class derived from Map", new Bag(), /is an instance of class Bag/],
    ["instance of a class derived from Float32Array", new Weights(1), /is an instance of class Weights/],
    ["instance of a class derived from Array", new Row(), /is an instance of class Row/],
    ["record with a record as prototype", Object.create({ a: 1 }), /is an instance of/],
    ["array over detached memory", detached, /transferred.*detached.* send a copy/],
    ["DataView over detached memory", detachedView, /detached/],
    ["detached ArrayBuffer", transferred, /detached/],
    ["ndarray over detached memory", makeNdArray(detached, [4]), /detached/],
    ["ndarray over a store", makeNdArray(store as never, [1]), /is an ndarray over a store/],
    [
      "ndarray that leaves its data",
      makeNdArray(new Float64Array(4), [3], [2], 0),
      /shape \[3\], stride \[2\] and offset 0.* 4 elements/,
    ],
    ["ndarray that begins before its data", makeNdArray(new Float64Array(4), [3], [-1], 0), /does not fit/],
  ])("%s", (_, value, message) => {
    const error = refusal([value], "args");
    expect(error.message).toMatch(message);
    expect(error.message.startsWith("args[0] ")).toBe(true);
    expect(error.path).toBe("args[0]");
  });
});

describe("the path leads to the culprit", () => {
  const culprit = Symbol("culprit");
  const sparse: unknown[] = [];
  sparse[7] = culprit;

  test.each<[string, unknown, string]>([
    ["the value itself", culprit, "value"],
    ["records and lists", [{ model: { layers: [1, 2, culprit] } }], "value[0].model.layers[2]"],
    ["after something special", [-0, { a: -0, b: culprit }], "value[1].b"],
    ["keys that are no identifiers", { "a b": { "1x": { "": culprit } } }, 'value["a b"]["1x"][""]'],
    ["identifiers of any alphabet", { größe_$1: culprit }, "value.größe_$1"],
    ["keys that are not well-formed", { "\ud800": culprit }, 'value["\\ud800"]'],
    ["a list with holes", sparse, "value[7]"],
    ["a named property of a list", Object.assign([-0], { note: culprit }), "value.note"],
    ["a value of a Map", new Map([["k", { x: culprit }]]), 'value.get("k").x'],
    [
      "values under other keys",
      new Map<unknown, unknown>([[1, new Map([[2n, new Map([[null, culprit]])]])]]),
      "value.get(1).get(2n).get(null)",
    ],
    [
      "a value under an object",
      new Map<unknown, unknown>([
        ["a", 1],
        [{}, culprit],
      ]),
      "value[map value 1]",
    ],
    [
      "a key of a Map",
      new Map<unknown, unknown>([
        ["a", 1],
        [{ x: culprit }, 1],
      ]),
      "value[map key 1].x",
    ],
    ["an item of a Set", new Set([1, 2, 3, [culprit]]), "value[set item 3][0]"],
    ["a cause", new Error("a", { cause: { why: culprit } }), "value.cause.why"],
    ["one of several errors", new AggregateError([new Error("a", { cause: culprit })]), "value.errors[0].cause"],
    ["a property of an error", Object.assign(new Error("a"), { request: culprit }), "value.request"],
    ["an element of an ndarray", makeNdArray([1, culprit], [2]), "value.data[1]"],
  ])("%s", (_, value, path) => {
    const error = refusal(value);
    expect(error.path).toBe(path);
    expect(error.message.startsWith(`${path} is a symbol`)).toBe(true);
  });

  test("long paths are shortened in the middle", () => {
    let value: unknown = culprit;
    for (let level = 0; level < 500; level++) value = { [`p${500 - level}`]: value };
    const { path } = refusal(value);
    expect(path).toMatch(/^value\.p1\.p2\..*…\..*\.p500$/);
    expect(path?.length).toBeLessThan(400);
  });
});

describe("getters and traps that throw", () => {
  test("are named, and the error is the cause", () => {
    const cause = new Error("not loaded yet");
    const value = {
      list: [
        {
          get weights(): never {
            throw cause;
          },
        },
      ],
    };
    const error = refusal(value);
    expect(error.message).toBe("value.list[0].weights cannot be read: not loaded yet");
    expect(error.cause).toBe(cause);
  });

  test("whatever they throw", () => {
    for (const thrown of [undefined, null, 1, "text", Object.create(null)]) {
      const value = {
        get a(): never {
          throw thrown;
        },
      };
      expect(refusal(value).path).toBe("value.a");
    }
    expect(
      refusal(
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new TypeError("no");
            },
          },
        ),
      ).message,
    ).toMatch(/cannot be read: no/);
  });
});

describe("handlers", () => {
  const functions: TypeHandler = {
    name: "function",
    test: (value) => typeof value === "function",
    encode: (value: (x: number) => number) => ({ text: value.toString(), extra: [-0] }),
    decode: ({ text, extra }: { text: string; extra: number[] }) => ({ text, extra }),
  };
  const withFunctions = new Serializer([functions]);

  test("take apart and put together what their test accepts", () => {
    const double = (x: number): number => 2 * x;
    const { head, buffers } = withFunctions.serialize({ f: double, again: [double] });
    const received = withFunctions.deserialize(head, buffers) as { f: object; again: object[] };
    expect(received.f).toEqual({ text: double.toString(), extra: [-0] });
    expect(received.again[0]).toBe(received.f);
  });

  test("the first whose test accepts is taken", () => {
    const layers: TypeHandler = {
      name: "layer",
      test: (value) => value instanceof Layer,
      encode: (value: Layer) => value.size,
      decode: (size: number) => `layer of ${size}`,
    };
    const others: TypeHandler = { ...layers, name: "other", decode: () => "other" };
    const both = new Serializer([functions, layers, others]);
    const { head, buffers } = both.serialize([new Layer()]);
    expect(both.deserialize(head, buffers)).toEqual(["layer of 2"]);
  });

  test("are not asked about plain data and built-in types", () => {
    const greedy = new Serializer([{ ...functions, test: () => true }]);
    const { head, buffers } = greedy.serialize([{ a: [1] }, new Map(), new Date(1), new Float64Array(1)]);
    expect(greedy.deserialize(head, buffers)).toEqual([{ a: [1] }, new Map(), new Date(1), new Float64Array(1)]);
  });

  test("that refuse are quoted under the path of the value", () => {
    const cause = new SerializationError("captured variable h is a WeakMap", "f.h");
    const strict = new Serializer([
      {
        ...functions,
        encode: () => {
          throw cause;
        },
      },
    ]);
    expect(() => strict.serialize({ f: () => 1 }, "args")).toThrow(
      expect.objectContaining({
        message: "args.f cannot be sent: captured variable h is a WeakMap",
        path: "args.f",
        cause,
      }),
    );
  });

  test("whose payload leads back to the value are refused", () => {
    const circular = new Serializer([{ ...functions, encode: (value: unknown) => [value] }]);
    expect(() => circular.serialize({ f: () => 1 })).toThrow(/^value\.f\[0\] leads back to a value that it is part of/);
  });

  test("that the receiver lacks, or whose decode throws, give a SerializationError", () => {
    const { head, buffers } = withFunctions.serialize({ f: () => 1 });
    expect(() => serializer.deserialize(head, buffers)).toThrow(SerializationError);
    expect(() => serializer.deserialize(head, buffers)).toThrow(/type "function"/);
    const broken = new Serializer([
      {
        ...functions,
        decode: () => {
          throw new TypeError("bad text");
        },
      },
    ]);
    expect(() => broken.deserialize(head, buffers)).toThrow(/type "function" could not be put together: bad text/);
  });
});
