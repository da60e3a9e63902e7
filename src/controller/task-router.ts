/** Carries tasks to engines and results back, as the scheduler says, and writes down what happened. */

import type { Connection } from "../channel/connection.ts";
import type { Output, Outcome, Published, Result, Submit } from "../protocol/messages.ts";
import type { Engine, EngineRegistry } from "./engine-registry.ts";
import { type Instruction, Scheduler, type SchedulerEvent } from "./scheduler.ts";
import type { TaskDatabase } from "./task-database.ts";

/** Who is told how a task ends. */
export interface Submitter {
  readonly uuid: string;
  readonly connection: Connection;
}

interface PendingTask {
  readonly submitter: Submitter;
  readonly engineUuid: string;
  /** What the engine needs; let go once it has been sent. */
  payload: Uint8Array | undefined;
  buffers: readonly Uint8Array[];
}

export class TaskRouter {
  readonly #scheduler = new Scheduler();
  readonly #registry: EngineRegistry;
  readonly #database: TaskDatabase;
  readonly #pending = new Map<string, PendingTask>();

  constructor(registry: EngineRegistry, database: TaskDatabase) {
    this.#registry = registry;
    this.#database = database;
  }

  get scheduler(): Scheduler {
    return this.#scheduler;
  }

  submit(message: Submit, buffers: readonly Uint8Array[], submitter: Submitter): void {
    message.taskIds.forEach((taskId, index) => {
      const engineId = message.engineIds[index] as number;
      const engineUuid = this.#registry.engine(engineId)?.uuid ?? "";
      this.#pending.set(taskId, { submitter, engineUuid, payload: message.payload, buffers });
      this.#database.add({
        taskId,
        clientUuid: submitter.uuid,
        engineId,
        engineUuid,
        operation: message.operation,
        submitted: message.submitted,
        label: message.label,
        stdout: "",
        stderr: "",
        outcome: undefined,
        buffers: [],
      });
      this.#step({ type: "submit", taskId, engineId });
    });
  }

  engineUp(engine: Engine): void {
    this.#step({ type: "engineUp", engineId: engine.engineId });
  }

  engineDown(engine: Engine, reason: string): void {
    this.#step({ type: "engineDown", engineId: engine.engineId, reason });
  }

  result(message: Result, buffers: readonly Uint8Array[]): void {
    this.#settle(message.taskId, message.engineId, message.outcome, buffers);
    this.#step({ type: "finish", taskId: message.taskId });
  }

  output(message: Output): void {
    this.#database.addOutput(message.taskId, message.stream, message.text);
    this.#pending.get(message.taskId)?.submitter.connection.send(message);
  }

  published(message: Published, buffers: readonly Uint8Array[]): void {
    this.#pending.get(message.taskId)?.submitter.connection.send(message, buffers);
  }

  /** Tasks that have not started are forgotten and answered with status "aborted". */
  abort(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#step({ type: "abort", taskId });
  }

  #step(event: SchedulerEvent): void {
    for (const instruction of this.#scheduler.handle(event)) this.#carryOut(instruction);
  }

  #carryOut(instruction: Instruction): void {
    const { taskId, engineId } = instruction;
    switch (instruction.type) {
      case "dispatch":
        this.#dispatch(taskId, engineId);
        break;
      case "recall":
        this.#registry.engine(engineId)?.connection.send({ type: "abortTasks", taskIds: [taskId] });
        break;
      case "aborted":
        this.#settle(taskId, engineId, abortedOutcome(), []);
        break;
      case "fail": {
        const message = `engine ${engineId} is gone: ${instruction.reason}`;
        this.#settle(taskId, engineId, { status: "error", error: { kind: "engine", name: "EngineError", message } }, []);
        break;
      }
    }
  }

  #dispatch(taskId: string, engineId: number): void {
    const task = this.#pending.get(taskId);
    const engine = this.#registry.engine(engineId);
    if (task?.payload === undefined || engine === undefined) return;
    engine.connection.send({ type: "task", taskId, payload: task.payload }, task.buffers);
    task.payload = undefined;
    task.buffers = [];
  }

  #settle(taskId: string, engineId: number, outcome: Outcome, buffers: readonly Uint8Array[]): void {
    const task = this.#pending.get(taskId);
    if (task === undefined) return;
    this.#pending.delete(taskId);
    this.#database.finish(taskId, outcome, buffers);
    const { submitter, engineUuid } = task;
    submitter.connection.send({ type: "result", taskId, engineId, engineUuid, outcome }, buffers);
  }
}

function abortedOutcome(): Outcome {
  const message = "the task was aborted before it started";
  return { status: "aborted", error: { kind: "aborted", name: "TaskAborted", message } };
}
