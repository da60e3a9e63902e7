/** Options that do not exist, or are of the wrong kind: a TypeError that says what there is, and nothing happens. */

import { AsyncResult, Client, Cluster, Dependency, isParallelError } from "ndparallel";
import { describe, expect, test } from "vitest";
import { failure, shareCluster } from "./shared-cluster.ts";

const shared = shareCluster(2);

/** The types say this already; here is what happens to those who do not listen. */
type Untyped = Record<string, (...parameters: unknown[]) => unknown>;

interface Method {
  readonly name: string;
  readonly call: (options: unknown) => unknown;
  /** Every option, and for those of one kind a value that is not of it. */
  readonly options: Readonly<Record<string, unknown>>;
}

const client = (): Untyped => shared.rc as unknown as Untyped;
const view = (): Untyped => shared.all as unknown as Untyped;
const result = (): Untyped => shared.all.apply(() => 1) as unknown as Untyped;
const wait = { timeout: "1", signal: {} };
const streams = { stdout: 1, stderr: {} };
const interactive = { ...wait, interval: 0, returnWhen: "soon", stream: 5 };

const methods: Method[] = [
  { name: "client.wait", call: (options) => client()["wait"]?.(undefined, options), options: wait },
  { name: "client.waitInteractive", call: (o) => client()["waitInteractive"]?.(undefined, o), options: wait },
  { name: "client.waitForEngines", call: (options) => client()["waitForEngines"]?.(1, options), options: wait },
  { name: "client.getResult", call: (options) => client()["getResult"]?.("id", options), options: { owner: "no" } },
  {
    name: "client.queueStatus",
    call: (options) => client()["queueStatus"]?.(options),
    options: { targets: null, verbose: 1 },
  },
  { name: "client.resultStatus", call: (o) => client()["resultStatus"]?.([], o), options: { statusOnly: 0 } },
  { name: "client.purgeResults", call: (o) => client()["purgeResults"]?.(undefined, o), options: { targets: {} } },
  {
    name: "client.purgeHubResults",
    call: (o) => client()["purgeHubResults"]?.("all", o),
    options: { targets: "some" },
  },
  { name: "client.abort", call: (o) => client()["abort"]?.(null, o), options: { targets: {}, running: "yes" } },
  { name: "client.clear", call: (options) => client()["clear"]?.(options), options: { targets: null } },
  {
    name: "client.shutdown",
    call: (options) => client()["shutdown"]?.(options),
    options: { targets: null, hub: "no", restart: 1 },
  },
  { name: "client.sendSignal", call: (o) => client()["sendSignal"]?.("SIGINT", o), options: { targets: "some" } },
  { name: "view.wait", call: (options) => view()["wait"]?.(undefined, options), options: wait },
  { name: "view.abort", call: (options) => view()["abort"]?.(null, options), options: { running: 1 } },
  { name: "view.getResult", call: (options) => view()["getResult"]?.("id", options), options: { owner: 1 } },
  { name: "view.queueStatus", call: (options) => view()["queueStatus"]?.(options), options: { verbose: "yes" } },
  { name: "view.shutdown", call: (options) => view()["shutdown"]?.(options), options: { hub: 1, restart: "no" } },
  { name: "view.execute", call: (options) => view()["execute"]?.("1", options), options: { silent: "no" } },
  { name: "view.run", call: (options) => view()["run"]?.("package.json", options), options: { silent: 0 } },
  {
    name: "view.scatter",
    call: (options) => view()["scatter"]?.("part", [1], options),
    options: { dist: "cyclic", flatten: 1 },
  },
  { name: "view.gather", call: (options) => view()["gather"]?.("part", options), options: {} },
  {
    name: "result.get",
    call: (options) => result()["get"]?.(options),
    options: { ...wait, returnWhen: "soon", returnExceptions: "no" },
  },
  { name: "result.wait", call: (options) => result()["wait"]?.(options), options: { ...wait, returnWhen: "soon" } },
  { name: "result.resultByEngine", call: (options) => result()["resultByEngine"]?.(options), options: wait },
  { name: "result.waitForSend", call: (options) => result()["waitForSend"]?.(options), options: wait },
  { name: "result.waitInteractive", call: (o) => result()["waitInteractive"]?.(o), options: interactive },
  {
    name: "result.displayOutputs",
    call: (options) => result()["displayOutputs"]?.(options),
    options: { ...wait, ...streams, groupBy: "color", resultOnly: 1 },
  },
  { name: "result.streamOutput", call: (options) => result()["streamOutput"]?.(options), options: streams },
  { name: "result.abort", call: (options) => result()["abort"]?.(options), options: { running: "yes" } },
  {
    name: "result.timedelta",
    call: (options) => result()["timedelta"]?.("submitted", "submitted", options),
    options: { startKey: 1, endKey: "max" },
  },
  {
    name: "executor.map",
    call: (options) =>
      (shared.rc.executor() as unknown as { map: Untyped["f"] }).map?.((x: unknown) => x, [1], options),
    options: { maxOutstanding: 0 },
  },
  {
    name: "executor.shutdown",
    call: (options) => shared.rc.executor().shutdown(options as never),
    options: { wait: "no" },
  },
  {
    name: "new Dependency",
    call: (options) => new Dependency("id", options as never),
    options: { all: 1, success: "yes", failure: 0 },
  },
  {
    name: "cluster.connect",
    call: (options) => shared.cluster.connect(options as never),
    options: wait,
  },
  {
    name: "cluster.startEngines",
    call: (options) => shared.cluster.startEngines(1, options as never),
    options: { env: 1, resources: 1, devices: 1, restart: 1 },
  },
  {
    name: "Client.connect",
    call: (options) => Client.connect({ clusterId: "x", ...(options as object) }),
    options: { ...wait, clusterId: 5, profileDir: "", dataWay: "pigeon" },
  },
  { name: "Cluster.list", call: (options) => Cluster.list(options as never), options: { profileDir: 5 } },
];

/** What a call throws, or rejects with; an iterator is asked for its first item. */
async function refusalOf(call: () => unknown): Promise<Error> {
  return await failure(async () => {
    const value = await call();
    if (typeof (value as AsyncGenerator | undefined)?.next === "function") await (value as AsyncGenerator).next();
  });
}

describe.each(methods)("$name", ({ name, call, options }) => {
  test("names an option that does not exist, and those that do", async () => {
    const error = await refusalOf(() => call({ misspelt: 1 }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/"misspelt"/);
    for (const option of Object.keys(options)) expect(error.message).toContain(option);
  });

  test.skipIf(["Client.connect", "executor.map"].includes(name)).each([null, 5, "all"])(
    "refuses %o for options",
    async (given) => {
      expect(await refusalOf(() => call(given))).toBeInstanceOf(TypeError);
    },
  );

  for (const [option, value] of Object.entries(options)) {
    test(`refuses ${option}: ${String(value)}`, async () => {
      const error = await refusalOf(() => call({ [option]: value }));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain(option);
    });
  }
});

test("nothing has happened to the cluster", async () => {
  expect(shared.rc.ids).toEqual([0, 1]);
  expect(await shared.all.apply(() => 1)).toEqual([1, 1]);
});

test("the flags of a load-balanced view that name tasks say which flag was wrong", () => {
  const balanced = shared.rc.loadBalancedView();
  expect(() => balanced.with({ after: 5 as never })).toThrow(/flag after must name tasks.*5/);
  expect(() => balanced.with({ follow: [{}] as never })).toThrow(/flag follow must name tasks/);
});

test.each<[unknown]>([[5], [""], [null]])("a connection file %j is refused", async (file) => {
  const error = await failure(() => Client.connect({ file } as never));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toMatch(/file/);
});

test("an engine that does not exist cannot be retired, and a value has to have a name", async () => {
  const error = await failure(() => shared.cluster.retireEngines([0, 99]));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toMatch(/no engine 99.*0, 1/);
  expect(await failure(() => shared.cluster.retireEngines("0" as never))).toBeInstanceOf(TypeError);
  expect(await failure(() => shared.all.set(undefined as never, 1))).toBeInstanceOf(TypeError);
});

test("keys of a query are a list of texts", async () => {
  await expect(shared.rc.dbQuery({}, "status" as never)).rejects.toThrow(/keys must be a list.*status/);
  await expect(shared.rc.dbQuery({}, [5] as never)).rejects.toThrow(TypeError);
});

test("once the client is closed a load-balanced map, reduce and parallel function throw its ConnectionError", async () => {
  const other = await shared.cluster.connect();
  const balanced = other.loadBalancedView();
  const double = balanced.parallel()((x: number[]) => x);
  other.close();
  for (const call of [
    () => balanced.map((x: number) => x, [1, 2]),
    () => balanced.with({ chunkSize: 1 }).map((x: number) => x, [1, 2]),
    () => balanced.reduce((a: number, b: number) => a + b, [1, 2]),
    () => double([1, 2]),
    () => balanced.imap((x: number) => x, [1]).next(),
    () => balanced.apply(() => 1),
  ]) {
    expect(isParallelError(await failure(call), "ConnectionError")).toBe(true);
  }
});

test("the metadata has the keys that the pages name, and no others", async () => {
  const call = shared.rc.at(0).apply(() => 1);
  await call;
  expect(Object.keys(call.metadata).sort()).toEqual(
    "msgId submitted started completed received engineId engineUuid status error executeResult stdout stderr outputs data after follow label"
      .split(" ")
      .sort(),
  );
  expect(call).toBeInstanceOf(AsyncResult);
});
