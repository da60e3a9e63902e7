import { EOL } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { executeCode } from "../../src/functions/execute.ts";
import { importModule } from "../../src/functions/import-module.ts";

const global = globalThis as Record<string, unknown>;
let before: Set<string>;

beforeEach(() => {
  before = new Set(Object.getOwnPropertyNames(globalThis));
});

// Everything that code defines can be deleted again.
afterEach(() => {
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!before.has(name)) expect(delete global[name], name).toBe(true);
  }
});

describe("the value", () => {
  it.each<[string, unknown]>([
    ["1 + 1", 2],
    ["1; 'last'", "last"],
    ["({ a: 1 })", { a: 1 }],
    ["(1, 2)", 2],
    ["let a = 1", undefined],
    ["5\nconst a = 1", undefined],
    ["class A {}", undefined],
    ["", undefined],
    ["// nothing", undefined],
    ["if (true) { 'then' } else { 'else' }", "then"],
    ["try { throw 1 } catch { 'caught' }", "caught"],
    ["'use strict'", "use strict"],
    ["this === globalThis", true],
    ["#!/usr/bin/env node\n3", 3],
  ])("of %j", (code, value) => {
    expect(executeCode(code)).toEqual(value);
  });

  it.each<[string, unknown]>([
    ["await 1", 1],
    ["const a = await 1; a + 1", 2],
    ["let a = await 1", undefined],
    ["if (await true) { 'then' } else 'else'", "then"],
    ["if (await false) 'then'; else 'else'", "else"],
    ["try { await Promise.reject(1) } catch { 'caught' }", "caught"],
    ["let n = 0; for await (const x of [1, 2]) n += x; n", 3],
    ["await 1; (2, 3)", 3],
    ["await 1; Promise.resolve('settled')", "settled"],
    ["await 1 // last", 1],
    ["(await 1, this === globalThis)", true],
  ])("of %j, which awaits", async (code, value) => {
    const promise = executeCode(code);
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toEqual(value);
  });
});

describe("declarations", () => {
  it.each<[string, Record<string, unknown>]>([
    ["let a = 1, b = a + 1, c", { a: 1, b: 2, c: undefined }],
    ["const { a, b: [c, ...d], ...e } = { a: 1, b: [2, 3, 4], f: 5 }", { a: 1, c: 2, d: [3, 4], e: { f: 5 } }],
    ["var [a = 7, , b] = [undefined, 1, 2]", { a: 7, b: 2 }],
    ["var a\nvar b = 1, c", { a: undefined, b: 1, c: undefined }],
    ["for (var i = 0, n; i < 3; i++) { var last = i }", { i: 3, n: undefined, last: 2 }],
    ["for (var { x } = { x: 1 }; x < 3; x++);", { x: 3 }],
    ["for (var [k, v] of [[1, 2], [3, 4]]);", { k: 3, v: 4 }],
    ["for (var key in { one: 1 });", { key: "one" }],
    ["if (false) { var a = 1 }", { a: undefined }],
    ["if (true) var a = 1; else var b = 2", { a: 1, b: undefined }],
    ["a = 1", { a: 1 }],
    ["let a = 1\nclass B { static c = a }\nlet d = B.c", { a: 1, d: 1 }],
    ["var a = b; var b = 1", { a: undefined, b: 1 }],
    ["export const a = 1; let b = a; export { b }", { a: 1, b: 1 }],
    ["{ function inBlock() {} }", {}],
    ["'use strict'; let a = 1; var b = 2; class C {}", { a: 1, b: 2 }],
  ])("%j", async (code, values) => {
    executeCode(code);
    expect(global).toMatchObject(values);
    for (const name of Object.keys(values)) {
      expect(Object.getOwnPropertyDescriptor(globalThis, name), name).toMatchObject({
        configurable: true,
        writable: true,
      });
      delete global[name];
    }
    // The same again, as a program that awaits.
    await executeCode(`${code}\n;await 0`);
    expect(global).toMatchObject(values);
  });

  it("in a loop, a block or a function stay there", () => {
    executeCode("for (let i = 0; i < 2; i++) { const inside = i }\n{ let block = 1 }\n(() => { var local = 1 })()");
    for (const name of ["i", "inside", "block", "local"]) expect(global).not.toHaveProperty(name);
  });

  it("may be repeated, of any kind", () => {
    for (const code of ["let a = 1", "const a = 2", "var a = 3", "function a() {}", "class a {}", "let a = 6"])
      executeCode(code);
    expect(global["a"]).toBe(6);
    executeCode("var a");
    expect(global["a"]).toBe(6);
    executeCode("let a");
    expect(global["a"]).toBeUndefined();
  });

  it("twice in one text are an error, as in any script", () => {
    expect(() => executeCode("let a = 1; let a = 2")).toThrow(SyntaxError);
  });

  it("give functions and classes their names", () => {
    executeCode("let f = () => {}; const g = function () {}; function h() {}; class C {}; let D = class {}");
    for (const name of ["f", "g", "h", "C", "D"]) expect((global[name] as () => void).name).toBe(name);
  });

  it("leave out what was never reached", () => {
    expect(() => executeCode("let a = missing(); let b = 1")).toThrow(ReferenceError);
    expect(global).not.toHaveProperty("b");
  });

  it("may take the name of a global that cannot be assigned to", () => {
    Object.defineProperty(globalThis, "fixed", { get: () => "old", configurable: true });
    executeCode("let fixed = 'new'");
    expect(global["fixed"]).toBe("new");
  });

  it("do not need semicolons", () => {
    executeCode("let log = []\nlet a = 1\nfunction f() {}\n[1].map((x) => log.push(x))\nclass C {}\n(log).push(2)");
    expect(global["log"]).toEqual([1, 2]);
  });
});

describe("functions", () => {
  it("are there before the program starts, and see each other", () => {
    expect(
      executeCode(
        "isEven(4);\nfunction isEven(n) { return n === 0 || isOdd(n - 1) }\nfunction isOdd(n) { return n !== 0 && isEven(n - 1) }\nisEven(7)",
      ),
    ).toBe(false);
  });

  it("see what is defined later", () => {
    executeCode("function read() { return later }");
    executeCode("let later = 1");
    expect(executeCode("read()")).toBe(1);
    executeCode("later = 2");
    expect(executeCode("read()")).toBe(2);
  });

  it("may be generators and async", async () => {
    const code = "async function a() { return 1 }\nfunction* g() { yield 2 }\nasync function* ag() { yield 3 }";
    executeCode(code);
    expect(await executeCode("[await a(), ...g(), (await ag().next()).value]")).toEqual([1, 2, 3]);
  });

  it("are strict if the program says so", () => {
    executeCode("'use strict'; function strict() { return this }");
    executeCode("function sloppy() { return this }");
    expect(executeCode("[strict() === undefined, sloppy() === globalThis]")).toEqual([true, true]);
  });

  it("keep their lines in stack traces", () => {
    executeCode("\nimport_free = 1\nfunction fail() {\n  throw new Error('here')\n}", {
      filename: "/elsewhere/train.js",
    });
    let stack = "";
    try {
      executeCode("\n\nfail()", { filename: "call.js" });
    } catch (error) {
      stack = (error as Error).stack ?? "";
    }
    expect(stack).toMatch(/fail \(.*train\.js:4:9\)/);
    expect(stack).toMatch(/call\.js:3:1/);
  });
});

describe("imports", () => {
  it("give names, wherever they stand", async () => {
    const code =
      "const lines = eol + os.EOL + path.sep\nimport os, { EOL as eol } from 'node:os'\nimport * as path from 'node:path'\nimport 'node:fs'\nlines";
    expect(await executeCode(code)).toBe(`${EOL}${EOL}/`);
    expect(executeCode("os.EOL")).toBe(EOL);
  });

  it("may be made while running", async () => {
    expect(await executeCode("const { EOL } = await import('node:os'); EOL")).toBe(EOL);
    executeCode("async function load() { return (await import('node:os')).EOL }");
    expect(await executeCode("load()")).toBe(EOL);
  });

  it("start from the directory given", async () => {
    const options = { cwd: import.meta.dirname };
    expect(await executeCode("import { tag } from './fixtures/tagged.mjs'; tag", options)).toBe("found");
    expect(await executeCode("(await import('./fixtures/tagged.mjs')).tag", options)).toBe("found");
    expect(await executeCode("import data from './fixtures/data.json' with { type: 'json' }; data", options)).toEqual([
      1,
    ]);
    expect(executeCode("import.meta.dirname", options)).toBe(import.meta.dirname);
    expect(await importModule("./fixtures/tagged.mjs", import.meta.dirname)).toMatchObject({ tag: "found" });
    expect(await importModule(`${import.meta.dirname}/fixtures/tagged.mjs`, "/")).toMatchObject({ tag: "found" });
  });

  it("of packages start there too", async () => {
    expect(await importModule("fast-check", import.meta.dirname)).toHaveProperty("assert");
    await expect(importModule("fast-check", "/")).rejects.toThrow(
      /Cannot find package 'fast-check'.*working directory, \/: install it there/,
    );
    await expect(importModule("./missing.js", "/")).rejects.toThrow(/relative specifiers are resolved from/);
  });

  it("of names that a module does not have are an error", async () => {
    await expect(executeCode("import { nothing } from 'node:os'")).rejects.toThrow(
      new SyntaxError("The requested module 'node:os' does not provide an export named 'nothing'"),
    );
  });
});

describe("errors", () => {
  it("of syntax name the line and show it", () => {
    expect(() => executeCode("let a = 1\nlet b = = 2", { filename: "/x/train.js" })).toThrow(
      new SyntaxError("Unexpected token (train.js, line 2, column 9)\n  let b = = 2\n          ^"),
    );
    expect(global).not.toHaveProperty("a");
  });

  it.each(["export default 1", "export * from 'node:os'", "return 1", "import.source('x')"])("%s is one", (code) => {
    expect(() => executeCode(code)).toThrow(SyntaxError);
  });

  it("of the code come through as they are", async () => {
    const thrown = new RangeError("mine");
    Object.assign(globalThis, { thrown });
    expect(() => executeCode("throw thrown")).toThrow(thrown);
    await expect(executeCode("await 1; null.x")).rejects.toThrow(TypeError);
  });
});
