/** Whatever happens: 100,000 random events, and after each what must always hold of a scheduler. */

import { expect, test } from "vitest";
import { type Instruction, Scheduler, type SchedulerEvent } from "../../src/controller/scheduler.ts";
import { type BalancedRequest, DEFAULT_RETRIES, type RetryRequest } from "../../src/protocol/balancing.ts";
import { type SchemeName, schemeNames } from "../../src/protocol/schemes.ts";
import { seeded } from "./simulation.ts";

interface Known {
  readonly request: BalancedRequest | undefined;
  /** Where it is; `undefined` while it is nowhere. */
  at: number | undefined;
  /** Sent, and perhaps begun. */
  recalled: boolean;
  runs: number;
  /** How many engines have died that had begun it, for sure. */
  deaths: number;
}

/** Engines and clients as the outside sees them, kept from events and instructions alone. */
class World {
  readonly scheduler: Scheduler;
  readonly tasks = new Map<string, Known>();
  /** By engine: the tasks that were sent to it, in order. */
  readonly engines = new Map<number, string[]>();
  /** By engine: those that it has said wait for tasks of their own, now or earlier. They have begun. */
  readonly begun = new Map<number, Set<string>>();
  /** Engines some of whose tasks wait now. */
  readonly waiting = new Set<number>();
  readonly retiring = new Set<number>();
  readonly stopped = new Set<number>();
  readonly ended = new Map<string, "settle" | "fail" | "aborted">();
  /** By task: the engine that it is for alone. */
  readonly #engineOf = new Map<string, number>();
  /** What an engine says to have done. */
  #done: { readonly prefix: string; readonly ids: readonly number[] } | undefined;
  readonly #random: () => number;
  now = 0;
  #nextEngine = 0;
  #nextTask = 1;
  steps = 0;
  settledInRuns = 0;

  constructor(scheme: SchemeName, seed: number, hwm: number | undefined) {
    this.#random = seeded(seed);
    this.scheduler = new Scheduler({ scheme, random: seeded(seed + 1), hwm });
  }

  step(): void {
    const draw = this.#random();
    this.now += this.#random() * 4;
    if (this.engines.size < 2 || (draw < 0.02 && this.engines.size < 8)) this.#up();
    else if (draw < 0.03) this.#down();
    else if (draw < 0.035) this.#tell({ type: "retire", engineId: this.#retire() });
    else if (draw < 0.05) this.#stopOrGoOn();
    else if (draw < 0.1) this.#waitOrGoOn();
    else if (draw < 0.42) this.#submit();
    else if (draw < 0.85) this.#finish();
    else if (draw < 0.9) this.#abort();
    else if (draw < 0.95) this.#answerRecall();
    else this.#tell({ type: "tick" });
    this.#check();
  }

  /** Lets everything come to its end. */
  drain(): void {
    for (const engineId of [...this.stopped]) {
      this.stopped.delete(engineId);
      this.#tell({ type: "resume", engineId });
    }
    this.#tell({ type: "expect", engines: 0 });
    if (this.engines.size === this.retiring.size) this.#up();
    for (let i = 0; i < 100_000 && this.tasks.size > 0; i++) {
      this.now += 1_000;
      this.#tell({ type: "tick" });
      this.#answerRecall();
      this.#finish();
      this.#check();
    }
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }

  #up(): void {
    const engineId = this.#nextEngine++;
    this.engines.set(engineId, []);
    this.begun.set(engineId, new Set());
    this.#tell({ type: "engineUp", engineId, resources: engineId % 2 === 0 ? { gpu: 1 } : {} });
  }

  #down(): void {
    const engineId = this.#pick([...this.engines.keys()]) as number;
    const lost = this.engines.get(engineId) as string[];
    this.engines.delete(engineId);
    this.retiring.delete(engineId);
    this.stopped.delete(engineId);
    this.waiting.delete(engineId);
    for (const taskId of lost) (this.tasks.get(taskId) as Known).at = undefined;
    for (const taskId of this.#begunAt(engineId, lost)) (this.tasks.get(taskId) as Known).deaths++;
    this.#tell({ type: "engineDown", engineId, reason: "killed" });
    // What had begun counts as run, whatever else the engine had.
    for (const taskId of lost) {
      const task = this.tasks.get(taskId);
      if ((this.scheduler.failures(taskId)?.deaths ?? 0) < (task?.deaths ?? 0)) throw new Error(`${taskId} had begun`);
    }
    // A task for that engine alone cannot be anywhere else.
    for (const [taskId, task] of this.tasks) {
      if (task.request === undefined && this.engineOf(taskId) === engineId) throw new Error(`${taskId} was forgotten`);
    }
  }

  engineOf(taskId: string): number {
    return this.#engineOf.get(taskId) ?? -1;
  }

  /** An engine's process is stopped, or goes on. */
  #stopOrGoOn(): void {
    const engineId = this.#pick([...this.engines.keys()]) as number;
    const type = this.stopped.has(engineId) ? "resume" : "suspend";
    if (type === "suspend") this.stopped.add(engineId);
    else this.stopped.delete(engineId);
    this.#tell({ type, engineId });
  }

  /** What the engine has surely begun: the first, and what waits or has waited. */
  #begunAt(engineId: number, tasks: readonly string[]): Set<string> {
    const begun = new Set([...(this.begun.get(engineId) ?? [])].filter((taskId) => tasks.includes(taskId)));
    const [first] = tasks;
    return begun.size === 0 && first !== undefined ? new Set([first]) : begun;
  }

  /** A task waits for tasks of its own, so that the engine may begin another; or no task waits any more. */
  #waitOrGoOn(): void {
    const engineId = this.#pick([...this.engines].filter(([, tasks]) => tasks.length > 0).map(([id]) => id));
    if (engineId === undefined) return;
    const tasks = this.engines.get(engineId) as string[];
    const begun = this.#begunAt(engineId, tasks);
    const next = tasks.find((taskId) => !begun.has(taskId));
    const begins = this.waiting.has(engineId) && next !== undefined && this.#random() < 0.5;
    if (begins) begun.add(next);
    this.begun.set(engineId, begun);
    const waits = begins || this.#random() < 0.6;
    if (waits) this.waiting.add(engineId);
    else this.waiting.delete(engineId);
    this.#tell({ type: "waiting", engineId, taskIds: waits ? [...begun] : [] });
  }

  #retire(): number {
    const engineId = this.#pick([...this.engines.keys()]) as number;
    this.retiring.add(engineId);
    return engineId;
  }

  #submit(): void {
    const ids = [...this.engines.keys()];
    if (this.#random() < 0.1) {
      this.#submitRun(ids);
      return;
    }
    if (this.#random() < 0.2) {
      const engineId = this.#pick(ids) as number;
      const taskId = `d-${this.#nextTask++}`;
      this.#engineOf.set(taskId, engineId);
      this.tasks.set(taskId, { request: undefined, at: undefined, recalled: false, runs: 0, deaths: 0 });
      this.#tell({ type: "submit", taskId, engineId });
      return;
    }
    const taskId = `b-${this.#nextTask++}`;
    const request = this.#request(ids);
    this.tasks.set(taskId, { request, at: undefined, recalled: false, runs: 0, deaths: 0 });
    this.#tell({ type: "submitBalanced", taskId, request });
  }

  /** Up to 20 that are alike. */
  #submitRun(ids: readonly number[]): void {
    const numbers: number[] = [];
    const engineIds: number[] = [];
    const asked = this.#random() < 0.5 ? { kind: "k1", units: 1 } : this.#request(ids);
    const request = this.#random() < 0.7 ? asked : undefined;
    const prefix = request === undefined ? "d-" : "b-";
    const hasGaps = this.#random() < 0.3;
    for (let left = Math.ceil(this.#random() * 20); left > 0; left--) {
      const engineId = this.#pick(ids) as number;
      if (hasGaps && this.#random() < 0.3) this.#nextTask++;
      const number = this.#nextTask++;
      const taskId = `${prefix}${number}`;
      if (request === undefined) this.#engineOf.set(taskId, engineId);
      this.tasks.set(taskId, { request, at: undefined, recalled: false, runs: 0, deaths: 0 });
      numbers.push(number);
      engineIds.push(engineId);
    }
    const group = { prefix, ids: numbers };
    if (request === undefined) this.#tell({ type: "submitRun", group, engineIds });
    else this.#tell({ type: "submitBalancedRun", group, request });
  }

  #request(ids: readonly number[]): BalancedRequest {
    const chance = (p: number): boolean => this.#random() < p;
    const others = (): string[] => {
      const known = [...this.tasks.keys()].slice(-20);
      return [this.#pick(known), this.#pick(known)].filter((taskId) => taskId !== undefined);
    };
    const dependency = () => ({
      taskIds: others(),
      all: chance(0.5),
      success: true,
      failure: chance(0.3),
    });
    const place = this.#pick(["prefer", "other", "same"] as const) as RetryRequest["place"];
    return {
      kind: `k${Math.floor(this.#random() * 4)}`,
      units: 1,
      priority: chance(0.2) ? Math.floor(this.#random() * 3) : undefined,
      targets: chance(0.15) ? [this.#pick(ids) as number, this.#pick(ids) as number] : undefined,
      resources: chance(0.1) ? { gpu: 0.5 } : undefined,
      after: chance(0.1) ? dependency() : undefined,
      follow: chance(0.05) ? dependency() : undefined,
      inputs: chance(0.05) ? others() : undefined,
      near: chance(0.1) ? [this.#pick(ids) as number, 1_000] : undefined,
      timeout: chance(0.1) ? this.#random() * 200 : undefined,
      retries: chance(0.3)
        ? { ...DEFAULT_RETRIES, error: 2, death: this.#pick([0, 1, 3]) as number, place }
        : undefined,
      nested: chance(0.05) || undefined,
    };
  }

  /** A task that has begun ends: the first, or one of those that waited. */
  #finish(): void {
    const engineId = this.#pick([...this.engines].filter(([, tasks]) => tasks.length > 0).map(([id]) => id));
    if (engineId === undefined) return;
    const tasks = this.engines.get(engineId) as string[];
    if (this.#random() < 0.2) {
      this.#finishRun(engineId, tasks.splice(0, Math.ceil(this.#random() * tasks.length)));
      return;
    }
    const taskId = this.#pick([...this.#begunAt(engineId, tasks)]) as string;
    tasks.splice(tasks.indexOf(taskId), 1);
    if (tasks.length === 0) this.waiting.delete(engineId);
    const task = this.tasks.get(taskId) as Known;
    task.at = undefined;
    const draw = this.#random();
    const status = draw < 0.1 ? "error" : draw < 0.13 && task.request !== undefined ? "unmet" : "ok";
    this.#tell({ type: "finish", taskId, status, duration: this.#random() * 3 });
  }

  /** The first tasks of an engine have ended well; what others say of tasks that they do not have changes nothing. */
  #finishRun(engineId: number, taskIds: readonly string[]): void {
    for (const taskId of taskIds) (this.tasks.get(taskId) as Known).at = undefined;
    const other = this.#pick([...this.engines.keys()].filter((id) => id !== engineId));
    for (const prefix of ["b-", "d-"]) {
      const own = taskIds.filter((taskId) => taskId.startsWith(prefix));
      if (own.length > 1 && this.#random() < 0.1) own.push(own.shift() as string);
      const ids = [...own.map((taskId) => Number(taskId.slice(2))), 1e9, ...(this.#random() < 0.5 ? [0] : [])];
      const durations = ids.map(() => this.#random() * 3);
      if (other !== undefined) this.#tell({ type: "finishRun", engineId: other, prefix, ids, durations });
      for (const taskId of own) expect(this.tasks.has(taskId)).toBe(true);
      this.#done = { prefix, ids };
      this.#tell({ type: "finishRun", engineId, prefix, ids, durations });
      this.#done = undefined;
      // Those that went their way by themselves.
      for (const taskId of own) {
        if (!this.ended.has(taskId)) this.#tell({ type: "finish", taskId, status: "ok", duration: 1 });
        expect(this.ended.get(taskId)).toBe("settle");
      }
    }
    if (this.engines.get(engineId)?.length === 0) this.waiting.delete(engineId);
  }

  #abort(): void {
    const taskId = this.#pick([...this.tasks.keys()]);
    if (taskId !== undefined) this.#tell({ type: "abort", taskId });
  }

  /** An engine answers an order to give back: all that it has not begun. */
  #answerRecall(): void {
    for (const [engineId, tasks] of this.engines) {
      const asked = tasks.filter((taskId) => this.tasks.get(taskId)?.recalled);
      if (asked.length === 0) continue;
      const begun = this.#begunAt(engineId, tasks);
      const back = asked.filter((taskId) => !begun.has(taskId));
      this.engines.set(
        engineId,
        tasks.filter((taskId) => !back.includes(taskId)),
      );
      for (const taskId of asked) (this.tasks.get(taskId) as Known).recalled = false;
      for (const taskId of back) (this.tasks.get(taskId) as Known).at = undefined;
      this.#tell({ type: "recalled", taskIds: back, kept: asked.filter((taskId) => !back.includes(taskId)) });
      return;
    }
  }

  #tell(event: SchedulerEvent): void {
    this.steps++;
    for (const instruction of this.scheduler.handle(event, this.now)) this.#obey(instruction);
  }

  #obey(instruction: Instruction): void {
    switch (instruction.type) {
      case "dispatch":
        this.#dispatch(instruction.taskId, instruction.engineId);
        break;
      case "takeBack":
        for (const taskId of instruction.taskIds) (this.tasks.get(taskId) as Known).recalled = true;
        break;
      case "dispatchRun": {
        const { group, places, engineId } = instruction;
        for (const place of places) this.#dispatch(`${group.prefix}${group.ids[place]}`, engineId);
        break;
      }
      case "settleRun": {
        const { group, places, at } = instruction;
        expect(group.prefix).toBe(this.#done?.prefix);
        expect(Array.from(places, (place) => group.ids[place])).toEqual(this.#done?.ids.slice(at, at + places.length));
        for (const place of places) this.#ends(`${group.prefix}${group.ids[place]}`, "settle");
        this.settledInRuns += places.length;
        break;
      }
      case "settle":
      case "fail":
      case "aborted":
        this.#ends(instruction.taskId, instruction.type);
        break;
      case "retired":
        if (!this.retiring.has(instruction.engineId))
          throw new Error(`engine ${instruction.engineId} was not to retire`);
        if (this.engines.get(instruction.engineId)?.length !== 0) throw new Error("it has work left");
        break;
      default:
        break;
    }
  }

  #ends(taskId: string, how: "settle" | "fail" | "aborted"): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) throw new Error(`${taskId} ended twice, or never was`);
    if (task.at !== undefined) throw new Error(`${taskId} ended while engine ${task.at} has it`);
    this.tasks.delete(taskId);
    this.ended.set(taskId, how);
  }

  #dispatch(taskId: string, engineId: number): void {
    const task = this.tasks.get(taskId);
    const tasks = this.engines.get(engineId);
    if (task === undefined || tasks === undefined) throw new Error(`${taskId} was sent to engine ${engineId}`);
    if (task.at !== undefined) throw new Error(`${taskId} is at two engines`);
    const { targets, resources } = task.request ?? {};
    const mayRun =
      task.request === undefined
        ? engineId === this.engineOf(taskId)
        : !this.retiring.has(engineId) &&
          !this.stopped.has(engineId) &&
          (targets?.includes(engineId) ?? true) &&
          (resources === undefined || engineId % 2 === 0);
    if (!mayRun) throw new Error(`${taskId} was sent to a wrong engine, ${engineId}`);
    if (task.deaths > (task.request?.retries ?? DEFAULT_RETRIES).death) throw new Error(`${taskId} is run too often`);
    task.at = engineId;
    task.recalled = false;
    task.runs++;
    tasks.push(taskId);
    if (resources === undefined) return;
    const used = tasks.filter((id) => this.tasks.get(id)?.request?.resources !== undefined);
    if (used.length > 2) throw new Error(`engine ${engineId} has given away more than it offers`);
  }

  /** The queues are the sum of their parts, and say what the world says. */
  #check(): void {
    const queues = this.scheduler.queues();
    let sum = 0;
    for (const { engineId, waiting, dispatched } of queues) {
      if (dispatched.join() !== (this.engines.get(engineId) ?? ["?"]).join()) {
        throw new Error(`engine ${engineId}: ${dispatched} is not ${this.engines.get(engineId)}`);
      }
      sum += waiting.length + dispatched.length;
    }
    const unassigned = this.scheduler.unassigned().length;
    if (queues.length !== this.engines.size) throw new Error("an engine is missing");
    if (sum + unassigned !== this.tasks.size || this.scheduler.unfinished().length !== this.tasks.size) {
      throw new Error(`${sum} + ${unassigned} tasks are not ${this.tasks.size}`);
    }
  }
}

test("no task is lost, doubled, or run on a wrong engine, in 100,000 random events under every scheme", {
  timeout: 120_000,
}, () => {
  let steps = 0;
  let settledInRuns = 0;
  const ends = new Set<string>();
  for (const [index, scheme] of schemeNames.entries()) {
    for (let round = 0; round < 30; round++) {
      const world = new World(scheme, 100 * index + round, [undefined, 1, 4, 0][round % 4]);
      for (let i = 0; i < 1_000; i++) world.step();
      world.drain();
      expect([...world.tasks.keys()]).toEqual([]);
      steps += world.steps;
      settledInRuns += world.settledInRuns;
      for (const how of world.ended.values()) ends.add(how);
    }
  }
  expect(steps).toBeGreaterThan(100_000);
  expect(settledInRuns).toBeGreaterThan(1_000);
  expect([...ends].toSorted()).toEqual(["aborted", "fail", "settle"]);
});
