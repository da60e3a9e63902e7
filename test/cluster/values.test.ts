/** Values over the wire that JSON would lose: each arrives as what it was, on the engine and back. */

import { describe, expect, test } from "vitest";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(1);
const echo = <T>(value: T): T => value;

/** To the engine and back. */
async function there<T>(value: T): Promise<T> {
  return (await shared.rc.at(0).apply(echo<T>, value)) as T;
}

test.each([
  ["undefined", undefined],
  ["null", null],
  ["booleans", [true, false]],
  ["NaN and infinities", [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ["zeros", [0, -0]],
  ["the limits of numbers", [Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON, 2 ** 53, -(2 ** 53), 2 ** 64, 0.1]],
  ["the limits of integers", [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1]],
  ["bigints", [0n, -1n, 2n ** 63n, 2n ** 64n, -(2n ** 200n)]],
  ["texts", ["", "a", "é∂∆ 数𝒳", "\u0000", "x".repeat(70_000)]],
  ["sparse lists", [1, , 3, undefined, ,]],
  ["empty ones", [[], {}, new Map(), new Set()]],
  ["records", { a: 1, "b c": [{ d: undefined }], 5: "five" }],
  [
    "maps with keys of any kind",
    new Map<unknown, unknown>([
      [1, "n"],
      ["1", "s"],
      [{ k: 1 }, new Map([[null, undefined]])],
    ]),
  ],
  ["sets", new Set([1, "1", Number.NaN, undefined])],
  ["dates", [new Date(0), new Date(-1), new Date(8.64e15)]],
  ["an invalid date", new Date(Number.NaN)],
  ["regular expressions", [/a\/b/giu, /(?:)/, /[\n]/y]],
  ["URLs", new URL("https://example.org/a?b=c#d")],
])("%s", async (_name, value) => {
  const received = await there(value);
  expect(received).toStrictEqual(value);
});

test("negative zero and holes are told apart on the engine", async () => {
  const seen = await shared.rc
    .at(0)
    .apply((list: unknown[]) => [Object.is(list[0], -0), 1 in list, list.length], [-0, , 1]);
  expect(seen).toEqual([true, false, 3]);
});

describe("errors", () => {
  test("keep class, message, stack, cause and properties", async () => {
    const cause = new RangeError("deep");
    const error = Object.assign(new TypeError("wrong", { cause }), { code: "E_WRONG", details: { line: 3 } });
    const received = await there(error);
    expect(received).toBeInstanceOf(TypeError);
    expect(received.message).toBe("wrong");
    expect(received.stack).toBe(error.stack);
    expect(received.cause).toBeInstanceOf(RangeError);
    expect((received.cause as Error).message).toBe("deep");
    expect([received.code, received.details]).toEqual(["E_WRONG", { line: 3 }]);
  });

  test("an AggregateError keeps its errors", async () => {
    const received = await there(new AggregateError([new Error("a"), new SyntaxError("b")], "both"));
    expect(received).toBeInstanceOf(AggregateError);
    expect(received.errors.map(({ name, message }: Error) => [name, message])).toEqual([
      ["Error", "a"],
      ["SyntaxError", "b"],
    ]);
  });

  test("a class of one's own arrives as the standard class that it derives from", async () => {
    class Overflow extends RangeError {
      override name = "Overflow";
    }
    const received = await there(new Overflow("full"));
    expect(received).toBeInstanceOf(RangeError);
    expect([received.name, received.message]).toEqual(["Overflow", "full"]);
  });
});

describe("graphs", () => {
  test("cycles are closed again, on the engine and back", async () => {
    interface Node {
      name: string;
      self?: Node;
      list: Node[];
      map: Map<string, Node>;
    }
    const node: Node = { name: "a", list: [], map: new Map() };
    node.self = node;
    node.list.push(node);
    node.map.set("node", node);
    expect(
      await shared.rc.at(0).apply((x: Node) => x.self === x && x.list[0] === x && x.map.get("node") === x, node),
    ).toBe(true);
    const received = await there(node);
    expect(received.self).toBe(received);
    expect(received.list[0]).toBe(received);
    expect(received.map.get("node")).toBe(received);
  });

  test("what is one object stays one", async () => {
    const common = { n: 1 };
    const received = await there({ a: common, b: [common], c: new Set([common]) });
    expect(received.b[0]).toBe(received.a);
    expect(received.c.has(received.a)).toBe(true);
    expect(await shared.rc.at(0).apply((x: unknown, y: unknown) => x === y, common, common)).toBe(true);
  });

  test("a copy arrives: what the engine changes does not come back by itself", async () => {
    const value = { n: 1 };
    await shared.rc.at(0).apply((x: { n: number }) => {
      x.n = 2;
    }, value);
    expect(value).toEqual({ n: 1 });
  });
});

describe("what cannot be sent is refused with its path", () => {
  class Model {
    weights = 1;
  }
  test.each<[string, unknown, RegExp]>([
    ["a symbol", Symbol("s"), /symbol/],
    ["a promise", Promise.resolve(1), /Promise.*[Aa]wait/],
    ["a WeakMap", new WeakMap(), /WeakMap/],
    ["a WeakRef", new WeakRef({}), /WeakRef/],
    ["an iterator", [1][Symbol.iterator](), /iterator/],
    ["an instance of a class", new Model(), /Model/],
    ["a Proxy of a function", new Proxy(() => 1, {}), /Proxy/],
    ["a detached buffer", detached(), /detached|transferred/],
  ])("%s", async (_name, culprit, reason) => {
    const { rc } = shared;
    const sent = rc.history.length;
    const error = await failure(() => rc.at(0).apply(echo, { model: { layers: [1, culprit] } }));
    expect(error).toMatchObject({ code: "SerializationError", path: "args[0].model.layers[1]" });
    expect(error.message).toMatch(reason);
    expect(error.message).toContain("args[0].model.layers[1]");
    expect(rc.history).toHaveLength(sent);
    expect(await failure(() => rc.at(0).push({ a: { b: culprit } }))).toMatchObject({ path: "record.a.b" });
  });

  test("a result that cannot be sent is a remote SerializationError with its path", async () => {
    const error = await failure(() => shared.rc.at(0).apply(() => ({ a: [Symbol("s")] })));
    expect(error).toMatchObject({ code: "RemoteError", remoteName: "SerializationError", engineId: 0 });
    expect(error.message).toMatch(/result\.a\[0\]/);
    expect(await there(1)).toBe(1);
  });

  function detached(): ArrayBuffer {
    const buffer = new ArrayBuffer(8);
    structuredClone(buffer, { transfer: [buffer] });
    return buffer;
  }
});
