/** Load-balanced tasks that fail, and engines that die under them, on real engines. */

import { Cluster, EngineError, RemoteError, TaskTimeout } from "ndparallel";
import { describe, expect, test } from "vitest";
import { until } from "./processes.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(3);

/** Fails, and counts in the namespace how often it was called. */
const fail = (): never => {
  const place = globalThis as { calls?: number };
  place.calls = (place.calls ?? 0) + 1;
  throw new RangeError("Failed!");
};

async function calls(): Promise<number[]> {
  return await shared.all.apply(() => (globalThis as { calls?: number }).calls ?? 0);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

describe("retries of an error", () => {
  test.each([0, 1, 2])(
    "%i of them, fewer than engines: each on another engine, then the task's own error",
    async (retries) => {
      const error = await failure(() => shared.rc.loadBalancedView().with({ retries }).apply(fail));
      expect(error).toBeInstanceOf(RemoteError);
      expect(error).toMatchObject({ remoteName: "RangeError", message: "Failed!" });
      const counted = await calls();
      expect(sum(counted)).toBe(retries + 1);
      expect(Math.max(...counted)).toBe(1);
    },
  );

  test("more than engines end in the task's own error too, after as many calls", async () => {
    const view = shared.rc.loadBalancedView().with({ retries: { error: 4, backoff: 0 } });
    expect(await failure(() => view.apply(fail))).toMatchObject({ remoteName: "RangeError" });
    expect(sum(await calls())).toBe(5);
  });

  test("on engines only that have not failed the task: with more retries than engines the limit of time is the end", async () => {
    const retries = { error: 3, backoff: 0, place: "other" } as const;
    const view = shared.rc.loadBalancedView().with({ retries, timeout: 1_000 });
    const error = await failure(() => view.apply(fail));
    expect(error).toBeInstanceOf(TaskTimeout);
    expect(Math.max(...(await calls()))).toBe(1);
    // Without a limit nothing is waited for that cannot come.
    const unlimited = view.with({ timeout: undefined });
    expect(await failure(() => unlimited.apply(fail))).toMatchObject({ remoteName: "RangeError" });
  });

  test("a shorter limit of time does not hide the error of a task that ran longer", async () => {
    const slow = (): never => {
      for (const end = performance.now() + 100; performance.now() < end; );
      throw new RangeError("Failed!");
    };
    const view = shared.rc.loadBalancedView().with({ retries: 1, timeout: 50 });
    expect(await failure(() => view.apply(slow))).toMatchObject({ remoteName: "RangeError" });
  });

  test("leave nothing in the queues", async () => {
    const view = shared.rc.loadBalancedView().with({ retries: 2, returnExceptions: true, chunkSize: 1 });
    const values = await view.map(fail as (x: number) => number, [1, 2, 3, 4]);
    expect(values.every((value) => (value as unknown) instanceof RemoteError)).toBe(true);
    const { unassigned, ...engines } = await shared.rc.queueStatus();
    expect(unassigned).toBe(0);
    for (const { queue, tasks } of Object.values(engines)) expect([queue, tasks]).toEqual([0, 0]);
    expect((await shared.rc.queueStatus({ verbose: true })).unassigned).toEqual([]);
  });
});

test("a load-balanced task that ends its engine fails with EngineError, and the engine's id is gone", async () => {
  await using cluster = await Cluster.start({ engines: 2 });
  await using rc = await cluster.connect();
  const result = rc
    .loadBalancedView()
    .with({ retries: 0 })
    .apply(() => process.exit(1));
  const error = await failure(() => result);
  expect(error).toBeInstanceOf(EngineError);
  const [engineId] = result.engineIds as [number];
  expect(error).toMatchObject({ engineId });
  await until(() => !rc.ids.includes(engineId), "the client heard of it");
  expect(() => rc.view(engineId)).toThrow(RangeError);
  expect(await rc.loadBalancedView().apply(() => "goes on")).toBe("goes on");
});

test("what fails without ever having been at an engine names none", async () => {
  await using cluster = await Cluster.start({ engines: 0 });
  await using rc = await cluster.connect();
  const result = rc.loadBalancedView().apply(() => 1);
  const error = await failure(() => result);
  expect(error).toBeInstanceOf(EngineError);
  expect(error).toMatchObject({ engineId: undefined, engineUuid: undefined, messageId: result.messageIds[0] });
  const [record] = await rc.dbQuery({ msgId: result.messageIds[0] as string }, ["error", "engineId"]);
  expect(record).toMatchObject({ engineId: undefined, error: { code: "EngineError", engineId: undefined } });
});

test("a cluster of one engine gives lists to views of all and of a list, and bare values to a view of one", async () => {
  await using cluster = await Cluster.start({ engines: 1 });
  await using rc = await cluster.connect();
  for (const view of [rc.view(), rc.view("all"), rc.view(rc.ids), rc.slice(), rc.broadcastView()]) {
    expect(await view.apply(() => 5)).toEqual([5]);
  }
  for (const view of [rc.at(0), rc.view(0), ...rc]) expect(await view.apply(() => 5)).toBe(5);
  expect(await rc.loadBalancedView().apply(() => 5)).toBe(5);
});
