import { readFileSync } from "node:fs";
import { basename } from "node:path";
import ndarray from "ndarray";
import { beforeAll, describe, expect, it } from "vitest";
import { SerializationError } from "../../src/errors.ts";
import { captureFunction } from "../../src/functions/capture.ts";
import { closure } from "../../src/functions/closure.ts";
import { ModuleReference } from "../../src/functions/module-reference.ts";
import { explainReferenceError, reviveFunction } from "../../src/functions/revive.ts";
import { createSerializer } from "../../src/functions/serializer.ts";
import { travelsAs } from "../../src/functions/stand-ins.ts";
import * as numbers from "./fixtures/numbers.ts";
import { sextuple, triple } from "./fixtures/numbers.ts";
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
    const { head } = captureFunction(() => lateName + 1);
    expect(head.late).toEqual(["lateName"]);
    const fn = reviveFunction(head);
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
    expect(captureFunction((x: number) => Math.sqrt(x) + Number(process.pid > 0)).head.late).toEqual([
      "Math",
      "Number",
      "process",
    ]);
  });

  it("are none where the text declares them", () => {
    const { head } = captureFunction(function outer(a: number, b: number = a): number {
      const inner = (c: number): number => (c ? inner(c - 1) + b : outer.length);
      for (const d of [1]) if (d) return inner(d);
      class Local {
        static of = (): Local => new Local();
      }
      return Local.of() ? 1 : 0;
    });
    expect(head).not.toHaveProperty("late");
    expect(head).not.toHaveProperty("cells");
  });

  it("are told from captured ones by the scope, not by the text", () => {
    const make = new Function("shadow", "return shadow ? ((Math) => () => Math.PI)({ PI: 3 }) : () => Math.PI");
    expect(captureFunction(make(false)).head.late).toEqual(["Math"]);
    expect(captureFunction(make(true))).toMatchObject({
      head: { cells: ["Math"] },
      body: { captures: { Math: { PI: 3 } } },
    });
    expect(roundTrip(make(true))()).toBe(3);
  });

  it("may be captured under the name and with the value of a global", () => {
    const fn = new Function("Math", "return () => Math.PI")(Math) as () => number;
    expect(captureFunction(fn).head.late).toEqual(["Math"]);
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
    expect(captureFunction(sum).body.captures?.["sum"]).toBe(sum);
    expect(roundTrip(sum)(4)).toBe(10);
  });
});

describe("captured values", () => {
  it("are those of the moment, each time", () => {
    let value = 1;
    const read = (): number => value;
    for (value = 1; value < 4; value++) expect(roundTrip(read)()).toBe(value);
  });

  it("keep their kinds, and what they share", () => {
    const shared = { n: 1 };
    const values = {
      map: new Map<unknown, unknown>([["k", shared]]),
      set: new Set([1, "a"]),
      date: new Date(5),
      pattern: /a+/gi,
      error: new RangeError("out"),
      array: Float32Array.of(1, 2),
      big: 12n,
      nothing: undefined,
      zero: -0,
      list: [shared, shared],
    };
    const revived = roundTrip((): unknown => values)() as typeof values;
    expect(revived).toEqual(values);
    expect(revived.list[0]).toBe(revived.list[1]);
    expect(revived.map.get("k")).toBe(revived.list[0]);
    expect(Object.is(revived.zero, -0)).toBe(true);
    expect(revived.error).toBeInstanceOf(RangeError);
  });

  it("may lead back to the function", () => {
    const registry: Record<string, unknown> = {};
    const self = (): unknown => registry["self"];
    registry["self"] = self;
    registry["again"] = registry;
    const revived = roundTrip(self);
    expect(revived()).toBe(revived);
  });

  it("may be functions that call one another", () => {
    const isEven = (n: number): boolean => n === 0 || isOdd(n - 1);
    const isOdd = (n: number): boolean => n !== 0 && isEven(n - 1);
    expect([roundTrip(isEven)(10), roundTrip(isOdd)(10)]).toEqual([true, false]);
  });

  it("may be functions of other modules, with what those captured and imported", () => {
    expect(roundTrip((x: number) => sextuple(x))(2)).toBe(12);
    expect(roundTrip((x: number) => numbers.triple(x) + numbers.hypot(3, 4))(2)).toBe(11);
    expect(roundTrip(() => numbers)()).toMatchObject({ triple: expect.any(Function), hypot: Math.hypot });
  });

  it("may be imports of Node and of packages, which travel by name", async () => {
    const { captures } = captureFunction(() => basename("/a/b")).body;
    expect(Object.values(captures ?? {})).toEqual([{ basename: expect.any(ModuleReference) }]);
    expect(roundTrip(() => basename("/a/b"))()).toBe("b");
    expect(roundTrip(() => ndarray([1, 2], [2]).get(1))()).toBe(2);
  });

  it("may be local modules by name, if that is wanted", () => {
    const { captures } = captureFunction((x: number) => triple(x), { modules: "reference" }).body;
    const [module] = Object.values(captures ?? {}) as { triple: ModuleReference }[];
    expect(module?.triple).toMatchObject({ exported: "triple", via: "import" });
    expect(module?.triple.specifier).toMatch(/^file:.*fixtures\/numbers\.ts$/);
    const byName = closure((x: number) => triple(x), {}, { modules: "reference" });
    expect(captureFunction(byName).body.captures).toEqual(captures);
  });

  it("may be bound functions, also to what holds them", () => {
    class Counter {
      n = 5;
      readonly read: () => number;
      constructor() {
        this.read = this.value.bind(this);
      }
      value(): number {
        return this.n;
      }
    }
    const counter = new Counter();
    expect(roundTrip(() => counter.read())()).toBe(5);
    const add = ((x: number, y: number): number => x + y).bind(null, 1);
    expect(roundTrip(() => add(2))()).toBe(3);
  });

  it("may be builtins", () => {
    const { max } = Math;
    const console2 = console;
    expect(roundTrip(() => max(1, 2))()).toBe(2);
    expect(roundTrip(() => console2)()).toBe(console);
  });
});

describe("classes", () => {
  abstract class Shape {
    static made = 0;
    static readonly kinds = new Map([["circle", 1]]);
    static create(side: number): Shape {
      return new Square(side);
    }
    abstract area(): number;
    describe(): string {
      return `${this.constructor.name} of ${this.area()}`;
    }
  }
  class Square extends Shape {
    constructor(readonly side: number) {
      super();
    }
    area(): number {
      return this.side ** 2;
    }
    override describe(): string {
      return `a ${super.describe()}`;
    }
  }

  it("come with what they extend, also where that refers to them", () => {
    expect(roundTrip((n: number) => Shape.create(n).describe())(3)).toBe("a Square of 9");
    const [Base, Derived] = roundTrip([Shape, Square]) as [typeof Shape, typeof Square];
    expect(Object.getPrototypeOf(Derived)).toBe(Base);
    expect(Base.create(2)).toBeInstanceOf(Derived);
  });

  it("have the static values of the moment", () => {
    Shape.made = 7;
    const revived = roundTrip(() => [Shape.made, Shape.kinds.get("circle"), Square.made]);
    expect(revived()).toEqual([7, 1, 7]);
    Shape.made = 8;
    expect(roundTrip(() => Shape.made)()).toBe(8);
  });

  it("do not run their static initialisers again", () => {
    const log: string[] = [];
    class Logged {
      static first = log.push("field");
      static {
        log.push("block");
      }
      static read(): number {
        return Logged.first;
      }
    }
    expect(roundTrip(() => Logged.read())()).toBe(1);
    expect(log).toEqual(["field", "block"]);
  });

  it("compute private static members again, as nobody can read them", () => {
    const offset = 100;
    class Secret {
      static #count = offset;
      static next(): number {
        return ++Secret.#count;
      }
    }
    expect(Secret.next()).toBe(101);
    expect(roundTrip(() => Secret.next())()).toBe(101);
  });

  it("extend builtin classes, functions that make classes, and null", () => {
    class Failure extends RangeError {
      extra = 1;
    }
    const Mixed = ((Base: new () => { hi(): string }) =>
      class Mixed extends Base {
        override hi(): string {
          return `mixed ${super.hi()}`;
        }
      })(
      class {
        hi() {
          return "base";
        }
      },
    );
    class Nothing extends (null as never as ObjectConstructor) {
      static answer = 42;
    }
    const failure = roundTrip(() => new Failure("m"))();
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure).toMatchObject({ extra: 1, message: "m" });
    expect(roundTrip(() => new Mixed().hi())()).toBe("mixed base");
    expect(roundTrip(() => Nothing.answer)()).toBe(42);
  });

  it("have instances, which are the same object wherever they are met", () => {
    const square = new Square(4);
    const frozen = Object.freeze(new Square(5));
    const revived = roundTrip((other: Square) => [
      square.area(),
      square instanceof Square,
      other === square,
      Object.isFrozen(frozen),
    ]);
    expect(revived(square)).toEqual([16, true, false, true]);
    const [fn, argument] = roundTrip([(other: Square) => other === square && other.area(), square] as const);
    expect(fn(argument)).toBe(16);
  });

  it("have methods that name their class", () => {
    class Factorial {
      static base = 1;
      static of(n: number): number {
        return n === 0 ? Factorial.base : n * Factorial.of(n - 1);
      }
    }
    expect(roundTrip(Factorial.of)(5)).toBe(120);
  });

  it("with computed keys compute them again", () => {
    const key = "name";
    class Keyed {
      [key](): string {
        return key;
      }
    }
    expect(new (roundTrip(Keyed))().name()).toBe("name");
  });
});

describe("properties of functions", () => {
  it("come along", () => {
    const memo = Object.assign((x: number): number => memo.cache.get(x) ?? x, { cache: new Map([[1, 100]]) });
    expect(roundTrip(memo)(1)).toBe(100);
  });

  it("on prototypes too", () => {
    function Old(this: { n: number }, n: number): void {
      this.n = n;
    }
    Old.prototype.twice = function (this: { n: number }): number {
      return 2 * this.n;
    };
    const make = Old as unknown as new (n: number) => { twice(): number };
    const made = new make(4);
    expect(roundTrip(() => [new make(3).twice(), made.twice()])()).toEqual([6, 8]);
  });
});

describe("a function that cannot travel", () => {
  it("is shown by its text if it has no name", () => {
    const k = Promise.resolve();
    expect(
      messageOf(() =>
        createSerializer().serialize(
          (
            () => () =>
              k
          )(),
        ),
      ),
    ).toContain("`() => k`");
  });

  it("has its path in a value", () => {
    const k = new WeakMap();
    const message = messageOf(() => createSerializer().serialize({ list: [() => k] }, "args[0]"));
    expect(message).toMatch(/^args\[0\]\.list\[0\] cannot be sent: .*captured variable "k" is a WeakMap/);
  });

  interface Said {
    readonly name: string;
    readonly message: string;
    readonly place: { readonly file: string; readonly line: number };
  }

  describe("in a client with modules of its own", () => {
    let said: Record<string, Said | null> = {};
    beforeAll(async () => {
      said = await runFixture("refusals.mjs");
    }, 30_000);

    it.each([
      [
        "usesThis",
        'uses the this of the code around it; pass what it needs as an argument, or write it with "function"',
      ],
      ["usesArguments", "uses the arguments of the code around it; pass what it needs"],
      ["usesNewTarget", "uses the new.target of the code around it; pass it as an argument"],
      [
        "reveal",
        "uses the private name #secret, which only code inside its class may; make it a method of public data",
      ],
      ["text", "uses super, which needs the class around it; pass what it needs as an argument"],
      [
        "instance",
        'captured variable "instance" is an instance of class Local, which has private members (#secret) that nobody outside can read; send plain data, or register the type with registerType',
      ],
      ["weakMap", 'captured variable "weakMap" is a WeakMap, whose entries cannot be listed; send a Map'],
      ["weakSet", 'captured variable "weakSet" is a WeakSet, whose items cannot be listed; send a Set'],
      ["promise", 'captured variable "promise" is a Promise; await it, and send what it resolves to'],
      [
        "socket",
        'captured variable "socket" is a socket, which belongs to this process; open it inside the function, or send the data',
      ],
      ["server", 'captured variable "server" is a server, which belongs'],
      ["file", 'captured variable "file" is a file handle, which belongs'],
      ["timer", 'captured variable "timer" is a timer, which belongs'],
      ["child", 'captured variable "child" is a child process, which belongs'],
      ["stream", 'captured variable "stream" is a stream, which belongs'],
      [
        "generator",
        'captured variable "generator" is an iterator, which can be read only once; collect it in a list first',
      ],
      ["proxy", 'captured variable "proxy" is a Proxy, whose handler cannot be read; send the object behind it'],
      ["proxyOfFunction", "is a Proxy of a function, whose handler cannot be read; send the function that it wraps"],
      [
        "native",
        "is a native function that has no name under which an engine finds it; import it inside the function, or call it here",
      ],
      ["capturedNative", 'captured variable "native" is a native function that has no name'],
      ["symbol", 'captured variable "symbol" is a symbol, which means nothing in another process; send a string'],
      ["nested", 'captured variable "nested" → .list → [0] → .map → .get("key") is a Promise; await it'],
      ["helper", 'captured variable "helper" → variable "weakMap" is a WeakMap'],
      ["bound", 'captured variable "bound" → the this that it is bound to → .promise is a Promise'],
      ["Derived", 'the class that it extends → its property "handle" is a WeakMap'],
      [
        "Keyed",
        'captured variable "key" was needed only while the class was defined, and is gone; give it with closure',
      ],
    ])("%s", (label, part) => {
      expect(said[label]?.name).toBe("SerializationError");
      expect(said[label]?.message).toMatch(/^fn cannot be sent: /);
      expect(said[label]?.message).toContain(part);
    });

    it("says where each was written", () => {
      for (const [label, one] of Object.entries(said)) {
        if (!one || ["native", "proxyOfFunction", "early"].includes(label)) continue;
        expect(one.place.file, label).toMatch(/fixtures\/refusals\.mjs$/);
        expect(one.message, label).toContain(`(test/functions/fixtures/refusals.mjs:${one.place.line}:`);
      }
      const lines = readFileSync(new URL("fixtures/refusals.mjs", import.meta.url), "utf8").split("\n");
      for (const label of ["weakMap", "socket", "nested"]) {
        expect(lines[(said[label]?.place.line ?? 0) - 1]).toContain(`${label}: () =>`);
      }
    });

    it("takes a variable that has no value yet for undefined on Node 20, and refuses it later", () => {
      const major = Number(process.versions.node.split(".")[0]);
      if (major < 22) expect(said["early"]).toBe(1);
      else expect(said["early"]?.message).toContain('captured variable "late" has no value yet');
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
    expect(() => closure(fn, {}, { modules: "name" as never })).toThrow(/modules must be "value" or "reference"/);
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
    const head = { code: "class extends missingName {}", name: "Derived", strict: true, late: ["missingName"] };
    expect(() => reviveFunction(head)).toThrow(/function "Derived" reads "missingName"/);
  });
});
