/** Errors over the wire and back. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CompositeError,
  ConnectionError,
  EngineError,
  isParallelError,
  ReadOnlyError,
  type RemoteError,
  SecurityError,
  TaskAborted,
  TimeoutError,
} from "../../src/errors.ts";
import { fromWireError, toRemoteWireError, toWireError } from "../../src/protocol/wire-error.ts";

const PLACE = { engineId: 4, engineUuid: "uuid-4", messageId: "task-1" };

/** Values that are no errors, each with what the description must hold. */
const NOT_ERRORS: [string, unknown, string][] = [
  ["a string", "out of cheese", "out of cheese"],
  ["an empty string", "", ""],
  ["null", null, "null"],
  ["undefined", undefined, "undefined"],
  ["a number", 42, "42"],
  ["NaN", Number.NaN, "NaN"],
  ["a bigint", 12n, "12"],
  ["a symbol", Symbol("odd"), "odd"],
  ["a function", function named() {}, "named"],
  ["an object", { reason: "full" }, "full"],
  ["an object without a prototype", Object.create(null), ""],
  ["an array", [1, "two"], "two"],
];

/** Values that fight back when they are looked at. */
function hostileValues(): [string, unknown][] {
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic["self"] = cyclic;
  const refuse = (): never => {
    throw new Error("leave me alone");
  };
  const getters = (...names: string[]): object => {
    return names.reduce((made, name) => Object.defineProperty(made, name, { get: refuse, enumerable: true }), {});
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const traps = new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse, getPrototypeOf: refuse });
  return [
    ["cyclic", cyclic],
    ["a throwing message", getters("message")],
    ["a throwing name", Object.assign(getters("name"), { message: "m" })],
    ["a throwing stack", Object.assign(getters("stack"), { message: "m" })],
    ["everything throwing", getters("name", "message", "stack", "toString", "toJSON", "constructor")],
    ["a throwing toJSON", { toJSON: refuse }],
    ["a message that cannot be a string", { message: Object.create(null) }],
    ["a message that is a symbol", { message: Symbol("s") }],
    ["an error with a throwing message", Object.defineProperty(new Error("m"), "message", { get: refuse })],
    ["a revoked proxy", revoked.proxy],
    ["a proxy with throwing traps", traps],
    ["a throwing cause", Object.defineProperty(new Error("m"), "cause", { get: refuse })],
    ["a hostile cause", new Error("m", { cause: traps })],
    ["a revoked cause", new Error("m", { cause: revoked.proxy })],
    ["a custom inspect that throws", { [Symbol.for("nodejs.util.inspect.custom")]: refuse }],
  ];
}

describe("errors of the system", () => {
  test.each([
    [new EngineError("died"), "EngineError"],
    [new TaskAborted("too late"), "TaskAborted"],
    [new SecurityError("wrong key"), "SecurityError"],
  ] as const)("%s comes back as itself, at its place", (error, code) => {
    const back = fromWireError(toWireError(error), PLACE);
    expect(isParallelError(back, code)).toBe(true);
    expect(back.constructor).toBe(error.constructor);
    expect(back.message).toBe(error.message);
    if (code !== "SecurityError") expect(back).toMatchObject({ engineId: 4, messageId: "task-1" });
  });

  test.each([new TypeError("t"), new RangeError("r")])("%s comes back as itself", (error) => {
    const back = fromWireError(toWireError(error));
    expect(back.constructor).toBe(error.constructor);
    expect(back.message).toBe(error.message);
  });

  test.each([
    new Error("plain"),
    new SyntaxError("s"),
    new ConnectionError("gone"),
    new TimeoutError("late"),
    new ReadOnlyError("no"),
    new CompositeError([new Error("one")]),
  ])("%s comes back as an Error with its name and message", (error) => {
    const back = fromWireError(toWireError(error));
    expect(back).toBeInstanceOf(Error);
    expect([back.name, back.message]).toEqual([error.name, error.message]);
  });
});

describe("errors of a user's function", () => {
  test.each([new TypeError("t"), new RangeError("r"), new EngineError("e"), new TaskAborted("a"), new Error("p")])(
    "%s comes back as a RemoteError with its name, message and stack",
    (error) => {
      const back = fromWireError(toRemoteWireError(error), PLACE);
      if (!isParallelError(back, "RemoteError")) throw new Error("not a RemoteError");
      expect(back.remoteName).toBe(error.name);
      expect(back.message).toBe(error.message);
      expect(back.stack).toContain(error.stack);
      expect([back.engineId, back.engineUuid, back.messageId]).toEqual([4, "uuid-4", "task-1"]);
    },
  );

  test("what led to it comes along: causes, and the errors of an AggregateError", () => {
    const inner = new RangeError("inner", { cause: "a word" });
    const error = new AggregateError([new TypeError("one"), 2, { three: 3 }], "outer", { cause: inner });
    const back = fromWireError(toRemoteWireError(error), PLACE) as RemoteError;
    expect(back.cause).toMatchObject({ name: "RangeError", message: "inner", stack: inner.stack, cause: "a word" });
    expect(back.cause).toBeInstanceOf(Error);
    expect(back.errors).toMatchObject([{ name: "TypeError", message: "one" }, 2, "{ three: 3 }"]);
    expect(Object.keys(fromWireError(toRemoteWireError(new Error("alone"))))).not.toContain("errors");
  });

  test("a circle of causes, and a crowd of errors, are told in part", () => {
    const circle = new Error("circle");
    circle.cause = circle;
    let depth = 0;
    for (let e: unknown = fromWireError(toRemoteWireError(circle)); e instanceof Error; e = e.cause) depth++;
    expect(depth).toBe(9);
    const crowd = new AggregateError(Array.from({ length: 1e5 }, () => new Error("e")));
    expect((fromWireError(toRemoteWireError(crowd)) as RemoteError).errors).toHaveLength(16);
  });

  test("something like an error counts as one", () => {
    expect(toRemoteWireError({ name: "Custom", message: "m", stack: "here" })).toEqual({
      kind: "remote",
      name: "Custom",
      message: "m",
      stack: "here",
    });
    expect(toRemoteWireError({ message: 7, name: 7, stack: 7 })).toMatchObject({ name: "Error", message: "7" });
  });

  test.each(NOT_ERRORS)("%s that was thrown is described", (_, value, part) => {
    const wire = toRemoteWireError(value);
    expect(wire.kind).toBe("remote");
    expect(wire.name).toBe("Error");
    expect(wire.message).toContain("no error was thrown");
    expect(wire.message).toContain(part);
    expect(toWireError(value)).toMatchObject({ kind: "unknown", message: wire.message });
  });

  test.each(hostileValues())("%s: there is a name and a message all the same", (_, value) => {
    const wire = toRemoteWireError(value);
    expect(wire.name).toBeTypeOf("string");
    expect(wire.message).toBeTypeOf("string");
    expect(fromWireError(wire)).toBeInstanceOf(Error);
  });

  test("a huge value is not described at full length", () => {
    const { message } = toRemoteWireError({ array: new Float64Array(1e6), text: "x".repeat(1e6) });
    expect(message.length).toBeLessThan(5_000);
  });

  test("whatever is thrown, there is an error to throw at the other end", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true }), (value) => {
        const back = fromWireError(toRemoteWireError(value), PLACE);
        expect(isParallelError(back, "RemoteError")).toBe(true);
        expect(back.message).toBeTypeOf("string");
      }),
    );
  });
});
