/** Results of tasks as arguments of others, at any depth: the bytes go from engine to engine, a failure goes on. */

import { type AsyncResult, Cluster, type LoadBalancedView } from "ndparallel";
import { describe, expect, it } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failureWithin, pidsOf, until, useSandbox } from "./processes.ts";
import { shareCluster } from "./shared-cluster.ts";

useSandbox("file");
const shared = shareCluster(2);

const add = (x: number, y: number): number => x + y;
const broken = (): number => {
  throw new TypeError("the first one is broken");
};
const makeArray = (length: number): Float64Array => new Float64Array(length).map((_, i) => i);
const isWritable = (array: Float64Array): boolean => {
  try {
    array.fill(1);
    return true;
  } catch {
    return false;
  }
};
const sum = (array: Float64Array): number => array.reduce((total, x) => total + x, 0);
/** As arguments are typed, where the type does not know of results. */
const later = <T>(result: AsyncResult<T>): T => result as unknown as T;

describe.each([
  ["load-balanced", () => shared.rc.loadBalancedView()],
  ["direct", () => shared.rc.at(1) as unknown as LoadBalancedView<false>],
] as const)("arguments of a %s call", (_, viewOf) => {
  it("may be results that are there, and results that are on their way", async () => {
    const view = viewOf();
    const one = view.apply(add, 1, 2);
    await one;
    await using gate = await Gate.make();
    const slow = view.apply(waitAt<number>, gate.url, 10);
    const both = view.apply(add, later(one), later(slow));
    const chain = view.apply(add, later(both), later(both));
    await gate.arrived(1);
    expect([both.ready, chain.ready]).toEqual([false, false]);
    gate.open();
    expect(await Promise.all([both, chain])).toEqual([13, 26]);
  });

  it("stand at any depth, and are one object where they are one result", async () => {
    const view = viewOf();
    const record = view.apply(() => ({ x: 5, when: new Date(7) }));
    const look = (value: { deep: [{ r: { x: number; when: Date } }]; again: unknown; map: Map<string, unknown> }) => {
      const { r } = value.deep[0];
      return [r.x, r.when.getTime(), r === value.again, value.map.get("k") === r];
    };
    const value = {
      deep: [{ r: later(record) }] as [{ r: { x: number; when: Date } }],
      again: record,
      map: new Map([["k", record]]),
    };
    expect(await view.apply(look, value)).toEqual([5, 7, true, true]);
    const factor = view.apply(add, 1, 2);
    const scale = (x: number): number => x * (factor as unknown as number);
    expect(await view.apply(scale, 7)).toBe(21);
  });

  it("may be large arrays, which are read-only", async () => {
    const view = viewOf();
    const array = view.apply(makeArray, 1_000_000);
    const [total, writable] = [view.apply(sum, later(array)), view.apply(isWritable, later(array))];
    expect(await total).toBe((1_000_000 * 999_999) / 2);
    expect(await writable).toBe(false);
    const write = (values: Float64Array): void => {
      values[0] = 1;
    };
    await failureWithin(5_000, view.apply(write, later(array)), "RemoteError");
    expect(await view.apply((values: Float64Array) => values[0], later(array))).toBe(0);
  });

  it("fail the call when they fail, with an error that says why, all along a chain", async () => {
    const view = viewOf();
    const failed = view.apply(broken);
    const dependent = view.apply(add, later(failed), 1);
    const error = await failureWithin(5_000, dependent, "ImpossibleDependency");
    expect(error.message).toContain(failed.messageIds[0]);
    expect(error.message).toContain("TypeError: the first one is broken");
    await failureWithin(5_000, view.apply(add, later(dependent), 1), "ImpossibleDependency");
  });
});

it("results of several engines are a list, those of a map are joined", async () => {
  const { rc } = shared;
  const view = rc.loadBalancedView();
  const pids = rc.view().apply(() => process.pid);
  const received = await view.apply((list: number[]) => list, later(pids));
  expect(received).toEqual(await pids);
  const direct = rc.view().map((x: number) => 2 * x, new Float32Array([1, 2, 3, 4, 5]));
  const kindOf = (values: Float32Array): unknown[] => [values.constructor.name, ...values];
  expect(await view.apply(kindOf, later(direct))).toEqual(["Float32Array", 2, 4, 6, 8, 10]);
  const chunks = view.with({ chunkSize: 2 }).map((x: number) => [x], [1, 2, 3, 4, 5]);
  expect(await view.apply((values: unknown) => values, later(chunks))).toEqual([[1], [2], [3], [4], [5]]);
  expect(await view.with({ chunkSize: 1 }).map(add, [later(view.apply(add, 1, 1)), 5], [1, 1])).toEqual([3, 6]);
});

it("a task goes where its argument is, if that engine is free", async () => {
  const { rc } = shared;
  const view = rc.loadBalancedView();
  for (const id of [...rc.ids, ...rc.ids]) {
    const first = rc.loadBalancedView(id).apply(makeArray, 100_000);
    await first;
    const second = view.apply(sum, later(first));
    await second;
    expect(second.engineIds).toEqual([id]);
  }
});

it("what the hub does not know, and what cannot be waited for, is refused by name", async () => {
  const { rc } = shared;
  const view = rc.loadBalancedView();
  const unknown = rc.getResult("nobody-1");
  await failureWithin(5_000, view.apply(add, unknown as never, 1), "InvalidDependency");
  await failureWithin(5_000, rc.at(0).apply(add, unknown as never, 1), "InvalidDependency");
  const growing = view.map(
    add,
    Array.from({ length: 1_000 }, (_, i) => i),
    Array.from({ length: 1_000 }, () => 1),
  );
  expect(() => view.apply(add, growing as never, 1)).toThrow(/args\[0\].*chunkSize/s);
  await growing;
  expect(await view.apply((values: number[]) => values.length, later(growing) as never)).toBe(1_000);
});

it("an abort of what is waited for ends what waits", async () => {
  const { rc } = shared;
  const view = rc.at(0);
  await using gate = await Gate.make();
  const running = view.apply(waitAt<number>, gate.url, 1);
  await gate.arrived(1);
  const queued = view.apply(add, 1, 1);
  const dependent = rc.at(1).apply(add, later(queued), 1);
  await queued.abort();
  await failureWithin(5_000, dependent, "ImpossibleDependency");
  gate.open();
  expect(await running).toBe(1);
});

it("arrays that are gone with their engine fail what needs them at once; what came inline outlasts it", async () => {
  await using cluster = await Cluster.start({ engines: 2 });
  await using rc = await cluster.connect();
  const [first] = rc.ids as [number, number];
  const large = rc.view(first).apply(makeArray, 1_000_000);
  const small = rc.view(first).apply(makeArray, 10);
  await Promise.all([large, small]);
  process.kill((await pidsOf(rc)).engines[0] as number, "SIGKILL");
  await until(() => !rc.ids.includes(first), "the client heard that the engine is gone");
  const view = rc.loadBalancedView();
  const error = await failureWithin(5_000, view.apply(sum, later(large)), "ConnectionError");
  expect(error.message).toMatch(/is gone/);
  expect(await view.apply(sum, later(small))).toBe(45);
});
