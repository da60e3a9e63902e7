/**
 * What the views of one client share: the link to the controller, the engines there are, and the tasks in flight.
 */

import { ConnectionError, EngineError, SerializationError } from "../errors.ts";
import { createSerializer } from "../functions/serializer.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { EngineDown, EngineInfo, Message, Output, Published, Result } from "../protocol/messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { ConnectionInfo } from "./connection-file.ts";
import { ControllerLink } from "./controller-link.ts";
import type { EncodedCall } from "./encode-call.ts";
import { TypedEvents } from "./events.ts";
import { ClientTask } from "./task.ts";
import { type Wait, within } from "./waiting.ts";

/** How many ids of past tasks the history keeps. */
const HISTORY_LIMIT = 100_000;

/** What is to run, and where. */
export interface Submission {
  readonly call: EncodedCall;
  readonly engineIds: readonly number[];
  readonly label?: string | undefined;
  readonly onSent?: (() => void) | undefined;
}

export class Session {
  readonly events: TypedEvents = new TypedEvents();
  readonly serializer: Serializer = createSerializer();
  readonly #engines = new Map<number, EngineInfo>();
  readonly #outstanding = new Map<string, ClientTask>();
  readonly #waiters = new Set<() => void>();
  #history: string[] = [];
  #nextTask = 0;
  #link: ControllerLink | undefined;

  private constructor() {}

  /** @throws ConnectionError, SecurityError */
  static async connect(info: ConnectionInfo, timeout: number): Promise<Session> {
    const session = new Session();
    session.#link = await ControllerLink.connect(
      info,
      {
        message: (message, buffers) => session.#receive(message, buffers),
        lost: (error) => session.#lost(error),
      },
      timeout,
    );
    return session;
  }

  get link(): ControllerLink {
    if (this.#link === undefined) throw new ConnectionError("the client is not connected");
    return this.#link;
  }

  /** Ids of the engines that are registered now, ascending. */
  get engineIds(): number[] {
    return [...this.#engines.keys()].sort((a, b) => a - b);
  }

  get engines(): ReadonlyMap<number, EngineInfo> {
    return this.#engines;
  }

  get outstanding(): ReadonlyMap<string, ClientTask> {
    return this.#outstanding;
  }

  get history(): readonly string[] {
    return this.#history;
  }

  /** Sends one task to each of the engines; the call itself is sent once. */
  submit({ call, engineIds, label, onSent }: Submission): ClientTask[] {
    const { operation, head, buffers } = call;
    const submitted = new Date();
    const isExecute = operation === "execute";
    const tasks = engineIds.map((engineId) => {
      const task = new ClientTask(this.#newTaskId(), engineId, { label, isExecute });
      task.metadata.submitted = submitted;
      return task;
    });
    const ended = this.link.ended;
    if (ended !== undefined) {
      for (const task of tasks) task.reject(ended);
      return tasks;
    }
    for (const task of tasks) this.#track(task);
    this.link.send(
      {
        type: "submit",
        taskIds: tasks.map((task) => task.id),
        engineIds,
        operation,
        submitted: submitted.getTime(),
        label,
        payload: head,
      },
      buffers,
      onSent,
    );
    return tasks;
  }

  /** A task of this client that is in flight, or one that the hub knows; its result comes as if it were sent now. */
  fetch(taskId: string): ClientTask {
    const own = this.#outstanding.get(taskId);
    if (own !== undefined) return own;
    const task = new ClientTask(taskId, -1);
    this.#outstanding.set(taskId, task);
    this.link.hold();
    this.link.request({ method: "result", taskId }).then(
      (answer) => {
        if (answer !== "unknown") return;
        this.#settle(taskId, () => task.reject(new RangeError(`no task "${taskId}" is known to the hub`)));
      },
      (error: Error) => this.#settle(taskId, () => task.reject(error)),
    );
    return task;
  }

  abort(tasks: readonly ClientTask[]): Promise<void> {
    const taskIds = tasks.filter((task) => !task.settled).map((task) => task.id);
    return taskIds.length === 0 ? Promise.resolve() : this.link.request({ method: "abort", taskIds });
  }

  /** Resolves once `condition` holds; it is looked at again whenever engines come or go. */
  async until(condition: () => boolean, wait: Wait, what: string): Promise<void> {
    if (condition()) return;
    this.link.hold();
    let check: (() => void) | undefined;
    const met = new Promise<void>((resolve, reject) => {
      check = () => {
        const ended = this.link.ended;
        try {
          if (condition()) resolve();
          else if (ended !== undefined) reject(ended);
        } catch (error) {
          reject(error as Error);
        }
      };
      this.#waiters.add(check);
      check();
    });
    try {
      await within(met, wait, what);
    } finally {
      if (check !== undefined) this.#waiters.delete(check);
      this.link.release();
    }
  }

  /** Waits for engines; an engine set that comes to nothing meanwhile ends the wait. */
  async waitForEngines(count: number, wait: Wait): Promise<void> {
    let stopped: { readonly engineSet: string; readonly reason: string } | undefined;
    const listener = (detail: { engineSet: string; reason: string }): void => {
      stopped = detail;
      for (const waiter of [...this.#waiters]) waiter();
    };
    const condition = (): boolean => {
      if (this.#engines.size >= count) return true;
      if (stopped === undefined) return false;
      const { engineSet, reason } = stopped;
      throw new EngineError(
        `engine set ${engineSet} stopped while waiting for ${count} engines (${this.#engines.size} are there): ${reason}`,
      );
    };
    this.events.on("engineSetStopped", listener);
    try {
      await this.until(condition, wait, `waiting for ${count} engines`);
    } finally {
      this.events.off("engineSetStopped", listener);
    }
  }

  close(): void {
    this.#link?.close();
  }

  #newTaskId(): string {
    return `${this.link.uuid}-${this.#nextTask++}`;
  }

  #track(task: ClientTask): void {
    this.#outstanding.set(task.id, task);
    this.link.hold();
    this.#history.push(task.id);
    if (this.#history.length > 2 * HISTORY_LIMIT) this.#history = this.#history.slice(-HISTORY_LIMIT);
  }

  #settle(taskId: string, settle: (task: ClientTask) => void): void {
    const task = this.#outstanding.get(taskId);
    if (task === undefined) return;
    this.#outstanding.delete(taskId);
    this.link.release();
    settle(task);
  }

  #receive(message: Message, buffers: Uint8Array[]): void {
    switch (message.type) {
      case "welcome":
        for (const engine of message.engines ?? []) this.#engines.set(engine.engineId, engine);
        break;
      case "result":
        this.#settle(message.taskId, (task) => this.#finish(task, message, buffers));
        break;
      case "output":
        this.#output(message);
        break;
      case "published":
        this.#published(message, buffers);
        break;
      case "engineUp":
        this.#engines.set(message.engine.engineId, message.engine);
        this.events.emit("engineUp", { engineId: message.engine.engineId, uuid: message.engine.uuid });
        this.#changed();
        break;
      case "engineDown":
        this.#engineDown(message);
        break;
      case "engineSetStopped":
        this.events.emit("engineSetStopped", { engineSet: message.engineSet, reason: message.reason });
        break;
      default:
        break;
    }
  }

  #finish(task: ClientTask, { engineId, engineUuid, outcome }: Result, buffers: readonly Uint8Array[]): void {
    const { metadata } = task;
    metadata.engineId = engineId;
    metadata.engineUuid = engineUuid;
    if (outcome.started !== undefined) metadata.started = new Date(outcome.started);
    if (outcome.completed !== undefined) metadata.completed = new Date(outcome.completed);
    if (outcome.status !== "ok" || outcome.payload === undefined) {
      const place = { engineId, engineUuid, messageId: task.id };
      const error = outcome.error ?? { kind: "unknown", name: "Error", message: "the task failed without an error" };
      task.reject(fromWireError(error, place), outcome.status === "aborted" ? "aborted" : "error");
      return;
    }
    try {
      task.resolve(this.serializer.deserialize(outcome.payload, buffers));
    } catch (error) {
      task.reject(
        new SerializationError(
          `the result of engine ${engineId} cannot be read: ${(error as Error).message}`,
          undefined,
          { cause: error },
        ),
      );
    }
  }

  #output({ taskId, stream, text }: Output): void {
    const task = this.#outstanding.get(taskId);
    if (task !== undefined) task.metadata[stream] += text;
  }

  #published({ taskId, payload }: Published, buffers: readonly Uint8Array[]): void {
    const task = this.#outstanding.get(taskId);
    if (task !== undefined) task.metadata.data = this.serializer.deserialize(payload, buffers);
  }

  #engineDown({ engineId, uuid, reason }: EngineDown): void {
    this.#engines.delete(engineId);
    this.events.emit("engineDown", { engineId, uuid, reason });
    this.#changed();
  }

  #lost(error: ConnectionError): void {
    const tasks = [...this.#outstanding.values()];
    this.#outstanding.clear();
    this.#engines.clear();
    for (const task of tasks) task.reject(error);
    this.events.emit("disconnected", { error });
    this.#changed();
  }

  #changed(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}
