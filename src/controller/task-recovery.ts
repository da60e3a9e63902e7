/** Takes up the tasks of an earlier controller, and carries out what {@link Recovery} says of them. */

import type { BalancedRequest } from "../protocol/balancing.ts";
import type { EngineHello, Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { Engine } from "./members.ts";
import { newTask, type PendingTask } from "./pending-task.ts";
import type { PendingTasks } from "./pending-tasks.ts";
import { Recovery, type RecoverySteps } from "./recovery.ts";
import type { SchedulerEvent } from "./scheduler.ts";
import type { TaskDatabase } from "./task-database.ts";
import { balancedForms } from "./task-inputs.ts";
import type { StoredRequest, TaskRecord } from "./task-record.ts";
import { Waiters } from "./waiters.ts";

/** How long clients may take to come back and send what was not written down, in milliseconds. */
const ORPHAN_MS = 10_000;
/** How long it is waited for somebody who says which engines there are, in milliseconds. */
const AGENT_MS = 10_000;

/** What an earlier controller has left. */
export interface Legacy {
  readonly tasks: readonly { readonly record: TaskRecord; readonly request: StoredRequest | undefined }[];
  readonly endings: readonly (readonly [taskId: string, status: string, engineId: number])[];
  /** Records with arrays that the hub keeps. */
  readonly holders: readonly TaskRecord[];
  /** Where a task was sent last; negative if it is there no more, `undefined` if it was not sent, or long ago. */
  readonly place: (taskId: string) => number | undefined;
  /** How many tasks engines have completed, by uuid. */
  readonly completed: ReadonlyMap<string, number>;
}

/** What it needs of the router. */
export interface RecoveryParts {
  readonly pending: PendingTasks;
  readonly database: TaskDatabase;
  readonly step: (event: SchedulerEvent) => void;
  /** Goes on once the results are here that the task takes. */
  readonly withInputs: (taskId: string, inputs: readonly string[] | undefined, go: () => void) => void;
  /** The task is at its engine, and does not leave it. */
  readonly sent: (task: PendingTask) => void;
}

const LOST: Outcome = {
  status: "error",
  error: {
    kind: "connection",
    name: "ConnectionError",
    message: "the controller ended before the task was written down",
  },
};

export class TaskRecovery {
  readonly #parts: RecoveryParts;
  #recovery: Recovery | undefined;
  #place: Legacy["place"] = () => undefined;
  #completed: Legacy["completed"] = new Map();
  /** Engines and clients may still come back. */
  isEarly = false;
  /** Tasks whose results engines are about to send again, with the uuids of the engines. */
  readonly #owed = new Map<string, string>();
  /** Tasks that are written down with their ends. */
  readonly #ended = new Set<string>();
  readonly #waiters = new Waiters();
  /** Tasks that engines have, and that no client has sent since; with what the engines say of them. */
  readonly #orphans = new Map<string, { readonly engine: Engine; readonly letters: (() => void)[] }>();

  readonly #claims: (() => void)[] = [];
  /** Tasks whose inputs are on their way, with what is to be done then. */
  readonly #fetching = new Map<string, (() => void) | undefined>();

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Whether it is still open where some tasks are, or whose they are. */
  get isActive(): boolean {
    return this.#recovery !== undefined || this.#orphans.size > 0;
  }

  /** `patience`: how long engines and clients may take to come back, in milliseconds. */
  begin({ tasks, endings, place, completed }: Legacy, patience: number): void {
    this.isEarly = true;
    setTimeout(() => {
      this.isEarly = false;
      this.#ended.clear();
      this.#waiters.changed();
    }, patience).unref();
    this.#place = place;
    this.#completed = completed;
    for (const [taskId, status, engineId] of endings) {
      this.#ended.add(taskId);
      this.#parts.step({ type: "ended", taskId, succeeded: status === "ok", engineId });
    }
    const recovering = tasks.filter((task) => this.#restore(task.record, task.request));
    const placed = recovering.map(({ record: { taskId, engineId } }) => ({ taskId, engineId }));
    this.#recovery = new Recovery(placed);
    setTimeout(() => {
      if (this.#recovery?.isUninformed) this.expect([]);
    }, AGENT_MS).unref();
  }

  /**
   * Takes a task that a client has sent if it is at an engine already, or may be: the last controller may have got it
   * without having written it down.
   */
  takes(taskId: string, target: number, request?: BalancedRequest): boolean {
    if (this.isEarly) queueMicrotask(() => this.#waiters.changed());
    const orphan = this.#orphans.get(taskId);
    const engineId = target < 0 ? (this.#place(taskId) ?? target) : target;
    const mayBeSomewhere = this.#recovery?.awaits(engineId) === true;
    if (orphan === undefined && !mayBeSomewhere) return false;
    this.#parts.step({ type: "restore", taskId, engineId: target, request });
    if (orphan === undefined) {
      this.#recovery?.add({ taskId, engineId });
    } else {
      this.#orphans.delete(taskId);
      this.#adopt(taskId, orphan.engine);
      // After the submission has been handled.
      queueMicrotask(() => orphan.letters.forEach((letter) => void letter()));
    }
    return true;
  }

  /** A task whose client has its result already: it is taken only if an engine that is back says so, too. */
  claim(taskId: string | undefined, submit: () => void): void {
    const go = (): void => {
      if (this.#orphans.has(taskId ?? "")) submit();
    };
    if (this.#recovery === undefined) go();
    else this.#claims.push(go);
  }

  /** Keeps what an engine says of a task that nobody has sent yet; says whether it is one. */
  keeps(taskId: string, letter: () => void): boolean {
    const orphan = this.#orphans.get(taskId);
    orphan?.letters.push(letter);
    return orphan !== undefined;
  }

  /** These engines are there, or were lately. */
  expect(engines: readonly Engine[]): void {
    if (this.#recovery === undefined) return;
    this.#carryOut(this.#recovery.expect(engines.map(({ engineId }) => engineId)));
  }

  /** Everything is known again that can be, or is not waited for any more. */
  get isOver(): boolean {
    return !this.isEarly || (this.#recovery === undefined && this.#owed.size === 0);
  }

  over(): Promise<void> {
    return this.#waiters.until(() => this.isOver);
  }

  /** Resolves when the task is known, or is not waited for any more. */
  appeared(taskId: string): Promise<void> {
    return this.#waiters.until(() => !this.isEarly || this.#parts.database.get(taskId) !== undefined);
  }

  /** The result of a task has been handled. */
  heard(taskId: string): void {
    if (this.#owed.size > 0) this.#paid([taskId]);
  }

  #paid(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#owed.delete(taskId);
    this.#waiters.changed();
  }

  /** How many tasks the engine has completed for earlier controllers, as far as is known. */
  completedBy(uuid: string): number {
    return this.#completed.get(uuid) ?? 0;
  }

  /** The engine is back with these tasks. `drop` is called with those that it is not to have. */
  announced(engine: Engine, back: EngineHello["back"], drop: (taskIds: readonly string[]) => void): void {
    const { taskIds = [], answered = [] } = back ?? {};
    for (const taskId of answered) if (!this.#ended.has(taskId)) this.#owed.set(taskId, engine.uuid);
    const { pending, database } = this.#parts;
    const steps = this.#recovery?.announced(engine.engineId, taskIds) ?? { adopt: [], release: [], drop: taskIds };
    const unknown = database.isDurable ? steps.drop.filter((taskId) => !pending.has(taskId)) : [];
    for (const taskId of unknown) this.#orphans.set(taskId, { engine, letters: [] });
    this.#carryOut(steps, engine);
    const unwanted = steps.drop.filter((taskId) => !this.#orphans.has(taskId));
    if (unwanted.length > 0) drop(unwanted);
    setTimeout(() => {
      const nobodys = unknown.filter((taskId) => this.#orphans.delete(taskId));
      if (nobodys.length === 0) return;
      this.#paid(nobodys);
      drop(nobodys);
    }, ORPHAN_MS).unref();
  }

  /** The engine is about to be given up. */
  lost(engine: Engine): void {
    this.#paid([...this.#owed].flatMap(([taskId, uuid]) => (uuid === engine.uuid ? taskId : [])));
    if (this.#recovery !== undefined) this.#carryOut(this.#recovery.lost(engine.engineId), engine);
  }

  #restore(record: TaskRecord, request: StoredRequest | undefined): boolean {
    const { taskId, engineId, failures } = record;
    if (request === undefined) {
      this.#parts.database.finish(taskId, LOST, []);
      return false;
    }
    const { buffers, isNested = false } = request;
    const message = formOf(request.message);
    const isDirect = message.type === "submit";
    const inputs = isDirect ? undefined : message.request.inputs;
    this.#parts.pending.set(
      taskId,
      newTask(message, buffers, { isNested }, isDirect ? { engineUuid: record.engineUuid } : { inputs }),
    );
    if (inputs !== undefined) this.#fetch(taskId, inputs);
    const balanced = isDirect ? undefined : balancedRequest(message, isNested);
    this.#parts.step({ type: "restore", taskId, engineId: isDirect ? engineId : -1, request: balanced, failures });
    return true;
  }

  /** A task that takes results waits for them, wherever it goes. */
  #fetch(taskId: string, inputs: readonly string[]): void {
    this.#fetching.set(taskId, undefined);
    this.#parts.withInputs(taskId, inputs, () => {
      const go = this.#fetching.get(taskId);
      this.#fetching.delete(taskId);
      go?.();
    });
  }

  #carryOut({ adopt, release }: RecoverySteps, engine?: Engine): void {
    for (const taskId of engine === undefined ? [] : adopt) this.#adopt(taskId, engine as Engine);
    for (const taskId of release) {
      const go = (): void => this.#parts.step({ type: "release", taskId });
      if (this.#fetching.has(taskId)) this.#fetching.set(taskId, go);
      else go();
    }
    if (this.#recovery?.isOver !== true) return;
    this.#recovery = undefined;
    for (const claim of this.#claims.splice(0)) claim();
    // After what engines have said of claimed tasks.
    queueMicrotask(() => this.#waiters.changed());
  }

  #adopt(taskId: string, { engineId, uuid }: Engine): void {
    const task = this.#parts.pending.get(taskId);
    if (task === undefined) return;
    task.engineUuid = uuid;
    this.#parts.database.assign(taskId, engineId, uuid);
    this.#parts.step({ type: "adopt", taskId, engineId });
    this.#parts.sent(task);
  }
}

/** The form in which the scheduler gets it. */
function formOf(message: Submit | SubmitBalanced): Submit | SubmitBalanced {
  return message.type === "submit" && message.inputs !== undefined ? (balancedForms(message)[0] ?? message) : message;
}

function balancedRequest({ request }: SubmitBalanced, isNested: boolean): SubmitBalanced["request"] {
  return isNested ? { ...request, nested: true } : request;
}
