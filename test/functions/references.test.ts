import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { Reference, ref } from "../../src/functions/references.ts";
import { createSerializer } from "../../src/functions/serializer.ts";

function roundTrip(value: unknown): unknown {
  const serializer = createSerializer();
  const { head, buffers } = serializer.serialize(value);
  return serializer.deserialize(head, buffers);
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, "onEngine");
});

describe("ref", () => {
  it("is evaluated where it arrives, each time anew", () => {
    for (const onEngine of [1, 2]) {
      Object.assign(globalThis, { onEngine });
      expect(roundTrip([ref("onEngine"), { deep: [ref("onEngine + 1")] }])).toEqual([
        onEngine,
        { deep: [onEngine + 1] },
      ]);
    }
  });

  it("may stand for a number to the compiler", () => {
    const apply = <A extends unknown[]>(_: (...args: A) => unknown, ...args: A): A => args;
    expect(apply((x: number) => x, ref("x"))[0]).toBeInstanceOf(Reference);
  });

  it.each([
    ["{ a: 1 }", { a: 1 }],
    ["(1)", 1],
    ["  [1,\n2] // a comment", [1, 2]],
    ["typeof neverDefined", "undefined"],
    ["/* first */ 'a' + \"b\"", "ab"],
  ])("takes the expression %s", (expression, value) => {
    expect(roundTrip(ref(expression))).toEqual(value);
  });

  it.each(["1; 2", "1), (2", "let a = 1", "a b", "await x", "(", "// only a comment", "import 'x'", "return 1"])(
    "refuses %s, which is no expression",
    (text) => {
      expect(() => ref(text)).toThrow(TypeError);
      expect(() => ref(text)).toThrow(text);
    },
  );

  it("refuses what is no text, and an empty one", () => {
    expect(() => ref(1 as never)).toThrow(new TypeError("ref: the expression must be a string, not a number"));
    expect(() => ref("  ")).toThrow(/empty/);
  });

  it("refuses a valid expression with anything after it", () => {
    fc.assert(
      fc.property(fc.constantFrom(")", "]", "}", "; 1", "1", "x", "`", "=>"), (rest) => {
        expect(() => ref(`f(1) ${rest}`)).toThrow(TypeError);
      }),
    );
  });

  it("passes on that a name is not defined", () => {
    let cause: unknown;
    try {
      roundTrip(ref("neverDefined"));
    } catch (error) {
      cause = (error as Error).cause ?? error;
    }
    expect(cause).toBeInstanceOf(ReferenceError);
  });
});
