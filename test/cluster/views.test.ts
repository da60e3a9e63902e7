/** What all views have in common: their own history, waiting, stopping, asking about their tasks, and ending. */

import { inspect } from "node:util";
import {
  AsyncHubResult,
  AsyncResult,
  type Client,
  Cluster,
  type DirectView,
  type LoadBalancedView,
  TaskAborted,
} from "ndparallel";
import { describe, expect, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

type AnyView = DirectView<"one" | "many", false> | LoadBalancedView<false>;

const kinds: readonly [string, (rc: Client) => AnyView][] = [
  ["a direct view", (rc) => rc.view() as AnyView],
  ["a view on one engine", (rc) => rc.at(-1) as AnyView],
  ["a broadcast view", (rc) => rc.broadcastView() as AnyView],
  ["a load-balanced view", (rc) => rc.loadBalancedView()],
];

describe.each(kinds)("%s", (_, make) => {
  const call = (view: AnyView, n: number): AsyncResult<unknown> =>
    (view as LoadBalancedView<false>).apply((x: number) => x, n);
  const hold = (view: AnyView, url: string): AsyncResult<unknown> =>
    (view as LoadBalancedView<false>).apply(waitAt<number>, url, 1);

  test("its history has what was sent through it, with whatever flags, and nothing else", async () => {
    const view = make(shared.rc);
    expect(view.history).toEqual([]);
    const first = call(view, 1);
    await call(make(shared.rc), 2);
    const second = call((view as LoadBalancedView<false>).with({ label: "second" }), 3);
    const mapped = (view as LoadBalancedView<false>).map((x: number) => x + 1, [1, 2, 3]);
    await Promise.all([first, second, mapped]);
    expect(view.history).toEqual([...first.messageIds, ...second.messageIds, ...mapped.messageIds]);
    view.history.push("x");
    expect(view.history).not.toContain("x");
    for await (const _item of view.imap((x: number) => x, [1])) break;
    expect(view.history.length).toBe(first.messageIds.length + second.messageIds.length + mapped.messageIds.length + 1);
    expect(view.outstanding).toEqual(new Set());
  });

  test("what was sent through it is outstanding while it runs, and can be waited for", async () => {
    await using gate = await Gate.make();
    const view = make(shared.rc);
    const other = make(shared.rc);
    const result = hold(view, gate.url);
    await gate.arrived();
    expect(view.outstanding).toEqual(new Set(result.messageIds));
    expect(other.outstanding).toEqual(new Set());
    expect(await other.wait(undefined, { timeout: 0 })).toBe(true);
    expect(await view.wait(undefined, { timeout: 1 })).toBe(false);
    expect(await view.wait(-1, { timeout: 1 })).toBe(false);
    gate.open();
    expect(await view.wait()).toBe(true);
    expect(result.ready).toBe(true);
    expect(view.outstanding).toEqual(new Set());
  });

  test("getResult goes by its own history", async () => {
    const view = make(shared.rc);
    const expected = await call(view, 5);
    await call(make(shared.rc), 6);
    const again = view.getResult();
    expect(again).toBeInstanceOf(AsyncResult);
    expect(await again).toBe(5);
    expect(await view.getResult(0)).toBe(5);
    expect(await view.getResult([0])).toEqual([5]);
    expect([expected].flat()[0]).toBe(5);
    expect(() => view.getResult(99)).toThrow(RangeError);
    expect(() => make(shared.rc).getResult()).toThrow(/history/);
    await using other = await shared.cluster.connect();
    const [id] = view.history as [string];
    const theirs = make(other).getResult(id);
    expect(theirs).toBeInstanceOf(AsyncHubResult);
    expect(await theirs).toBe(5);
    expect(await view.getResult(id, { owner: false })).toBe(5);
  });

  test("abort stops what waits, of this view or by name", async () => {
    await using gate = await Gate.make();
    const view = make(shared.rc);
    const running = Array.from({ length: shared.rc.size }, () => hold(shared.all as never, gate.url));
    await gate.arrived(2);
    const waiting = [call(view, 1), call(view, 2)];
    await view.abort(waiting[0]);
    for (const error of await errorsOf(waiting[0] as AsyncResult<unknown>)) expect(error).toBeInstanceOf(TaskAborted);
    expect(waiting[1]?.ready).toBe(false);
    await view.abort();
    for (const error of await errorsOf(waiting[1] as AsyncResult<unknown>)) expect(error).toBeInstanceOf(TaskAborted);
    gate.open();
    await running[0];
    await view.abort();
    expect([await call(view, 7)].flat()[0]).toBe(7);
  });

  test("queueStatus and purgeResults are those of its engines", async () => {
    const view = make(shared.rc);
    const ids = [view.targets ?? shared.rc.ids].flat();
    await call(view, 1);
    const status = await view.queueStatus();
    expect(Object.keys(status).sort()).toEqual([...ids.map(String), "unassigned"]);
    const verbose = await view.queueStatus({ verbose: true });
    const completed = ids.flatMap((id) => verbose[id]?.completed ?? []);
    expect(completed).toEqual(expect.arrayContaining(view.history));
    await view.purgeResults(-1);
    expect(await shared.rc.hubHistory()).not.toContain(view.history.at(-1));
    await call(view, 2);
    await view.purgeResults();
    const left = await view.queueStatus({ verbose: true });
    expect(ids.flatMap((id) => left[id]?.completed ?? [])).toEqual([]);
    await expect(view.purgeResults("no such task")).rejects.toThrow(RangeError);
  });

  test("size counts its engines, and an executor calls through it", async () => {
    const view = make(shared.rc);
    expect(view.size).toBe([view.targets ?? shared.rc.ids].flat().length);
    await using executor = view.executor();
    expect(executor.maxWorkers).toBe(view.size);
    const result = executor.submit((x: number) => 2 * x, 4);
    expect([await result].flat()[0]).toBe(8);
    const seen: unknown[] = [];
    for await (const value of executor.map((x: number) => x + 1, [1, 2, 3])) seen.push([value].flat()[0]);
    expect(seen).toEqual([2, 3, 4]);
    expect(view.history).toEqual([]);
  });

  test("imap keeps maxOutstanding tasks under way", async () => {
    await using gate = await Gate.make();
    const view = (make(shared.rc) as LoadBalancedView<false>).with({ maxOutstanding: 5 });
    let taken = 0;
    function* endless(): Generator<string> {
      for (;;) {
        taken++;
        yield gate.url;
      }
    }
    const results = view.imap((url: string) => fetch(url).then(() => 1), endless());
    const first = results.next();
    await gate.arrived(Math.min(view.size, 2));
    await shared.rc.spin();
    expect(taken).toBe(5);
    expect(view.outstanding.size).toBe(5);
    gate.open();
    await first;
    await results.return();
    await view.wait();
    expect(() => view.with({ maxOutstanding: -1 })).toThrow(RangeError);
    expect(() => view.with({ maxOutstanding: 1.5 })).toThrow(TypeError);
  });
});

describe("a broadcast view", () => {
  test("gives arrays in the order of its targets, also for a single engine", async () => {
    const reversed = shared.rc.broadcastView([1, 0]);
    const result = reversed.apply(() => process.pid);
    const pids = await result;
    expect(result.engineIds).toEqual([1, 0]);
    expect(pids).toEqual([
      await shared.rc.view(1).apply(() => process.pid),
      await shared.rc.view(0).apply(() => process.pid),
    ]);
    expect(await shared.rc.broadcastView(1).apply(() => 5)).toEqual([5]);
    expect(() => shared.rc.broadcastView(99)).toThrow(RangeError);
  });

  test("whatever the order of its targets, values, metadata and output are in that order", async () => {
    await shared.rc.view().scatter("rank", shared.rc.ids, { flatten: true });
    for (const ids of [[0, 1], [1, 0], [1]]) {
      const view = shared.rc.broadcastView(ids);
      const pulled = view.pull("rank");
      expect(await pulled).toEqual(ids);
      expect(pulled.engineIds).toEqual(ids);
      expect([pulled.metadata].flat().map(({ engineId }) => engineId)).toEqual(ids);
      const printed = view.execute("console.log(rank)");
      await printed;
      expect(printed.stdout).toEqual(ids.map((id) => `${id}\n`));
    }
  });

  test("takes flags, tracks what it sends, and gives each error its engine", async () => {
    const blocking = shared.rc.broadcastView().with({ block: true });
    expect(blocking.block).toBe(true);
    const promise = blocking.execute("5", { silent: false });
    expect(promise).toBeInstanceOf(Promise);
    expect(promise).not.toBeInstanceOf(AsyncResult);
    expect(await promise).toEqual([5, 5]);
    const tracked = shared.rc.broadcastView().with({ track: true });
    const scattered = tracked.scatter("part", new Uint8Array(1 << 20));
    expect(scattered.sent).toBe(false);
    await scattered.waitForSend();
    expect(scattered.sent).toBe(true);
    await scattered;
    const error = await failure(() => tracked.execute("null.x"));
    expect(error).toMatchObject({ errors: [{ engineId: 0 }, { engineId: 1 }] });
  });

  test("moves data as a direct view does", async () => {
    const view = shared.rc.broadcastView();
    await view.push({ a: 5 });
    expect(await view.pull("a")).toEqual([5, 5]);
    await view.scatter(
      "part",
      Int32Array.from({ length: 10 }, (_, i) => i),
    );
    expect(await view.gather("part")).toEqual(Int32Array.from({ length: 10 }, (_, i) => i));
  });
});

describe("abort of a direct view", () => {
  test("means what this client has at its engines, whichever view it was sent through", async () => {
    await using gate = await Gate.make();
    const running = shared.all.apply(waitAt<number>, gate.url, 1);
    await gate.arrived(2);
    const [left, right] = [shared.rc.at(0).apply(() => 1), shared.rc.at(1).apply(() => 2)];
    await shared.rc.at(0).abort();
    expect(await failure(() => left)).toBeInstanceOf(TaskAborted);
    gate.open();
    expect(await right).toBe(2);
    expect(await running).toEqual([1, 1]);
  });

  test("with running, interrupts", async () => {
    const view = shared.rc.at(0);
    const loop = view.apply(() => {
      for (;;);
    });
    await started(shared.rc, 0);
    await view.abort(null, { running: true });
    expect(await failure(() => loop)).toBeInstanceOf(TaskAborted);
    expect(await view.apply(() => 3)).toBe(3);
  });
});

test("shutdown ends the engines of a view", async () => {
  await using cluster = await Cluster.start({ engines: 3 });
  const rc = await cluster.connect();
  await rc.at(1).shutdown();
  expect(rc.ids).toEqual([0, 2]);
  await rc.loadBalancedView(0).shutdown({ restart: true });
  expect(rc.ids).toEqual([2, 3]);
  const lost = new Promise((resolve) => rc.on("disconnected", resolve));
  await rc.view().shutdown({ hub: true });
  await lost;
  rc.close();
});

/** Resolves once a task runs on the engine. */
async function started(rc: Client, engineId: number): Promise<void> {
  while ((await rc.queueStatus())[engineId]?.tasks !== 1);
}

async function errorsOf(result: AsyncResult<unknown>): Promise<unknown[]> {
  return [await result.get({ returnExceptions: true })].flat();
}

describe("what is printed", () => {
  test("is the state: of results how far they are, of views their engines, of clients their cluster", async () => {
    const { rc, all } = shared;
    await using gate = await Gate.make();
    const fails = rc.at(0).apply((): number => {
      throw new Error("no");
    });
    const results = [all.apply(waitAt<number>, gate.url, 1), fails];
    expect(inspect(results[0])).toBe("AsyncResult { status: 'pending', progress: '0/2', engineIds: [ 0, 1 ] }");
    gate.open();
    await rc.wait(results);
    expect(results.map((result) => inspect(result))).toEqual([
      "AsyncResult { status: 'ok', progress: '2/2', engineIds: [ 0, 1 ] }",
      "AsyncResult { status: 'error', progress: '1/1', engineIds: [ 0 ] }",
    ]);
    expect(inspect([all, rc.at(0), rc.view([1]), rc.loadBalancedView(), rc.loadBalancedView(1)], { depth: 5 })).toBe(
      `[
  DirectView { targets: 'all' },
  DirectView { targets: 0 },
  DirectView { targets: [ 1 ] },
  LoadBalancedView { targets: 'all' },
  LoadBalancedView { targets: [ 1 ] }
]`,
    );
    expect(inspect(rc)).toBe(`Client { clusterId: '${shared.cluster.clusterId}', ids: [ 0, 1 ] }`);
    using kept = await all.with({ keep: true }).map((x: number) => x, new Float32Array(3));
    expect(inspect(kept)).toMatch(/^RemoteRef \{\s+isFreed: false,\s+engineIds: \[ 0, 1 \],\s+dtype: 'float32',/);
  });
});
