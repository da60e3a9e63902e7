/** Many calls of one function: each is a call of its own, whatever the others did to the function, and gets its own values. */

import { type Metadata, remote } from "ndparallel";
import { expect, it } from "vitest";
import { useSandbox } from "./processes.ts";
import { shareCluster } from "./shared-cluster.ts";
import { spin } from "./tasks.ts";

useSandbox("file");
const shared = shareCluster(1);

it("finds its function as it was sent, also after a task has put something on it", async () => {
  const view = shared.rc.at(0);
  function marked(this: unknown, mark: string): string[] {
    const self = marked as unknown as Record<string, unknown>;
    const before = Object.keys(self);
    if (mark !== "") self[mark] = true;
    return before;
  }
  // Many, so that they travel as runs, and are known there.
  const calls = Array.from({ length: 20 }, () => ["", "a", "", "b", "a", ""]).flat();
  expect(await Promise.all(calls.map((mark) => view.apply(marked, mark)))).toEqual(calls.map(() => []));
  Object.assign(marked, { here: 1 });
  expect(await view.apply(marked, "")).toEqual(["here"]);
  Reflect.deleteProperty(marked, "here");
  expect(await view.apply(marked, "")).toEqual([]);
});

it("has the captured values of the moment, the first time and later", async () => {
  const view = shared.rc.at(0);
  let offset = 1;
  const add = (x: number): number => x + offset;
  const results: number[] = [];
  for (let i = 0; i < 3; i++) {
    results.push(await view.apply(add, 10));
    offset *= 10;
  }
  expect(results).toEqual([11, 20, 110]);
});

it("reads the namespace when it runs", async () => {
  const view = shared.rc.at(0);
  const read = (x: number): number => x + (globalThis as unknown as { base: number }).base + base;
  const results: number[] = [];
  for (const value of [1, 2, 3]) {
    await view.push({ base: value });
    results.push(await view.apply(read, 10));
  }
  expect(results).toEqual([12, 14, 16]);
});
declare const base: number;

it("keeps every kind of argument as it is", async () => {
  const view = shared.rc.at(0);
  const same = (...args: unknown[]): unknown[] => args;
  const loop: unknown[] = [];
  loop.push(loop);
  const shares = { a: 1 };
  const lists: unknown[][] = [
    [1, -1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53],
    [0, -0],
    ["", "ü", "\ud800"],
    [undefined, null, true],
    [{ a: [1, { b: 2 }] }, []],
    [new Map([[1, 2]]), new Set(["x"]), new Date(5), 10n ** 30n],
    [shares, shares],
    [new Float32Array([1, 2])],
    [],
  ];
  for (const list of lists) {
    const received = (await view.apply(same, ...list)) as unknown[];
    expect(received).toEqual(list);
    list.forEach((value, index) => {
      expect(Object.is(received[index], value) || typeof value === "object").toBe(true);
    });
  }
  const [one, other] = (await view.apply(same, shares, shares)) as [object, object];
  expect(one).toBe(other);
  const [back] = (await view.apply(same, loop)) as [unknown[]];
  expect(back[0]).toBe(back);
  const isSame = (fn: unknown, self: unknown): boolean => fn === self;
  expect(await view.apply(isSame, same, same)).toBe(true);
});

it("sends a function that was wrapped in between as what it wraps", async () => {
  const view = shared.rc.at(0);
  const twice = (x: number): number => 2 * x;
  expect(await view.apply(twice, 2)).toBe(4);
  const wrapped = remote(view)(twice);
  expect(await wrapped(3)).toBe(6);
  expect(await view.apply(twice, 4)).toBe(8);
});

it("answers many short calls before another one begins that may take long", async () => {
  const view = shared.rc.at(0);
  const twice = (x: number): number => 2 * x;
  const callMany = (): Promise<number[]> => Promise.all(Array.from({ length: 50 }, (_, i) => view.apply(twice, i)));
  const expected = Array.from({ length: 50 }, (_, i) => 2 * i);
  expect(await callMany()).toEqual(expected);
  const results = callMany();
  const long = view.apply(spin);
  expect(await results).toEqual(expected);
  await long.abort({ running: true });
  await expect(long).rejects.toMatchObject({ name: "TaskAborted" });
});

it("gives results of every kind, and errors, also where many are answered at once", async () => {
  const view = shared.rc.at(0);
  const give = (i: number): unknown => {
    const kinds: unknown[] = [i / 3, 0, -0, Number.NaN, `text ${i}`, undefined, null, true, [i], { i }, 10n ** 20n];
    if (i % 12 === 11) throw new RangeError(`no ${i}`);
    return i % 12 === 10 ? Promise.resolve(i) : kinds[i % 12];
  };
  const count = 600;
  const settled = await Promise.allSettled(Array.from({ length: count }, (_, i) => view.apply(give, i)));
  settled.forEach((outcome, i) => {
    if (i % 12 === 11) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { remoteName: "RangeError" } });
    } else {
      const expected = i % 12 === 10 ? i : give(i);
      expect(outcome).toEqual({ status: "fulfilled", value: expected });
      expect(Object.is((outcome as { value: unknown }).value, expected) || typeof expected === "object").toBe(true);
    }
  });
});

it("keeps its place among the pushes of the same turn", async () => {
  const view = shared.rc.at(0);
  const read = (): unknown => (globalThis as unknown as { step: unknown }).step;
  const pushes: PromiseLike<unknown>[] = [];
  const results = Array.from({ length: 40 }, (_, i) => {
    if (i % 8 === 0) pushes.push(view.push({ step: i }));
    return view.apply(read);
  });
  await Promise.all(pushes);
  expect(await Promise.all(results)).toEqual(Array.from({ length: 40 }, (_, i) => i - (i % 8)));
});

it("has the whole metadata, of which nothing was asked before", async () => {
  const view = shared.rc.loadBalancedView().with({ label: "many" });
  const results = Array.from({ length: 700 }, (_, i) => view.apply((x: number) => x + 1, i));
  expect(await Promise.all(results)).toEqual(results.map((_, i) => i + 1));
  const [engine] = (await shared.rc.status()).engines;
  const all = results.map((result) => result.metadata as Metadata);
  expect(new Set(all.map(({ msgId }) => msgId)).size).toBe(700);
  for (const [i, metadata] of all.entries()) {
    const { engineId, engineUuid, submitted, started, completed, received } = metadata;
    const expected = { msgId: results[i]?.messageIds[0], label: "many", status: "ok", error: undefined };
    expect({ ...metadata, ...expected }).toEqual(metadata);
    expect([engineId, engineUuid]).toEqual([engine?.engineId, engine?.uuid]);
    // The clocks of two processes may be apart by a millisecond or two.
    expect(Number(started)).toBeLessThanOrEqual(Number(completed));
    expect(Number(submitted)).toBeLessThanOrEqual(Number(received));
  }
});

it("can be run again each, and calls of long functions and with long arguments go through as well", async () => {
  const view = shared.rc.loadBalancedView();
  const twice = (x: number): number => 2 * x;
  const results = Array.from({ length: 20 }, (_, i) => view.apply(twice, i));
  await Promise.all(results);
  const ids = results.flatMap(({ messageIds }) => messageIds);
  expect(await shared.rc.resubmit(ids.slice(5, 9))).toEqual([10, 12, 14, 16]);
  const long = new Function("x", `return x + "${"a".repeat(3_000)}".length`) as (x: number) => number;
  const direct = shared.rc.at(0);
  for (const one of [view, direct]) {
    const lengths = await Promise.all(Array.from({ length: 10 }, (_, i) => one.apply(long, i)));
    expect(lengths).toEqual(Array.from({ length: 10 }, (_, i) => i + 3_000));
    const texts = Array.from({ length: 10 }, (_, i) => "b".repeat(700 * i));
    const measured = texts.map((text, i) => one.apply((t: string, n: number) => t.length + n, text, i));
    expect(await Promise.all(measured)).toEqual(texts.map((_, i) => 701 * i));
  }
});

it("may be of several functions in turn", async () => {
  const view = shared.rc.at(0);
  const functions = [(x: number) => x + 1, (x: number) => x * 10, (x: number) => -x];
  const results = Array.from({ length: 90 }, (_, i) => view.apply(functions[i % 3] as (x: number) => number, i));
  expect(await Promise.all(results)).toEqual(results.map((_, i) => functions[i % 3]?.(i)));
});
