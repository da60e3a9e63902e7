/** Carries tasks to engines and results back, as the scheduler says, and writes down what happened. */

import type { ConnectionHandlers } from "../channel/connection.ts";
import type { Outcome, Recalled, Result, Submit, SubmitBalanced, WaitingTasks } from "../protocol/messages.ts";
import { messagesOf, type Run } from "../protocol/runs.ts";
import { Alarm } from "./alarm.ts";
import type { ArrayKeeper } from "./array-keeper.ts";
import type { BufferLedger } from "./buffer-ledger.ts";
import type { Engine, EngineRegistry } from "./engine-registry.ts";
import { OutputFlow } from "./output-flow.ts";
import {
  abortedOutcome,
  failedOutcome,
  failureError,
  newTask,
  type Submitter,
  tell,
  whenEnded,
} from "./pending-task.ts";
import { PendingTasks } from "./pending-tasks.ts";
import { RunRouter } from "./run-router.ts";
import { type Instruction, Scheduler, type SchedulerEvent, type SchedulerOptions } from "./scheduler.ts";
import { sendResult } from "./send-result.ts";
import type { TaskDatabase } from "./task-database.ts";
import { balancedForms, TaskInputs, unknownInput } from "./task-inputs.ts";
import { type TaskNews, writeDown } from "./task-news.ts";
import { newRecord } from "./task-record.ts";
import { TaskRecovery } from "./task-recovery.ts";

export interface TaskRouterOptions extends SchedulerOptions {
  /** Who needs which large buffers. */
  readonly ledger: BufferLedger;
  /** If large arrays are to be kept. */
  readonly keeper?: ArrayKeeper | undefined;
}

export class TaskRouter {
  readonly #scheduler: Scheduler;
  readonly #registry: EngineRegistry;
  readonly #database: TaskDatabase;
  readonly #ledger: BufferLedger;
  readonly #keeper: ArrayKeeper | undefined;
  readonly #inputs: TaskInputs;
  readonly #pending: PendingTasks;
  readonly #outputFlow = new OutputFlow();
  readonly #alarm = new Alarm(() => this.#step({ type: "tick" }));
  /** For tasks that an earlier controller had. */
  readonly recovery: TaskRecovery;
  readonly #runs: RunRouter;

  constructor(registry: EngineRegistry, database: TaskDatabase, { ledger, keeper, ...options }: TaskRouterOptions) {
    this.#scheduler = new Scheduler(options);
    this.#registry = registry;
    this.#database = database;
    this.#ledger = ledger;
    this.#keeper = keeper;
    this.#inputs = new TaskInputs(ledger);
    this.#pending = new PendingTasks(database);
    this.recovery = new TaskRecovery({
      pending: this.#pending,
      database,
      step: (event) => this.#step(event),
      sent: (task) => void (task.isBalanced || this.#inputs.letGo(task)),
      withInputs: (taskId, inputs, go) => this.#withInputs(taskId, inputs, go),
    });
    this.#runs = new RunRouter({ database, inputs: this.#inputs, registry, step: (event) => this.#step(event) });
  }

  get scheduler(): Scheduler {
    return this.#scheduler;
  }

  submit(message: Submit, buffers: readonly Uint8Array[], submitter: Submitter): void {
    const { inputs, taskIds } = message;
    if (inputs !== undefined) for (const one of balancedForms(message)) this.submitBalanced(one, buffers, submitter);
    else
      taskIds.forEach((taskId, index) => {
        // Nothing runs twice, and what is known of a task is not overwritten.
        if (this.#database.get(taskId) !== undefined) return;
        const engineId = message.engineIds[index] as number;
        const engineUuid = this.#registry.engine(engineId)?.uuid ?? "";
        this.#pending.set(taskId, newTask(message, buffers, submitter, { engineUuid }));
        this.#ledger.hold(message);
        this.#database.add(newRecord({ ...message, taskId }, submitter.uuid, { engineId, engineUuid }));
        if (!this.recovery.takes(taskId, engineId)) this.#step({ type: "submit", taskId, engineId });
      });
  }

  submitBalanced(message: SubmitBalanced, buffers: readonly Uint8Array[], submitter: Submitter): void {
    const { taskId } = message;
    if (this.#database.get(taskId) !== undefined) return;
    const { inputs, after, follow } = message.request;
    this.#pending.set(taskId, newTask(message, buffers, submitter, { inputs }));
    this.#ledger.hold(message);
    this.#database.add(newRecord(message, submitter.uuid, { after: after?.taskIds, follow: follow?.taskIds }));
    const request = submitter.isNested ? { ...message.request, nested: true } : message.request;
    this.#withInputs(taskId, inputs, () => {
      if (!this.recovery.takes(taskId, -1, request)) this.#step({ type: "submitBalanced", taskId, request });
    });
  }

  /** Takes a run of submissions or results as a whole, or hands its messages to `handle` one by one. */
  takeRun(run: Run, sender: Submitter | Engine, handle: ConnectionHandlers["message"]): void {
    if (!this.recovery.isActive && this.#runs.take(run, sender, handle)) return;
    for (const message of messagesOf(run)) handle(message, []);
  }

  /** Goes on once the results are here that the task takes. */
  #withInputs(taskId: string, inputs: readonly string[] | undefined, go: () => void): void {
    const isOpen = (id: string): boolean => this.#pending.has(id);
    const isLater =
      inputs &&
      this.#inputs.want(taskId, inputs, this.#database, isOpen, (lost) => {
        if (lost === undefined) go();
        else this.#settle(taskId, -1, { status: "error", error: failureError("invalid", unknownInput(lost), -1) }, []);
      });
    if (!isLater) go();
  }

  engineUp({ engineId, uuid, resources }: Engine): void {
    this.#step({ type: "engineUp", engineId, resources, completed: this.recovery.completedBy(uuid) });
  }

  engineDown(engine: Engine, reason: string): void {
    this.recovery.lost(engine);
    this.#step({ type: "engineDown", engineId: engine.engineId, reason });
  }

  /** So many engines are on their way. */
  expect(engines: number): void {
    this.#step({ type: "expect", engines });
  }

  /** The engine finishes what it has and takes nothing new. */
  retire(engineId: number): void {
    this.#step({ type: "retire", engineId });
  }

  /** The engine's process was stopped, or goes on. */
  engineStopped(engineId: number, stopped: boolean): void {
    this.#step({ type: stopped ? "suspend" : "resume", engineId });
  }

  /** Takes what an engine says of a task. */
  hear(message: TaskNews, buffers: readonly Uint8Array[]): void {
    const { type, taskId } = message;
    if (!this.#pending.has(taskId) && this.recovery.keeps(taskId, () => this.hear(message, buffers))) return;
    if (type === "result") {
      this.#result(message, buffers);
      this.recovery.heard(taskId);
      return;
    }
    writeDown(this.#database, message, buffers);
    const task = this.#pending.get(taskId);
    if (task === undefined) return;
    tell(task, this.#ledger, type === "output" ? {} : message, (connection) => {
      if (type === "output") this.#outputFlow.pass(connection, message);
      else connection.send(message, buffers);
    });
  }

  #result(message: Result, buffers: readonly Uint8Array[]): void {
    const { taskId, engineUuid, outcome } = message;
    const task = this.#pending.get(taskId);
    // An engine that was given up has nothing to say any more.
    if (task === undefined || task.engineUuid !== engineUuid) return;
    task.answer = outcome;
    task.answerBuffers = buffers;
    const status = outcome.error?.kind === "unmet" ? "unmet" : outcome.status;
    this.#database.completed(engineUuid);
    this.#step({ type: "finish", taskId, status, duration: outcome.duration });
    if (this.#database.isDurable && status !== "ok") this.#noteFailures(taskId);
  }

  recalled({ taskIds, kept }: Recalled): void {
    for (const taskId of taskIds) this.#database.assign(taskId, -1, "");
    this.#step({ type: "recalled", taskIds, kept });
  }

  waiting({ taskIds }: WaitingTasks, engineId: number): void {
    this.#step({ type: "waiting", engineId, taskIds });
  }

  /**
   * Sends what a task has written, and its result, to a client that asks: at once if the task has ended ("sent"),
   * or when it does ("pending"). `again`: the client may have some of it.
   */
  sendResult(taskId: string, client: Submitter, again = false): Promise<"sent" | "pending" | "unknown"> {
    return sendResult(
      { pending: this.#pending, database: this.#database, ledger: this.#ledger },
      taskId,
      client,
      again,
    );
  }

  /** Tasks that have not started are forgotten and answered with status "aborted". */
  abort(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      if (this.#inputs.looksNoMore(taskId)) this.#settle(taskId, -1, abortedOutcome(), []);
      else this.#step({ type: "abort", taskId });
    }
  }

  /** The engine that a task is at. */
  engineOf(taskId: string): Engine | undefined {
    const uuid = this.#pending.get(taskId)?.engineUuid;
    return this.#registry.engines.find((engine) => engine.uuid === uuid);
  }

  /** Resolves when none of the tasks is on its way any more. */
  async ended(taskIds: readonly string[]): Promise<void> {
    await Promise.all(taskIds.flatMap((taskId) => this.#pending.get(taskId) ?? []).map(whenEnded));
  }

  #step(event: SchedulerEvent): void {
    for (const instruction of this.#scheduler.handle(event, this.#alarm.now)) this.#carryOut(instruction);
    this.#runs.flush();
    this.#alarm.set(this.#scheduler.wakeAt);
  }

  #carryOut(instruction: Instruction): void {
    const { engineId } = instruction;
    if (instruction.type === "dispatch") {
      this.#dispatch(instruction.taskId, engineId);
      return;
    }
    if (instruction.type === "dispatchRun" || instruction.type === "settleRun") {
      this.#runs.carryOut(instruction);
      return;
    }
    this.#runs.flush();
    switch (instruction.type) {
      case "recall":
        this.#registry.engine(engineId)?.connection.send({ type: "abortTasks", taskIds: [instruction.taskId] });
        break;
      case "takeBack":
        this.#registry.engine(engineId)?.connection.send({ type: "recallTasks", taskIds: instruction.taskIds });
        break;
      case "settle": {
        const task = this.#pending.get(instruction.taskId);
        if (task?.answer !== undefined) this.#settle(instruction.taskId, engineId, task.answer, task.answerBuffers);
        break;
      }
      case "aborted":
        this.#settle(instruction.taskId, engineId, abortedOutcome(), []);
        break;
      case "fail":
        this.#fail(instruction);
        break;
      case "retired":
        this.#registry.retired(engineId);
        break;
    }
  }

  #fail(instruction: Extract<Instruction, { type: "fail" }>): void {
    const { taskId, engineId } = instruction;
    const { outcome, buffers } = failedOutcome(this.#pending.get(taskId), instruction, this.#inputs);
    this.#settle(taskId, engineId, outcome, buffers);
  }

  #dispatch(taskId: string, engineId: number): void {
    const task = this.#pending.get(taskId);
    const engine = this.#registry.engine(engineId);
    if (task?.payload === undefined || engine === undefined) return;
    this.#runs.flush();
    const { order, buffers } = this.#inputs.orderFor(taskId, task);
    if (order.places !== undefined) this.#ledger.deliver(engine.uuid, order);
    task.engineUuid = engine.uuid;
    this.#database.assign(taskId, engineId, engine.uuid);
    engine.connection.send(order, buffers);
    if (this.#database.isDurable) this.#noteFailures(taskId);
    if (!task.isBalanced) this.#inputs.letGo(task);
  }

  /** So that a task is not run more often than its policy allows, whatever becomes of this controller. */
  #noteFailures(taskId: string): void {
    const failures = this.#scheduler.failures(taskId);
    if (failures !== undefined) this.#database.fail(taskId, failures);
  }

  #settle(taskId: string, engineId: number, outcome: Outcome, buffers: readonly Uint8Array[]): void {
    const task = this.#pending.get(taskId);
    if (task === undefined) return;
    if (this.#keeper?.delays(taskId, outcome, () => this.#settle(taskId, engineId, outcome, buffers))) return;
    this.#inputs.letGo(task);
    const message = { type: "result", taskId, engineId, engineUuid: task.engineUuid, outcome } as const;
    tell(task, this.#ledger, outcome, (connection) => connection.send(message, buffers));
    this.#pending.delete(taskId);
    if (task.inputs !== undefined) this.#inputs.release(task.inputs);
    for (const listener of task.onEnded ?? []) listener();
    this.#inputs.ended(taskId, { outcome, buffers });
    this.#ledger.hold(outcome);
    this.#database.finish(taskId, outcome, buffers);
    if (outcome.places !== undefined) this.#keeper?.keepResult(taskId, outcome);
  }
}
