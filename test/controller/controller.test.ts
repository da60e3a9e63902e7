/** Clients and their tasks: who is greeted how, where tasks go, how they end, and what can be asked. */

import { describe, expect, test } from "vitest";
import { MemoryDatabase } from "../../src/controller/memory-database.ts";
import { openMemory } from "../../src/controller/open-database.ts";
import type { TaskRecord } from "../../src/controller/task-record.ts";
import type { Message, QueueStatus, Tasks } from "../../src/protocol/messages.ts";
import { CLUSTER, Hub, settle } from "./fakes.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("greetings", () => {
  test("engines get ascending ids, which are never used again", async () => {
    const hub = new Hub();
    const [first, second] = [await hub.engine(), await hub.engine()];
    expect([first.engineId, second.engineId]).toEqual([0, 1]);
    await second.die();
    await first.die();
    const [third, fourth] = [await hub.engine(), await hub.engine()];
    expect([third.engineId, fourth.engineId]).toEqual([2, 3]);
    expect(third.all("welcome")).toEqual([{ type: "welcome", clusterId: CLUSTER, engineId: 2 }]);
  });

  test("a client hears which engines there are, then of each that comes and goes", async () => {
    const hub = new Hub();
    const agent = await hub.agent();
    const early = await hub.engine(agent);
    const client = await hub.client();
    const info = { engineId: 0, uuid: early.uuid, pid: 100, engineSet: "by hand", host: `host of ${agent.uuid}` };
    expect(client.recorder.messages).toEqual([{ type: "welcome", clusterId: CLUSTER, engines: [info] }]);

    const late = await hub.engine();
    expect(client.all("engineUp")).toEqual([
      { type: "engineUp", engine: { ...info, engineId: 1, uuid: late.uuid, host: "" } },
    ]);
    await late.die();
    expect(client.all("engineDown")).toEqual([
      { type: "engineDown", engineId: 1, uuid: late.uuid, reason: expect.stringContaining("connection") },
    ]);
    expect((await hub.client()).all("welcome")[0]?.engines).toEqual([info]);
  });

  test.each<Message>([
    { type: "stopAgent" },
    { type: "request", requestId: 0, request: { method: "status" } },
    { type: "submit", taskIds: ["t"], engineIds: [0], operation: "apply", submitted: 0, payload: new Uint8Array(0) },
    { type: "nonsense" } as unknown as Message,
  ])("who begins with $type is dropped, and not heard", async (message) => {
    const hub = new Hub();
    const engine = await hub.engine();
    const stranger = await hub.stranger();
    stranger.connection.send(message);
    stranger.connection.send({ type: "hello", role: "client", uuid: "u" });
    await settle();
    expect(stranger.recorder.ends).toHaveLength(1);
    expect(stranger.recorder.messages).toEqual([]);
    expect(engine.tasks).toEqual([]);
  });

  test("messages of a type that is unknown, or that the sender has no use for, are ignored", async () => {
    const hub = new Hub();
    const everybody = [await hub.client(), await hub.engine(), await hub.agent()];
    const outcome = { status: "ok" } as const;
    for (const { connection } of everybody) {
      connection.send({ type: "nonsense", payload: 1 } as unknown as Message);
      connection.send({ type: "stopAgent" });
      connection.send({ type: "task", taskId: "t", payload: new Uint8Array(1) });
      connection.send({ type: "result", taskId: "unknown", engineId: 7, engineUuid: "?", outcome });
      connection.send({ type: "hello", role: "client", uuid: "again" });
    }
    await settle();
    expect(everybody.map(({ connection }) => connection.isOpen)).toEqual([true, true, true]);
    expect(everybody.map(({ recorder }) => recorder.messages.filter(({ type }) => type !== "engineUp").length)).toEqual(
      [1, 1, 1],
    );
  });
});

/** Has ended tasks only on a disk, which takes its time. */
class SlowDatabase extends MemoryDatabase {
  readonly #asked: (() => void)[] = [];

  override get(taskId: string): ReturnType<MemoryDatabase["get"]> {
    const record = super.get(taskId);
    return record?.outcome === undefined ? record : undefined;
  }

  override fetch(taskId: string): Promise<TaskRecord | undefined> {
    return new Promise((resolve) => this.#asked.push(() => resolve(super.fetch(taskId))));
  }

  answer(): void {
    for (const answer of this.#asked.splice(0)) answer();
  }
}

describe("tasks", () => {
  test.each(["aborted", "run"])("are %s while an old result that they take is looked up", async (what) => {
    const database = new SlowDatabase();
    const hub = new Hub({ database: (onForgotten) => ({ ...openMemory()(onForgotten), database }) });
    const [client, engine] = [await hub.client(), await hub.engine()];
    await client.submit({ old: 0 });
    await engine.answer("old", { status: "ok", payload: Uint8Array.of(7) });
    const request = { kind: "f", units: 1, inputs: ["old"] };
    const payload = Uint8Array.of(1);
    client.connection.send({
      type: "submitBalanced",
      taskId: "new",
      request,
      operation: "apply",
      submitted: 0,
      payload,
    });
    await settle();
    if (what === "aborted") await client.request({ method: "abort", taskIds: ["new"] });
    database.answer();
    await settle();
    expect(engine.taskIds).toEqual(what === "aborted" ? ["old"] : ["old", "new"]);
    if (what === "run") await engine.answer("new");
    const results = client.all("result").map(({ taskId, outcome }) => [taskId, outcome.status]);
    expect(results).toEqual([
      ["old", "ok"],
      ["new", what === "aborted" ? "aborted" : "ok"],
    ]);
  });

  test("travel to their engine, and their output, data and result back to their client alone", async () => {
    const hub = new Hub();
    const [client, other] = [await hub.client(), await hub.client()];
    const [idle, engine] = [await hub.engine(), await hub.engine()];
    const payload = Uint8Array.of(4, 5, 6);
    await client.submit({ t: 1 }, { payload, label: "mine" }, [Uint8Array.of(7), new Uint8Array(0)]);
    expect(engine.tasks).toEqual([{ type: "task", taskId: "t", payload }]);
    expect(engine.recorder.received.at(-1)?.buffers).toEqual([Uint8Array.of(7), new Uint8Array(0)]);
    expect(idle.tasks).toEqual([]);

    await engine.write("t", "half way\n");
    engine.connection.send({ type: "published", taskId: "t", payload }, [Uint8Array.of(8)]);
    const outcome = { status: "ok", started: 1, completed: 2, payload: Uint8Array.of(9) } as const;
    await engine.answer("t", outcome, [Uint8Array.of(10, 11)]);
    expect(client.recorder.received.slice(-3)).toEqual([
      { message: { type: "output", taskId: "t", stream: "stdout", text: "half way\n" }, buffers: [] },
      { message: { type: "published", taskId: "t", payload }, buffers: [Uint8Array.of(8)] },
      {
        message: { type: "result", taskId: "t", engineId: 1, engineUuid: engine.uuid, outcome },
        buffers: [Uint8Array.of(10, 11)],
      },
    ]);
    expect(other.recorder.messages.filter(({ type }) => type !== "engineUp")).toHaveLength(1);
  });

  test("of one submission go to one engine each", async () => {
    const hub = new Hub();
    const client = await hub.client();
    const engines = [await hub.engine(), await hub.engine(), await hub.engine()];
    await client.submit({ a: 2, b: 0, c: 2 });
    expect(engines.map(({ taskIds }) => taskIds)).toEqual([["b"], [], ["a", "c"]]);
    await engines[2]?.answer("c");
    await engines[0]?.answer("b");
    await engines[2]?.answer("a");
    expect(client.all("result").map(({ taskId, engineId }) => [taskId, engineId])).toEqual([
      ["c", 2],
      ["b", 0],
      ["a", 2],
    ]);
  });

  test("for an engine that is not there fail, and say which", async () => {
    const hub = new Hub();
    const [client, engine] = [await hub.client(), await hub.engine()];
    await engine.die();
    await hub.engine();
    await client.submit({ gone: 0, never: 17, good: 1 });
    expect(client.outcomes()).toEqual({ gone: "engine", never: "engine" });
    expect(client.resultOf("never")?.outcome.error?.message).toContain("engine 17");
  });

  test("are dispatched up to the window of 256, the rest as results come, in order", async () => {
    const hub = new Hub();
    const [client, engine] = [await hub.client(), await hub.engine()];
    const ids = upTo(600).map((number) => `t-${number}`);
    await client.submit(Object.fromEntries(ids.map((id) => [id, 0])));
    expect(engine.taskIds).toEqual(ids.slice(0, 256));
    for (const id of ids.slice(0, 10)) await engine.answer(id);
    expect(engine.taskIds).toEqual(ids.slice(0, 266));
  });

  test("that are submitted again are not run again", async () => {
    const hub = new Hub();
    const [client, engine] = [await hub.client(), await hub.engine()];
    await client.submit({ t: 0 });
    await client.submit({ t: 0 });
    await engine.answer("t");
    await client.submit({ t: 0 });
    expect(engine.taskIds).toEqual(["t"]);
    expect(client.all("result")).toHaveLength(1);
  });

  test("end once: what an engine says afterwards is ignored", async () => {
    const hub = new Hub();
    const [client, engine] = [await hub.client(), await hub.engine()];
    await client.submit({ t: 0 });
    await engine.answer("t");
    await engine.answer("t", { status: "error" });
    await engine.write("t", "late");
    expect(client.outcomes()).toEqual({ t: "ok" });
    expect(client.all("result")).toHaveLength(1);
    expect(client.all("output")).toHaveLength(0);
  });
});

describe("abort", () => {
  /** 258 tasks at one engine: all but two are dispatched. */
  async function busy() {
    const hub = new Hub();
    const [client, engine, idle] = [await hub.client(), await hub.engine(), await hub.engine()];
    const ids = upTo(258).map((number) => `t-${number}`);
    await client.submit(Object.fromEntries(ids.map((id) => [id, 0])));
    await client.submit({ elsewhere: 1 });
    return { hub, client, engine, idle, ids };
  }

  test("of a waiting task ends it here, and it is never sent", async () => {
    const { client, engine, ids } = await busy();
    expect((await client.request({ method: "abort", taskIds: ["t-256"] })).error).toBeUndefined();
    expect(client.outcomes()).toEqual({ "t-256": "aborted" });
    expect(client.resultOf("t-256")?.outcome.status).toBe("aborted");
    for (const id of ids.slice(0, 5)) await engine.answer(id);
    expect(engine.taskIds).toEqual([...ids.slice(0, 256), "t-257"]);
  });

  test("of a dispatched task is passed on to its engine, whose answer counts", async () => {
    const { client, engine, idle } = await busy();
    await client.request({ method: "abort", taskIds: ["t-3", "t-4", "unknown"] });
    expect(engine.all("abortTasks").flatMap(({ taskIds }) => taskIds)).toEqual(["t-3", "t-4"]);
    expect(idle.all("abortTasks")).toEqual([]);
    expect(client.outcomes()).toEqual({});
    const error = { kind: "aborted", name: "TaskAborted", message: "not started" } as const;
    await engine.answer("t-3", { status: "aborted", error });
    await engine.answer("t-4");
    expect(client.outcomes()).toEqual({ "t-3": "aborted", "t-4": "ok" });
  });

  test("of engines, or of everything, reaches all that has not ended", async () => {
    const { client, engine, idle, ids } = await busy();
    await client.request({ method: "abort", engineIds: [0] });
    expect(engine.all("abortTasks").flatMap(({ taskIds }) => taskIds)).toEqual(ids.slice(0, 256));
    expect(client.outcomes()).toEqual({ "t-256": "aborted", "t-257": "aborted" });
    expect(idle.all("abortTasks")).toEqual([]);
    await client.request({ method: "abort" });
    expect(idle.all("abortTasks").flatMap(({ taskIds }) => taskIds)).toEqual(["elsewhere"]);
  });
});

describe("questions", () => {
  test("queueStatus tells what runs, what waits and what is done, at each moment", async () => {
    const hub = new Hub();
    const [client, other] = [await hub.client(), await hub.client()];
    const queues = async () => {
      const ask = async (verbose: boolean) =>
        (await other.request({ method: "queueStatus", verbose })).value as QueueStatus;
      const [counts, ids] = [await ask(false), await ask(true)];
      // Without ids there is nothing but numbers.
      const count = (tasks: Tasks): Tasks => (typeof tasks === "number" ? tasks : tasks.length);
      expect(counts).toEqual({
        engines: ids.engines.map(({ engineId, queued, running, completed }) => {
          return { engineId, queued: count(queued), running: count(running), completed: count(completed) };
        }),
        unassigned: 0,
      });
      expect(ids.unassigned).toEqual([]);
      return ids.engines;
    };
    const empty = { queued: [], running: [], completed: [] };
    expect(await queues()).toEqual([]);
    const [first, second] = [await hub.engine(), await hub.engine()];
    expect(await queues()).toEqual([
      { engineId: 0, ...empty },
      { engineId: 1, ...empty },
    ]);

    await client.submit({ a: 0, b: 0, c: 0, d: 1 });
    expect(await queues()).toEqual([
      { engineId: 0, queued: ["b", "c"], running: ["a"], completed: [] },
      { engineId: 1, queued: [], running: ["d"], completed: [] },
    ]);
    await first.answer("a", { status: "ok", completed: 2_000 });
    await second.answer("d", { status: "error", completed: 2_000 });
    expect(await queues()).toEqual([
      { engineId: 0, queued: ["c"], running: ["b"], completed: ["a"] },
      { engineId: 1, queued: [], running: [], completed: ["d"] },
    ]);
    await first.die();
    expect(await queues()).toEqual([{ engineId: 1, queued: [], running: [], completed: ["d"] }]);

    await client.submit(Object.fromEntries(upTo(300).map((number) => [`t-${number}`, 1])));
    const [engine] = await queues();
    expect(engine?.running).toEqual(["t-0"]);
    expect(engine?.queued).toEqual(upTo(299).map((number) => `t-${number + 1}`));
  });

  test("status tells who is there", async () => {
    const hub = new Hub();
    const [client, leaving, agent] = [await hub.client(), await hub.client(), await hub.agent()];
    const { name, engines } = await hub.engineSet(client, agent, 2);
    await leaving.die();
    const { value } = await client.request({ method: "status" });
    expect(value).toEqual({
      clusterId: CLUSTER,
      pid: process.pid,
      agents: [{ uuid: agent.uuid, pid: 50, host: `host of ${agent.uuid}` }],
      engines: engines.map(({ uuid }, engineId) => {
        return { engineId, uuid, pid: 100, engineSet: name, host: `host of ${agent.uuid}` };
      }),
      engineSets: [{ engineSet: name, count: 2, failed: undefined }],
      clients: 1,
      buffers: 0,
      rejected: { handshakes: 1, signatures: 2, replays: 3, malformed: 4 },
    });
  });

  test("a client that comes again under its name is not forgotten when its old connection ends", async () => {
    const hub = new Hub();
    const old = await hub.client();
    const again = await hub.stranger();
    again.connection.send({ type: "hello", role: "client", uuid: old.uuid });
    await settle();
    await old.die();
    await hub.engine();
    expect(again.all("engineUp")).toHaveLength(1);
  });

  test("each answer goes to the one who asked, with the number of the question", async () => {
    const hub = new Hub();
    const [a, b] = [await hub.client(), await hub.client()];
    await a.ask({ method: "status" });
    await a.ask({ method: "queueStatus" });
    await b.ask({ method: "queueStatus" });
    expect(a.all("reply").map(({ requestId }) => requestId)).toEqual([0, 1]);
    expect(b.all("reply").map(({ requestId }) => requestId)).toEqual([0]);
  });
});

describe("results of others", () => {
  const outcome = { status: "ok", payload: Uint8Array.of(1, 2) } as const;

  test("that nobody knows are unknown", async () => {
    const client = await new Hub().client();
    expect(await client.request({ method: "result", taskId: "x" })).toMatchObject({ value: "unknown" });
    expect(client.all("result")).toEqual([]);
  });

  test("are sent after their task has ended, with what it wrote; also when its client has gone", async () => {
    const hub = new Hub();
    const [client, engine] = [await hub.client(), await hub.engine()];
    await client.submit({ t: 0 });
    await client.die();
    await engine.write("t", "one ");
    await engine.write("t", "two");
    await engine.write("t", "bad", "stderr");
    await engine.answer("t", outcome, [Uint8Array.of(3)]);

    const other = await hub.client();
    for (const time of [1, 2]) {
      expect(await other.request({ method: "result", taskId: "t" })).toMatchObject({ value: "sent" });
      expect(other.all("result")).toHaveLength(time);
    }
    const result = { type: "result", taskId: "t", engineId: 0, engineUuid: engine.uuid, outcome };
    const noted = { type: "noted", taskId: "t", operation: "apply", engineId: 0 };
    expect(other.recorder.received[1]?.message).toMatchObject({ ...noted, submitted: expect.any(Number) });
    expect(other.recorder.received.slice(2, 6)).toEqual([
      { message: { type: "output", taskId: "t", engineId: 0, stream: "stdout", text: "one two" }, buffers: [] },
      { message: { type: "output", taskId: "t", engineId: 0, stream: "stderr", text: "bad" }, buffers: [] },
      { message: result, buffers: [Uint8Array.of(3)] },
      { message: { type: "reply", requestId: 0, value: "sent" }, buffers: [] },
    ]);
  });

  test("that are pending are sent to everybody who asked, and to the submitter, when their task ends", async () => {
    const hub = new Hub();
    const [client, engine] = [await hub.client(), await hub.engine()];
    const others = [await hub.client(), await hub.client()];
    await client.submit({ t: 0 });
    await engine.write("t", "before ");
    for (const other of others) {
      expect(await other.request({ method: "result", taskId: "t" })).toMatchObject({ value: "pending" });
      expect(other.all("result")).toEqual([]);
    }
    await engine.write("t", "after");
    await engine.answer("t", outcome, [Uint8Array.of(3)]);
    for (const one of [client, ...others]) {
      expect(
        one
          .all("output")
          .map(({ text }) => text)
          .join(""),
      ).toBe("before after");
      expect(one.all("result")).toEqual([
        { type: "result", taskId: "t", engineId: 0, engineUuid: engine.uuid, outcome },
      ]);
      expect(one.recorder.received.at(-1)?.buffers).toEqual([Uint8Array.of(3)]);
    }
  });

  test("that are asked for twice, or by the submitter, come once", async () => {
    const hub = new Hub();
    const [client, other, engine] = [await hub.client(), await hub.client(), await hub.engine()];
    await client.submit({ t: 0 });
    await engine.write("t", "text");
    for (const one of [client, other, other]) {
      expect(await one.request({ method: "result", taskId: "t" })).toMatchObject({ value: "pending" });
    }
    await engine.answer("t");
    for (const one of [client, other]) {
      expect(one.all("output")).toHaveLength(1);
      expect(one.all("result")).toHaveLength(1);
    }
  });

  test("that are pending come also from an engine that is lost, and from an abort", async () => {
    const hub = new Hub();
    const [client, other] = [await hub.client(), await hub.client()];
    const engine = await hub.engine();
    await client.submit(Object.fromEntries(upTo(257).map((number) => [`t-${number}`, 0])));
    await client.die();
    for (const taskId of ["t-1", "t-256"]) await other.request({ method: "result", taskId });
    await other.request({ method: "abort", taskIds: ["t-256"] });
    await engine.die();
    expect(other.outcomes()).toEqual({ "t-256": "aborted", "t-1": "engine" });
  });

  test("one that asked and left does not keep the others from theirs", async () => {
    const hub = new Hub();
    const [client, leaving, engine] = [await hub.client(), await hub.client(), await hub.engine()];
    await client.submit({ t: 0 });
    await leaving.ask({ method: "result", taskId: "t" });
    await leaving.die();
    await engine.answer("t");
    expect(client.outcomes()).toEqual({ t: "ok" });
  });
});
