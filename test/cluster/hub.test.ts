/** The hub's memory: questions to the task database, the state of tasks, fetching, running again, and purging. */

import {
  AsyncHubResult,
  AsyncResult,
  closure,
  type DirectView,
  display,
  isReadonly,
  type Metadata,
  publish,
  RemoteError,
  TaskAborted,
} from "ndparallel";
import { afterEach, describe, expect, test } from "vitest";
import { Gate, waitAt } from "./gate.ts";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

const tell = publish;
const show = display;

afterEach(() => {
  expect(shared.rc.outstanding.size).toBe(0);
});

function idOf(result: AsyncResult<unknown>): string {
  return result.messageIds[0] as string;
}

/** Runs again, on a view of one engine, a task that runs and one that was aborted; gives the id of the latter. */
async function resubmitRunningAndAborted(gate: Gate, one: Pick<DirectView<"one", false>, "apply">): Promise<string> {
  const running = one.apply(waitAt<string>, gate.url, "ran");
  await gate.arrived();
  const aborted = one.apply(() => "after all");
  await aborted.abort();
  expect(await failure(() => aborted)).toBeInstanceOf(TaskAborted);
  const again = shared.rc.resubmit([running, aborted]);
  gate.open();
  expect(await again).toEqual(["ran", "after all"]);
  expect(await running).toBe("ran");
  return idOf(aborted);
}

/** Some tasks that have ended. */
async function some(count: number): Promise<string[]> {
  const results = Array.from({ length: count }, (_, n) => shared.rc.at(n % 2).apply((x: number) => x, n));
  await Promise.all(results);
  return results.map(idOf);
}

describe("results and metadata", () => {
  test("hold what has come and was not fetched; get takes it away, and the hub still has it", async () => {
    const { rc } = shared;
    const result = rc.at(0).apply(() => 7);
    const bad = rc.at(1).execute("throw new RangeError('bad')");
    await Promise.all([result.wait(), bad.wait()]);
    expect(rc.results.get(idOf(result))).toBe(7);
    expect(rc.results.get(idOf(bad))).toBeInstanceOf(RemoteError);
    expect(rc.metadata.get(idOf(result))).toMatchObject({ msgId: idOf(result), status: "ok", engineId: 0 });
    expect(await result.get()).toBe(7);
    await failure(() => bad);
    expect([rc.results.has(idOf(result)), rc.results.has(idOf(bad))]).toEqual([false, false]);
    expect(rc.metadata.has(idOf(result))).toBe(false);
    expect(await rc.getResult(idOf(result))).toBe(7);
  });

  test("metadata of a running task is there, its result is not", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const result = rc.at(0).apply(waitAt<number>, gate.url, 1);
    expect(rc.metadata.get(idOf(result))).toMatchObject({ status: undefined, submitted: expect.any(Date) });
    expect(rc.results.has(idOf(result))).toBe(false);
    gate.open();
    await result;
  });
});

describe("getResult", () => {
  test("by index, by result, and the last without a name", async () => {
    const { rc } = shared;
    const [first, last] = [rc.at(0).apply(() => "first"), rc.at(1).apply(() => "last")];
    await Promise.all([first, last]);
    expect(await rc.getResult(-2)).toBe("first");
    expect(await rc.getResult()).toBe("last");
    expect(await rc.getResult(null)).toBe("last");
    expect(await rc.getResult(rc.history.length - 1)).toBe("last");
    expect(await rc.getResult(first)).toBe("first");
    expect(await rc.getResult([-1, first, idOf(last)])).toEqual(["last", "first", "last"]);
    expect(() => rc.getResult(1e9)).toThrow(RangeError);
    const several = shared.all.apply(() => 3);
    expect(await rc.getResult(several)).toEqual([3, 3]);
  });

  test("own tasks give an AsyncResult, those of others, or without owner, an AsyncHubResult", async () => {
    const { rc, cluster } = shared;
    const result = rc.at(0).apply(() => 5);
    await result.wait();
    const own = rc.getResult(idOf(result));
    expect(own).toBeInstanceOf(AsyncResult);
    expect(own).not.toBeInstanceOf(AsyncHubResult);
    const fetched = rc.getResult(idOf(result), { owner: false });
    expect(fetched).toBeInstanceOf(AsyncHubResult);
    expect(await fetched).toBe(5);
    expect(rc.results.has(idOf(result))).toBe(true);
    await using other = await cluster.connect();
    const theirs = other.getResult(idOf(result));
    expect(theirs).toBeInstanceOf(AsyncHubResult);
    expect(await theirs).toBe(5);
    expect(theirs.serialTime).toBe(own.serialTime);
    expect(await own).toBe(5);
    expect(rc.results.has(idOf(result))).toBe(false);
  });

  test("of a call to several engines has the times of the call itself", async () => {
    const result = shared.all.apply(() => {
      const end = performance.now() + 30;
      while (performance.now() < end);
    });
    await result;
    await using other = await shared.cluster.connect();
    const fetched = other.getResult(result.messageIds);
    await fetched.get();
    expect(fetched.serialTime).toBe(result.serialTime);
    expect(fetched.serialTime).toBeGreaterThanOrEqual(56);
    const [own, theirs] = [result, fetched].map(({ metadata }) => [metadata].flat());
    expect(theirs?.map(({ submitted }) => submitted)).toEqual(own?.map(({ submitted }) => submitted));
    // Received here by the hub, a moment before or after the client had it.
    expect(fetched.elapsed).toBe(fetched.wallTime);
    expect(fetched.wallTime).toBeGreaterThanOrEqual(28);
    expect(fetched.wallTime).toBeLessThanOrEqual(result.wallTime + 2_000);
    expect(fetched.speedup).toBe(fetched.serialTime / fetched.wallTime);
    const operations = (await other.dbQuery({ msgId: { $in: result.messageIds } }, ["operation"])).map(
      ({ operation }) => operation,
    );
    expect(operations).toEqual(["apply", "apply"]);
  });

  test("has the whole metadata of the task, also of one that runs", async () => {
    await using gate = await Gate.make();
    const { rc, cluster } = shared;
    await using other = await cluster.connect();
    const view = rc.loadBalancedView();
    const first = view.apply(() => 1);
    const second = view.with({ label: "second", after: first, follow: first }).apply(waitAt<number>, gate.url, 2);
    await gate.arrived();
    const fetched = other.getResult(idOf(second));
    await other.hubHistory();
    const { submitted } = second.metadata as Metadata;
    const noted = { label: "second", after: first.messageIds, follow: first.messageIds };
    expect(fetched.metadata).toMatchObject({ ...noted, submitted, engineId: first.engineIds[0], received: undefined });
    expect(fetched.elapsed).toBeGreaterThanOrEqual(0);
    gate.open();
    await Promise.all([fetched, second]);
    expect(fetched.metadata).toEqual({ ...second.metadata, received: expect.any(Date) });
    const executed = rc.at(0).execute("6 * 7", { silent: false });
    await executed;
    const copy = other.getResult(idOf(executed));
    expect(await copy).toBe(42);
    expect(copy.metadata).toMatchObject({ executeResult: 42, label: undefined, after: undefined });
  });

  test("brings published data and shown values along", async () => {
    const { rc, cluster } = shared;
    const work = closure(
      () => {
        tell({ step: 9 });
        show("seen");
      },
      { tell, show },
    );
    const result = rc.at(0).apply(work);
    await result;
    await using other = await cluster.connect();
    const fetched = other.getResult(idOf(result));
    await fetched;
    expect([fetched.data, fetched.outputs]).toEqual([result.data, result.outputs]);
    expect(fetched.data).toEqual({ step: 9 });
  });
});

describe("dbQuery", () => {
  test("records have the keys of the metadata, and no buffers", async () => {
    const { rc } = shared;
    const result = rc
      .at(1)
      .with({ label: "one" })
      .apply((x: Float64Array) => x, new Float64Array(20_000));
    await result;
    const [record, ...more] = await rc.dbQuery({ msgId: idOf(result) });
    expect(more).toEqual([]);
    const keys =
      "msgId,submitted,started,completed,received,engineId,engineUuid,status,error,executeResult,stdout,stderr,outputs,data,after,follow,label";
    expect(Object.keys(record ?? {}).sort()).toEqual(keys.split(",").sort());
    expect(record).toMatchObject({
      msgId: idOf(result),
      engineId: 1,
      status: "ok",
      label: "one",
      stdout: "",
      outputs: [],
    });
    const { submitted, started, completed, received } = record as unknown as Record<string, Date>;
    const times = [submitted, started, completed, received].map((date) => date?.getTime() ?? Number.NaN);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test("chosen keys only, the id always; buffers and the value when asked for, and the stored result stays whole", async () => {
    const { rc } = shared;
    const sent = Float64Array.from({ length: 20_000 }, (_, i) => i);
    const result = rc.at(0).apply((x: Float64Array) => x, sent);
    await result;
    const query = { msgId: idOf(result) };
    expect(await rc.dbQuery(query, ["engineId"])).toEqual([{ msgId: idOf(result), engineId: 0 }]);
    expect(await rc.dbQuery(query, [])).toEqual([{ msgId: idOf(result) }]);
    const [record] = await rc.dbQuery(query, ["result", "operation", "clientUuid"]);
    expect(record?.operation).toBe("apply");
    expect((record as { result: Float64Array }).result.join() === sent.join()).toBe(true);
    const [withBuffers] = await rc.dbQuery(query, ["resultBuffers", "status"]);
    expect(Object.keys(withBuffers ?? {}).sort()).toEqual(["msgId", "resultBuffers", "status"]);
    const bytes = withBuffers?.resultBuffers?.[0] as Uint8Array;
    expect(isReadonly(bytes)).toBe(true);
    expect(Buffer.compare(bytes, Buffer.from(sent.buffer))).toBe(0);
    const fetched = (await rc.getResult(idOf(result), { owner: false })) as Float64Array;
    expect(fetched.join() === sent.join()).toBe(true);
    const small = rc.at(1).apply(() => ({ list: [Int32Array.of(1, 2)], other: new Uint8Array(3) }));
    await small;
    const [found] = await rc.dbQuery({ msgId: idOf(small) }, ["resultBuffers"]);
    expect(found?.resultBuffers?.map(({ byteLength }) => byteLength)).toEqual([8, 3]);
    const plain = rc.at(1).apply(() => 5);
    await plain;
    expect(await rc.dbQuery({ msgId: idOf(plain) }, ["resultBuffers"])).toEqual([
      { msgId: idOf(plain), resultBuffers: [] },
    ]);
    await expect(rc.dbQuery(query, ["color" as never])).rejects.toThrow(/no key "color"/);
  });

  test("by time: $lt and $gte part the history; a date equals itself", async () => {
    const { rc } = shared;
    const ids = await some(4);
    const [middle] = await rc.dbQuery({ msgId: ids[2] as string }, ["submitted"]);
    const when = middle?.submitted as Date;
    const idsOf = async (query: object): Promise<string[]> =>
      (await rc.dbQuery(query, ["msgId"])).map(({ msgId }) => msgId);
    const before = await idsOf({ submitted: { $lt: when } });
    const after = await idsOf({ submitted: { $gte: when } });
    expect([...before, ...after]).toEqual(await rc.hubHistory());
    expect(await idsOf({ submitted: when })).toContain(ids[2]);
    expect(await idsOf({ submitted: { $gt: new Date(Date.now() + 60_000) } })).toEqual([]);
  });

  test("by label, status, engine and text, together", async () => {
    const { rc } = shared;
    const stamp = `q${Date.now()}`;
    const work = (fail: boolean): void => {
      console.log("a line");
      if (fail) throw new TypeError("broken");
    };
    const results = [0, 1].flatMap((id) =>
      [true, false].map((fail) =>
        rc
          .at(id)
          .with({ label: `${stamp} ${fail}` })
          .apply(work, fail),
      ),
    );
    await rc.wait(results);
    const found = await rc.dbQuery({ label: { $glob: `${stamp}*` }, status: "error", engineId: 1 });
    expect(found.map(({ msgId }) => msgId)).toEqual([idOf(results[2] as AsyncResult<void>)]);
    expect(found[0]?.error).toBeInstanceOf(RemoteError);
    expect(found[0]?.error).toMatchObject({ remoteName: "TypeError", message: "broken", engineId: 1 });
    expect(found[0]?.stdout).toBe("a line\n");
    expect(await rc.dbQuery({ error: { $glob: "*broken*" }, label: `${stamp} true` }, [])).toHaveLength(2);
    expect(await rc.dbQuery({ label: { $in: [`${stamp} false`] }, stdout: "a line\n" }, [])).toHaveLength(2);
    await Promise.all(results.map((result) => failure(() => result.get()).catch(() => undefined)));
  });

  test("labels of maps and calls of both kinds of views are found", async () => {
    const { rc, all } = shared;
    await rc.purgeEverything();
    for (const [view, tasksOfMap] of [
      [rc.loadBalancedView().with({ chunkSize: 1 }), 5],
      [all, 2],
    ] as const) {
      const call = view as typeof all;
      const map = call.with({ label: "map" }).map((x: number) => x, [1, 2, 3, 4, 5]);
      const single = call.with({ label: "apply" }).apply(() => 1);
      const silent = call.apply(() => 2);
      await rc.wait([map, single, silent]);
      const found = await rc.dbQuery({ label: { $nin: [""], $exists: true } }, ["msgId", "label"]);
      expect(found.map(({ label }) => label).sort()).toEqual([
        ...single.messageIds.map(() => "apply"),
        ...Array(tasksOfMap).fill("map"),
      ]);
      await Promise.all([map, single, silent]);
      await rc.purgeEverything();
    }
  });

  test("$in and $nin part the history of the hub", async () => {
    const { rc } = shared;
    await some(6);
    const history = await rc.hubHistory();
    const even = history.filter((_, index) => index % 2 === 0);
    const found = (await rc.dbQuery({ msgId: { $in: even } }, [])).map(({ msgId }) => msgId);
    expect(found).toEqual(even);
    const others = (await rc.dbQuery({ msgId: { $nin: even } }, [])).map(({ msgId }) => msgId);
    expect(others).toEqual(history.filter((id) => !even.includes(id)));
  });

  test("what a query gave may be changed, and the next one gives the records as they are", async () => {
    const { rc } = shared;
    const result = rc.at(0).apply(() => ({ n: 1 }));
    await result.wait();
    for (const keys of [undefined, ["result", "label"]] as const) {
      const [record] = (await rc.dbQuery({ msgId: idOf(result) }, keys)) as unknown as Record<string, unknown>[];
      Object.assign(record as object, { msgId: "changed", garbage: 1 });
      ((record?.["result"] as { n: number } | undefined) ?? { n: 0 }).n = 99;
      const [again] = await rc.dbQuery({ msgId: idOf(result) }, ["result"]);
      expect(again).toEqual({ msgId: idOf(result), result: { n: 1 } });
    }
    expect(await result).toEqual({ n: 1 });
  });

  test("executeResult is the value of executed code", async () => {
    const result = shared.rc.at(0).execute("({ a: [1, 2] })", { silent: false });
    await result;
    const [record] = await shared.rc.dbQuery({ msgId: idOf(result) });
    expect(record?.executeResult).toEqual({ a: [1, 2] });
  });

  test("a bad question is a TypeError that says what there is", async () => {
    await expect(shared.rc.dbQuery({ color: 1 } as never)).rejects.toThrow(TypeError);
    await expect(shared.rc.dbQuery({ label: { $like: "x" } } as never)).rejects.toThrow(/\$glob/);
  });
});

describe("hubHistory and resultStatus", () => {
  test("history has all tasks by submission, the newest last", async () => {
    const ids = await some(5);
    const history = await shared.rc.hubHistory();
    expect(history.slice(-5)).toEqual(ids);
    const records = await shared.rc.dbQuery({}, ["submitted"]);
    const times = records.map(({ submitted }) => submitted?.getTime() as number);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(records.map(({ msgId }) => msgId)).toEqual(history);
  });

  test("tells which tasks have ended, and with results what they gave", async () => {
    await using gate = await Gate.make();
    const { rc, cluster } = shared;
    const running = rc.at(0).apply(waitAt<number>, gate.url, 1);
    const done = rc.at(1).apply(() => ({ x: 1 }));
    const bad = rc.at(1).execute("throw new Error('no')");
    await rc.wait([done, bad]);
    expect(await rc.resultStatus([running, done, idOf(bad)])).toEqual({
      pending: [idOf(running)],
      completed: [idOf(done), idOf(bad)],
    });
    await using other = await cluster.connect();
    const { results, ...status } = await other.resultStatus([idOf(done), idOf(bad)], { statusOnly: false });
    expect(status).toEqual({ pending: [], completed: [idOf(done), idOf(bad)] });
    expect(results?.[idOf(done)]).toEqual({ x: 1 });
    expect(results?.[idOf(bad)]).toBeInstanceOf(RemoteError);
    await expect(rc.resultStatus("unknown")).rejects.toThrow(/"unknown"/);
    await expect(rc.resultStatus({} as never)).rejects.toThrow(TypeError);
    gate.open();
    await running;
    expect(await rc.resultStatus(running)).toEqual({ pending: [], completed: [idOf(running)] });
  });

  test("queueStatus verbose names what each engine has completed", async () => {
    const ids = await some(4);
    const status = await shared.rc.queueStatus({ verbose: true });
    expect(status[0]?.completed.slice(-2)).toEqual([ids[0], ids[2]]);
    expect(status[1]?.completed.slice(-2)).toEqual([ids[1], ids[3]]);
    expect(status.unassigned).toEqual([]);
  });
});

describe("resubmit", () => {
  test("runs a task again with a new id, ten times in a row, everything else the same", async () => {
    const { rc } = shared;
    const result = rc
      .at(1)
      .with({ label: "again" })
      .apply((x: number) => x + Math.random(), 1);
    const values = new Set([await result]);
    let last = idOf(result);
    for (let i = 0; i < 10; i++) {
      const again = rc.resubmit(last);
      expect(again).toBeInstanceOf(AsyncHubResult);
      expect(idOf(again)).not.toBe(last);
      values.add((await again) as number);
      last = idOf(again);
      expect(rc.history.at(-1)).toBe(last);
    }
    expect(values.size).toBe(11);
    const keys = ["engineId", "label", "operation", "clientUuid"] as const;
    const [first] = await rc.dbQuery({ msgId: idOf(result) }, keys);
    const [tenth] = await rc.dbQuery({ msgId: last }, keys);
    expect({ ...tenth, msgId: "" }).toEqual({ ...first, msgId: "" });
  });

  test("of a running, an aborted, and several tasks; a list gives a list", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const aborted = await resubmitRunningAndAborted(gate, rc.at(0));
    expect(await rc.resubmit([aborted])).toEqual(["after all"]);
  });

  test("of load-balanced tasks: one that ended, one that was aborted, one that runs, and what was resubmitted", async () => {
    await using gate = await Gate.make();
    const { rc } = shared;
    const view = rc.loadBalancedView().with({ label: "balanced", retries: 1 });
    const first = view.apply((text: string) => `${text.length} ${Math.random()}`, "x".repeat(1024));
    const values = new Set([await first]);
    let last = idOf(first);
    for (let time = 0; time < 10; time++) {
      const again = rc.resubmit([last]);
      values.add(((await again) as string[])[0] as string);
      last = idOf(again);
    }
    expect(values.size).toBe(11);
    expect([...values].every((value) => value.startsWith("1024 "))).toBe(true);
    const records = await rc.dbQuery({ msgId: { $in: [idOf(first), last] } }, ["label", "operation", "clientUuid"]);
    expect({ ...records[1], msgId: "" }).toEqual({ ...records[0], msgId: "" });
    await resubmitRunningAndAborted(gate, view.with({ targets: [0] }));
  });

  test("the metadata is whole at once: label, after, follow, and the value of executed code", async () => {
    const { rc } = shared;
    const lview = rc.loadBalancedView();
    const first = lview.apply(() => 1);
    const second = lview.with({ label: "later", after: first, follow: [first] }).apply(() => 2);
    expect(await second).toBe(2);
    const again = rc.resubmit(idOf(second));
    expect(await again).toBe(2);
    const known = {
      label: "later",
      after: [idOf(first)],
      follow: [idOf(first)],
      status: "ok",
      engineId: first.engineIds[0],
    };
    expect(second.metadata).toMatchObject(known);
    expect(again.metadata).toMatchObject({ ...known, msgId: idOf(again), submitted: expect.any(Date) });
    const code = rc.at(0).execute("3 + 4", { silent: false });
    await code;
    const repeated = rc.resubmit(idOf(code));
    await repeated;
    expect([code, repeated].map(({ metadata }) => (metadata as Metadata).executeResult)).toEqual([7, 7]);
  });

  test("of another client's task", async () => {
    const [id] = await some(1);
    await using other = await shared.cluster.connect();
    expect(await other.resubmit(id as string)).toBe(0);
  });

  test("of what the hub does not know rejects with RangeError, and nothing runs", async () => {
    const { rc } = shared;
    const [id] = await some(1);
    const before = (await rc.hubHistory()).length;
    const error = await failure(() => rc.resubmit([id as string, "unknown"]).get({ returnExceptions: false }));
    expect(error.message).toContain('"unknown"');
    expect((await rc.hubHistory()).length).toBe(before);
  });
});

describe("purging", () => {
  test("the hub forgets the tasks that are named, and no other", async () => {
    const { rc } = shared;
    const [a, b, c] = (await some(3)) as [string, string, string];
    const before = await rc.hubHistory();
    await rc.purgeHubResults(b);
    expect(await rc.hubHistory()).toEqual(before.filter((id) => id !== b));
    expect(await failure(() => rc.getResult(b, { owner: false }))).toBeInstanceOf(RangeError);
    expect(await rc.getResult([a, c])).toEqual([0, 2]);
    await expect(rc.purgeHubResults("unknown")).rejects.toThrow(RangeError);
    await expect(rc.purgeHubResults()).rejects.toThrow(/name what/);
  });

  test("by engine", async () => {
    const { rc } = shared;
    const ids = await some(4);
    await rc.purgeHubResults(undefined, { targets: 0 });
    // What was aborted before it had an engine, in an earlier test, has none.
    expect(await rc.dbQuery({ engineId: 0 }, ["msgId"])).toEqual([]);
    const left = await rc.dbQuery({ msgId: { $in: ids } }, ["engineId"]);
    expect(left.map(({ engineId }) => engineId)).toEqual([1, 1]);
  });

  test("local results", async () => {
    const { rc } = shared;
    const results = [0, 1].map((id) => rc.at(id).apply((x: number) => x, id));
    await rc.wait(results);
    const [first, second] = results.map(idOf) as [string, string];
    rc.purgeLocalResults(first);
    expect([rc.results.has(first), rc.results.has(second)]).toEqual([false, true]);
    rc.purgeLocalResults("all");
    expect(rc.results.size).toBe(0);
    expect(await rc.getResult(first)).toBe(0);
    expect(() => rc.purgeLocalResults(undefined as never)).toThrow(TypeError);
  });

  test("pending work is refused everywhere", async () => {
    await using gate = await Gate.make();
    const { rc, cluster } = shared;
    const result = rc.at(0).apply(waitAt<number>, gate.url, 1);
    await gate.arrived();
    expect(() => rc.purgeLocalResults(result)).toThrow(/not ended/);
    expect(() => rc.purgeLocalResults("all")).toThrow(/not ended/);
    await expect(rc.purgeResults(result)).rejects.toThrow(/not ended/);
    await expect(rc.purgeEverything()).rejects.toThrow(/not ended/);
    await using other = await cluster.connect();
    await expect(other.purgeHubResults("all")).rejects.toThrow(/not ended/);
    await expect(other.purgeHubResults(idOf(result))).rejects.toThrow(/not ended/);
    gate.open();
    expect(await result).toBe(1);
  });

  test("everything", async () => {
    const { rc } = shared;
    const result = rc.at(0).apply(() => 1);
    await result.wait();
    await rc.purgeResults("all");
    expect([rc.results.size, await rc.hubHistory(), await rc.dbQuery({})]).toEqual([0, [], []]);
    expect(rc.history.length).toBeGreaterThan(0);
    await some(2);
    await rc.purgeEverything();
    expect([rc.results.size, rc.metadata.size, rc.history, await rc.hubHistory()]).toEqual([0, 0, [], []]);
    expect(await result).toBe(1);
  });
});

test("waitInteractive waits for what is outstanding, and spin for what has arrived", async () => {
  await using gate = await Gate.make();
  const { rc } = shared;
  const results = [0, 1].map((id) => rc.at(id).apply(waitAt<number>, gate.url, id));
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text) > 0 } as never;
  expect(await rc.waitInteractive(undefined, { stream, timeout: 1 })).toBe(false);
  const waiting = rc.waitInteractive(results, { stream, interval: 5 });
  gate.open();
  expect(await waiting).toBe(true);
  expect(lines.at(-1)).toMatch(/^2\/2 jobs/);
  expect(rc.outstanding.size).toBe(0);
  await rc.spin();
});
