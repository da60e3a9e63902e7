/** The scheduler: events in, instructions out, and what always holds between them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Instruction, Scheduler, type SchedulerEvent } from "../../src/controller/scheduler.ts";

const up = (engineId: number): SchedulerEvent => ({ type: "engineUp", engineId });
const down = (engineId: number, reason: string = "killed"): SchedulerEvent => ({
  type: "engineDown",
  engineId,
  reason,
});
const submit = (taskId: string, engineId: number): SchedulerEvent => ({ type: "submit", taskId, engineId });
const finish = (taskId: string): SchedulerEvent => ({ type: "finish", taskId });
const abort = (taskId: string): SchedulerEvent => ({ type: "abort", taskId });
const dispatch = (taskId: string, engineId: number): Instruction => ({ type: "dispatch", taskId, engineId });
const settle = (taskId: string, engineId: number): Instruction => ({ type: "settle", taskId, engineId });
const taskOf = (instruction: Instruction): string | undefined =>
  "taskId" in instruction ? instruction.taskId : undefined;

/** A scheduler that has taken these events. */
function having(window: number, ...events: SchedulerEvent[]): Scheduler {
  const scheduler = new Scheduler({ window });
  for (const event of events) scheduler.handle(event);
  return scheduler;
}

describe("decisions", () => {
  test("a task goes to its engine at once, while that has room", () => {
    const scheduler = having(2, up(0), up(1));
    expect(scheduler.handle(submit("a", 0))).toEqual([dispatch("a", 0)]);
    expect(scheduler.handle(submit("b", 0))).toEqual([dispatch("b", 0)]);
    expect(scheduler.handle(submit("c", 0))).toEqual([]);
    expect(scheduler.handle(submit("d", 1))).toEqual([dispatch("d", 1)]);
    expect(scheduler.handle(finish("b"))).toEqual([settle("b", 0), dispatch("c", 0)]);
    expect(scheduler.handle(finish("a"))).toEqual([settle("a", 0)]);
  });

  test("an engine holds 256 tasks unless told otherwise", () => {
    const scheduler = new Scheduler();
    scheduler.handle(up(0));
    for (let i = 0; i < 1_000; i++) scheduler.handle(submit(`t-${i}`, 0));
    expect(scheduler.queues()[0]?.dispatched).toHaveLength(256);
    expect(scheduler.queues()[0]?.waiting).toHaveLength(744);
  });

  test("a task for an engine that is not there fails", () => {
    const gone = having(1, up(3), down(3));
    for (const [scheduler, engineId] of [
      [having(1), 0],
      [gone, 3],
    ] as const) {
      const reason = expect.stringContaining("not registered");
      expect(scheduler.handle(submit("a", engineId))).toEqual([
        { type: "fail", taskId: "a", engineId, failure: "engine", reason },
      ]);
      expect(scheduler.unfinished()).toEqual([]);
    }
  });

  test("when an engine is lost its tasks fail, the dispatched ones first, and others go on", () => {
    const scheduler = having(
      1,
      up(0),
      up(1),
      submit("a", 0),
      submit("b", 0),
      submit("c", 1),
      submit("d", 0),
      abort("b"),
    );
    expect(scheduler.handle(down(0, "killed"))).toEqual(
      ["a", "d"].map((taskId) => ({ type: "fail", taskId, engineId: 0, failure: "engine", reason: "killed" })),
    );
    expect(scheduler.handle(down(0))).toEqual([]);
    expect(scheduler.unfinished()).toEqual(["c"]);
    expect(scheduler.queues()).toEqual([{ engineId: 1, waiting: [], dispatched: ["c"], completed: 0 }]);
    expect(scheduler.handle(finish("a"))).toEqual([]);
  });

  test("a waiting task is forgotten when it is aborted, a dispatched one is recalled and may still finish", () => {
    const scheduler = having(1, up(0), submit("a", 0), submit("b", 0), submit("c", 0));
    expect(scheduler.handle(abort("b"))).toEqual([{ type: "aborted", taskId: "b", engineId: 0 }]);
    expect(scheduler.handle(abort("b"))).toEqual([]);
    expect(scheduler.handle(abort("a"))).toEqual([{ type: "recall", taskId: "a", engineId: 0 }]);
    expect(scheduler.unfinished()).toEqual(["a", "c"]);
    expect(scheduler.handle(finish("a"))).toEqual([settle("a", 0), dispatch("c", 0)]);
  });

  test("what it does not know changes nothing", () => {
    const scheduler = having(1, up(0), submit("a", 0));
    for (const event of [finish("x"), abort("x"), down(7)]) expect(scheduler.handle(event)).toEqual([]);
    expect(scheduler.queues()).toEqual([{ engineId: 0, waiting: [], dispatched: ["a"], completed: 0 }]);
  });

  test("a task that is submitted again while it waits or runs is not run twice", () => {
    const scheduler = having(1, up(0), up(1), submit("a", 0), submit("b", 0));
    expect(scheduler.handle(submit("a", 0))).toEqual([]);
    expect(scheduler.handle(submit("b", 1))).toEqual([]);
    expect(scheduler.handle(finish("a"))).toEqual([settle("a", 0), dispatch("b", 0)]);
    expect(scheduler.handle(finish("b"))).toEqual([settle("b", 0)]);
  });

  test("a task that was aborted and is submitted again runs once, where it was sent last", () => {
    const scheduler = having(1, up(0), up(1), submit("a", 0), submit("b", 0), abort("b"), submit("b", 1));
    expect(scheduler.queues()).toEqual([
      { engineId: 0, waiting: [], dispatched: ["a"], completed: 0 },
      { engineId: 1, waiting: [], dispatched: ["b"], completed: 0 },
    ]);
    expect(scheduler.handle(finish("a"))).toEqual([settle("a", 0)]);
  });

  test("unfinished tasks can be asked for by engine", () => {
    const scheduler = having(
      1,
      up(0),
      up(1),
      submit("a", 0),
      submit("b", 1),
      submit("c", 0),
      submit("d", 0),
      abort("c"),
    );
    expect(scheduler.unfinished()).toEqual(["a", "b", "d"]);
    expect(scheduler.unfinished([0])).toEqual(["a", "d"]);
    expect(scheduler.unfinished([1, 0])).toEqual(["a", "b", "d"]);
    expect(scheduler.unfinished([5])).toEqual([]);
    expect(scheduler.unfinished([])).toEqual([]);
  });
});

/** What must hold of a scheduler: kept from its events and instructions alone, and compared with what it says. */
class Ledger {
  readonly #window: number;
  readonly #scheduler: Scheduler;
  /** By engine, in the order of submission: tasks that were neither dispatched nor ended. */
  readonly #waiting = new Map<number, string[]>();
  readonly #dispatched = new Map<number, string[]>();
  readonly #completed = new Map<number, number>();
  readonly #engineOf = new Map<string, number>();
  /** How each task ended; every task exactly once. */
  readonly ended = new Map<string, "finish" | "fail" | "aborted">();
  readonly submitted: string[] = [];

  constructor(window: number) {
    this.#window = window;
    this.#scheduler = new Scheduler({ window });
  }

  isUp(engineId: number): boolean {
    return this.#waiting.has(engineId);
  }

  unfinishedAt(engineId: number): string[] {
    return [...(this.#dispatched.get(engineId) ?? []), ...(this.#waiting.get(engineId) ?? [])];
  }

  dispatchedAt(engineId: number): readonly string[] {
    return this.#dispatched.get(engineId) ?? [];
  }

  step(event: SchedulerEvent): void {
    const instructions = this.#scheduler.handle(event);
    if (event.type === "engineUp") this.#engineUp(event.engineId);
    else if (event.type === "submit") this.#submit(event.taskId, event.engineId);
    else if (event.type === "finish") this.#finish(event.taskId);
    else if (event.type === "abort") this.#expectAbort(event.taskId, instructions);
    for (const instruction of instructions) this.#obey(instruction, event);
    if (event.type === "engineDown") this.#engineDown(event.engineId);
    this.#check();
  }

  #engineUp(engineId: number): void {
    this.#waiting.set(engineId, []);
    this.#dispatched.set(engineId, []);
    this.#completed.set(engineId, 0);
  }

  #engineDown(engineId: number): void {
    if (this.unfinishedAt(engineId).length > 0) throw new Error("tasks of a lost engine were forgotten");
    for (const map of [this.#waiting, this.#dispatched, this.#completed]) map.delete(engineId);
  }

  #submit(taskId: string, engineId: number): void {
    this.submitted.push(taskId);
    this.#engineOf.set(taskId, engineId);
    this.#waiting.get(engineId)?.push(taskId);
  }

  #finish(taskId: string): void {
    const engineId = this.#engineOf.get(taskId) as number;
    if (!this.#dispatched.get(engineId)?.includes(taskId)) return;
    this.#remove(this.#dispatched, taskId);
    this.#completed.set(engineId, (this.#completed.get(engineId) ?? 0) + 1);
    this.#end(taskId, "finish");
  }

  #expectAbort(taskId: string, instructions: readonly Instruction[]): void {
    const engineId = this.#engineOf.get(taskId) as number;
    const isDispatched = this.dispatchedAt(engineId).includes(taskId);
    const expected = this.ended.has(taskId) ? [] : [isDispatched ? "recall" : "aborted"];
    if (instructions.map(({ type }) => type).join() !== expected.join()) throw new Error(`abort of ${taskId}`);
  }

  #obey(instruction: Instruction, event: SchedulerEvent): void {
    const { engineId } = instruction;
    const taskId = taskOf(instruction) as string;
    if (this.#engineOf.get(taskId) !== engineId) throw new Error(`${taskId} at the wrong engine`);
    if (instruction.type === "dispatch") {
      if (this.#waiting.get(engineId)?.[0] !== taskId) throw new Error(`${taskId} dispatched out of turn`);
      this.#remove(this.#waiting, taskId);
      this.#dispatched.get(engineId)?.push(taskId);
    } else if (instruction.type === "aborted") {
      this.#remove(this.#waiting, taskId);
      this.#end(taskId, "aborted");
    } else if (instruction.type === "fail") {
      if (event.type !== "engineDown" && this.isUp(engineId)) throw new Error(`${taskId} failed without need`);
      this.#remove(this.#waiting, taskId);
      this.#remove(this.#dispatched, taskId);
      this.#end(taskId, "fail");
    }
  }

  #remove(from: Map<number, string[]>, taskId: string): void {
    const list = from.get(this.#engineOf.get(taskId) as number) ?? [];
    const index = list.indexOf(taskId);
    if (index >= 0) list.splice(index, 1);
  }

  #end(taskId: string, how: "finish" | "fail" | "aborted"): void {
    if (this.ended.has(taskId)) throw new Error(`${taskId} ended twice`);
    this.ended.set(taskId, how);
  }

  /** The scheduler says of itself what the ledger says of it. */
  #check(): void {
    const engineIds = [...this.#waiting.keys()];
    const expected = engineIds.map((engineId) => ({
      engineId,
      waiting: this.#waiting.get(engineId) ?? [],
      dispatched: this.#dispatched.get(engineId) ?? [],
      completed: this.#completed.get(engineId) ?? 0,
    }));
    if (JSON.stringify(this.#scheduler.queues()) !== JSON.stringify(expected)) {
      expect(this.#scheduler.queues()).toEqual(expected);
    }
    for (const { waiting, dispatched } of expected) {
      if (dispatched.length > this.#window) throw new Error("more than the window");
      if (waiting.length > 0 && dispatched.length < this.#window) throw new Error("idle while tasks wait");
    }
    const unfinished = expected.flatMap(({ waiting, dispatched }) => [...waiting, ...dispatched]);
    if (unfinished.length + this.ended.size !== this.submitted.length) throw new Error("a task was lost");
    if (this.#scheduler.unfinished().length !== unfinished.length) throw new Error("unfinished() is not the sum");
  }
}

describe("whatever happens", () => {
  const kind = fc.oneof(
    { arbitrary: fc.constant("submit" as const), weight: 10 },
    { arbitrary: fc.constant("finish" as const), weight: 8 },
    { arbitrary: fc.constant("abort" as const), weight: 3 },
    { arbitrary: fc.constant("stale" as const), weight: 1 },
    { arbitrary: fc.constant("up" as const), weight: 1 },
    { arbitrary: fc.constant("down" as const), weight: 1 },
  );
  const choice = fc.record({ kind, pick: fc.nat(), engineId: fc.nat({ max: 5 }) });

  /** Makes the choice an event that fits what there is. */
  function perform(ledger: Ledger, { kind, pick, engineId }: { kind: string; pick: number; engineId: number }): void {
    const from = (list: readonly string[]): string | undefined => list[pick % Math.max(1, list.length)];
    if (kind === "up" && !ledger.isUp(engineId)) ledger.step(up(engineId));
    else if (kind === "down") ledger.step(down(engineId));
    else if (kind === "submit") ledger.step(submit(`t-${ledger.submitted.length}`, engineId));
    const dispatched = from(ledger.dispatchedAt(engineId));
    const unfinished = from(ledger.unfinishedAt(engineId));
    const any = from(ledger.submitted);
    if (kind === "finish" && dispatched !== undefined) ledger.step(finish(dispatched));
    else if (kind === "abort" && unfinished !== undefined) ledger.step(abort(unfinished));
    else if (kind === "stale" && any !== undefined && ledger.ended.has(any)) {
      ledger.step(pick % 2 === 0 ? abort(any) : finish(any));
    }
  }

  test("no task is lost, run twice, out of order, or beyond the window, and each ends exactly once", () => {
    let steps = 0;
    const ends = new Set<string>();
    const choices = fc.array(choice, { minLength: 100, maxLength: 300, size: "max" });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), choices, (window, made) => {
        const ledger = new Ledger(window);
        for (let engineId = 0; engineId < 4; engineId++) ledger.step(up(engineId));
        for (const one of made) perform(ledger, one);
        steps += made.length;
        for (let engineId = 0; engineId < 6; engineId++) {
          if (engineId % 2 === 0) ledger.step(down(engineId));
          for (
            let task = ledger.dispatchedAt(engineId)[0];
            task !== undefined;
            task = ledger.dispatchedAt(engineId)[0]
          ) {
            ledger.step(finish(task));
          }
        }
        expect([...ledger.ended.keys()].sort()).toEqual([...ledger.submitted].sort());
        for (const how of ledger.ended.values()) ends.add(how);
      }),
      { numRuns: 120 },
    );
    expect(steps).toBeGreaterThan(10_000);
    expect([...ends].sort()).toEqual(["aborted", "fail", "finish"]);
  });
});

describe("100,000 tasks", () => {
  const count = 100_000;
  const upTo = Array.from({ length: count }, (_, index) => `t-${index}`);

  test("submitted at once, finished one by one, are dispatched in order", () => {
    const scheduler = having(256, up(0));
    const dispatched: string[] = [];
    const note = (instructions: readonly Instruction[]): void => {
      for (const instruction of instructions) {
        if (instruction.type === "dispatch") dispatched.push(instruction.taskId);
      }
    };
    for (const taskId of upTo) note(scheduler.handle(submit(taskId, 0)));
    for (const taskId of upTo) note(scheduler.handle(finish(taskId)));
    expect(dispatched).toEqual(upTo);
    expect(scheduler.queues()).toEqual([{ engineId: 0, waiting: [], dispatched: [], completed: count }]);
    expect(scheduler.unfinished()).toEqual([]);
  });

  test("all aborted, newest first, but the dispatched one", () => {
    const scheduler = having(1, up(0));
    for (const taskId of upTo) scheduler.handle(submit(taskId, 0));
    const made = upTo.toReversed().flatMap((taskId) => scheduler.handle(abort(taskId)));
    expect(made.filter(({ type }) => type === "aborted")).toHaveLength(count - 1);
    expect(made.at(-1)).toEqual({ type: "recall", taskId: "t-0", engineId: 0 });
    expect(scheduler.handle(finish("t-0"))).toEqual([settle("t-0", 0)]);
    expect(scheduler.unfinished()).toEqual([]);
  });

  test("all lost with their engine", () => {
    const scheduler = having(256, up(0));
    for (const taskId of upTo) scheduler.handle(submit(taskId, 0));
    expect(scheduler.handle(down(0)).map(taskOf)).toEqual(upTo);
  });
});
