/** The way of whole runs through the controller: submitted by a client, sent to engines, and answered by them. */

import type { ConnectionHandlers } from "../channel/connection.ts";
import type { Result } from "../protocol/messages.ts";
import { messagesOf, partOfRun, type Run } from "../protocol/runs.ts";
import type { Engine } from "./members.ts";
import type { Submitter } from "./pending-task.ts";
import { AnsweredRun, SubmittedRun } from "./run-columns.ts";
import type { Instruction, SchedulerEvent } from "./scheduler.ts";
import type { TaskDatabase } from "./task-database.ts";
import { isGroup } from "./task-groups.ts";
import type { TaskInputs } from "./task-inputs.ts";

/** Runs with longer payloads are taken apart: what is kept of one of them keeps all of them. */
const LONGEST_PAYLOAD = 2 * 1024;

/** What it needs of the router. */
export interface RunRouterParts {
  readonly database: TaskDatabase;
  readonly inputs: TaskInputs;
  readonly registry: { engine(engineId: number): Engine | undefined };
  readonly step: (event: SchedulerEvent) => void;
}

/** Tasks of a run that was submitted. */
interface Part {
  readonly run: SubmittedRun;
  /** Ascending. */
  readonly places: Int32Array;
}

/** The run of results that the scheduler is told of. */
interface Answers {
  readonly run: Run;
  readonly columns: AnsweredRun;
  /** What it has settled, and where in the results that begins. */
  readonly settled: (Part & { readonly at: number })[];
  /** How many of those have been told. */
  told: number;
}

export class RunRouter {
  readonly #parts: RunRouterParts;
  /** What is about to leave in one run for each engine. */
  readonly #leaving = new Map<Engine, Part[]>();
  #answers: Answers | undefined;

  constructor(parts: RunRouterParts) {
    this.#parts = parts;
  }

  /** Takes a run of submissions or results; says whether it did. Results of other tasks than of runs go to `handle`. */
  take(run: Run, sender: Submitter | Engine, handle: ConnectionHandlers["message"]): boolean {
    if (this.#parts.database.addRun === undefined) return false;
    return "isNested" in sender ? this.#submit(run, sender) : this.#hear(run, sender, handle);
  }

  #submit(run: Run, submitter: Submitter): boolean {
    const { database, step } = this.#parts;
    if (!isTaken(run)) return false;
    const group = new SubmittedRun(run, submitter);
    // Nothing runs twice, and what is known of a task is not overwritten.
    if (database.addRun?.(group) !== true) return false;
    const { request, engineIds } = group;
    if (request !== undefined) {
      step({
        type: "submitBalancedRun",
        group,
        request: submitter.isNested ? { ...request, nested: true } : request,
      });
    } else if (engineIds !== undefined) {
      this.#place(group, engineIds);
      step({ type: "submitRun", group, engineIds });
    }
    return true;
  }

  /** Tasks for one engine each are there from the beginning. */
  #place(run: SubmittedRun, engineIds: ArrayLike<number>): void {
    for (let from = 0, to = 0; from < engineIds.length; from = to) {
      const engineId = engineIds[from] as number;
      while (to < engineIds.length && engineIds[to] === engineId) to++;
      const places = Int32Array.from({ length: to - from }, (_, index) => from + index);
      run.send(places, { engineId, uuid: this.#parts.registry.engine(engineId)?.uuid ?? "" });
    }
  }

  #hear(run: Run, engine: Engine, handle: ConnectionHandlers["message"]): boolean {
    const { engineId, uuid } = engine;
    const { of, common, prefix, ids, numbers } = run;
    if (of !== "result" || common["engineUuid"] !== uuid || common["engineId"] !== engineId) return false;
    // An engine that was given up has nothing to say any more.
    if (this.#parts.registry.engine(engineId)?.uuid !== uuid) return false;
    const settled: Answers["settled"] = [];
    this.#answers = { run, columns: new AnsweredRun(run), settled, told: 0 };
    this.#parts.step({ type: "finishRun", engineId, prefix, ids, durations: numbers[2] as ArrayLike<number> });
    this.#answers = undefined;
    const others = notIn(settled, ids.length);
    if (others.length > 0) for (const message of messagesOf(partOfRun(run, others))) handle(message, []);
    return true;
  }

  carryOut(instruction: Extract<Instruction, { type: "dispatchRun" | "settleRun" }>): void {
    if (instruction.type === "settleRun") this.#settle(instruction);
    else this.#dispatch(instruction);
  }

  /** The engine has done these tasks of the run that it answers. */
  #settle({ group, places, at }: Extract<Instruction, { type: "settleRun" }>): void {
    if (this.#answers === undefined) return;
    const run = group as SubmittedRun;
    run.answer(places, this.#answers.columns, at);
    this.#answers.settled.push({ run, places, at });
  }

  /** Tells those who wait: mostly one client, which gets the run as it came. */
  #tell(answers: Answers): void {
    const { run, settled, told } = answers;
    const parts = settled.slice(told);
    answers.told = settled.length;
    for (let from = 0, to = 0; from < parts.length; from = to) {
      const { submitter } = (parts[from] as Part).run;
      let count = 0;
      for (; parts[to]?.run.submitter === submitter; to++) count += parts[to]?.places.length ?? 0;
      const areAll = count === run.ids.length;
      submitter.connection.sendRun(areAll ? run : partOfRun(run, placesOf(parts.slice(from, to))));
    }
    for (const part of parts) {
      this.#end(part, run);
      this.#parts.database.finishRun?.(part.run, part.places);
    }
  }

  #end({ run, places, at }: Part & { readonly at: number }, answers: Run): void {
    const { inputs } = this.#parts;
    // Nobody has looked at one of them by itself.
    if (run.tasks === undefined && !inputs.isNeeded) return;
    for (let next = 0; next < places.length; next++) {
      const place = places[next] as number;
      const task = inputs.isNeeded ? run.task(place) : run.tasks?.get(place);
      if (task === undefined) continue;
      if (task.askers !== undefined) {
        const [message] = messagesOf(partOfRun(answers, [at + next]));
        for (const { connection } of task.askers) connection.send(message as Result);
      }
      for (const listener of task.onEnded ?? []) listener();
      const { outcome, buffers } = task;
      if (inputs.isNeeded && outcome !== undefined) inputs.ended(task.taskId, { outcome, buffers });
    }
  }

  /** The tasks leave with the next {@link flush}. */
  #dispatch({ group, places, engineId }: Extract<Instruction, { type: "dispatchRun" }>): void {
    const engine = this.#parts.registry.engine(engineId);
    if (engine === undefined) return;
    const run = group as SubmittedRun;
    run.send(places, engine);
    const leaving = this.#leaving.get(engine);
    if (leaving === undefined) this.#leaving.set(engine, [{ run, places }]);
    else leaving.push({ run, places });
  }

  /** Sends what is about to leave, and tells what has been settled. */
  flush(): void {
    if (this.#answers !== undefined && this.#answers.settled.length > this.#answers.told) this.#tell(this.#answers);
    if (this.#leaving.size === 0) return;
    for (const [{ connection }, parts] of this.#leaving) {
      for (let from = 0, to = 0; from < parts.length; from = to) {
        const { prefix, ofTasks } = (parts[from] as Part).run;
        while (parts[to]?.run.prefix === prefix && parts[to]?.run.ofTasks === ofTasks) to++;
        connection.sendRun(runOfTasks(parts.slice(from, to)));
      }
    }
    this.#leaving.clear();
  }
}

/** Whether the run is one of submissions that may be kept together. */
function isTaken({ of, common, prefix, ids, lengths }: Run): boolean {
  if (of !== "submit" && of !== "submitBalanced") return false;
  if (of === "submitBalanced" && (common as { request?: { inputs?: unknown } }).request?.inputs !== undefined) {
    return false;
  }
  if ((common.beginning?.byteLength ?? 0) > LONGEST_PAYLOAD) return false;
  for (let at = 0; at < lengths.length; at++) if ((lengths[at] as number) > LONGEST_PAYLOAD) return false;
  return isGroup({ prefix, ids });
}

/** Which of so many results have not been settled. */
function notIn(settled: Answers["settled"], count: number): number[] {
  if (settled.reduce((sum, { places }) => sum + places.length, 0) === count) return [];
  const all = new Set(Array.from({ length: count }, (_, at) => at));
  for (const at of placesOf(settled)) all.delete(at);
  return [...all];
}

/** Where in the results those are, in ascending order. */
function placesOf(settled: Answers["settled"]): number[] {
  return settled.flatMap(({ places, at }) => Array.from(places, (_, next) => at + next));
}

/** What an engine is sent, of tasks of one client. */
function runOfTasks(parts: readonly Part[]): Run {
  const count = parts.reduce((sum, { places }) => sum + places.length, 0);
  const ids = new Float64Array(count);
  const lengths = new Float64Array(count);
  const pieces: Uint8Array[] = [];
  let end = 0;
  for (const { run, places } of parts) {
    const { bytes, starts } = run.payloads;
    for (let from = 0, to = 0; from < places.length; from = to) {
      const first = places[from] as number;
      // Those that follow one another in a run lie in one piece.
      for (let place = first; places[to] === place; place++, to++) {
        ids[end] = run.ids[place] as number;
        lengths[end++] = (starts[place + 1] as number) - (starts[place] as number);
      }
      pieces.push(bytes.subarray(starts[first], starts[first + to - from]));
    }
  }
  const { prefix, ofTasks: common } = (parts[0] as Part).run;
  const bytes = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  return { type: "run", of: "task", common, prefix, ids, numbers: [], lengths, bytes };
}
