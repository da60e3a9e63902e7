/**
 * Which task goes to which engine, and when: a pure state machine. Events go in, instructions come out; there is no
 * socket and no clock here, so that every decision can be tested and repeated.
 *
 * Each engine holds at most `window` dispatched tasks; the rest waits here, where it can still be aborted.
 */

export type SchedulerEvent =
  | { readonly type: "engineUp"; readonly engineId: number }
  | { readonly type: "engineDown"; readonly engineId: number; readonly reason: string }
  | { readonly type: "submit"; readonly taskId: string; readonly engineId: number }
  | { readonly type: "finish"; readonly taskId: string }
  | { readonly type: "abort"; readonly taskId: string };

export type Instruction =
  /** Send the task to its engine. */
  | { readonly type: "dispatch"; readonly taskId: string; readonly engineId: number }
  /** The task will not run: tell its client. */
  | { readonly type: "fail"; readonly taskId: string; readonly engineId: number; readonly reason: string }
  /** The task was still waiting here and is forgotten: tell its client. */
  | { readonly type: "aborted"; readonly taskId: string; readonly engineId: number }
  /** The task is at its engine: ask the engine to forget it, if it has not started it. */
  | { readonly type: "recall"; readonly taskId: string; readonly engineId: number };

interface EngineState {
  readonly engineId: number;
  /** Waiting tasks from `head` on; those that were aborted meanwhile are skipped. */
  waiting: TaskState[];
  head: number;
  readonly dispatched: Set<string>;
  completed: number;
}

interface TaskState {
  readonly taskId: string;
  readonly engineId: number;
  status: "waiting" | "dispatched" | "ended";
}

/** How many tasks an engine holds at once unless told otherwise: enough to keep it busy over a round trip. */
const DEFAULT_WINDOW = 256;

export interface EngineQueue {
  readonly engineId: number;
  readonly waiting: readonly string[];
  readonly dispatched: readonly string[];
  readonly completed: number;
}

export class Scheduler {
  readonly #window: number;
  readonly #engines = new Map<number, EngineState>();
  readonly #tasks = new Map<string, TaskState>();

  constructor(options: { readonly window?: number } = {}) {
    this.#window = options.window ?? DEFAULT_WINDOW;
  }

  /** Takes one event and says what is to be done, in order. */
  handle(event: SchedulerEvent): Instruction[] {
    switch (event.type) {
      case "engineUp":
        this.#engines.set(event.engineId, {
          engineId: event.engineId,
          waiting: [],
          head: 0,
          dispatched: new Set(),
          completed: 0,
        });
        return [];
      case "engineDown":
        return this.#engineDown(event.engineId, event.reason);
      case "submit":
        return this.#submit(event.taskId, event.engineId);
      case "finish":
        return this.#finish(event.taskId);
      case "abort":
        return this.#abort(event.taskId);
    }
  }

  /** The queues of all engines, by id. */
  queues(): EngineQueue[] {
    return [...this.#engines.values()].map((engine) => ({
      engineId: engine.engineId,
      waiting: this.#stillWaiting(engine),
      dispatched: [...engine.dispatched],
      completed: engine.completed,
    }));
  }

  /** The tasks that have not ended, of these engines or of all. */
  unfinished(engineIds?: readonly number[]): string[] {
    const wanted = engineIds === undefined ? undefined : new Set(engineIds);
    const ids: string[] = [];
    for (const [taskId, task] of this.#tasks) if (wanted?.has(task.engineId) ?? true) ids.push(taskId);
    return ids;
  }

  #submit(taskId: string, engineId: number): Instruction[] {
    const engine = this.#engines.get(engineId);
    if (engine === undefined) {
      return [{ type: "fail", taskId, engineId, reason: "it is not registered" }];
    }
    if (this.#tasks.has(taskId)) return [];
    const task: TaskState = { taskId, engineId, status: "waiting" };
    this.#tasks.set(taskId, task);
    engine.waiting.push(task);
    return this.#fill(engine);
  }

  #finish(taskId: string): Instruction[] {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return [];
    this.#end(task);
    const engine = this.#engines.get(task.engineId);
    if (engine === undefined) return [];
    engine.dispatched.delete(taskId);
    engine.completed++;
    return this.#fill(engine);
  }

  #abort(taskId: string): Instruction[] {
    const task = this.#tasks.get(taskId);
    if (task === undefined) return [];
    const { engineId } = task;
    if (task.status === "dispatched") return [{ type: "recall", taskId, engineId }];
    this.#end(task);
    return [{ type: "aborted", taskId, engineId }];
  }

  #engineDown(engineId: number, reason: string): Instruction[] {
    const engine = this.#engines.get(engineId);
    if (engine === undefined) return [];
    this.#engines.delete(engineId);
    return [...engine.dispatched, ...this.#stillWaiting(engine)].map((taskId) => {
      this.#tasks.delete(taskId);
      return { type: "fail", taskId, engineId, reason };
    });
  }

  /** Dispatches while the engine has room. */
  #fill(engine: EngineState): Instruction[] {
    const instructions: Instruction[] = [];
    while (engine.dispatched.size < this.#window && engine.head < engine.waiting.length) {
      const task = engine.waiting[engine.head++] as TaskState;
      if (task.status !== "waiting") continue;
      task.status = "dispatched";
      engine.dispatched.add(task.taskId);
      instructions.push({ type: "dispatch", taskId: task.taskId, engineId: engine.engineId });
    }
    // Drop the part of the list that has been used, once it outweighs the rest.
    if (engine.head > 1024 && engine.head * 2 > engine.waiting.length) {
      engine.waiting = engine.waiting.slice(engine.head);
      engine.head = 0;
    }
    return instructions;
  }

  #stillWaiting(engine: EngineState): string[] {
    const waiting = engine.waiting.slice(engine.head).filter((task) => task.status === "waiting");
    return waiting.map((task) => task.taskId);
  }

  #end(task: TaskState): void {
    task.status = "ended";
    this.#tasks.delete(task.taskId);
  }
}
