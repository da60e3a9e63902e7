// Names that are found nowhere on the client, and code that is executed on the engine.
/* global counter, helper, missing, Tally */

export const cases = [
  {
    name: "a name of the namespace",
    run: async (one) => (await one.push({ counter: 5 }), one.apply(() => counter + 1)),
    expected: 6,
  },
  {
    name: "a name that a captured function uses",
    run: async (one) => {
      await one.execute("function helper(x) { return x * 100 }");
      const inner = (x) => helper(x);
      return one.apply((x) => inner(x), 2);
    },
    expected: 200,
  },
  {
    name: "a name that nobody knows",
    run: (one) =>
      one
        .apply(function reader() {
          return missing;
        })
        .then(
          () => "no error",
          ({ remoteName, message }) => [
            remoteName,
            message.includes('function "reader"'),
            message.includes("engine 0"),
            message.includes("push({ missing })"),
          ],
        ),
    expected: ["ReferenceError", true, true, true],
  },
  {
    name: "declarations may be repeated",
    run: async (one) => {
      await one.execute("let a = 1; const b = 2; class Tally { n = a + b }");
      await one.execute("let a = 10; const b = 20; class Tally { n = a + b }");
      return one.apply(() => new Tally().n);
    },
    expected: 30,
  },
  {
    name: "await at the top",
    run: (one) => one.execute("const late = await Promise.resolve(7); late + 1", { silent: false }),
    expected: 8,
  },
  {
    name: "imports at the top",
    run: (one) => one.execute("import { basename } from 'node:path'; basename('/a/b')", { silent: false }),
    expected: "b",
  },
  {
    name: "import() at the top",
    run: (one) => one.execute("(await import('node:path')).posix.sep", { silent: false }),
    expected: "/",
  },
  {
    name: "the value of the last expression",
    run: (one) => one.execute("let x = 2\nif (x > 1) { x * 3 }", { silent: false }),
    expected: 6,
  },
  {
    name: "clear removes all of it",
    run: async (one) => {
      await one.execute(
        "let a = 1; const b = 2; var c = 3; function d() {}; class E {}; import f from 'node:os'; g = 7",
      );
      await one.clear();
      return one.execute("[typeof a, typeof b, typeof c, typeof d, typeof E, typeof f, typeof g, typeof Math]", {
        silent: false,
      });
    },
    expected: ["undefined", "undefined", "undefined", "undefined", "undefined", "undefined", "undefined", "object"],
  },
];
