/** Reading, writing and running things in the engines' namespaces. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { RemoteError, ref } from "ndparallel";
import { afterAll, describe, expect, test } from "vitest";
import { failure, shareCluster } from "./shared-cluster.ts";

declare const a: number;
declare const b: number;
declare const counter: { value: number };
declare const os: typeof import("node:os");
declare const path: typeof import("node:path");
declare const nd: (data: number[], shape: number[]) => { get(i: number, j: number): number };
declare const engineFunction: (x: number) => number;

const shared = shareCluster(2);
const directory = mkdtempSync(join(tmpdir(), "ndparallel-run-"));
afterAll(() => rmSync(directory, { recursive: true }));

function writeScript(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

async function remoteFailure(call: () => unknown): Promise<RemoteError> {
  const error = await failure(call);
  expect(error).toBeInstanceOf(RemoteError);
  return error as RemoteError;
}

describe("push and pull", () => {
  const nested = { a: [1, [2, { b: "c" }]], "key with blanks": { d: null, e: undefined }, f: 0.5, g: true };

  test("nested data comes back as it was, from one engine and from all", async () => {
    const { rc, all } = shared;
    await rc.at(0).push({ data: nested, key: "k" });
    expect(await rc.at(0).pull("data")).toEqual(nested);
    expect(await rc.at(0).pull("key")).toBe("k");
    await all.push({ data: nested });
    expect(await all.pull("data")).toEqual([nested, nested]);
  });

  test("push gives undefined", async () => {
    expect(await shared.all.push({ x: 1 })).toBeUndefined();
    expect(await shared.rc.at(0).push({})).toBeUndefined();
  });

  test("several names give a list for each engine, in the order of the names", async () => {
    const { rc, all } = shared;
    await rc.at(0).push({ a: 1, b: 2 });
    await rc.at(1).push({ a: 3, b: 4 });
    expect(await all.pull(["b", "a"])).toEqual([
      [2, 1],
      [4, 3],
    ]);
    expect(await rc.at(1).pull(["a", "b"])).toEqual([3, 4]);
    expect(await all.pull(["a"])).toEqual([[1], [3]]);
    expect(await rc.view([1]).pull("a")).toEqual([3]);
    expect(await all.pull([])).toEqual([[], []]);
  });

  test("get, set and update are the same as promises", async () => {
    const { rc, all } = shared;
    expect(all.set("a", 5)).toBeInstanceOf(Promise);
    await all.set("a", 5);
    await rc.at(1).update({ a: 6, b: 7 });
    expect(all.get("a")).toBeInstanceOf(Promise);
    expect(await all.get("a")).toEqual([5, 6]);
    expect(await rc.at(1).get("b")).toBe(7);
  });

  test("dotted names reach inside, to read and to write", async () => {
    const one = shared.rc.at(0);
    await one.push({ model: { rate: 0.1, layers: [{ units: 4 }] } });
    expect(await one.get("model.rate")).toBe(0.1);
    await one.set("model.rate", 0.2);
    await one.push({ "model.momentum": 0.9, other: 1 });
    expect(await one.pull(["model.rate", "model.momentum", "other"])).toEqual([0.2, 0.9, 1]);
    expect(await one.get("model")).toEqual({ rate: 0.2, layers: [{ units: 4 }], momentum: 0.9 });
  });

  test("a name that is not there is a remote ReferenceError that names it and the engine", async () => {
    const { rc } = shared;
    const error = await remoteFailure(() => rc.at(1).pull("missing"));
    expect(error.remoteName).toBe("ReferenceError");
    expect(error.message).toMatch(/missing.*engine 1/);
    await rc.at(1).push({ here: { x: 1 } });
    expect((await remoteFailure(() => rc.at(1).get("here.there"))).message).toMatch(/here\.there/);
    expect((await remoteFailure(() => rc.at(1).get("here.there.deep"))).message).toMatch(/here\.there/);
    expect((await remoteFailure(() => rc.at(1).set("nowhere.x", 1))).remoteName).toBe("ReferenceError");
  });

  test("nothing can be set inside what is no object", async () => {
    const one = shared.rc.at(0);
    await one.push({ n: 5, nothing: null });
    for (const name of ["n.x", "nothing.x"]) {
      const error = await remoteFailure(() => one.set(name, 1));
      expect(error.remoteName).toBe("TypeError");
      expect(error.message).toMatch(/is not an object/);
    }
  });

  test("a pushed function is called by name, and comes back callable", async () => {
    const { all } = shared;
    await all.push({ engineFunction: (x: number) => 3 * x });
    expect(await all.apply(() => engineFunction(5))).toEqual([15, 15]);
    expect(await all.apply(ref("engineFunction"), 6)).toEqual([18, 18]);
    const [pulled] = await all.pull("engineFunction");
    expect(pulled(7)).toBe(21);
    expect(await all.apply(pulled, 8)).toEqual([24, 24]);
  });

  test("a pushed function resolves its names on the engine that runs it", async () => {
    const { rc, all } = shared;
    await all.push({ engineFunction: (x: number) => x * a });
    await rc.at(0).set("a", 2);
    const error = await remoteFailure(() => rc.at(1).apply(ref("engineFunction"), 1));
    expect(error.remoteName).toBe("ReferenceError");
    expect(error.message).toMatch(/^a is not defined/);
    await rc.at(1).set("a", 3);
    expect(await all.apply(ref("engineFunction"), 10)).toEqual([20, 30]);
  });

  test("default values of a pushed function's parameters survive", async () => {
    const { all } = shared;
    await all.push({ engineFunction: (x: number, factor = 10, { shift = 1 } = {}) => x * factor + shift });
    expect(await all.apply(ref("engineFunction"), 4)).toEqual([41, 41]);
    expect(await all.apply(ref("engineFunction"), 4, 2, { shift: 0 })).toEqual([8, 8]);
  });

  test("identity is kept within one push, as in a copy of a graph", async () => {
    const one = shared.rc.at(0);
    const value = { count: 1 };
    await one.push({ left: { value }, right: { value } });
    await one.execute("left.value.count = 2");
    expect(await one.get("right.value.count")).toBe(2);
    expect(value.count).toBe(1);
  });
});

describe("functions and namespaces", () => {
  test("a function reads what was pushed, executed or scattered under a late name", async () => {
    const { all } = shared;
    await all.push({ a: 5 });
    await all.execute("b = 6");
    expect(await all.apply(() => a * b)).toEqual([30, 30]);
    await all.scatter("a", [1, 2]);
    expect(await all.apply(() => (a as unknown as number[])[0])).toEqual([1, 2]);
  });

  test("what a function puts into globalThis stays there", async () => {
    const { rc } = shared;
    await rc.at(0).apply((value: number) => {
      (globalThis as unknown as { counter: unknown }).counter = { value };
    }, 1);
    await rc.at(0).apply(() => counter.value++);
    expect(await rc.at(0).get("counter.value")).toBe(2);
    expect((await remoteFailure(() => rc.at(1).get("counter"))).remoteName).toBe("ReferenceError");
  });

  test("references are evaluated in the namespace of each engine, at any depth of the arguments", async () => {
    const { rc, all } = shared;
    await rc.at(0).push({ g: [1, 2], n: 10 });
    await rc.at(1).push({ g: [3, 4], n: 20 });
    const echo = (...args: unknown[]): unknown[] => args;
    expect(await all.apply(echo, ref("n"), [ref("g[0]"), { deep: [ref("n + 1")] }])).toEqual([
      [10, [1, { deep: [11] }]],
      [20, [3, { deep: [21] }]],
    ]);
    expect(await all.apply(echo, new Map([["k", ref("n")]]), new Set([ref("g")]))).toEqual([
      [new Map([["k", 10]]), new Set([[1, 2]])],
      [new Map([["k", 20]]), new Set([[3, 4]])],
    ]);
  });

  test("a reference can be the function, and uses each engine's own", async () => {
    const { rc, all } = shared;
    await rc.at(0).push({ f: (x: number) => x + 1, holder: { f: (x: number) => -x } });
    await rc.at(1).push({ f: (x: number) => x + 2, holder: { f: (x: number) => x } });
    expect(await all.apply(ref("f"), 10)).toEqual([11, 12]);
    expect(await all.apply(ref("holder.f"), 10)).toEqual([-10, 10]);
  });

  test("a reference to a name that is not there is a remote ReferenceError", async () => {
    const error = await remoteFailure(() => shared.rc.at(0).apply((x: unknown) => x, ref("nowhere")));
    expect(error.remoteName).toBe("ReferenceError");
    expect(error.message).toMatch(/nowhere/);
  });

  test("a reference to what is no function cannot be called", async () => {
    const one = shared.rc.at(0);
    await one.push({ n: 5 });
    const error = await remoteFailure(() => one.apply(ref("n")));
    expect(error.remoteName).toBe("TypeError");
    expect(error.message).toMatch(/no function/);
  });

  test.each([5, null, undefined, "", "  ", "a b", "a; b", "let a", ")"])("ref(%o) is a TypeError", (expression) => {
    expect(() => ref(expression as string)).toThrow(TypeError);
  });
});

describe("execute", () => {
  test("runs source text on each target; there is no value unless it is asked for", async () => {
    const { rc, all } = shared;
    expect(await all.execute("a = 2; a * 21")).toEqual([undefined, undefined]);
    expect(await rc.at(0).execute("a * 21")).toBeUndefined();
    expect(await all.get("a")).toEqual([2, 2]);
  });

  test("with silent: false the result is the value of the last expression of each engine", async () => {
    const { rc, all } = shared;
    await rc.at(0).push({ a: 1 });
    await rc.at(1).push({ a: 2 });
    expect(await all.execute("a * 10", { silent: false })).toEqual([10, 20]);
    expect(await rc.at(1).execute("[a, a]", { silent: false })).toEqual([2, 2]);
    expect(await rc.at(1).execute("if (a > 1) 'big'; else 'small'", { silent: false })).toBe("big");
    expect(await rc.at(1).execute("let unused = 1", { silent: false })).toBeUndefined();
    expect(await rc.at(0).execute("", { silent: false })).toBeUndefined();
  });

  test("the value is in the metadata too", async () => {
    const result = shared.all.execute("6 * 7", { silent: false });
    await result;
    expect([result.metadata].flat().map(({ executeResult }) => executeResult)).toEqual([42, 42]);
  });

  test("a value that cannot be sent is shown as text", async () => {
    expect(await shared.rc.at(0).execute("Symbol('s')", { silent: false })).toBe("Symbol(s)");
    expect(await shared.rc.at(0).execute("new WeakMap()", { silent: false })).toMatch(/WeakMap/);
  });

  test("what is declared at the top stays, and may be declared again", async () => {
    const one = shared.rc.at(0);
    const declarations = "let l = 1; const c = 2; var v = 3; function f() { return 4 } class K { five() { return 5 } }";
    for (let i = 0; i < 2; i++) await one.execute(declarations);
    expect(await one.execute("[l, c, v, f(), new K().five()]", { silent: false })).toEqual([1, 2, 3, 4, 5]);
    expect(await one.pull(["l", "c", "v"])).toEqual([1, 2, 3]);
  });

  test("await and imports work at the top", async () => {
    const one = shared.rc.at(0);
    await one.execute('import { basename } from "node:path"; const name = await Promise.resolve(basename("/a/b.c"));');
    expect(await one.get("name")).toBe("b.c");
    expect(await one.execute("await Promise.resolve(8)", { silent: false })).toBe(8);
    expect(await one.execute('(await import("node:path")).basename("/x/y")', { silent: false })).toBe("y");
  });

  test("text that is not ASCII is kept", async () => {
    const one = shared.rc.at(0);
    await one.execute("größe = 'é∂∆ 数𝒳'");
    expect(await one.get("größe")).toBe("é∂∆ 数𝒳");
  });

  test("what the code throws is a typed remote error", async () => {
    const error = await remoteFailure(() => shared.rc.at(1).execute("null.x"));
    expect(error.remoteName).toBe("TypeError");
    expect(error.engineId).toBe(1);
    expect((await remoteFailure(() => shared.rc.at(0).execute("nowhere + 1"))).remoteName).toBe("ReferenceError");
  });

  test("a syntax error names the line, and nothing of the code runs", async () => {
    const one = shared.rc.at(0);
    const error = await remoteFailure(() => one.execute("ran = true\nlet = ;"));
    expect(error.remoteName).toBe("SyntaxError");
    expect(error.message).toMatch(/line 2/);
    expect((await remoteFailure(() => one.get("ran"))).remoteName).toBe("ReferenceError");
  });
});

describe("run", () => {
  test("runs a file whose text lacks the final newline", async () => {
    const file = writeScript("no-newline.js", "fromFile = 5 // a comment at the end");
    await shared.all.run(file);
    expect(await shared.all.get("fromFile")).toEqual([5, 5]);
  });

  test("takes a URL, and gives the value of the last expression when asked", async () => {
    const file = writeScript("value.js", "const x = 20;\nx + 1;\n");
    expect(await shared.all.run(pathToFileURL(file), { silent: false })).toEqual([21, 21]);
  });

  test("an error names the file and the line", async () => {
    const file = writeScript("fails.js", "\n\nthrow new Error('on line three');\n");
    const error = await remoteFailure(() => shared.rc.at(0).run(file));
    expect(error.stack).toMatch(/fails\.js:3/);
    const broken = writeScript("broken.js", "ok = 1\nnot ok");
    expect((await remoteFailure(() => shared.rc.at(0).run(broken))).message).toMatch(/broken\.js.*line 2/);
  });

  test("a file that is not there is refused before anything is sent", async () => {
    const { all, rc } = shared;
    const sent = rc.history.length;
    expect(() => all.run(join(directory, "missing.js"))).toThrow(/missing\.js/);
    expect(() => all.run(5 as never)).toThrow(new TypeError("file must be a path or a URL; given: 5"));
    await expect(all.with({ block: true }).run(join(directory, "missing.js"))).rejects.toThrow(/ENOENT/);
    expect(rc.history).toHaveLength(sent);
  });
});

describe("import", () => {
  test("loads modules under their own names, for functions sent later", async () => {
    const { all } = shared;
    expect(await all.import("node:os")).toBeUndefined();
    await all.import(["node:path", "node:timers/promises"]);
    expect(await all.apply(() => [os.EOL, path.posix.join("a", "b")])).toEqual([
      ["\n", "a/b"],
      ["\n", "a/b"],
    ]);
    expect(await all.execute("typeof promises.setTimeout", { silent: false })).toEqual(["function", "function"]);
  });

  test("loads packages from the engines' directory, under names of one's own", async () => {
    const { all } = shared;
    await all.import({ nd: "ndarray" });
    expect(await all.apply(() => nd([1, 2, 3, 4], [2, 2]).get(1, 0))).toEqual([3, 3]);
  });

  test("a module that is not there is a remote error that says where it was looked for", async () => {
    const error = await remoteFailure(() => shared.rc.at(0).import("no-such-package"));
    expect(error.message).toMatch(/no-such-package/);
    expect(error.message).toContain(process.cwd());
  });

  test.each<[unknown]>([[[]], [{}], [null], [5], [[5]], [[""]], [""], [{ "a b": "node:os" }], [{ os: 5 }]])(
    "import(%o) is a TypeError",
    (specifiers) => {
      expect(() => shared.all.import(specifiers as never)).toThrow(TypeError);
    },
  );
});

describe("clear", () => {
  test("empties the namespaces of its targets only", async () => {
    const { rc, all } = shared;
    await all.push({ a: 1 });
    await all.execute("let l = 1; const c = 2; class K {}; function f() {}");
    expect(await rc.at(0).clear()).toBeUndefined();
    for (const name of ["a", "l", "c", "K", "f"]) {
      expect((await remoteFailure(() => rc.at(0).get(name))).remoteName).toBe("ReferenceError");
    }
    expect(await rc.at(1).get("a")).toBe(1);
    await all.clear();
    expect((await remoteFailure(() => rc.at(1).get("a"))).remoteName).toBe("ReferenceError");
  });

  test("puts back what was overwritten, and leaves the runtime as it was", async () => {
    const one = shared.rc.at(0);
    const before = await one.apply(() => Object.getOwnPropertyNames(globalThis).sort());
    await one.push({ console: 1, structuredClone: 2, mine: 3 });
    await one.apply(() => {
      (globalThis as { fetch?: unknown }).fetch = undefined;
    });
    await one.clear();
    const kinds = await one.apply(() => [typeof console.log, typeof structuredClone, typeof fetch]);
    expect(kinds).toEqual(["function", "function", "function"]);
    expect(await one.apply(() => Object.getOwnPropertyNames(globalThis).sort())).toEqual(before);
  });
});
