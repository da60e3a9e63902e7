import { beforeAll, describe, expect, it } from "vitest";
import { SerializationError } from "../../src/errors.ts";
import { captureFunction, closure, travelsAs } from "../../src/functions/capture.ts";
import { explainReferenceError, reviveFunction } from "../../src/functions/revive.ts";
import { createSerializer } from "../../src/functions/serializer.ts";
import * as numbers from "./fixtures/numbers.ts";
import { hypot } from "./fixtures/numbers.ts";
import { runFixture } from "./fixtures/run-fixture.ts";

declare const lateName: number;
declare const missingName: number;

function roundTrip<F>(fn: F): F {
  const serializer = createSerializer();
  const { head, buffers } = serializer.serialize(fn);
  return serializer.deserialize(head, buffers) as F;
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(SerializationError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
}

describe("free names", () => {
  it("that are nowhere are looked up when the function runs", () => {
    const wire = captureFunction(() => lateName + 1);
    expect(wire.late).toEqual(["lateName"]);
    const fn = reviveFunction(wire);
    expect(() => fn()).toThrow(ReferenceError);
    try {
      for (const value of [5, 6]) {
        Object.assign(globalThis, { lateName: value });
        expect(fn()).toBe(value + 1);
      }
    } finally {
      Reflect.deleteProperty(globalThis, "lateName");
    }
  });

  it("that are global here are global there", () => {
    expect(captureFunction((x: number) => Math.sqrt(x) + Number(process.pid > 0)).late).toEqual([
      "Math",
      "Number",
      "process",
    ]);
  });

  it("are none where the text declares them", () => {
    const wire = captureFunction(function outer(a: number, b: number = a): number {
      const inner = (c: number): number => (c ? inner(c - 1) + b : outer.length);
      for (const d of [1]) if (d) return inner(d);
      class Local {
        static of = (): Local => new Local();
      }
      return Local.of() ? 1 : 0;
    });
    expect(wire).toMatchObject({ late: [] });
    expect(wire).not.toHaveProperty("captures");
  });

  it("are told from captured ones by the scope, not by the text", () => {
    const make = new Function("shadow", "return shadow ? ((Math) => () => Math.PI)({ PI: 3 }) : () => Math.PI");
    expect(captureFunction(make(false)).late).toEqual(["Math"]);
    expect(messageOf(() => captureFunction(make(true)))).toContain('"Math" (an object)');
  });

  it("may be captured under the name and with the value of a global", () => {
    const fn = new Function("Math", "return () => Math.PI")(Math) as () => number;
    expect(captureFunction(fn).late).toEqual(["Math"]);
  });

  it("that the engine supplies are no captures", () => {
    const make = new Function(
      "__name",
      "__vite_ssr_import_meta__",
      "cov_1a2b3c4d",
      "return () => (cov_1a2b3c4d().s[0]++, __name(() => {}, 'n').name + typeof __vite_ssr_import_meta__.url)",
    );
    expect(roundTrip(make(1, 2, 3))()).toBe("nstring");
  });

  it("import modules of Node, as vitest writes it", async () => {
    const { basename } = await roundTrip(async () => import("node:path"))();
    expect(basename("/a/b")).toBe("b");
  });

  it("find a function that calls itself by the name it was assigned to", () => {
    const sum = (n: number): number => (n === 0 ? 0 : n + sum(n - 1));
    expect(captureFunction(sum)).toMatchObject({ self: ["sum"], late: [] });
    expect(roundTrip(sum)(4)).toBe(10);
  });
});

describe("a function that cannot travel", () => {
  it("is refused for variables it captured, with all of them and the remedy", () => {
    const factor = 3;
    const table = new Float32Array(2);
    const scale = (i: number): number => factor * (table[i] ?? 0);
    const message = messageOf(() => captureFunction(scale));
    for (const part of ['"scale"', '"factor" (a number)', '"table" (a Float32Array of 2)'])
      expect(message).toContain(part);
    expect(message).toContain("closure(scale, { factor, table })");
    expect(message).toContain("push({ factor, table })");
  });

  it("is refused for imports, by the name that is imported", () => {
    const message = messageOf(() => captureFunction((x: number) => hypot(x, 1)));
    expect(message).toContain('"hypot"');
    expect(message).toContain("import");
    expect(message).not.toContain("__vite");
    expect(messageOf(() => captureFunction(() => numbers))).toContain("import");
  });

  it("is shown by its text if it has no name", () => {
    const k = 1;
    expect(
      messageOf(() =>
        captureFunction(
          (
            () => () =>
              k
          )(),
        ),
      ),
    ).toContain("() => k");
  });

  it("has its path in a value", () => {
    const k = 1;
    const message = messageOf(() => createSerializer().serialize({ list: [() => k] }, "args[0]"));
    expect(message).toMatch(/^args\[0\]\.list\[0\] .*"k" \(a number\)/);
  });

  it("is no function at all", () => {
    expect(() => captureFunction("f" as never)).toThrow(new TypeError("fn must be a function, not a string"));
  });

  describe("in a client with modules of its own", () => {
    let messages: Record<string, string | null> = {};
    beforeAll(async () => {
      messages = await runFixture("refusals.mjs");
    }, 30_000);

    it.each([
      ["scale", '"factor" (a number)'],
      ["count", '"counter" (a number)'],
      ["lookUp", '"table" (a Float64Array of 4), "factor"'],
      ["imported", '"triple" (a function)'],
      ["namespace", '"lib" from a module imported'],
      ["inner", '"depth" (a number)'],
      ["inBlock", '"block" (a number)'],
      ["inCatch", '"problem" (an Error)'],
      ["Derived", '"Base" (a class)'],
      ["Keyed", '"key"'],
      ["usesThis", "the this of the code around it"],
      ["usesArguments", "the arguments of the code around it"],
      ["usesNewTarget", "the new.target of the code around it"],
      ["reveal", "the private name #secret"],
      ["text", "super"],
      ["proxy", "Proxy"],
      ["boundCapturing", '"factor" (a number)'],
      ["partial", '"counter" (a number), and'],
      ["native", "native"],
      ["early", '"late"'],
    ])("%s", (label, part) => {
      expect(messages[label]).toMatch(/^SerializationError: /);
      expect(messages[label]).toContain(part);
    });
  });
});

describe("closure", () => {
  it("takes the values along, and leaves the function as it is here", () => {
    let factor = 3;
    const scale = (x: number): number => x * factor;
    const given = closure(scale, { factor: 10 });
    factor = 4;
    expect(given(2)).toBe(8);
    expect([given.name, given.length]).toEqual(["scale", 1]);
    expect(roundTrip(given)(2)).toBe(20);
  });

  it("takes functions and arrays along, at any depth", () => {
    const weights = Float64Array.of(1, 2);
    const at = closure((i: number): number => weights[i] ?? 0, { weights });
    const sum = closure((): number => at(0) + at(1), { at });
    expect(roundTrip(sum)()).toBe(3);
  });

  it("adds to what was given before", () => {
    const [a, b] = [1, 2];
    const both = closure(
      closure(() => [a, b], { a: 10 }),
      { b: 20 },
    );
    expect(roundTrip(both)()).toEqual([10, 20]);
  });

  it("may give the function to itself", () => {
    const sum = (n: number): number => (n === 0 ? start : n + sum(n - 1));
    const start = 100;
    expect(roundTrip(closure(sum, { sum, start }))(2)).toBe(103);
  });

  it("refuses what makes no sense", () => {
    const a = 1;
    const fn = (): number => a;
    expect(() => closure(fn, { a, b: 1, c: 2 })).toThrow(
      new TypeError('closure: function "fn" does not use "b", "c" from outside'),
    );
    expect(() => closure(Math.sqrt, { a })).toThrow(/does not use "a"/);
    expect(() => closure(fn, [a] as never)).toThrow(
      /captures must be an object of names and values, not an array of 1/,
    );
    expect(() => closure(fn, null as never)).toThrow(TypeError);
    expect(() => closure(1 as never, {})).toThrow(/fn must be a function, not a number/);
  });
});

describe("travelsAs", () => {
  it("sends the original, which may call itself through its wrapper", () => {
    const sum = Object.assign((..._: number[]): number => Number.NaN, {});
    const original = (n: number): number => (n === 0 ? 0 : n + sum(n - 1));
    travelsAs(sum, original);
    expect(roundTrip(sum)(4)).toBe(10);
    expect(roundTrip(original)(4)).toBe(10);
  });
});

describe("explainReferenceError", () => {
  const fail = (fn: () => unknown): Error => {
    try {
      fn();
    } catch (error) {
      return explainReferenceError(error, fn, "engine 3") as Error;
    }
    throw new Error("nothing was thrown");
  };

  it("names function, engine and remedy, in the stack too", () => {
    const error = fail(
      roundTrip(function readMissing() {
        return missingName;
      }),
    );
    expect(error).toBeInstanceOf(ReferenceError);
    expect(error.message).toMatch(
      /^missingName is not defined: function "readMissing" .* engine 3 .*push\(\{ missingName \}\)/,
    );
    expect(error.stack).toContain(error.message);
    expect(error.stack).toContain("<function readMissing>:2:");
  });

  it("finds the name in captured functions", () => {
    const reader = (): number => missingName;
    expect(fail(roundTrip(closure(() => reader(), { reader }))).message).toContain('function "reader"');
  });

  it("leaves other errors alone", () => {
    const thrower = roundTrip(() => {
      throw new ReferenceError("other is not defined");
    });
    expect(fail(thrower).message).toBe("other is not defined");
    expect(explainReferenceError("text", thrower, "engine 3")).toBe("text");
  });

  it("also speaks up when a class is defined", () => {
    const wire = { code: "class extends missingName {}", name: "Derived", strict: true, late: ["missingName"] };
    expect(() => reviveFunction(wire)).toThrow(/function "Derived" reads "missingName"/);
  });
});
