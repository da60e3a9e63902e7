/** Agents, engines and sets of engines: coming, being lost, being started, stopped and restarted; the cluster's end. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type FakeAgent, type FakeClient, Hub, settle } from "./fakes.ts";

/** How long the second sign of an engine's end is waited for, in milliseconds. */
const SECOND_SIGN_MS = 250;

let hub: Hub;
let client: FakeClient;
let agent: FakeAgent;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  hub = new Hub();
  client = await hub.client();
  agent = await hub.agent();
});

afterEach(() => {
  // Nothing is left waiting in the controller.
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

async function pass(milliseconds: number): Promise<void> {
  vi.advanceTimersByTime(milliseconds);
  await settle();
}

describe("an engine that is lost", () => {
  test("fails its tasks, dispatched and waiting, and no others", async () => {
    const { name, engines } = await hub.engineSet(client, agent, 2);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, number) => [`t-${number}`, 0]));
    await client.submit({ ...many, other: 1 });
    await engines[0]?.die();
    await agent.exited(engines[0]?.uuid as string, name, "its process was ended by SIGKILL");
    expect(Object.keys(client.outcomes())).toEqual(Object.keys(many));
    expect(new Set(Object.values(client.outcomes()))).toEqual(new Set(["engine"]));
    expect(client.resultOf("t-299")).toMatchObject({
      engineId: 0,
      engineUuid: engines[0]?.uuid,
      outcome: { status: "error", error: { message: expect.stringContaining("ended by SIGKILL") } },
    });
    await engines[1]?.answer("other");
    expect(client.outcomes()["other"]).toBe("ok");
    expect(client.all("engineDown")).toEqual([
      { type: "engineDown", engineId: 0, uuid: engines[0]?.uuid, reason: "its process was ended by SIGKILL" },
    ]);
  });

  test("is down when connection and process are both gone, in either order", async () => {
    const { name, engines } = await hub.engineSet(client, agent, 2);
    const [first, second] = engines.map(({ uuid }) => uuid) as [string, string];
    await engines[0]?.die();
    expect(client.all("engineDown")).toEqual([]);
    await agent.exited(first, name, "one");
    await agent.exited(second, name, "two");
    expect(client.all("engineDown").map(({ reason }) => reason)).toEqual(["one"]);
    await engines[1]?.die();
    expect(client.all("engineDown").map(({ reason }) => reason)).toEqual(["one", "two"]);
  });

  test("delivers the results that were on their way when its exit is reported", async () => {
    const { name, engines } = await hub.engineSet(client, agent, 1);
    const [engine] = engines;
    await client.submit({ a: 0, b: 0 });
    await agent.exited(engine?.uuid as string, name);
    await engine?.answer("a");
    await engine?.die();
    expect(client.outcomes()).toEqual({ a: "ok", b: "engine" });
  });

  test("is given up when only one of the signs comes in time", async () => {
    const { name, engines } = await hub.engineSet(client, agent, 2);
    await client.submit({ a: 0, b: 1 });
    await engines[0]?.die();
    await agent.exited(engines[1]?.uuid as string, name, "gone");
    await pass(SECOND_SIGN_MS - 1);
    expect(client.outcomes()).toEqual({});
    await pass(1);
    expect(client.outcomes()).toEqual({ a: "engine", b: "engine" });
    expect(client.all("engineDown").map(({ reason }) => reason)).toEqual(["its connection was lost", "gone"]);
    expect(engines[1]?.recorder.ends).toHaveLength(1);
  });

  test("whose agent is not known is down as soon as its connection is", async () => {
    const engine = await hub.engine();
    await client.submit({ a: 0 });
    await engine.die();
    expect(client.outcomes()).toEqual({ a: "engine" });
  });
});

describe("an agent that is lost", () => {
  test("takes its engines with it, and no others", async () => {
    const mine = await hub.engineSet(client, agent, 2);
    const byHand = await hub.engine(agent);
    const other = await hub.agent();
    const others = await hub.engine(other);
    await client.submit({ a: 0, b: 1, c: byHand.engineId, d: others.engineId });
    await agent.die();
    expect(client.outcomes()).toEqual({ a: "engine", b: "engine", c: "engine" });
    expect(client.resultOf("a")?.outcome.error?.message).toContain("agent");
    expect(client.all("engineDown").map(({ engineId }) => engineId)).toEqual([0, 1, 2]);
    expect(client.all("engineSetStopped")).toEqual([
      { type: "engineSetStopped", engineSet: mine.name, reason: expect.stringContaining("agent") },
    ]);
    for (const engine of [...mine.engines, byHand]) expect(engine.recorder.ends).toHaveLength(1);
    await others.answer("d");
    expect(client.outcomes()["d"]).toBe("ok");
  });

  test("ends also a set whose engines have not come yet", async () => {
    await client.ask({ method: "startEngines", count: 2, env: {} });
    await agent.die();
    expect(client.all("engineSetStopped")).toHaveLength(1);
    expect((await client.request({ method: "status" })).value).toMatchObject({ agents: [], engines: [] });
  });
});

describe("starting", () => {
  test("is an order to the agent, answered with the name of the set", async () => {
    const reply = await client.request({ method: "startEngines", count: 3, env: { A: "1" } });
    const [order] = agent.all("spawnEngines");
    expect(order).toEqual({ type: "spawnEngines", engineSet: reply.value, uuids: order?.uuids, env: { A: "1" } });
    expect(new Set(order?.uuids).size).toBe(3);
    const second = await client.request({ method: "startEngines", count: 1, env: {} });
    expect(second.value).not.toBe(reply.value);
  });

  test("waits for an agent that is on its way", async () => {
    const empty = new Hub();
    const early = await empty.client();
    const asked = await early.ask({ method: "startEngines", count: 1, env: {} });
    expect(early.answerTo(asked)).toBeUndefined();
    const late = await empty.agent();
    expect(early.answerTo(asked)).toMatchObject({ value: late.all("spawnEngines")[0]?.engineSet });
  });

  test("without any agent is an EngineError after five seconds", async () => {
    const lonely = await new Hub().client();
    const asked = await lonely.ask({ method: "startEngines", count: 1, env: {} });
    await pass(4_999);
    expect(lonely.answerTo(asked)).toBeUndefined();
    await pass(1);
    expect(lonely.answerTo(asked)?.error).toMatchObject({ kind: "engine", name: "EngineError" });
  });

  test("engines that end before they register are reported with their set, when none of it is left", async () => {
    const { value: name } = await client.request({ method: "startEngines", count: 2, env: {} });
    const [first = "", second = ""] = agent.all("spawnEngines")[0]?.uuids ?? [];
    await agent.exited(first, name as string, "no such file");
    expect(client.all("engineSetStopped")).toEqual([]);
    const { value } = await client.request({ method: "status" });
    expect(value).toMatchObject({ engineSets: [{ engineSet: name, count: 1, failed: "no such file" }] });
    await agent.exited(second, name as string, "no such file either");
    expect(client.all("engineSetStopped")).toEqual([
      { type: "engineSetStopped", engineSet: name, reason: "no such file either" },
    ]);
    expect(client.all("engineDown")).toEqual([]);
  });
});

describe("stopping", () => {
  test("one set is done when its processes have ended; the others stay", async () => {
    const first = await hub.engineSet(client, agent, 2);
    const second = await hub.engineSet(client, agent, 1);
    const asked = await client.ask({ method: "stopEngines", engineSet: first.name });
    expect(agent.all("killEngines").flatMap(({ uuids }) => uuids)).toEqual(first.engines.map(({ uuid }) => uuid));
    for (const engine of first.engines) {
      expect(client.answerTo(asked)).toBeUndefined();
      await engine.die();
      await agent.exited(engine.uuid, first.name, "SIGTERM");
    }
    expect(client.answerTo(asked)).toMatchObject({ requestId: asked });
    expect(client.answerTo(asked)?.error).toBeUndefined();
    expect(client.all("engineSetStopped")).toEqual([
      { type: "engineSetStopped", engineSet: first.name, reason: "SIGTERM" },
    ]);
    await client.submit({ still: second.engines[0]?.engineId as number });
    expect(second.engines[0]?.taskIds).toEqual(["still"]);
  });

  test("all, when there are none, is done at once", async () => {
    expect((await client.request({ method: "stopEngines" })).error).toBeUndefined();
  });

  test("is done also when the agent dies meanwhile", async () => {
    await hub.engineSet(client, agent, 1);
    const asked = await client.ask({ method: "stopEngines" });
    await agent.die();
    expect(client.answerTo(asked)).toBeDefined();
  });

  test.each(["stopEngines", "restartEngines"] as const)(
    "%s of a set that is not there is a RangeError",
    async (method) => {
      const { name } = await hub.engineSet(client, agent, 0);
      const { error } = await client.request({ method, engineSet: "set-99" });
      expect(error).toMatchObject({ kind: "range", name: "RangeError" });
      expect(error?.message).toContain('"set-99"');
      expect(error?.message).toContain(`"${name}"`);
    },
  );
});

describe("signals", () => {
  test("are passed on to the agent for the processes of the set", async () => {
    const first = await hub.engineSet(client, agent, 2);
    const second = await hub.engineSet(client, agent, 1);
    const uuids = [first, second].map(({ engines }) => engines.map(({ uuid }) => uuid));
    await client.request({ method: "signalEngines", signal: "SIGINT", engineSet: first.name });
    await client.request({ method: "signalEngines", signal: 12 });
    expect(agent.all("signalEngines")).toEqual([
      { type: "signalEngines", uuids: uuids[0], signal: "SIGINT" },
      { type: "signalEngines", uuids: uuids[0], signal: 12 },
      { type: "signalEngines", uuids: uuids[1], signal: 12 },
    ]);
    const { error } = await client.request({ method: "signalEngines", signal: 15, engineSet: "none" });
    expect(error?.kind).toBe("range");
  });
});

describe("restarting", () => {
  /** Asks for a restart and lets the old engines end. */
  async function restartedSet(): Promise<{ name: string; asked: number; uuids: readonly string[] }> {
    const { value } = await client.request({ method: "startEngines", count: 2, env: { A: "1" } });
    const name = value as string;
    const olds = agent.all("spawnEngines")[0]?.uuids ?? [];
    for (const uuid of olds) await hub.engine(agent, uuid, name);
    const asked = await client.ask({ method: "restartEngines" });
    expect(agent.all("killEngines").flatMap(({ uuids }) => uuids)).toEqual(olds);
    for (const uuid of olds) await agent.exited(uuid, name, "SIGTERM");
    await pass(SECOND_SIGN_MS);
    const orders = agent.all("spawnEngines");
    expect(orders).toHaveLength(2);
    expect(orders[1]).toMatchObject({ engineSet: name, env: { A: "1" } });
    return { name, asked, uuids: orders[1]?.uuids ?? [] };
  }

  test("stops the engines, starts as many under the same name, and is done when they have registered", async () => {
    const { name, asked, uuids } = await restartedSet();
    expect(uuids).toHaveLength(2);
    const engines = [];
    for (const uuid of uuids) {
      expect(client.answerTo(asked)).toBeUndefined();
      engines.push(await hub.engine(agent, uuid, name));
    }
    expect(client.answerTo(asked)).toBeDefined();
    expect(client.answerTo(asked)?.error).toBeUndefined();
    expect(engines.map(({ engineId }) => engineId)).toEqual([2, 3]);
    expect(client.all("engineSetStopped")).toEqual([]);
    expect((await client.request({ method: "status" })).value).toMatchObject({
      engineSets: [{ engineSet: name, count: 2 }],
    });
  });

  test("fails with an EngineError when the new engines do not come up", async () => {
    const { name, asked, uuids } = await restartedSet();
    await hub.engine(agent, uuids[0], name);
    await agent.exited(uuids[1] as string, name, "out of memory");
    expect(client.answerTo(asked)?.error).toMatchObject({
      kind: "engine",
      message: expect.stringContaining("out of memory"),
    });
  });
});

describe("the end of the cluster", () => {
  test("is answered when the agents have gone, then reported", async () => {
    const second = await hub.agent();
    const asked = await client.ask({ method: "shutdown" });
    expect([agent, second].map((one) => one.all("stopAgent").length)).toEqual([1, 1]);
    await agent.die();
    expect(client.answerTo(asked)).toBeUndefined();
    expect(hub.shutdowns).toBe(0);
    await second.die();
    expect(client.answerTo(asked)).toBeDefined();
    expect(hub.shutdowns).toBe(1);
  });

  test("fails the tasks that are running", async () => {
    await hub.engineSet(client, agent, 1);
    await client.submit({ a: 0 });
    await client.ask({ method: "shutdown" });
    await agent.die();
    expect(client.outcomes()).toEqual({ a: "engine" });
  });

  test("is reported also when the client that asked does not wait for the answer", async () => {
    await client.ask({ method: "shutdown" });
    await client.die();
    expect(hub.shutdowns).toBe(0);
    await agent.die();
    expect(hub.shutdowns).toBeGreaterThan(0);
  });

  test("agents are told once, however often it is asked for", async () => {
    await client.ask({ method: "shutdown" });
    await client.ask({ method: "shutdown" });
    expect(agent.all("stopAgent")).toHaveLength(1);
    await agent.die();
    expect(client.all("reply")).toHaveLength(2);
  });
});
