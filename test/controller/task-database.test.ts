/** What is remembered of tasks, for how long, and that it is a memory of its own. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TaskDatabase } from "../../src/controller/task-database.ts";
import type { TaskRecord } from "../../src/controller/task-record.ts";

function record(taskId: string): TaskRecord {
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
  };
}

function ok(bytes: number): { status: "ok"; payload: Uint8Array } {
  return { status: "ok", payload: new Uint8Array(bytes) };
}

function finished(database: TaskDatabase, taskId: string, payloadBytes: number, bufferBytes: number = 0): void {
  database.add(record(taskId));
  database.finish(taskId, ok(payloadBytes), bufferBytes > 0 ? [new Uint8Array(bufferBytes)] : []);
}

function known(database: TaskDatabase, taskIds: readonly string[]): string[] {
  return taskIds.filter((taskId) => database.get(taskId) !== undefined);
}

describe("records", () => {
  test("are kept from submission on, with the outcome once there is one", () => {
    const database = new TaskDatabase();
    database.add(record("a"));
    expect(database.get("a")).toMatchObject({ taskId: "a", outcome: undefined });
    const buffers = [Uint8Array.of(1, 2)];
    database.finish("a", { ...ok(3), started: 5, completed: 6 }, buffers);
    expect(database.get("a")).toMatchObject({ outcome: { ...ok(3), started: 5, completed: 6 }, buffers });
    expect([database.size, database.bytes]).toEqual([1, 5]);
  });

  test("keep the first outcome", () => {
    const database = new TaskDatabase();
    finished(database, "a", 10);
    database.finish("a", { status: "error" }, [new Uint8Array(99)]);
    expect(database.get("a")?.outcome?.status).toBe("ok");
    expect(database.bytes).toBe(10);
  });

  test("of tasks that are not known are not made by results and output", () => {
    const database = new TaskDatabase();
    database.finish("x", ok(3), []);
    database.addOutput("x", "stdout", "text");
    expect(database.get("x")).toBeUndefined();
    expect([database.size, database.bytes]).toEqual([0, 0]);
  });

  test("hold a copy of the payload: the packet's memory may change", () => {
    const database = new TaskDatabase();
    database.add(record("a"));
    const packet = Uint8Array.of(9, 9, 1, 2, 3, 9);
    database.finish("a", { status: "ok", payload: packet.subarray(2, 5) }, []);
    packet.fill(0);
    const payload = database.get("a")?.outcome?.payload;
    expect([...(payload ?? [])]).toEqual([1, 2, 3]);
    expect(payload?.buffer.byteLength).toBe(3);
  });
});

describe("limits", () => {
  test("by records: the oldest finished go first", () => {
    const database = new TaskDatabase({ records: 3 });
    for (const taskId of ["a", "b", "c", "d", "e"]) finished(database, taskId, 10);
    expect(known(database, ["a", "b", "c", "d", "e"])).toEqual(["c", "d", "e"]);
    expect([database.size, database.bytes]).toEqual([3, 30]);
  });

  test("by records: the order is that of the ends, not of the submissions", () => {
    const database = new TaskDatabase({ records: 1 });
    for (const taskId of ["a", "b"]) database.add(record(taskId));
    database.finish("b", ok(1), []);
    database.finish("a", ok(1), []);
    expect(known(database, ["a", "b"])).toEqual(["a"]);
  });

  test("by bytes of payloads and buffers: the oldest finished go first", () => {
    const database = new TaskDatabase({ bytes: 100 });
    finished(database, "a", 10, 30);
    finished(database, "b", 0, 40);
    finished(database, "c", 20);
    expect(known(database, ["a", "b", "c"])).toEqual(["a", "b", "c"]);
    finished(database, "d", 1);
    expect(known(database, ["a", "b", "c", "d"])).toEqual(["b", "c", "d"]);
    expect(database.bytes).toBe(61);
  });

  test("by bytes: what is larger than the limit is not kept", () => {
    const database = new TaskDatabase({ bytes: 100 });
    finished(database, "a", 101);
    expect(known(database, ["a"])).toEqual([]);
    expect(database.bytes).toBe(0);
  });

  test("never touch what has not ended", () => {
    const database = new TaskDatabase({ records: 0, bytes: 0 });
    const waiting = Array.from({ length: 100 }, (_, index) => `w-${index}`);
    for (const taskId of waiting) database.add(record(taskId));
    for (let i = 0; i < 100; i++) finished(database, `f-${i}`, 10);
    expect(known(database, waiting)).toEqual(waiting);
    expect([database.size, database.bytes]).toEqual([100, 0]);
  });

  test("hold over many records", () => {
    const database = new TaskDatabase({ records: 100 });
    for (let i = 0; i < 10_000; i++) finished(database, `t-${i}`, 2);
    expect([database.size, database.bytes]).toEqual([100, 200]);
    expect(known(database, ["t-9899", "t-9900", "t-9999"])).toEqual(["t-9900", "t-9999"]);
  });
});

describe("output", () => {
  const limit = 256 * 1024;

  test("is kept by stream, in order", () => {
    const database = new TaskDatabase();
    database.add(record("a"));
    database.addOutput("a", "stdout", "one ");
    database.addOutput("a", "stderr", "bad");
    database.addOutput("a", "stdout", "two");
    expect(database.get("a")).toMatchObject({ stdout: "one two", stderr: "bad" });
  });

  test.each([
    ["in one piece", [limit + 5_000]],
    ["in many", Array<number>(50).fill(10_000)],
  ])("is cut at 256 Ki characters of each stream, %s", (_, pieces) => {
    const database = new TaskDatabase();
    database.add(record("a"));
    for (const length of pieces) database.addOutput("a", "stdout", "x".repeat(length));
    database.addOutput("a", "stderr", "y");
    expect(database.get("a")?.stdout).toHaveLength(limit);
    expect(database.get("a")?.stderr).toBe("y");
  });

  test("counts as bytes of its task, once that has ended, also when it comes later", () => {
    const database = new TaskDatabase({ bytes: 100 });
    database.add(record("a"));
    database.addOutput("a", "stdout", "x".repeat(50));
    expect(database.bytes).toBe(0);
    database.finish("a", ok(10), []);
    expect(database.bytes).toBe(60);
    database.addOutput("a", "stderr", "x".repeat(30));
    expect(database.bytes).toBe(90);
    database.addOutput("a", "stderr", "x".repeat(30));
    expect(known(database, ["a"])).toEqual([]);
    expect(database.bytes).toBe(0);
  });
});

test("whatever is added, written and finished, the bytes are the sum of what is kept, within the limits", () => {
  const action = fc.record({
    kind: fc.constantFrom("add", "finish", "output"),
    task: fc.nat({ max: 30 }),
    size: fc.nat({ max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 300, size: "max" }), (actions) => {
      const database = new TaskDatabase({ records: 5, bytes: 150 });
      const ids = new Set<string>();
      for (const { kind, task, size } of actions) {
        const taskId = `t-${task}`;
        if (kind === "add" && !ids.has(taskId)) database.add(record(taskId));
        else if (kind === "finish") database.finish(taskId, ok(size), [new Uint8Array(size)]);
        else if (kind === "output") database.addOutput(taskId, "stdout", "x".repeat(size));
        if (kind === "add") ids.add(taskId);
        const records = [...ids].map((id) => database.get(id)).filter((kept) => kept !== undefined);
        const ended = records.filter(({ outcome }) => outcome !== undefined);
        const bytes = ended.reduce((sum, { outcome, buffers, stdout }) => {
          return sum + (outcome?.payload?.byteLength ?? 0) + (buffers[0]?.byteLength ?? 0) + stdout.length;
        }, 0);
        expect(database.bytes).toBe(bytes);
        expect(bytes).toBeLessThanOrEqual(150);
        expect(ended.length).toBeLessThanOrEqual(5);
        expect(database.size).toBe(records.length);
      }
    }),
  );
});
