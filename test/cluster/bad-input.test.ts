/** Bad input to the methods of views: a typed error that says what was given, nothing sent, and nothing broken. */

import { AsyncResult, type CompositeError, type DirectView, type RemoteError, SerializationError } from "ndparallel";
import { afterEach, describe, expect, test } from "vitest";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

afterEach(async () => {
  expect(shared.rc.outstanding.size).toBe(0);
  expect(await shared.all.apply((x: number) => x + 1, 1)).toEqual([2, 2]);
});

/** The types say most of this already; here is what happens to those who do not listen. */
type Untyped = Record<string, (...args: unknown[]) => unknown>;

const noFunctions: [string, unknown, RegExp][] = [
  ["a text", "Math.sqrt", /Math\.sqrt/],
  ["a number", 5, /given: 5$/],
  ["null", null, /null/],
  ["undefined", undefined, /undefined/],
  ["a record", { call: 1 }, /given: { call: 1 }$/],
];
const noNames: unknown[] = [
  "",
  " ",
  "a b",
  "1a",
  "a.",
  ".a",
  "a..b",
  "a[0]",
  "a-b",
  "a\n",
  5,
  null,
  undefined,
  {},
  ["a"],
];
const noRecords: unknown[] = ["a", 5, null, undefined, ["a", 1], new Map([["a", 1]]), () => 1, new Date()];
const noSequences: unknown[] = [5, null, undefined, true, { a: 1 }, () => 1, (async function* () {})(), Symbol("s")];

interface Refused {
  readonly what: string;
  readonly call: (view: Untyped) => unknown;
  readonly error: new (...args: never[]) => Error;
  readonly message: RegExp;
}

function show(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const cases: Refused[] = [
  ...["apply", "map", "reduce"].flatMap((method) =>
    noFunctions.map(([name, fn, message]): Refused => {
      return { what: `${method} of ${name}`, call: (view) => view[method]?.(fn, [1]), error: TypeError, message };
    }),
  ),
  ...noNames.flatMap((name): Refused[] => [
    {
      what: `pull(${show(name)})`,
      call: (view) => view["pull"]?.(Array.isArray(name) ? [name] : name),
      error: TypeError,
      message: /name/,
    },
    {
      what: `pull(["a", ${show(name)}])`,
      call: (view) => view["pull"]?.(["a", name]),
      error: TypeError,
      message: /name/,
    },
    { what: `scatter(${show(name)})`, call: (view) => view["scatter"]?.(name, [1]), error: TypeError, message: /name/ },
    { what: `gather(${show(name)})`, call: (view) => view["gather"]?.(name), error: TypeError, message: /name/ },
  ]),
  ...noNames
    .filter((name) => typeof name === "string")
    .map(
      (name): Refused => ({
        what: `push({ ${show(name)}: 1 })`,
        call: (view) => view["push"]?.({ a: 1, [name]: 1 }),
        error: TypeError,
        message: /name/,
      }),
    ),
  ...noRecords.map(
    (record): Refused => ({
      what: `push(${show(record)})`,
      call: (view) => view["push"]?.(record),
      error: TypeError,
      message: /plain object/,
    }),
  ),
  ...noSequences.flatMap((sequence): Refused[] => [
    {
      what: `map over ${show(sequence)}`,
      call: (view) => view["map"]?.((x: unknown) => x, sequence),
      error: TypeError,
      message: /sequence 0/,
    },
    {
      what: `map over a second ${show(sequence)}`,
      call: (view) => view["map"]?.((x: unknown) => x, [1], sequence),
      error: TypeError,
      message: /sequence 1/,
    },
    {
      what: `reduce of ${show(sequence)}`,
      call: (view) => view["reduce"]?.((x: unknown) => x, sequence),
      error: TypeError,
      message: /sequence/,
    },
    {
      what: `scatter of ${show(sequence)}`,
      call: (view) => view["scatter"]?.("part", sequence),
      error: TypeError,
      message: /sequence/,
    },
  ]),
  {
    what: "map without a sequence",
    call: (view) => view["map"]?.((x: unknown) => x),
    error: TypeError,
    message: /at least one sequence/,
  },
  ...[5, null, undefined, () => 1].map(
    (code): Refused => ({
      what: `execute(${show(code)})`,
      call: (view) => view["execute"]?.(code),
      error: TypeError,
      message: /code/,
    }),
  ),
  {
    what: "run of no file",
    call: (view) => view["run"]?.("/no/such/file.js"),
    error: Error,
    message: /no\/such\/file\.js/,
  },
  { what: "run of a number", call: (view) => view["run"]?.({}), error: TypeError, message: /./ },
  {
    what: "an argument that cannot be sent",
    call: (view) => view["apply"]?.((x: unknown) => x, 1, [{ m: new WeakMap() }]),
    error: SerializationError,
    message: /args\[1\]\[0\]\.m.*WeakMap/,
  },
  {
    what: "an item that cannot be sent",
    call: (view) => view["map"]?.((x: unknown) => x, [1, Symbol("s")]),
    error: SerializationError,
    message: /symbol/,
  },
  {
    what: "a value that cannot be pushed",
    call: (view) => view["push"]?.({ a: 1, b: { c: Promise.resolve() } }),
    error: SerializationError,
    message: /record\.b\.c.*Promise/,
  },
  {
    what: "a getter that throws",
    call: (view) =>
      view["apply"]?.((x: unknown) => x, {
        get a() {
          throw new Error("no a");
        },
      }),
    error: SerializationError,
    message: /args\[0\]\.a.*no a/,
  },
  {
    what: "too deep a nesting",
    call: (view) => view["apply"]?.((x: unknown) => x, nested(100_000)),
    error: SerializationError,
    message: /nested/,
  },
  {
    what: "a function that cannot be read",
    call: (view) => view["apply"]?.(unreadable()),
    error: SerializationError,
    message: /new\.target/,
  },
];

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** An arrow function whose text is no program by itself. */
function unreadable(): () => unknown {
  return new (
    function (this: { f: () => unknown }) {
      this.f = () => new.target;
    } as unknown as new () => { f: () => unknown }
  )().f;
}

describe("refused before anything is sent", () => {
  test.each(cases)("$what", async ({ call, error, message }) => {
    const { rc, all } = shared;
    const sent = rc.history.length;
    for (const view of [all, rc.at(0)] as unknown as Untyped[]) {
      expect(() => call(view)).toThrow(error);
      expect(() => call(view)).toThrow(message);
    }
    const promise = call((all as DirectView).with({ block: true }) as unknown as Untyped);
    expect(promise).toBeInstanceOf(Promise);
    const rejection = await failure(() => promise);
    expect(rejection).toBeInstanceOf(error);
    expect(rejection.message).toMatch(message);
    expect(rc.history).toHaveLength(sent);
  });

  test("the methods that give promises always reject, and never throw", async () => {
    const all = shared.all as unknown as Untyped;
    const calls = [
      all["get"]?.("a b"),
      all["set"]?.("a b", 1),
      all["set"]?.("a", Symbol("s")),
      all["update"]?.(5),
      all["applySync"]?.(5),
      all["mapSync"]?.((x: unknown) => x),
    ];
    for (const call of calls) {
      expect(call).toBeInstanceOf(Promise);
      expect((await failure(() => call)).name).toMatch(/^(TypeError|SerializationError)$/);
    }
  });
});

describe("refused by the engines", () => {
  test.each(["process", "globalThis", "Map", "Promise", "setTimeout", "NaN", "undefined", "Infinity"])(
    'the name "%s" is the runtime\'s own',
    async (name) => {
      const error = (await failure(() => shared.all.push({ [name]: 1 }))) as CompositeError;
      expect(error.errors.map((one) => (one as RemoteError).remoteName)).toEqual(["TypeError", "TypeError"]);
      expect(error.message).toContain(name);
      expect(((await failure(() => shared.rc.at(0).scatter(name, [1]))) as RemoteError).remoteName).toBe("TypeError");
    },
  );

  test("a name like __proto__ is a name, and pollutes nothing", async () => {
    const one = shared.rc.at(0);
    await one.push(JSON.parse('{ "__proto__": { "polluted": true } }') as Record<string, unknown>).wait();
    expect(await one.apply(() => "polluted" in {})).toBe(false);
    expect("polluted" in {}).toBe(false);
  });
});

test("after all of that, results are still AsyncResults with values", async () => {
  const result = shared.all.apply((x: Float64Array) => x.length, new Float64Array(10_000));
  expect(result).toBeInstanceOf(AsyncResult);
  expect(await result).toEqual([10_000, 10_000]);
});
