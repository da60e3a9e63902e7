/** Load-balanced tasks in the scheduler, in simulated time: who gets what, when, and what becomes of it. */

import { describe, expect, test } from "vitest";
import { type Instruction, Scheduler, type SchedulerEvent } from "../../src/controller/scheduler.ts";
import { type BalancedRequest, DEFAULT_RETRIES } from "../../src/protocol/balancing.ts";
import { request, Simulation, seeded } from "./simulation.ts";

const up = (engineId: number, resources?: Record<string, number>): SchedulerEvent =>
  resources === undefined ? { type: "engineUp", engineId } : { type: "engineUp", engineId, resources };
const down = (engineId: number): SchedulerEvent => ({ type: "engineDown", engineId, reason: "killed" });
const submit = (taskId: string, more: Partial<BalancedRequest> = {}): SchedulerEvent => ({
  type: "submitBalanced",
  taskId,
  request: request(more),
});
const finish = (taskId: string, status: "ok" | "error" | "unmet" = "ok", duration?: number): SchedulerEvent => ({
  type: "finish",
  taskId,
  status,
  duration,
});
const dispatch = (taskId: string, engineId: number): Instruction => ({ type: "dispatch", taskId, engineId });
const settle = (taskId: string, engineId: number): Instruction => ({ type: "settle", taskId, engineId });
const fail = (taskId: string, failure: string, reason: RegExp, engineId = -1): unknown => ({
  type: "fail",
  taskId,
  engineId,
  failure,
  reason: expect.stringMatching(reason),
});
const dependency = (taskIds: string[], more: object = {}) => ({
  taskIds,
  all: true,
  success: true,
  failure: false,
  ...more,
});

function having(...events: SchedulerEvent[]): Scheduler {
  const scheduler = new Scheduler({ random: seeded(1) });
  for (const event of events) scheduler.handle(event, 0);
  return scheduler;
}

describe("where and when", () => {
  test("tasks of unknown length go one to each engine, and the next when one has ended", () => {
    const scheduler = having(up(0), up(1));
    expect(scheduler.handle(submit("a"))).toEqual([dispatch("a", 0)]);
    expect(scheduler.handle(submit("b"))).toEqual([dispatch("b", 1)]);
    expect(scheduler.handle(submit("c"))).toEqual([]);
    expect(scheduler.unassigned()).toEqual(["c"]);
    expect(scheduler.handle(finish("b"))).toEqual([settle("b", 1), dispatch("c", 1)]);
    expect(scheduler.unassigned()).toEqual([]);
  });

  test("an engine holds a few milliseconds of short tasks, and one long task", () => {
    const scheduler = having(up(0), submit("first"));
    scheduler.handle(finish("first", "ok", 0.5));
    for (let i = 0; i < 100; i++) scheduler.handle(submit(`t-${i}`));
    expect(scheduler.queues()[0]?.dispatched).toHaveLength(10);
    expect(scheduler.unassigned()).toHaveLength(90);
    const long = having(up(0), submit("first", { kind: "long" }));
    long.handle(finish("first", "ok", 50));
    for (let i = 0; i < 3; i++) long.handle(submit(`t-${i}`, { kind: "long" }));
    expect(long.queues()[0]?.dispatched).toHaveLength(1);
  });

  test("a high-water mark counts tasks instead; 0 is no limit", () => {
    for (const [hwm, expected] of [
      [1, 1],
      [3, 3],
      [0, 20],
    ] as const) {
      const scheduler = new Scheduler({ hwm });
      scheduler.handle(up(0));
      for (let i = 0; i < 20; i++) scheduler.handle(submit(`t-${i}`));
      expect(scheduler.queues()[0]?.dispatched).toHaveLength(expected);
    }
  });

  test("higher priority goes first, then the order of submission", () => {
    const scheduler = having(
      up(0),
      submit("a"),
      submit("b"),
      submit("c", { priority: 2 }),
      submit("d", { priority: 2 }),
    );
    const order = ["a", "c", "d", "b"].map((taskId) => scheduler.handle(finish(taskId)).at(-1));
    expect(order).toEqual([dispatch("c", 0), dispatch("d", 0), dispatch("b", 0), settle("b", 0)]);
  });

  test("targets are kept, and a task that waits for them does not hold up others", () => {
    const scheduler = having(up(0), up(1), submit("a", { targets: [1] }), submit("b", { targets: [1] }));
    expect(scheduler.handle(submit("c"))).toEqual([dispatch("c", 0)]);
    expect(scheduler.handle(finish("c"))).toEqual([settle("c", 0)]);
    expect(scheduler.handle(finish("a"))).toEqual([settle("a", 1), dispatch("b", 1)]);
    expect(scheduler.handle(submit("x", { targets: [7] }))).toEqual([fail("x", "engine", /targets 7/)]);
  });

  test("resources go to tasks that ask for them, as far as they reach", () => {
    const scheduler = new Scheduler({ hwm: 0 });
    for (const event of [up(0), up(1, { gpu: 1 })]) scheduler.handle(event);
    const half = { resources: { gpu: 0.5 } };
    expect(scheduler.handle(submit("a", half))).toEqual([dispatch("a", 1)]);
    expect(scheduler.handle(submit("b", half))).toEqual([dispatch("b", 1)]);
    expect(scheduler.handle(submit("c", half))).toEqual([]);
    expect(scheduler.handle(submit("d"))).toEqual([dispatch("d", 0)]);
    expect(scheduler.handle(finish("b"))).toEqual([settle("b", 1), dispatch("c", 1)]);
    expect(scheduler.handle(submit("e", { resources: { gpu: 2 } }))).toEqual([fail("e", "impossible", /gpu: 2/)]);
  });

  test("a task goes where the results are that it takes, if there is room", () => {
    const scheduler = new Scheduler({ hwm: 2 });
    for (const event of [up(0), up(1), submit("a"), submit("b"), finish("b")]) scheduler.handle(event);
    scheduler.handle(submit("again"));
    expect(scheduler.queues().map(({ dispatched }) => dispatched)).toEqual([["a"], ["again"]]);
    expect(scheduler.handle(submit("c", { inputs: ["b"] }))).toEqual([dispatch("c", 1)]);
  });

  test("a task goes to the engine that keeps a value which it takes, if there is room", () => {
    const scheduler = new Scheduler({ hwm: 2 });
    for (const event of [up(0), up(1), up(2), submit("a"), submit("b")]) scheduler.handle(event);
    expect(scheduler.handle(submit("c", { near: [0] }))).toEqual([dispatch("c", 0)]);
    // Engine 0 is full, and an engine that is gone cannot be preferred.
    expect(scheduler.handle(submit("d", { near: [0, 7] }))).toEqual([dispatch("d", 2)]);
  });

  test("work not begun is taken back for an engine that has nothing to do", () => {
    const simulation = new Simulation({
      engines: [1, 1],
      durationOf: (taskId) => (taskId === "long" ? 500 : 0.1),
    });
    simulation.tell(submit("warm"));
    simulation.run();
    // All of one kind, so that nobody expects the long one.
    simulation.tell(submit("long"));
    for (let i = 0; i < 200; i++) simulation.tell(submit(`t-${i}`));
    simulation.run();
    const short = [...simulation.ended].filter(([taskId]) => taskId.startsWith("t-"));
    expect(short).toHaveLength(200);
    const last = Math.max(...short.map(([, { time }]) => time));
    expect(last).toBeLessThan(100);
    expect(simulation.instructions.some(({ type }) => type === "takeBack")).toBe(true);
  });

  test("short tasks run back to back over a slow connection", () => {
    const simulation = new Simulation({ engines: [1, 1], latency: 0.5, durationOf: () => 0.02 });
    for (let i = 0; i < 10_000; i++) simulation.tell(submit(`t-${i}`));
    expect(simulation.run()).toBeLessThan(110);
  });

  test("an engine that waits in a task for other tasks takes more, those that are waited for first", () => {
    const scheduler = having(up(0), submit("outer"));
    scheduler.handle(submit("other"));
    expect(scheduler.handle(submit("inner", { nested: true }))).toEqual([]);
    expect(scheduler.handle({ type: "waiting", engineId: 0, taskIds: ["outer"] })).toEqual([dispatch("inner", 0)]);
    expect(scheduler.handle(finish("inner"))).toEqual([settle("inner", 0), dispatch("other", 0)]);
    expect(scheduler.handle({ type: "waiting", engineId: 0, taskIds: [] })).toEqual([]);
    expect(scheduler.handle(finish("outer"))).toEqual([settle("outer", 0)]);
  });
});

describe("dependencies", () => {
  test("after: when the others have ended well", () => {
    const scheduler = having(up(0), up(1), submit("a"), submit("b", { after: dependency(["a"]) }));
    expect(scheduler.unassigned()).toEqual(["b"]);
    expect(scheduler.handle(finish("a"))).toEqual([settle("a", 0), dispatch("b", 1)]);
  });

  test("a failed predecessor makes it impossible, and so on along a chain of 10,000", () => {
    const scheduler = having(up(0), submit("t-0"));
    for (let i = 1; i <= 10_000; i++) scheduler.handle(submit(`t-${i}`, { after: dependency([`t-${i - 1}`]) }));
    const instructions = scheduler.handle(finish("t-0", "error"));
    expect(instructions).toHaveLength(10_001);
    expect(instructions[1]).toEqual(fail("t-1", "impossible", /t-0 failed/));
    expect(scheduler.unfinished()).toEqual([]);
  });

  test("failure and any, as the truth tables say", () => {
    const scheduler = having(up(0), up(1), submit("a"), submit("b"));
    scheduler.handle(submit("onFailure", { after: dependency(["a"], { success: false, failure: true }) }));
    scheduler.handle(submit("any", { after: dependency(["a", "b"], { all: false }) }));
    scheduler.handle(submit("always", { after: dependency(["a", "b"], { failure: true }) }));
    expect(scheduler.handle(finish("a", "error"))).toEqual([settle("a", 0), dispatch("onFailure", 0)]);
    expect(scheduler.handle(finish("b"))).toEqual([settle("b", 1), dispatch("any", 1)]);
    expect(scheduler.unassigned()).toEqual(["always"]);
  });

  test("unknown tasks, and the task itself, are invalid", () => {
    const scheduler = having(up(0));
    expect(scheduler.handle(submit("a", { after: dependency(["x"]) }))).toEqual([fail("a", "invalid", /x/)]);
    expect(scheduler.handle(submit("b", { follow: dependency(["b"]) }))).toEqual([fail("b", "invalid", /itself/)]);
  });

  test("follow: on the same engine, or impossible when there are two", () => {
    const scheduler = having(up(0), up(1), submit("a"), submit("b"), finish("a"), finish("b"));
    expect(scheduler.handle(submit("c", { follow: dependency(["b"]) }))).toEqual([dispatch("c", 1)]);
    expect(scheduler.handle(submit("d", { follow: dependency(["a", "b"]) }))).toEqual([
      fail("d", "impossible", /different engines: 0, 1/),
    ]);
    scheduler.handle(down(0));
    expect(scheduler.handle(submit("e", { follow: dependency(["a"]) }))).toEqual([fail("e", "impossible", /gone/)]);
  });

  test("a refused task goes elsewhere, which is no retry, and is impossible when all have refused it", () => {
    const scheduler = having(up(0), up(1), submit("a"));
    expect(scheduler.handle(finish("a", "unmet"))).toEqual([dispatch("a", 1)]);
    expect(scheduler.handle(finish("a", "unmet"))).toEqual([fail("a", "impossible", /refused/, 1)]);
    const patient = having(up(0), submit("a", { timeout: 100 }));
    expect(patient.handle(finish("a", "unmet"), 10)).toEqual([]);
    expect(patient.handle(up(1), 50)).toEqual([dispatch("a", 1)]);
  });
});

describe("time limits and retries", () => {
  test("what waits too long fails with a timeout; what runs goes on", () => {
    const scheduler = having(up(0), submit("a", { timeout: 50 }), submit("b", { timeout: 50 }));
    expect(scheduler.wakeAt).toBe(50);
    expect(scheduler.handle({ type: "tick" }, 50)).toEqual([fail("b", "timeout", /50 ms/)]);
    expect(scheduler.handle(finish("a"), 60)).toEqual([settle("a", 0)]);
    expect(scheduler.wakeAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("an error is final by default, or repeated elsewhere after a pause, and again where it was", () => {
    const scheduler = having(up(0), up(1), submit("once"));
    expect(scheduler.handle(finish("once", "error"))).toEqual([settle("once", 0)]);
    scheduler.handle(submit("a", { retries: { ...DEFAULT_RETRIES, error: 2 } }));
    expect(scheduler.queues()[1]?.dispatched).toEqual(["a"]);
    expect(scheduler.handle(finish("a", "error"), 100)).toEqual([]);
    expect(scheduler.wakeAt).toBe(110);
    expect(scheduler.handle({ type: "tick" }, 110)).toEqual([dispatch("a", 0)]);
    expect(scheduler.handle(finish("a", "error"), 120)).toEqual([]);
    expect(scheduler.wakeAt).toBe(140);
    expect(scheduler.handle({ type: "tick" }, 140)).toHaveLength(1);
    expect(scheduler.handle(finish("a", "error"), 150)).toEqual([
      expect.objectContaining({ type: "settle", taskId: "a" }),
    ]);
  });

  test("on no other than engines that have not failed it: its own error, or the timeout, is the end", () => {
    const other = { ...DEFAULT_RETRIES, error: 5, place: "other" as const, backoff: 0 };
    const scheduler = having(up(0), up(1), submit("a", { retries: other }));
    expect(scheduler.handle(finish("a", "error"))).toEqual([dispatch("a", 1)]);
    expect(scheduler.handle(finish("a", "error"))).toEqual([fail("a", "own", /every engine has failed it/, 1)]);
    const limited = having(up(0), submit("a", { retries: other, timeout: 100 }));
    expect(limited.handle(finish("a", "error"), 10)).toEqual([]);
    expect(limited.handle({ type: "tick" }, 100)).toEqual([fail("a", "timeout", /100 ms/, 0)]);
  });

  test("the task's own error wins over a shorter limit of time", () => {
    const retries = { ...DEFAULT_RETRIES, error: 1 };
    const scheduler = having(up(0), submit("a", { retries, timeout: 10 }));
    expect(scheduler.handle(finish("a", "error"), 250)).toEqual([settle("a", 0)]);
  });

  test("on the same engine, on request", () => {
    const retries = { ...DEFAULT_RETRIES, error: 1, place: "same" as const, backoff: 0 };
    const scheduler = having(up(0), up(1), submit("a", { retries }));
    expect(scheduler.handle(finish("a", "error"))).toEqual([dispatch("a", 0)]);
  });
});

describe("engines that come and go", () => {
  test("what a dead engine had not begun runs elsewhere at once, what it ran after a pause and alone", () => {
    const scheduler = having(up(0), up(1));
    scheduler.handle(submit("warm"), 0);
    scheduler.handle(finish("warm", "ok", 1), 1);
    for (const taskId of ["a", "b", "c", "d"]) scheduler.handle(submit(taskId), 1);
    expect(scheduler.queues().map(({ dispatched }) => dispatched)).toEqual([
      ["b", "d"],
      ["a", "c"],
    ]);
    expect(scheduler.handle(down(1), 2)).toEqual([dispatch("c", 0)]);
    expect(scheduler.unassigned()).toEqual(["a"]);
    expect(scheduler.handle({ type: "tick" }, 12)).toEqual([]);
    for (const taskId of ["b", "d"]) scheduler.handle(finish(taskId), 13);
    scheduler.handle(submit("late"), 14);
    expect(scheduler.handle(finish("c"), 15)).toEqual([settle("c", 0), dispatch("a", 0)]);
    expect(scheduler.handle(finish("a"), 16)).toEqual([settle("a", 0), dispatch("late", 0)]);
  });

  test("a task that keeps killing engines is given up and named, and no other suffers", () => {
    const scheduler = having(up(0));
    scheduler.handle(submit("poison"), 0);
    let now = 0;
    for (let engineId = 1; engineId <= 4; engineId++) {
      scheduler.handle(up(engineId), now);
      scheduler.handle(submit(`innocent-${engineId}`), now);
      now += 100_000;
      const instructions = scheduler.handle(down(engineId - 1), now);
      if (engineId < 4) expect(instructions.filter(({ type }) => type === "fail")).toEqual([]);
      else expect(instructions).toContainEqual(fail("poison", "engine", /poison is given up: 4 engines died/, 3));
      now += 100_000;
      scheduler.handle({ type: "tick" }, now);
      for (const { dispatched } of scheduler.queues()) {
        for (const taskId of dispatched) if (taskId !== "poison") scheduler.handle(finish(taskId), now);
      }
      scheduler.handle({ type: "tick" }, now);
    }
    expect(scheduler.unfinished().filter((taskId) => taskId === "poison")).toEqual([]);
  });

  test("without engines tasks fail, unless some are on their way", () => {
    const scheduler = having();
    expect(scheduler.handle(submit("a"))).toEqual([fail("a", "engine", /no engine/)]);
    scheduler.handle({ type: "expect", engines: 1 });
    expect(scheduler.handle(submit("b"))).toEqual([]);
    expect(scheduler.handle(up(0))).toEqual([dispatch("b", 0)]);
    scheduler.handle(submit("c"));
    expect(scheduler.handle(down(0))).toEqual([]);
    expect(scheduler.handle({ type: "expect", engines: 0 })).toEqual([fail("c", "engine", /no engine/)]);
  });

  test("a retiring engine finishes what it runs, gives back the rest, and takes nothing new", () => {
    const scheduler = having(up(0), up(1));
    scheduler.handle(submit("warm"));
    scheduler.handle(finish("warm", "ok", 1), 1);
    for (const taskId of ["a", "b", "c", "d"]) scheduler.handle(submit(taskId), 1);
    expect(scheduler.handle({ type: "retire", engineId: 1 }, 1)).toEqual([
      { type: "takeBack", taskIds: ["c"], engineId: 1 },
    ]);
    expect(scheduler.handle({ type: "recalled", taskIds: ["c"], kept: [] }, 1)).toEqual([dispatch("c", 0)]);
    expect(scheduler.handle(submit("e"), 1)).toEqual([dispatch("e", 0)]);
    expect(scheduler.handle({ type: "submit", taskId: "x", engineId: 1 }, 1)).toEqual([
      fail("x", "engine", /retiring/, 1),
    ]);
    expect(scheduler.handle(finish("a"), 2)).toEqual([settle("a", 1), { type: "retired", engineId: 1 }]);
  });

  test("a task that is aborted while its engine gives it back is forgotten, and goes nowhere else", () => {
    const scheduler = having(up(0), up(1));
    scheduler.handle(submit("warm"));
    scheduler.handle(finish("warm", "ok", 1), 1);
    for (const taskId of ["a", "b", "c", "d"]) scheduler.handle(submit(taskId), 1);
    scheduler.handle({ type: "retire", engineId: 1 }, 1);
    expect(scheduler.handle({ type: "abort", taskId: "c" }, 1)).toEqual([{ type: "recall", taskId: "c", engineId: 1 }]);
    expect(scheduler.handle({ type: "recalled", taskIds: ["c"], kept: [] }, 1)).toEqual([
      { type: "aborted", taskId: "c", engineId: 1 },
    ]);
    expect(scheduler.unfinished()).not.toContain("c");
    // One that the engine keeps runs to its end.
    scheduler.handle({ type: "abort", taskId: "a" }, 1);
    expect(scheduler.handle(finish("a"), 2)[0]).toEqual(settle("a", 1));
  });

  test("on the last engine, which retires while a task waits, what it waits for fails, and it goes on", () => {
    const scheduler = having(up(0));
    scheduler.handle(submit("outer"));
    scheduler.handle({ type: "waiting", engineId: 0, taskIds: ["outer"] });
    expect(scheduler.handle(submit("begun", { nested: true }))).toEqual([dispatch("begun", 0)]);
    scheduler.handle(submit("inner", { nested: true }));
    const retiring = scheduler.handle({ type: "retire", engineId: 0 });
    const reason = "every engine is retiring and takes nothing new";
    expect(retiring).toContainEqual({ type: "fail", taskId: "inner", engineId: -1, failure: "engine", reason });
    scheduler.handle({ type: "recalled", taskIds: [], kept: ["begun"] });
    scheduler.handle({ type: "finish", taskId: "begun" });
    scheduler.handle({ type: "waiting", engineId: 0, taskIds: [] });
    expect(scheduler.handle({ type: "finish", taskId: "outer" })).toEqual([
      { type: "settle", taskId: "outer", engineId: 0 },
      { type: "retired", engineId: 0 },
    ]);
  });

  test("a stopped engine gets nothing until it goes on", () => {
    const scheduler = having(up(0), { type: "suspend", engineId: 0 });
    expect(scheduler.handle(submit("a"))).toEqual([]);
    expect(scheduler.handle({ type: "resume", engineId: 0 })).toEqual([dispatch("a", 0)]);
  });
});
