/** What is remembered of tasks, for how long, and that it is a memory of its own: the same of both databases. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PIECE_BYTES } from "../../src/controller/array-store.ts";
import type { TaskDatabase } from "../../src/controller/task-database.ts";
import type { TaskQuery } from "../../src/controller/task-query.ts";
import type { TaskRecord } from "../../src/controller/task-record.ts";
import type { BufferDescriptor, CarriesBuffers } from "../../src/protocol/data-messages.ts";
import type { Outcome, SubmitBalanced } from "../../src/protocol/messages.ts";
import { useDatabases } from "./databases.ts";
import { matches } from "./query-definition.ts";

const databases = useDatabases();

function record(taskId: string, more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    taskId,
    clientUuid: "c",
    engineId: 0,
    engineUuid: "e",
    operation: "apply",
    submitted: 1,
    label: undefined,
    stdout: "",
    stderr: "",
    outcome: undefined,
    buffers: [],
    ...more,
  };
}

function ok(bytes: number): { status: "ok"; payload: Uint8Array } {
  return { status: "ok", payload: new Uint8Array(bytes) };
}

function finished(database: TaskDatabase, taskId: string, payloadBytes: number, bufferBytes: number = 0): void {
  database.add(record(taskId));
  database.finish(taskId, ok(payloadBytes), bufferBytes > 0 ? [new Uint8Array(bufferBytes)] : []);
}

async function known(database: TaskDatabase): Promise<string[]> {
  return (await database.history()).sort();
}

/** Payloads and buffers as numbers, since one database gives back the very bytes and the other equal ones. */
function plain(found: TaskRecord | undefined): unknown {
  return JSON.parse(
    JSON.stringify(found ?? null, (_, value: unknown) => (ArrayBuffer.isView(value) ? [...bytes(value)] : value)),
  );
}

function bytes(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

const message: SubmitBalanced = {
  type: "submitBalanced",
  taskId: "b",
  operation: "apply",
  submitted: 1,
  label: "named",
  request: { kind: "k", units: 2, priority: 3 },
  payload: Uint8Array.of(1, 2, 3),
};

describe.each(["memory", "sqlite"] as const)("%s", (name) => {
  const make = databases[name];

  describe("records", () => {
    test("are kept from submission on, with the outcome once there is one", async () => {
      const database = make();
      database.add(record("a"));
      expect(database.get("a")).toMatchObject({ taskId: "a", outcome: undefined });
      expect(await database.fetch("a")).toMatchObject({ taskId: "a", outcome: undefined });
      database.finish("a", { ...ok(3), started: 5, completed: 6 }, [Uint8Array.of(1, 2)]);
      await database.history();
      expect(plain(await database.fetch("a"))).toMatchObject({
        outcome: { status: "ok", payload: [0, 0, 0], started: 5, completed: 6 },
        buffers: [[1, 2]],
        received: expect.any(Number),
      });
    });

    test("are at hand as long as the task has not ended", async () => {
      const database = make();
      for (const id of ["a", "b"]) database.add(record(id));
      await database.history();
      database.assign("b", 3, "engine 3");
      expect(database.get("b")).toMatchObject({ engineId: 3, engineUuid: "engine 3" });
      expect(await database.find({ engineId: 3 })).toMatchObject([{ taskId: "b", engineUuid: "engine 3" }]);
    });

    test("keep the first outcome", async () => {
      const forgotten: CarriesBuffers[] = [];
      const database = make({}, (outcome) => forgotten.push(outcome));
      finished(database, "a", 10);
      database.finish("a", { status: "error" }, [new Uint8Array(99)]);
      expect((await database.fetch("a"))?.outcome?.status).toBe("ok");
      expect(forgotten).toEqual([{ status: "error" }]);
    });

    test("of tasks that are not known are not made by results and output", async () => {
      const database = make();
      database.finish("x", ok(3), []);
      database.addOutput("x", "stdout", "text");
      expect(await database.fetch("x")).toBeUndefined();
      expect(await database.history()).toEqual([]);
    });

    test("hold a copy of the payload: the packet's memory may change", async () => {
      const database = make();
      database.add(record("a"));
      const packet = Uint8Array.of(9, 9, 1, 2, 3, 9);
      database.finish("a", { status: "ok", payload: packet.subarray(2, 5) }, []);
      packet.fill(0);
      expect([...((await database.fetch("a"))?.outcome?.payload ?? [])]).toEqual([1, 2, 3]);
    });

    test("hold every kind of text", async () => {
      const database = make();
      const text = "a\0b\u{1f600}'\"é\n";
      database.add(record("a", { label: text }));
      database.addOutput("a", "stdout", text);
      database.finish("a", { status: "error", error: { kind: "remote", name: text, message: text } }, []);
      const [found] = await database.find({ label: text }, ["stdout", "label", "error"]);
      expect([found?.stdout, found?.label, found?.outcome?.error?.name]).toEqual([text, text, text]);
    });

    test("hold what was published and shown", async () => {
      const database = make();
      database.add(record("a"));
      const value = (n: number) => ({ payload: Uint8Array.of(n), buffers: [Uint8Array.of(n, n)] });
      for (const n of [1, 2]) database.addShown("a", "published", value(n));
      for (const n of [3, 4]) database.addShown("a", "displayed", value(n));
      finished(database, "b", 1);
      database.finish("a", ok(1), []);
      expect(plain((await database.find({ msgId: "a" }, ["data", "outputs"]))[0])).toMatchObject({
        published: { payload: [2], buffers: [[2, 2]] },
        displayed: [
          { payload: [3], buffers: [[3, 3]] },
          { payload: [4], buffers: [[4, 4]] },
        ],
      });
    });

    test("are gone once they are dropped, unless the task has not ended", async () => {
      const forgotten: CarriesBuffers[] = [];
      const database = make({}, (outcome) => forgotten.push(outcome));
      finished(database, "a", 1);
      finished(database, "b", 2);
      database.add(record("c"));
      await database.drop(["a", "c", "other"]);
      expect(await known(database)).toEqual(["b", "c"]);
      expect(forgotten).toMatchObject([{ status: "ok" }]);
      expect(database.get("c")).toBeDefined();
    });

    test("of the history are in the order of submission", async () => {
      const database = make();
      for (const [id, submitted] of Object.entries({ c: 2.5, a: 1, b: 2 })) database.add(record(id, { submitted }));
      expect(await database.history()).toEqual(["a", "b", "c"]);
      expect((await database.find({ submitted: { $gt: 1 } })).map(({ taskId }) => taskId)).toEqual(["b", "c"]);
    });
  });

  describe("what a task was sent with", () => {
    test("is kept for each task of a submission, and buffers are told only when they are asked for", async () => {
      const database = make();
      const { request: _, taskId: __, ...direct } = message;
      for (const id of ["a1", "a2", "b"]) database.add(record(id));
      database.keep({ ...direct, type: "submit", taskIds: ["a1", "a2"], engineIds: [4, 5] }, [Uint8Array.of(7)]);
      database.keep(message, [Uint8Array.of(8, 9)]);
      expect(plain((await database.request("a2")) as never)).toEqual({
        message: { ...direct, type: "submit", taskIds: ["a2"], engineIds: [5], payload: [1, 2, 3] },
        buffers: [[7]],
      });
      expect(plain((await database.request("b")) as never)).toEqual({
        message: { ...message, payload: [1, 2, 3] },
        buffers: [[8, 9]],
      });
      expect((await database.find({ msgId: "b" }))[0]?.argumentBuffers).toBeUndefined();
      expect(plain((await database.find({ msgId: "b" }, ["buffers"]))[0])).toMatchObject({ argumentBuffers: [[8, 9]] });
      expect(await database.request("none")).toBeUndefined();
    });

    test("is not told when its arrays lie elsewhere, and goes with its record", async () => {
      const database = make();
      for (const id of ["a", "b"]) finished(database, id, 1);
      const places = [{ owner: "o", id: 1, offset: 0, byteLength: 1e6 }];
      database.keep({ ...message, taskId: "a", places }, []);
      database.keep(message, []);
      expect(await database.request("a")).toBeUndefined();
      await database.drop(["b"]);
      expect(await database.request("b")).toBeUndefined();
    });
  });

  describe("large arrays that the hub keeps", () => {
    const place = (id: number, byteLength: number, owner = "hub"): BufferDescriptor => ({
      owner,
      id,
      offset: 0,
      byteLength,
    });

    test("of arguments are told with the request, and held until the record goes", async () => {
      const forgotten: CarriesBuffers[] = [];
      const database = make({}, (held) => forgotten.push(held));
      const places = [place(1, 70_000), null];
      database.add(record("a"));
      database.keep({ ...message, taskId: "a", places: [place(5, 70_000, "o"), null] }, [Uint8Array.of(1)]);
      expect((await database.find({ msgId: "a" }, ["buffers"]))[0]?.argumentBuffers).toBeUndefined();
      database.keep({ ...message, taskId: "a", places }, [Uint8Array.of(1)]);
      expect(database.keepArguments("a", places)).toBe(true);
      expect(database.keepArguments("a", places)).toBe(false);
      expect(database.keepArguments("none", places)).toBe(false);
      await database.recorded();
      database.finish("a", ok(1), []);
      expect(plain((await database.request("a")) as never)).toMatchObject({ message: { places }, buffers: [[1]] });
      const [found] = await database.find({ msgId: "a" }, ["buffers"]);
      expect(plain(found)).toMatchObject({ argumentPlaces: places, argumentBuffers: [[1]] });
      await database.drop(["a"]);
      expect(forgotten).toMatchObject([{ status: "ok" }, { places }]);
      expect(await database.request("a")).toBeUndefined();
    });

    test("of results take the place of the owner's once the hub has them", async () => {
      const forgotten: unknown[] = [];
      const database = make({}, (held) => forgotten.push(held.places));
      database.add(record("a"));
      const outcome = { ...ok(3), places: [place(5, 70_000, "o")] };
      expect(await database.keepPlaces("a", [place(1, 70_000)])).toBe(false);
      database.finish("a", outcome, []);
      await database.recorded();
      expect(await database.keepPlaces("a", [place(1, 70_000)])).toBe(true);
      expect(await database.keepPlaces("a", [place(2, 70_000)])).toBe(false);
      expect(outcome.places[0]?.owner).toBe("o");
      expect(plain(await database.fetch("a"))).toMatchObject({
        outcome: { status: "ok", payload: [0, 0, 0], places: [place(1, 70_000)] },
      });
      await database.drop(["a"]);
      expect(await database.keepPlaces("a", [place(3, 70_000)])).toBe(false);
      expect(forgotten).toEqual([[place(1, 70_000)]]);
    });

    test("count as bytes of their tasks, also of those that have not ended", async () => {
      const database = make({ bytes: 100 });
      for (const id of ["a", "b", "c"]) database.add(record(id));
      database.keepArguments("a", [place(1, 60)]);
      database.finish("a", ok(1), []);
      database.finish("b", ok(40), []);
      expect(await known(database)).toEqual(["b", "c"]);
      expect(database.arrays?.hasRoom(101)).toBe(false);
    });

    test("are read in any pieces, and are gone once they are dropped", async () => {
      const { arrays } = make();
      const bytes = Uint8Array.from({ length: 2 * PIECE_BYTES + 10 }, (_, index) => (index * 7) % 251);
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        await arrays?.write(9, at, bytes.subarray(at, at + PIECE_BYTES));
      }
      for (const [offset, length] of [
        [0, 5],
        [PIECE_BYTES - 3, 10],
        [PIECE_BYTES, PIECE_BYTES],
        [0, bytes.length],
      ] as const) {
        const found = (await arrays?.read(9, offset, length)) as Uint8Array;
        expect(Buffer.compare(found, bytes.subarray(offset, offset + length))).toBe(0);
      }
      await expect(arrays?.read(9, 2 * PIECE_BYTES, 11)).rejects.toThrow("array 9 is not kept any more");
      arrays?.drop([9]);
      await expect(arrays?.read(9, 0, 1)).rejects.toThrow("array 9 is not kept any more");
    });
  });

  describe("labels by pattern", () => {
    const labels = [
      "group_a",
      "group_a",
      "group_a/subgroup_a",
      "group_a/subgroup_b",
      "group_b",
      "group_b/subgroup_a",
      "group_b/subgroup_b",
      "group_b/subgroup_c",
      "label*task",
      "label?task",
    ];

    // What Python's fnmatch.fnmatch says of them.
    test.each([
      ["group_a*", [0, 1, 2, 3]],
      ["group_a/subgroup_?", [2, 3]],
      ["group_b", [4]],
      ["group_b/subgroup_[ab]", [5, 6]],
      ["*/subgroup_a", [2, 5]],
      ["*[*]*", [8]],
      ["*[?]*", [9]],
    ])("%s", async (pattern, expected) => {
      const database = make();
      for (const [index, label] of labels.entries()) database.add(record(`t-${index}`, { label, submitted: index }));
      const found = await database.find({ label: { $glob: pattern } }, ["msgId", "label"]);
      expect(found.map(({ taskId }) => taskId)).toEqual(expected.map((index) => `t-${index}`));
    });
  });

  describe("limits", () => {
    test("by bytes: what was dropped makes room", async () => {
      const database = make({ bytes: 100 });
      for (let index = 0; index < 10; index++) finished(database, `t-${index}`, 10);
      await database.drop(["t-9"]);
      expect(await known(database)).toHaveLength(9);
      for (const half of ["a", "b"]) finished(database, half, 5);
      expect(await known(database)).toHaveLength(11);
      finished(database, "c", 1);
      expect(await known(database)).toEqual(["a", "b", "c", ...Array.from({ length: 8 }, (_, n) => `t-${n + 1}`)]);
    });

    test("by records: the oldest finished go first", async () => {
      const database = make({ records: 3 });
      for (const taskId of ["a", "b", "c", "d", "e"]) finished(database, taskId, 10);
      expect(await known(database)).toEqual(["c", "d", "e"]);
    });

    test("by records: the order is that of the ends, not of the submissions", async () => {
      const database = make({ records: 1 });
      for (const taskId of ["a", "b"]) database.add(record(taskId));
      database.finish("b", ok(1), []);
      await database.history();
      database.finish("a", ok(1), []);
      expect(await known(database)).toEqual(["a"]);
    });

    test("by bytes of payloads and buffers: the oldest finished go first", async () => {
      const database = make({ bytes: 100 });
      finished(database, "a", 10, 30);
      finished(database, "b", 0, 40);
      finished(database, "c", 20);
      expect(await known(database)).toEqual(["a", "b", "c"]);
      finished(database, "d", 1);
      expect(await known(database)).toEqual(["b", "c", "d"]);
      finished(database, "e", 39);
      expect(await known(database)).toEqual(["b", "c", "d", "e"]);
    });

    test("by bytes: what is larger than the limit is not kept", async () => {
      const places = [{ owner: "o", id: 1, offset: 0, byteLength: 101 }];
      const forgotten: unknown[] = [];
      const database = make({ bytes: 100 }, (outcome) => forgotten.push(outcome.places));
      finished(database, "a", 101);
      database.add(record("b"));
      database.finish("b", { status: "ok", payload: new Uint8Array(1), places }, []);
      expect(await known(database)).toEqual([]);
      expect(forgotten).toEqual([undefined, places]);
    });

    test("never touch what has not ended", async () => {
      const database = make({ records: 0, bytes: 0 });
      const waiting = Array.from({ length: 100 }, (_, index) => `w-${index}`);
      for (const taskId of waiting) database.add(record(taskId));
      for (let i = 0; i < 100; i++) finished(database, `f-${i}`, 10);
      expect(await known(database)).toEqual(waiting.sort());
    });

    test("hold over many records", async () => {
      const database = make({ records: 100 });
      for (let i = 0; i < 10_000; i++) finished(database, `t-${i}`, 2);
      const left = await known(database);
      expect([left.length, left[0], left.at(-1)]).toEqual([100, "t-9900", "t-9999"]);
    });
  });

  describe("output", () => {
    const limit = 256 * 1024;

    test("is kept by stream, in order", async () => {
      const database = make();
      database.add(record("a"));
      database.addOutput("a", "stdout", "one ");
      database.addOutput("a", "stderr", "bad");
      await database.history();
      database.addOutput("a", "stdout", "two");
      database.finish("a", ok(1), []);
      expect(await database.find({ stderr: "bad" })).toMatchObject([{ stdout: "one two", stderr: "bad" }]);
    });

    test.each([
      ["in one piece", [limit + 5_000]],
      ["in many", Array<number>(50).fill(10_000)],
    ])("is cut at 256 Ki characters of each stream, %s", async (_, pieces) => {
      const database = make();
      database.add(record("a"));
      for (const length of pieces) database.addOutput("a", "stdout", "x".repeat(length));
      database.addOutput("a", "stderr", "y");
      const found = await database.fetch("a");
      expect(found?.stdout).toHaveLength(limit);
      expect(found?.stderr).toBe("y");
    });

    test("counts as bytes of its task, once that has ended, also when it comes later", async () => {
      const database = make({ bytes: 100 });
      database.add(record("a"));
      database.addOutput("a", "stdout", "x".repeat(50));
      database.finish("a", ok(10), []);
      await database.history();
      database.addOutput("a", "stderr", "x".repeat(30));
      expect((await database.fetch("a"))?.stderr).toBe("x".repeat(30));
      for (const _ of [1, 2]) database.addOutput("a", "stderr", "x".repeat(6));
      await database.history();
      expect(await database.fetch("a")).toBeUndefined();
    });
  });

  test("whatever is asked, the records that match are those that match by definition", async () => {
    const ids = ["t-0", "t-1", "t-2", "t-3", "t-4", "t-5"];
    const times = fc.constantFrom(0, 1, 1.5, 2, 3, 1e12);
    const texts = fc.constantFrom("a", "b", "a b", "*", "");
    const kept = fc.record({
      submitted: times,
      engineId: fc.constantFrom(-1, 0, 1),
      label: fc.option(texts, { nil: undefined }),
      after: fc.option(fc.array(fc.constantFrom(...ids), { maxLength: 2 }), { nil: undefined }),
      stdout: texts,
      status: fc.constantFrom(undefined, "ok", "error", "aborted"),
      completed: fc.option(times, { nil: undefined }),
    });
    const value = fc.oneof(times, texts, fc.constantFrom(...ids, null, "ok", "error", true, -1, 0), fc.array(texts));
    const list = fc.array(fc.oneof(value, fc.constantFrom(...ids)), { maxLength: 3 });
    const condition = fc.oneof(
      value,
      fc.dictionary(fc.constantFrom("$lt", "$gt", "$lte", "$gte", "$eq", "$ne"), value, { minKeys: 1, maxKeys: 2 }),
      fc.dictionary(fc.constantFrom("$in", "$nin", "$all"), list, { minKeys: 1, maxKeys: 2 }),
      fc.record({ $exists: fc.boolean() }),
      fc.record({ $mod: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat({ max: 2 })) }),
      fc.record({ $glob: fc.constantFrom("*", "a*", "[ab]", "t-[0-2]", "?", "[!a]*") }),
    );
    const keys = ["msgId", "submitted", "engineId", "label", "after", "stdout", "status", "completed"];
    const query = fc.dictionary(fc.constantFrom(...keys), condition, { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(kept, { maxLength: 6 }),
        fc.array(query, { maxLength: 10 }),
        async (records, queries) => {
          const database = make();
          const rows = records.map(({ status, completed, stdout, ...more }, index) => {
            const taskId = `t-${index}`;
            database.add(record(taskId, more));
            database.addOutput(taskId, "stdout", stdout);
            if (status !== undefined) database.finish(taskId, { status, completed } as Outcome, []);
            const ended = status === undefined ? {} : { status, completed };
            return {
              ...more,
              stdout,
              msgId: taskId,
              ...ended,
              engineId: more.engineId < 0 ? undefined : more.engineId,
            };
          });
          for (const asked of queries) {
            const found = await database.find(asked as TaskQuery);
            const expected = rows.filter((row) => matches(row, asked)).map(({ msgId }) => msgId);
            expect(found.map(({ taskId }) => taskId).sort()).toEqual(expected);
            const order = found.map(({ submitted }) => submitted);
            expect(order).toEqual([...order].sort((a, b) => a - b));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a bad question is a rejection", async () => {
    await expect(make().find({ color: 1 })).rejects.toThrow(TypeError);
    await expect(make().find({ msgId: { $like: "a" } })).rejects.toThrow(TypeError);
  });
});
