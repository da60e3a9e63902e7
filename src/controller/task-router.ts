/** Carries tasks to engines and results back, as the scheduler says, and writes down what happened. */

import type { Connection } from "../channel/connection.ts";
import type { Displayed, Message, Outcome, Output, Published, Result, Submit } from "../protocol/messages.ts";
import type { Engine, EngineRegistry } from "./engine-registry.ts";
import { type Instruction, Scheduler, type SchedulerEvent } from "./scheduler.ts";
import type { TaskDatabase } from "./task-database.ts";

/** A client, who is told how the tasks end that it submitted or asked for. */
export interface Submitter {
  readonly uuid: string;
  readonly connection: Connection;
}

interface PendingTask {
  /** Who hears of the task: its submitter, and every client that asked for it since. */
  readonly interested: Set<Submitter>;
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
      // Nothing runs twice, and what is known of a task is not overwritten.
      if (this.#database.get(taskId) !== undefined) return;
      const engineId = message.engineIds[index] as number;
      const engineUuid = this.#registry.engine(engineId)?.uuid ?? "";
      this.#pending.set(taskId, { interested: new Set([submitter]), engineUuid, payload: message.payload, buffers });
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
    this.#tell(message.taskId, message);
  }

  /** A task has published or shown something. */
  shown(message: Published | Displayed, buffers: readonly Uint8Array[]): void {
    this.#tell(message.taskId, message, buffers);
  }

  /**
   * Sends what a task has written, and its result, to a client that asks: at once if the task has ended ("sent"),
   * or when it does ("pending").
   */
  sendResult(taskId: string, client: Submitter): "sent" | "pending" | "unknown" {
    const record = this.#database.get(taskId);
    if (record === undefined) return "unknown";
    const task = this.#pending.get(taskId);
    if (task?.interested.has(client)) return "pending";
    for (const stream of ["stdout", "stderr"] as const) {
      if (record[stream] !== "") client.connection.send({ type: "output", taskId, stream, text: record[stream] });
    }
    if (task !== undefined) {
      task.interested.add(client);
      return "pending";
    }
    const { engineId, engineUuid, outcome, buffers } = record;
    if (outcome !== undefined)
      client.connection.send({ type: "result", taskId, engineId, engineUuid, outcome }, buffers);
    return "sent";
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
        this.#settle(
          taskId,
          engineId,
          { status: "error", error: { kind: "engine", name: "EngineError", message } },
          [],
        );
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
    this.#tell(taskId, { type: "result", taskId, engineId, engineUuid: task.engineUuid, outcome }, buffers);
    this.#pending.delete(taskId);
    this.#database.finish(taskId, outcome, buffers);
  }

  #tell(taskId: string, message: Message, buffers: readonly Uint8Array[] = []): void {
    for (const { connection } of this.#pending.get(taskId)?.interested ?? []) connection.send(message, buffers);
  }
}

function abortedOutcome(): Outcome {
  const message = "the task was aborted before it started";
  return { status: "aborted", error: { kind: "aborted", name: "TaskAborted", message } };
}
