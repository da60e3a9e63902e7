/** Runs in the controller: tasks that come together go, end and are remembered as any others. */

import { describe, expect, test } from "vitest";
import type { BalancedRequest } from "../../src/protocol/balancing.ts";
import type { Submit, SubmitBalanced } from "../../src/protocol/messages.ts";
import { type FakeClient, type FakeEngine, Hub, settle } from "./fakes.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const REQUEST: BalancedRequest = { kind: "f", units: 1 };

/** Sends tasks in one turn: the first leaves by itself, the others as a run. */
async function submit(
  client: FakeClient,
  numbers: readonly number[],
  more: Partial<SubmitBalanced> = {},
): Promise<string[]> {
  const ids = numbers.map((number) => `${client.uuid}-${number}`);
  const shared = { operation: "apply", label: "some", request: REQUEST } as const;
  for (const [index, taskId] of ids.entries()) {
    const number = numbers[index] as number;
    const payload = Uint8Array.of(number, 7);
    client.connection.send({ type: "submitBalanced", taskId, submitted: 1_000 + number, payload, ...shared, ...more });
  }
  await settle();
  return ids;
}

/** Answers tasks in one turn, each with a payload that tells its number. */
async function answer({ connection, engineId, uuid }: FakeEngine, taskIds: readonly string[]): Promise<void> {
  for (const taskId of taskIds) {
    const number = Number(taskId.split("-").at(-1));
    const payload = Uint8Array.of(number, 1);
    const outcome = { status: "ok", started: 2_000 + number, completed: 3_000, duration: 0.01, payload } as const;
    connection.send({ type: "result", taskId, engineId, engineUuid: uuid, outcome });
  }
  await settle();
}

/** An engine answers all that it gets until there is no more. */
async function work(engine: FakeEngine): Promise<void> {
  for (let done = 0; done < engine.taskIds.length; ) {
    const next = engine.taskIds.slice(done);
    done += next.length;
    await answer(engine, next);
  }
}

describe("load-balanced tasks that come together", () => {
  test("each run once, with its own payload, and each result comes to the client as the engine gave it", async () => {
    const hub = new Hub();
    const [engine, client] = [await hub.engine(), await hub.client()];
    const ids = await submit(client, upTo(100));
    await work(engine);
    expect(engine.taskIds).toEqual(ids);
    expect(engine.tasks.map(({ payload, free }) => [payload[0], payload[1], free])).toEqual(
      upTo(100).map((number) => [number, 7, true]),
    );
    const results = client.all("result");
    expect(results.map(({ taskId }) => taskId)).toEqual(ids);
    expect(results[42]).toEqual({
      type: "result",
      taskId: ids[42],
      engineId: 0,
      engineUuid: engine.uuid,
      outcome: {
        status: "ok",
        started: 2_042,
        completed: 3_000,
        duration: 0.01,
        payload: Uint8Array.of(42, 1),
      },
    });
  });

  test("are remembered as any others, before they have ended and after", async () => {
    const hub = new Hub();
    const [engine, client] = [await hub.engine(), await hub.client()];
    const [, , third = ""] = await submit(client, upTo(8));
    const keys = ["submitted", "engineId", "status", "label", "clientUuid", "started", "received", "result", "buffers"];
    const ask = async (): Promise<unknown> => {
      const query = { msgId: { $in: [third] } };
      return ((await client.request({ method: "query", query, keys })).value as unknown[])[0];
    };
    const common = { msgId: third, submitted: 1_002, label: "some", clientUuid: client.uuid };
    expect(await ask()).toMatchObject({ ...common, engineId: undefined, status: undefined, result: undefined });
    await work(engine);
    expect(await ask()).toMatchObject({
      ...common,
      engineId: 0,
      status: "ok",
      started: 2_002,
      received: expect.any(Number),
      result: { payload: Uint8Array.of(2, 1), buffers: [] },
    });
    expect((await client.request({ method: "history" })).value).toHaveLength(8);
    expect((await client.request({ method: "purge", taskIds: [third] })).value).toBe(1);
    expect((await client.request({ method: "history" })).value).toHaveLength(7);
  });

  test("can be run again, each by itself", async () => {
    const hub = new Hub();
    const [engine, client] = [await hub.engine(), await hub.client()];
    const ids = await submit(client, upTo(8));
    await work(engine);
    const again = { method: "resubmit", taskIds: [ids[5] as string], newIds: [`${client.uuid}-99`] } as const;
    expect((await client.request(again)).error).toBeUndefined();
    await work(engine);
    expect(engine.tasks.at(-1)).toMatchObject({ taskId: `${client.uuid}-99`, payload: Uint8Array.of(5, 7) });
    expect(client.resultOf(`${client.uuid}-99`)).toMatchObject({ outcome: { status: "ok" } });
  });

  test("do not run twice when they are sent twice", async () => {
    const hub = new Hub();
    const [engine, client] = [await hub.engine(), await hub.client()];
    const ids = await submit(client, [...upTo(8), 3, 3, 3, 4, 5]);
    await submit(client, upTo(8));
    await work(engine);
    expect(engine.taskIds).toEqual(ids.slice(0, 8));
    expect(client.all("result")).toHaveLength(8);
  });

  test("go to another engine, those that one that dies had not started, and end with its death where they may not run again", async () => {
    const hub = new Hub();
    const [first, client] = [await hub.engine(), await hub.client()];
    // How long they take is learnt from these.
    await submit(client, upTo(20));
    await work(first);
    const retries = { death: 0, error: 0, backoff: 0, place: "prefer" } as const;
    const ids = await submit(
      client,
      upTo(50).map((number) => 100 + number),
      { request: { ...REQUEST, retries } },
    );
    const had = first.taskIds.slice(20);
    expect(had.length).toBeGreaterThan(10);
    const second = await hub.engine();
    await first.die();
    await work(second);
    expect(client.resultOf(ids[0] as string)?.outcome.error?.kind).toBe("engine");
    expect(ids.slice(1).map((taskId) => client.resultOf(taskId)?.outcome.status)).toEqual(Array(49).fill("ok"));
  });

  test("are aborted one by one, and what an engine says of them then changes nothing", async () => {
    const hub = new Hub();
    const client = await hub.client();
    const engine = await hub.engine();
    const ids = await submit(client, upTo(10));
    const waiting = ids.filter((taskId) => !engine.taskIds.includes(taskId));
    expect(waiting.length).toBeGreaterThan(2);
    await client.request({ method: "abort", taskIds: waiting.slice(0, 2) });
    await answer(engine, waiting.slice(0, 3));
    await work(engine);
    const kinds = client.outcomes();
    expect(waiting.map((taskId) => kinds[taskId])).toEqual(["aborted", "aborted", ...waiting.slice(2).map(() => "ok")]);
    expect(client.all("result")).toHaveLength(10);
  });

  test("are told to other clients that have asked, with what they wrote", async () => {
    const hub = new Hub();
    const [engine, client, other] = [await hub.engine(), await hub.client(), await hub.client()];
    const ids = await submit(client, upTo(6));
    const asked = ids[4] as string;
    await engine.write(asked, "early");
    await other.request({ method: "result", taskId: asked });
    await engine.write(asked, "late");
    await work(engine);
    expect(other.all("output").map(({ text }) => text)).toEqual(["early", "late"]);
    expect(other.all("result")).toEqual([client.resultOf(asked)]);
    const row = (await client.request({ method: "query", query: { msgId: asked }, keys: ["stdout"] })).value;
    expect(row).toEqual([{ msgId: asked, stdout: "earlylate" }]);
  });

  test("of several clients come to each its own, and one task's end lets others begin", async () => {
    const hub = new Hub();
    const [engine, one, two] = [await hub.engine(), await hub.client(), await hub.client()];
    const first = await submit(one, upTo(6));
    const after = { taskIds: [first[5] as string], all: true, success: true, failure: false };
    const second = await submit(two, upTo(6), { request: { ...REQUEST, after } });
    await work(engine);
    expect(engine.taskIds).toEqual([...first, ...second]);
    expect(one.all("result").map(({ taskId }) => taskId)).toEqual(first);
    expect(two.all("result").map(({ taskId }) => taskId)).toEqual(second);
  });

  test("with long payloads are kept one by one", async () => {
    const hub = new Hub();
    const [engine, client] = [await hub.engine(), await hub.client()];
    const payload = new Uint8Array(3_000).fill(9);
    const ids = await submit(client, upTo(6), { payload });
    await work(engine);
    expect(engine.tasks.map((task) => task.payload.byteLength)).toEqual(ids.map(() => 3_000));
    expect(client.all("result")).toHaveLength(6);
  });
});

test("tasks for one engine each that come together go to their engines in order, and fail where there is none", async () => {
  const hub = new Hub();
  const [one, two, client] = [await hub.engine(), await hub.engine(), await hub.client()];
  const ids = upTo(30).map((number) => `${client.uuid}-${number}`);
  for (const [number, taskId] of ids.entries()) {
    const shared = { type: "submit", operation: "apply", submitted: 5, payload: Uint8Array.of(number) } as const;
    client.connection.send({ ...shared, taskIds: [taskId], engineIds: [number % 3] } satisfies Submit);
  }
  await settle();
  await work(one);
  await work(two);
  expect(one.taskIds).toEqual(ids.filter((_, number) => number % 3 === 0));
  expect(two.taskIds).toEqual(ids.filter((_, number) => number % 3 === 1));
  expect(one.tasks.every(({ free }) => free === undefined)).toBe(true);
  const outcomes = client.outcomes();
  expect(ids.map((taskId) => outcomes[taskId])).toEqual(upTo(30).map((number) => (number % 3 === 2 ? "engine" : "ok")));
  const status = (await client.request({ method: "status" })).value as { readonly buffers: number };
  expect(status.buffers).toBe(0);
});
