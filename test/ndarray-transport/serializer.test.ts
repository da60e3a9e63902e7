import assert from "node:assert";
import vm from "node:vm";
import { describe, expect, test } from "vitest";
import { Serializer } from "../../src/ndarray-transport/serializer.ts";
import { assertSameGraph } from "./same-graph.ts";

const serializer = new Serializer();

function roundTrip<T>(value: T): T {
  const { head, buffers } = serializer.serialize(value);
  return serializer.deserialize(head, buffers) as T;
}

function assertSurvives(value: unknown): void {
  assertSameGraph(roundTrip(value), value);
}

describe("values without parts survive", () => {
  const numbers = [
    0,
    -0,
    1,
    -1,
    127,
    128,
    -32,
    -33,
    255,
    256,
    65535,
    65536,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    -(2 ** 53),
    2 ** 64,
  ];
  const fractions = [0.1, 1 / 3, Number.EPSILON, Number.MIN_VALUE, Number.MAX_VALUE, Infinity, -Infinity, NaN];
  const bigints = [
    0n,
    1n,
    -1n,
    2n ** 63n - 1n,
    2n ** 63n,
    -(2n ** 63n),
    2n ** 64n,
    -(2n ** 64n),
    3n ** 500n,
    -(7n ** 5000n),
  ];
  const texts = ["", "a", "é", "漢字", "😀", "\0", "x".repeat(31), "é".repeat(40), "😀".repeat(70_000)];
  const brokenTexts = ["\ud800", "a\udc00b", "\udc00\ud800", `${"x".repeat(100)}\ud83d`];
  const samples = [...numbers, ...fractions, ...bigints, ...texts, ...brokenTexts, true, false, null, undefined];

  test.each(samples.map((sample) => [String(sample).slice(0, 20), sample]))("%j", (_, sample) => {
    assertSurvives(sample);
    assertSurvives([sample, sample]);
    assertSurvives({ property: sample, other: 1 });
    assertSurvives(new Map([[sample, sample]]));
    assertSurvives(new Set([sample]));
  });
});

describe("records and lists survive", () => {
  test.each<[string, unknown]>([
    ["empty", [{}, []]],
    ["nested plain data", [1, "abc", { x: 1, y: [1, 2, 3] }]],
    ["undefined as item and property", { a: undefined, b: [undefined] }],
    ["the order of the keys", { z: 1, a: 2, m: 3, 10: 4, 2: 5 }],
    ["the order of the keys beside something special", { z: 1, a: -0, m: 3, 10: 4, 2: 5 }],
    ["odd keys", { "": 1, " ": 2, "-1": 3, "1.5": 4, constructor: 5, hasOwnProperty: 6, toJSON: 7, é: 8, __proto_: 9 }],
    ["keys that are not well-formed", { a: 1, "\ud800": [-0], b: 2 }],
    ["a list of more than 65535 items", Array.from({ length: 70_000 }, (_, i) => i)],
    [
      "a record of more than 65535 properties",
      Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
    ],
  ])("%s", (_, value) => assertSurvives(value));

  test("a property named __proto__ is data and pollutes nothing", () => {
    const value = JSON.parse('{"a":1,"__proto__":{"polluted":true},"b":-0}') as object;
    assertSurvives(value);
    const received = roundTrip(value);
    expect(Object.getPrototypeOf(received)).toBe(Object.prototype);
    expect((received as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("records without a prototype arrive as plain ones", () => {
    const value = Object.assign(Object.create(null) as object, { a: 1, b: { c: -0 } });
    assertSameGraph(roundTrip(value), { a: 1, b: { c: -0 } });
  });

  test("a record's getter is read", () => {
    const value = {
      get answer() {
        return 42;
      },
    };
    assertSameGraph(roundTrip(value), { answer: 42 });
  });

  test("records, lists and built-in values of another realm arrive as those of this one", () => {
    const foreign = vm.runInNewContext(
      "[{ a: [1, -0] }, new Map([[1, new Set([2])]]), new Date(5), /x/g, new Float32Array([1, 2]), new TypeError('no')]",
    ) as unknown[];
    const received = roundTrip(foreign);
    assertSameGraph(received.slice(0, 5), [
      { a: [1, -0] },
      new Map([[1, new Set([2])]]),
      new Date(5),
      /x/g,
      new Float32Array([1, 2]),
    ]);
    expect(received[5]).toBeInstanceOf(TypeError);
  });

  test("a Proxy of plain data arrives as that data", () => {
    assertSameGraph(roundTrip(new Proxy({ a: [1] }, {})), { a: [1] });
  });
});

describe("lists with holes survive", () => {
  test.each<[string, unknown[]]>([
    ["at the start", [, 1]],
    ["in the middle, beside undefined", [1, , undefined, , -0]],
    ["at the end", new Array(3)],
    ["after special items", [-0, [1], , [2]]],
  ])("%s", (_, value) => assertSurvives(value));

  test("and with named properties", () => {
    const value = Object.assign([1, -0], { note: "x", 5: [1] });
    assertSurvives(value);
  });

  test("results of a match", () => assertSurvives(/(b)(?:c)/.exec("abcd")));

  test("a huge length costs nothing", () => {
    const value: unknown[] = [];
    value.length = 1e9;
    value[5] = "a";
    value[999_999_998] = { b: -0 };
    const { head } = serializer.serialize(value);
    expect(head.byteLength).toBeLessThan(100);
    assertSurvives(value);
    const longest: unknown[] = [];
    longest.length = 2 ** 32 - 1;
    assertSurvives(longest);
  });
});

describe("cycles and shared references survive", () => {
  test("a record in itself", () => {
    const value: Record<string, unknown> = { list: [] };
    value["self"] = value;
    (value["list"] as unknown[]).push(value, value["list"]);
    assertSurvives(value);
  });

  test("every kind of container in itself", () => {
    const map = new Map<unknown, unknown>();
    map.set("self", map).set(map, 1);
    const set = new Set<unknown>();
    set.add(set);
    const list: unknown[] = [map, set];
    list[5] = list;
    assertSurvives([list, list, map]);
    const odd = JSON.parse('{"__proto__":1}') as Record<string, unknown>;
    odd["self"] = odd;
    assertSurvives(odd);
  });

  test("an error in itself", () => {
    const error = new Error("a");
    error.cause = [error];
    const received = roundTrip(error);
    expect((received.cause as unknown[])[0]).toBe(received);
  });

  test("values met twice are one object", () => {
    const [date, map, array, record] = [new Date(1), new Map(), new Float64Array(2), { a: 1 }];
    assertSurvives({ first: [date, map, array, record], second: [record, array, map, date] });
    assertSurvives(new Map<unknown, unknown>([[record, record]]));
  });

  test("equal values that are two objects stay two", () =>
    assertSurvives([{ a: 1 }, { a: 1 }, new Date(1), new Date(1)]));
});

describe("built-in types survive", () => {
  test.each<[string, unknown]>([
    [
      "Map",
      new Map<unknown, unknown>([
        ["a", -0],
        [{ b: 1 }, new Map([[NaN, undefined]])],
        [undefined, null],
      ]),
    ],
    ["Set", new Set<unknown>(["a", NaN, { b: -0 }, new Set()])],
    ["Date", [new Date(0), new Date(-1), new Date(8.64e15), new Date(1.5e12 + 1)]],
    ["invalid Date", new Date(Number.NaN)],
  ])("%s", (_, value) => assertSurvives(value));

  test.each([/a/, /a\/[b]+/gimsuy, /(?<name>\u{1f600})/u, new RegExp("\ud800"), new RegExp("")])(
    "RegExp %s",
    (value) => {
      const received = roundTrip(value);
      expect(received).toBeInstanceOf(RegExp);
      expect([received.source, received.flags]).toEqual([value.source, value.flags]);
    },
  );

  test("URL", () => {
    const received = roundTrip({ at: new URL("https://user@example.org:8080/a%20b?c=d#e") });
    expect(received.at).toBeInstanceOf(URL);
    expect(received.at.href).toBe("https://user@example.org:8080/a%20b?c=d#e");
  });
});

describe("errors survive", () => {
  test.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])("%o", (errorClass) => {
    const error = new errorClass("no", { cause: { code: -0 } });
    const received = roundTrip(error);
    expect(Object.getPrototypeOf(received)).toBe(errorClass.prototype);
    assert.deepStrictEqual(received, error);
    expect(received.stack).toBe(error.stack);
    expect(Object.keys(received)).toEqual([]);
  });

  test("AggregateError with its errors", () => {
    const error = new AggregateError([new TypeError("a"), 2], "both");
    const received = roundTrip(error);
    assert.deepStrictEqual(received, error);
    expect(received.errors[0]).toBeInstanceOf(TypeError);
    expect(Object.keys(received)).toEqual([]);
  });

  test("own properties, a name of its own, and none where there was none", () => {
    const error = Object.assign(new Error(), { code: "ENOENT", path: "/x" });
    error.name = "Missing";
    const received = roundTrip(error);
    assert.deepStrictEqual(received, error);
    expect(Object.keys(received)).toEqual(["code", "path", "name"]);
    expect(Object.hasOwn(received, "message")).toBe(false);
    expect(Object.hasOwn(received, "cause")).toBe(false);
  });

  test("an error of a derived class arrives as the standard class, with what it holds", () => {
    class ShapeError extends RangeError {
      readonly shape = [2, 3];
      override get name(): string {
        return "ShapeError";
      }
    }
    const received = roundTrip(new ShapeError("no", { cause: 1 }));
    expect(Object.getPrototypeOf(received)).toBe(RangeError.prototype);
    expect(received).toMatchObject({ name: "ShapeError", message: "no", cause: 1, shape: [2, 3] });
  });
});

describe("deep nesting", () => {
  const shapes: [string, (inner: unknown) => unknown, (outer: never) => unknown][] = [
    ["lists", (inner) => [inner], (outer: unknown[]) => outer[0]],
    ["records", (inner) => ({ inner }), (outer: { inner: unknown }) => outer.inner],
    ["maps", (inner) => new Map([[1, inner]]), (outer: Map<number, unknown>) => outer.get(1)],
    ["causes", (cause) => new Error("", { cause }), (outer: Error) => outer.cause],
  ];

  test.each(shapes)("a thousand %s survive", (_, wrap, unwrap) => {
    let value: unknown = "innermost";
    for (let level = 0; level < 1000; level++) value = wrap(value);
    let received = roundTrip(value);
    for (let level = 0; level < 1000; level++) received = unwrap(received as never);
    expect(received).toBe("innermost");
  });

  test.each(shapes)("a million %s are refused", (_, wrap) => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    let value: unknown = "innermost";
    for (let level = 0; level < 1e6; level++) value = wrap(value);
    Error.stackTraceLimit = limit;
    expect(() => serializer.serialize(value)).toThrow(/^value.* is nested more than 1000 levels deep/);
  });
});

test("what was serialized is left as it was", () => {
  const value = { a: [1, -0, { b: new Map([["c", -0]]) }], "\ud800": 1 };
  const copy = structuredClone(value);
  Object.freeze(value);
  serializer.serialize(value);
  assertSameGraph(value, copy);
});

test("heads do not share bytes", () => {
  const heads = Array.from({ length: 50 }, (_, i) => serializer.serialize({ i, text: "x".repeat(i * 100) }).head);
  heads.forEach((head, i) => {
    assertSameGraph(serializer.deserialize(head, []), { i, text: "x".repeat(i * 100) });
  });
});
