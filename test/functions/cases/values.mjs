// Captured data of every kind. Expected values follow from the language: what the function gives where it was written.
const number = 42;
const text = "grüße";
const big = 2n ** 70n;
const nothing = null;
let changing = 1;
const record = { a: [1, { b: 2 }] };
const weights = Float64Array.of(0.5, 1.5, 2.5);
const large = new Float32Array(50_000).fill(2);
const bytes = Buffer.from("abc");
const map = new Map([["k", new Set([1, 2])]]);
const date = new Date(86_400_000);
const pattern = /b+/gi;
const error = new RangeError("out", { cause: "why" });
const cycle = { name: "cycle" };
cycle.self = cycle;
const shared = { n: 0 };
const pair = [shared, shared];
const holes = [1, , 3];
const add = ((x, y) => x + y).bind(null, 10);
const { max } = Math;
const makeCounter = () => {
  let n = 5;
  return () => ++n;
};
const counter = makeCounter();
const isEven = (n) => n === 0 || isOdd(n - 1);
const isOdd = (n) => n !== 0 && isEven(n - 1);
function factorial(n) {
  return n < 2 ? 1 : n * factorial(n - 1);
}
const memo = (x) => memo.cache.get(x) ?? x;
memo.cache = new Map([[1, 100]]);
async function later(x) {
  return (await x) + number;
}
function* upTo(n) {
  for (let i = 0; i < n; i++) yield i * number;
}
const methods = {
  offset: 1,
  plain(x) {
    return x + number;
  },
  get value() {
    return number;
  },
};

export const cases = [
  { name: "a number", run: (one) => one.apply(() => number), expected: 42 },
  { name: "a string", run: (one) => one.apply(() => text), expected: "grüße" },
  { name: "a bigint", run: (one) => one.apply(() => big), expected: 1_180_591_620_717_411_303_424n },
  { name: "null", run: (one) => one.apply(() => nothing), expected: null },
  {
    name: "a variable, at each call again",
    run: async (one) => {
      const read = () => changing;
      const seen = [];
      for (changing = 1; changing < 4; changing++) seen.push(await one.apply(read));
      return seen;
    },
    expected: [1, 2, 3],
  },
  { name: "a record", run: (one) => one.apply(() => record.a[1].b), expected: 2 },
  { name: "a typed array", run: (one) => one.apply(() => weights[2]), expected: 2.5 },
  { name: "a large typed array", run: (one) => one.apply(() => large.reduce((a, b) => a + b)), expected: 100_000 },
  { name: "a Buffer", run: (one) => one.apply(() => bytes.toString("hex")), expected: "616263" },
  { name: "a Map with a Set", run: (one) => one.apply(() => [...map.get("k")]), expected: [1, 2] },
  { name: "a Date", run: (one) => one.apply(() => date.toISOString()), expected: "1970-01-02T00:00:00.000Z" },
  { name: "a RegExp", run: (one) => one.apply(() => "abBc".replace(pattern, "_")), expected: "a_c" },
  {
    name: "an error",
    run: (one) => one.apply(() => [error instanceof RangeError, error.message, error.cause]),
    expected: [true, "out", "why"],
  },
  { name: "a cycle", run: (one) => one.apply(() => cycle.self.self === cycle), expected: true },
  {
    name: "one object under two names",
    run: (one) => one.apply(() => (++pair[0].n, [pair[0] === shared, shared.n, pair[1].n])),
    expected: [true, 1, 1],
  },
  {
    name: "one object that is an argument, too",
    run: (one) => one.apply((other) => other === shared, shared),
    expected: true,
  },
  { name: "a list with holes", run: (one) => one.apply(() => [1 in holes, holes.length]), expected: [false, 3] },
  { name: "a bound function", run: (one) => one.apply(() => add(5)), expected: 15 },
  { name: "a native function", run: (one) => one.apply(() => max(1, 7)), expected: 7 },
  {
    name: "a closure with a variable of its own, which is copied",
    run: async (one) => [await one.apply(counter), await one.apply(counter), counter()],
    expected: [6, 6, 6],
  },
  { name: "functions that call one another", run: (one) => one.apply(isEven, 11), expected: false },
  { name: "a function that calls itself", run: (one) => one.apply((n) => factorial(n), 6), expected: 720 },
  { name: "a function with properties", run: (one) => one.apply(() => [memo(1), memo(2)]), expected: [100, 2] },
  { name: "an async function", run: (one) => one.apply(later, 1), expected: 43 },
  { name: "a generator function", run: (one) => one.apply(() => [...upTo(3)]), expected: [0, 42, 84] },
  { name: "a method", run: (one) => one.apply(methods.plain, 1), expected: 43 },
  { name: "an object with methods", run: (one) => one.apply(() => methods.plain(2) + methods.value), expected: 86 },
  {
    name: "a variable of a block, of a loop, of a catch",
    run: async (one) => {
      const functions = [];
      for (let i = 0; i < 2; i++) functions.push(() => i);
      try {
        throw new Error("caught");
      } catch (problem) {
        functions.push(() => problem.message);
      }
      return Promise.all(functions.map((fn) => one.apply(fn)));
    },
    expected: [0, 1, "caught"],
  },
  {
    name: "a name shadowed inside",
    run: (one) => one.apply((x) => [x].map((number) => number + 1)[0], 1),
    expected: 2,
  },
  {
    name: "a function at any depth of an argument",
    run: (one) => one.apply((o) => o.list[0](1), { list: [(x) => x + number] }),
    expected: 43,
  },
];
