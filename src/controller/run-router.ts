/** The way of whole runs through the controller: submitted by a client, sent to engines, and answered by them. */

import type { ConnectionHandlers } from "../channel/connection.ts";
import type { Result } from "../protocol/messages.ts";
import { messagesOf, partOfRun, type Run } from "../protocol/runs.ts";
import type { Engine } from "./members.ts";
import type { PendingTask, Submitter } from "./pending-task.ts";
import { AnsweredRun, SubmittedRun } from "./run-columns.ts";
import { RunTask } from "./run-task.ts";
import type { SchedulerEvent } from "./scheduler.ts";
import { SentTasks } from "./sent-tasks.ts";
import type { TaskDatabase } from "./task-database.ts";
import type { TaskInputs } from "./task-inputs.ts";

/** Runs with longer payloads are taken apart: what is kept of one of them keeps all of them. */
const LONGEST_PAYLOAD = 2 * 1024;

/** What it needs of the router. */
export interface RunRouterParts {
  readonly pending: Map<string, PendingTask>;
  readonly database: TaskDatabase;
  readonly inputs: TaskInputs;
  readonly registry: { engine(engineId: number): Engine | undefined };
  readonly step: (event: SchedulerEvent) => void;
}

/** The run of results that the scheduler is told of. */
interface Answers {
  readonly run: Run;
  readonly columns: AnsweredRun;
  /** Its tasks, and the place of each. */
  readonly tasks: readonly RunTask[];
  readonly places: readonly number[];
}

export class RunRouter {
  readonly #parts: RunRouterParts;
  /** What is about to leave in one run for each engine. */
  readonly #leaving = new Map<Engine, RunTask[]>();
  readonly #sent = new WeakMap<Engine, SentTasks>();
  #answers: Answers | undefined;

  constructor(parts: RunRouterParts) {
    this.#parts = parts;
  }

  /** Takes a run of submissions or results; says whether it did. Results of other tasks than of runs go to `handle`. */
  take(run: Run, sender: Submitter | Engine, handle: ConnectionHandlers["message"]): boolean {
    if (this.#parts.database.keepsRuns !== true) return false;
    return "isNested" in sender ? this.#submit(run, sender) : this.#hear(run, sender, handle);
  }

  #submit(run: Run, submitter: Submitter): boolean {
    const { pending, database, registry, step } = this.#parts;
    if (!isTaken(run)) return false;
    const columns = new SubmittedRun(run, submitter);
    const taskIds: string[] = [];
    const engineIds: number[] = [];
    for (let index = 0; index < run.ids.length; index++) {
      const taskId = run.prefix + (run.ids[index] as number);
      // Nothing runs twice, and what is known of a task is not overwritten.
      if (database.get(taskId) !== undefined) continue;
      const task = new RunTask(taskId, columns, index);
      pending.set(taskId, task);
      database.add(task);
      taskIds.push(taskId);
      if (columns.request !== undefined) continue;
      task.engineId = columns.engineId(index);
      task.engineUuid = registry.engine(task.engineId)?.uuid ?? "";
      engineIds.push(task.engineId);
    }
    const { request } = columns;
    if (request === undefined) step({ type: "submitRun", taskIds, engineIds });
    else {
      const asked = submitter.isNested ? { ...request, nested: true } : request;
      step({ type: "submitBalancedRun", taskIds, request: asked });
    }
    return true;
  }

  #hear(run: Run, engine: Engine, handle: ConnectionHandlers["message"]): boolean {
    const { pending, step } = this.#parts;
    const { engineId, uuid } = engine;
    const sent = this.#sent.get(engine);
    if (run.of !== "result") return false;
    if (run.common["engineUuid"] !== uuid || run.common["engineId"] !== engineId) return false;
    const tasks: RunTask[] = [];
    const taskIds: string[] = [];
    const places: number[] = [];
    const others: number[] = [];
    const durations: number[] = [];
    for (let place = 0; place < run.ids.length; place++) {
      const number = run.ids[place] as number;
      const task = sent?.take(run.prefix, number, uuid) ?? pending.get(run.prefix + number);
      // An engine that was given up has nothing to say any more.
      if (task === undefined || task.engineUuid !== uuid) continue;
      if (!(task instanceof RunTask)) {
        others.push(place);
        continue;
      }
      tasks.push(task);
      taskIds.push(task.taskId);
      places.push(place);
      durations.push(run.numbers[2]?.[place] as number);
    }
    if (tasks.length > 0) {
      this.#answers = { run, columns: new AnsweredRun(run), tasks, places };
      step({ type: "finishRun", engineId, taskIds, durations });
      this.#answers = undefined;
    }
    if (others.length > 0) for (const message of messagesOf(partOfRun(run, others))) handle(message, []);
    return true;
  }

  /** The engine has done these tasks of the run that it answers. */
  settle(taskIds: readonly string[]): void {
    if (this.#answers === undefined) return;
    const { columns, tasks, places } = this.#answers;
    const areAll = taskIds.length === tasks.length;
    const settled = areAll ? undefined : new Set(taskIds);
    const kept: RunTask[] = [];
    const keptPlaces: number[] = [];
    for (let index = 0; index < tasks.length; index++) {
      const task = tasks[index] as RunTask;
      if (settled?.has(task.taskId) === false) continue;
      task.answered = columns;
      task.answeredAt = places[index] as number;
      kept.push(task);
      keptPlaces.push(task.answeredAt);
    }
    this.#tell(kept, keptPlaces);
    for (const task of kept) this.#end(task);
    this.#parts.database.finishRun?.(kept);
  }

  /** Tells those who wait: mostly one client, which gets the run as it came. */
  #tell(tasks: readonly RunTask[], places: readonly number[]): void {
    const { run } = this.#answers as Answers;
    for (let from = 0, to = 0; from < tasks.length; from = to) {
      const { submitter } = tasks[from] as RunTask;
      while (to < tasks.length && tasks[to]?.submitter === submitter) to++;
      const areAll = to - from === run.ids.length;
      submitter.connection.sendRun(areAll ? run : partOfRun(run, places.slice(from, to)));
    }
    for (const [index, task] of tasks.entries()) {
      if (task.isUsual || task.askers === undefined) continue;
      const [message] = messagesOf(partOfRun(run, places.slice(index, index + 1)));
      for (const { connection } of task.askers) connection.send(message as Result);
    }
  }

  #end(task: RunTask): void {
    const { pending, inputs } = this.#parts;
    const { taskId } = task;
    pending.delete(taskId);
    if (!task.isUsual) for (const listener of task.onEnded ?? []) listener();
    const { outcome, buffers } = inputs.isNeeded ? task : { outcome: undefined, buffers: [] };
    if (outcome !== undefined) inputs.ended(taskId, { outcome, buffers });
  }

  /** The task leaves with the next {@link flush}. */
  dispatch(task: RunTask, engine: Engine): void {
    task.engineId = engine.engineId;
    task.engineUuid = engine.uuid;
    const leaving = this.#leaving.get(engine);
    if (leaving === undefined) this.#leaving.set(engine, [task]);
    else leaving.push(task);
    let sent = this.#sent.get(engine);
    if (sent === undefined) {
      sent = new SentTasks();
      this.#sent.set(engine, sent);
    }
    sent.add(task);
  }

  /** Sends what is about to leave. */
  flush(): void {
    if (this.#leaving.size === 0) return;
    for (const [{ connection }, tasks] of this.#leaving) {
      for (let from = 0, to = 0; from < tasks.length; from = to) {
        const { prefix, isFree } = (tasks[from] as RunTask).run;
        while (to < tasks.length && tasks[to]?.run.prefix === prefix && tasks[to]?.run.isFree === isFree) to++;
        connection.sendRun(runOfTasks(tasks.slice(from, to)));
      }
    }
    this.#leaving.clear();
  }
}

/** Whether the run is one of submissions that may be kept together. */
function isTaken({ of, common, lengths }: Run): boolean {
  if (of !== "submit" && of !== "submitBalanced") return false;
  if (of === "submitBalanced" && (common as { request?: { inputs?: unknown } }).request?.inputs !== undefined) {
    return false;
  }
  return Array.prototype.every.call(lengths, (length: number) => length <= LONGEST_PAYLOAD);
}

/** What an engine is sent, of tasks of one client. */
function runOfTasks(tasks: readonly RunTask[]): Run {
  const ids: number[] = [];
  const lengths: number[] = [];
  const parts: Uint8Array[] = [];
  for (let from = 0, to = 0; from < tasks.length; from = to) {
    const { run, index: first } = tasks[from] as RunTask;
    const { ids: all, payloads } = run;
    // Those that follow one another in a run lie in one piece.
    for (let index = first; tasks[to]?.run === run && tasks[to]?.index === index; index++, to++) {
      ids.push(all[index] as number);
      lengths.push((payloads.starts[index + 1] as number) - (payloads.starts[index] as number));
    }
    const end = first + to - from;
    parts.push(payloads.bytes.subarray(payloads.starts[first], payloads.starts[end]));
  }
  const { prefix, isFree } = (tasks[0] as RunTask).run;
  const bytes = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  return { type: "run", of: "task", common: isFree ? { free: true } : {}, prefix, ids, numbers: [], lengths, bytes };
}
