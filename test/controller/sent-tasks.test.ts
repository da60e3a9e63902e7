/** What an engine answers in order is found without its id; whatever else it answers is not taken for something else. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Connection } from "../../src/channel/connection.ts";
import { SubmittedRun } from "../../src/controller/run-columns.ts";
import { RunTask } from "../../src/controller/run-task.ts";
import { SentTasks } from "../../src/controller/sent-tasks.ts";

function tasksOf(client: string, count: number): RunTask[] {
  const ids = Array.from({ length: count }, (_, index) => index);
  const run = new SubmittedRun(
    {
      type: "run",
      of: "submit",
      common: { operation: "apply" },
      prefix: `${client}-`,
      ids,
      numbers: [ids.map(() => 0), ids.map(() => 0)],
      lengths: ids.map(() => 0),
      bytes: new Uint8Array(0),
    },
    { uuid: client, connection: {} as Connection, isNested: false },
  );
  return ids.map((id, index) => {
    const task = new RunTask(`${client}-${id}`, run, index);
    task.engineUuid = "here";
    return task;
  });
}

test("tasks are found in the order in which they were sent", () => {
  const sent = new SentTasks();
  const tasks = tasksOf("c", 3);
  for (const task of tasks) sent.add(task);
  expect(sent.take("c-", 1, "here")).toBeUndefined();
  expect(sent.take("d-", 0, "here")).toBeUndefined();
  for (const [number, task] of tasks.entries()) expect(sent.take("c-", number, "here")).toBe(task);
  expect(sent.take("c-", 3, "here")).toBeUndefined();
});

test("of an engine that always has work, no more is kept than it has", () => {
  const sent = new SentTasks();
  const tasks = tasksOf("c", 20_000);
  for (const [number, task] of tasks.entries()) {
    sent.add(task);
    if (number >= 100) expect(sent.take("c-", number - 100, "here")).toBe(tasks[number - 100]);
    expect(sent.length).toBeLessThan(2_500);
  }
});

test("of an engine that is long with its first task while others go past it, what has ended is not kept for ever", () => {
  const sent = new SentTasks();
  for (const [number, task] of tasksOf("c", 20_000).entries()) {
    sent.add(task);
    if (number > 0) task.outcome = { status: "aborted" };
    expect(sent.length).toBeLessThan(2_500);
  }
});

test("whatever is sent, ends otherwise, goes elsewhere and is answered, a task that is found is the one that is meant, and is there", () => {
  const action = fc.record({
    what: fc.constantFrom("send", "answer", "end", "leave", "come back"),
    client: fc.constantFrom("c", "d"),
    number: fc.nat(7),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const sent = new SentTasks();
      const tasks = { c: tasksOf("c", 8), d: tasksOf("d", 8) };
      for (const { what, client, number } of actions) {
        const task = tasks[client as "c" | "d"][number] as RunTask;
        if (what === "send") sent.add(task);
        else if (what === "end") task.outcome = { status: "aborted" };
        else if (what === "leave") task.engineUuid = "elsewhere";
        else if (what === "come back") task.engineUuid = "here";
        else {
          const found = sent.take(`${client}-`, number, "here");
          if (found === undefined) continue;
          expect(found).toBe(task);
          expect([found.hasEnded, found.engineUuid]).toEqual([false, "here"]);
        }
      }
    }),
  );
});
