/** The error classes, their guard, and how they read. */

import { describe, expect, expectTypeOf, test } from "vitest";
import {
  CompositeError,
  ConnectionError,
  EngineError,
  ImpossibleDependency,
  InvalidDependency,
  isParallelError,
  ParallelError,
  type ParallelErrorCode,
  ReadOnlyError,
  RemoteError,
  SecurityError,
  SerializationError,
  shown,
  TaskAborted,
  TaskTimeout,
  TimeoutError,
  UnmetDependency,
} from "../src/errors.ts";

const cause = new Error("the reason");

/** One of each class, made with a cause. */
const ONE_OF_EACH: Record<ParallelErrorCode, ParallelError> = {
  RemoteError: new RemoteError({ name: "RemoteError", message: "m" }, { cause }),
  CompositeError: new CompositeError([new Error("m")], { cause }),
  EngineError: new EngineError("m", {}, { cause }),
  TaskAborted: new TaskAborted("m", {}, { cause }),
  TaskTimeout: new TaskTimeout("m", { cause }),
  TimeoutError: new TimeoutError("m", 5, { cause }),
  UnmetDependency: new UnmetDependency("m", { cause }),
  InvalidDependency: new InvalidDependency("m", { cause }),
  ImpossibleDependency: new ImpossibleDependency("m", { cause }),
  ReadOnlyError: new ReadOnlyError("m", { cause }),
  SerializationError: new SerializationError("m", "args[0]", { cause }),
  ConnectionError: new ConnectionError("m", { cause }),
  SecurityError: new SecurityError("m", { cause }),
};
const CODES = Object.keys(ONE_OF_EACH) as ParallelErrorCode[];

function remoteFailures(count: number): RemoteError[] {
  return Array.from({ length: count }, (_, engineId) => {
    return new RemoteError({ name: "TypeError", message: `bad ${engineId}`, engineId });
  });
}

describe("every class", () => {
  test.each(CODES)("%s has its name as code, is an Error, and keeps its cause", (code) => {
    const error = ONE_OF_EACH[code];
    expect(error).toBeInstanceOf(ParallelError);
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe(code);
    expect(error.name).toBe(code);
    expect(error.constructor.name).toBe(code);
    expect(error.cause).toBe(cause);
    expect(error.stack).toContain("m");
  });

  test.each(CODES)("isParallelError tells %s from every other", (code) => {
    const error = ONE_OF_EACH[code];
    expect(isParallelError(error)).toBe(true);
    expect(CODES.filter((other) => isParallelError(error, other))).toEqual([code]);
  });

  test.each([
    new Error("m"),
    new RangeError("m"),
    "EngineError",
    null,
    undefined,
    7,
    { code: "EngineError", message: "m" },
  ])("%o is none of them", (value) => {
    expect(isParallelError(value)).toBe(false);
    expect(isParallelError(value, "EngineError")).toBe(false);
  });

  test("without a cause there is none", () => {
    expect("cause" in new EngineError("m")).toBe(false);
  });

  test("the guard narrows the type", () => {
    const error: unknown = new EngineError("m", { engineId: 3, engineUuid: "u", messageId: "t" });
    if (!isParallelError(error, "EngineError")) throw new Error("it is one");
    expectTypeOf(error).toEqualTypeOf<EngineError>();
    expectTypeOf(error.code).toEqualTypeOf<"EngineError">();
    expect([error.engineId, error.engineUuid, error.messageId]).toEqual([3, "u", "t"]);
    const any: unknown = error;
    if (isParallelError(any)) expectTypeOf(any).toEqualTypeOf<ParallelError>();
  });
});

describe("RemoteError", () => {
  const failure = {
    name: "TypeError",
    message: "x is not a function",
    stack: "TypeError: x is not a function\n    at f (user.js:3:7)",
    engineId: 2,
    engineUuid: "uuid-2",
    messageId: "task-9",
  };

  test("has the name, message and stack of the remote error, and says where it happened", () => {
    const error = new RemoteError(failure);
    expect(error.name).toBe("TypeError");
    expect(error.remoteName).toBe("TypeError");
    expect(error.code).toBe("RemoteError");
    expect(error.message).toBe("x is not a function");
    expect(error.stack?.startsWith(failure.stack)).toBe(true);
    expect(error.stack).toMatch(/at engine 2 \(task task-9\)$/);
    expect([error.engineId, error.engineUuid, error.messageId]).toEqual([2, "uuid-2", "task-9"]);
    expect(String(error)).toBe("TypeError: x is not a function");
  });

  test("is no TypeError of this process", () => {
    expect(new RemoteError(failure)).not.toBeInstanceOf(TypeError);
  });

  test("has a stack also when the remote one is not known", () => {
    const error = new RemoteError({ name: "Odd", message: "m" });
    expect(error.stack).toBe("Odd: m\n    at engine ? (task ?)");
  });
});

describe("CompositeError", () => {
  test("keeps all errors, in order", () => {
    const errors = remoteFailures(7);
    expect(new CompositeError(errors).errors).toEqual(errors);
  });

  test.each([1, 2, 4])("shows all of %i", (count) => {
    const { message } = new CompositeError(remoteFailures(count));
    const lines = message.split("\n");
    expect(lines).toHaveLength(1 + count);
    expect(lines[0]).toBe(`${count} ${count === 1 ? "task" : "tasks"} failed:`);
    lines.slice(1).forEach((line, engineId) => {
      expect(line.trim()).toBe(`[engine ${engineId}] TypeError: bad ${engineId}`);
    });
  });

  test.each([
    [5, 1],
    [104, 100],
  ])("shows four of %i, and that there are %i more", (count, hidden) => {
    const lines = new CompositeError(remoteFailures(count)).message.split("\n");
    expect(lines).toHaveLength(6);
    expect(lines.filter((line) => line.includes("TypeError: bad"))).toHaveLength(4);
    expect(lines.at(-1)).toContain(`${hidden} more`);
    expect(lines.join()).not.toContain("bad 4");
  });

  test("shows errors without a place too", () => {
    const { message } = new CompositeError([new RangeError("far out"), new ConnectionError("gone")]);
    expect(message.split("\n").slice(1)).toEqual(["  RangeError: far out", "  ConnectionError: gone"]);
  });
});

describe("the fields of the others", () => {
  test("TimeoutError tells the limit, SerializationError the path, TaskAborted the task", () => {
    expect(new TimeoutError("m", 250).timeout).toBe(250);
    expect(new TimeoutError("m").timeout).toBeUndefined();
    expect(new SerializationError("m", "args[0].f").path).toBe("args[0].f");
    const aborted = new TaskAborted("m", { messageId: "t", engineId: 1 });
    expect([aborted.messageId, aborted.engineId]).toEqual(["t", 1]);
    for (const Failure of [TaskTimeout, UnmetDependency, InvalidDependency, ImpossibleDependency]) {
      const failed = new Failure("m", { messageId: "t", engineId: 1, cause });
      expect([failed.messageId, failed.engineId, failed.cause]).toEqual(["t", 1, cause]);
      expect("cause" in new Failure("m")).toBe(false);
    }
  });
});

describe("values that were given, in messages", () => {
  test.each([
    ["5", '"5"'],
    [5, "5"],
    [5n, "5n"],
    ["", '""'],
    [null, "null"],
    [Object.create(null), "[Object: null prototype] {}"],
    [{ a: 1, b: [1, 2] }, "{ a: 1, b: [Array] }"],
    [new Set([0]), "Set(1) { 0 }"],
    [Symbol("s"), "Symbol(s)"],
    [() => 1, "[Function (anonymous)]"],
  ])("%o", (value, text) => {
    expect(shown(value)).toBe(text);
  });

  test("are cut, and run no code of their own", () => {
    expect(shown("x".repeat(1e6)).length).toBeLessThan(110);
    expect(shown(new Float64Array(1e6)).length).toBeLessThan(110);
    const refuse = (): never => {
      throw new Error("leave me alone");
    };
    expect(shown({ toString: refuse, [Symbol.for("nodejs.util.inspect.custom")]: refuse })).toContain("toString");
  });
});
