/**
 * What the views of one client share: the link to the controller, the engines there are, and the tasks in flight.
 */

import { DataPlane } from "../channel/data/data-plane.ts";
import { ConnectionError } from "../errors.ts";
import type { ModuleMode } from "../functions/stand-ins.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { AnyHandler } from "../ndarray-transport/types.ts";
import type { DataWay } from "../protocol/data-messages.ts";
import type { EngineInfo, Message } from "../protocol/messages.ts";
import { createTensorSerializer } from "../tensors/serializer.ts";
import type { ConnectionInfo } from "./connection-file.ts";
import { ControllerLink } from "./controller-link.ts";
import { EngineDirectory } from "./engine-directory.ts";
import { TypedEvents } from "./events.ts";
import { KeptHandles } from "./kept-handles.ts";
import { runAgain } from "./lost-results.ts";
import { ResultReader } from "./result-reader.ts";
import { askWhatIsKnown, submitUnknown } from "./resuming.ts";
import { SendQueue } from "./send-queue.ts";
import type { Submission } from "./submission.ts";
import { type AbortOptions, ClientTask } from "./task.ts";
import { TaskBook } from "./task-book.ts";
import type { Wait } from "./waiting.ts";

export interface SessionOptions {
  /** Milliseconds. */
  readonly timeout: number;
  /** How large buffers travel; as the cluster says unless given. */
  readonly dataWay?: DataWay | undefined;
  /** Types of values that the layers above know. */
  readonly handlers: (session: Session) => readonly AnyHandler[];
}

export class Session {
  readonly events: TypedEvents = new TypedEvents();
  /** What engines keep for this client. */
  readonly kept: KeptHandles = new KeptHandles(this);
  readonly serializer: Serializer;
  readonly #byReference: Serializer;
  readonly #directory: EngineDirectory = new EngineDirectory(this.events);
  readonly #sends = new SendQueue();
  #tasks: TaskBook | undefined;
  #link: ControllerLink | undefined;
  #plane: DataPlane | undefined;
  #results: ResultReader | undefined;
  #dataWay: DataWay | undefined;

  private constructor(handlers: SessionOptions["handlers"]) {
    const further = handlers(this);
    this.serializer = createTensorSerializer({ modules: "value" }, further);
    this.#byReference = createTensorSerializer({ modules: "reference" }, further);
  }

  /** @throws ConnectionError, SecurityError */
  static async connect(info: ConnectionInfo, { timeout, dataWay, handlers }: SessionOptions): Promise<Session> {
    const session = new Session(handlers);
    const link = await ControllerLink.connect(
      info,
      {
        message: (message, buffers) => session.#receive(message, buffers),
        run: (run) => session.#results?.run(run),
        place: (message) => session.#plane?.place(message),
        back: () => askWhatIsKnown(session, session.#sends.unsent),
        lost: (error) => session.#lost(error),
      },
      timeout,
    );
    session.#link = link;
    const tasks = new TaskBook(link);
    session.#tasks = tasks;
    session.#plane = new DataPlane({
      uuid: link.uuid,
      way: dataWay ?? session.#dataWay ?? "auto",
      key: info.key,
      host: link.localAddress,
      send: (message, buffers, onSent) => link.send(message, buffers, onSent),
      isSnapshot: false,
    });
    session.#results = new ResultReader(session.#plane, session.serializer, {
      book: tasks,
      device: (engineId) => session.engines.get(engineId)?.device,
      lost: (task, error) =>
        task.losses < Number.POSITIVE_INFINITY ? runAgain(session, task, error) : task.reject(error),
    });
    return session;
  }

  /** The serializer for what is sent, by how local modules travel. */
  serializerFor(modules: ModuleMode): Serializer {
    return modules === "value" ? this.serializer : this.#byReference;
  }

  get link(): ControllerLink {
    if (this.#link === undefined) throw new ConnectionError("the client is not connected");
    return this.#link;
  }

  /** Those of this client. */
  get tasks(): TaskBook {
    if (this.#tasks === undefined) throw new ConnectionError("the client is not connected");
    return this.#tasks;
  }

  /** How large buffers leave and arrive. */
  get plane(): DataPlane {
    if (this.#plane === undefined) throw new ConnectionError("the client is not connected");
    return this.#plane;
  }

  /** Ids of the engines that are registered now, ascending. */
  get engineIds(): number[] {
    return this.#directory.ids;
  }

  get engines(): ReadonlyMap<number, EngineInfo> {
    return this.#directory.engines;
  }

  /** Sends one task to each of the engines; the call itself is sent once. */
  submit(submission: Submission): ClientTask[] {
    const { call, operation, packer = this.plane.packer(), engineIds, label, onSent, sent } = submission;
    const submitted = Date.now();
    const isExecute = operation === "execute";
    const tasks = engineIds.map((engineId) => {
      const task = this.tasks.make(sent, this.tasks.originOf({ engineId, label, isExecute, submitted }));
      this.tasks.begin(task);
      return task;
    });
    if (this.link.ended !== undefined) return tasks;
    const taskIds = tasks.map((task) => task.id);
    const base = { type: "submit", taskIds, engineIds, operation, submitted, label } as const;
    this.sendReady(call, tasks, (encoded) => {
      this.kept.hold(encoded.handles, tasks);
      const { carrier, inline } = packer.pack(encoded);
      const { head: payload, inputs } = encoded;
      this.link.send({ ...base, payload, ...carrier, ...(inputs && { inputs }) }, inline, onSent);
    });
    return tasks;
  }

  /** Whether what is ready can be sent at once, without {@link sendReady}. */
  get sendsAtOnce(): boolean {
    return this.#sends.isIdle;
  }

  /** Calls `send` for tasks that have begun, once their call, and all that was sent before, is ready. */
  sendReady<T extends object>(call: T | Promise<T>, tasks: readonly ClientTask[], send: (call: T) => void): void {
    const unlessEnded = (ready: T): void => {
      if (this.link.ended === undefined) send(ready);
    };
    const taskIds = tasks.map(({ id }) => id);
    this.#sends.add(call, unlessEnded, (error) => this.tasks.fail(tasks, error), taskIds);
  }

  /**
   * A task of this client that is in flight, or has ended and is `kept` here, or one that the hub knows; its result
   * comes as if it were sent now.
   */
  fetch(taskId: string, kept: boolean): ClientTask {
    const { outstanding, cache } = this.tasks;
    const own = outstanding.get(taskId) ?? (kept ? cache.get(taskId) : undefined);
    if (own !== undefined) return own;
    const task = new ClientTask({ prefix: taskId, engineId: -1 });
    task.losses = Number.POSITIVE_INFINITY;
    outstanding.add(task);
    this.link.request({ method: "result", taskId }).then(
      (answer) => {
        if (answer !== "unknown") return;
        this.tasks.fail([task], new RangeError(`no task "${taskId}" is known to the hub`));
      },
      (error: Error) => this.tasks.fail([task], error),
    );
    return task;
  }

  /** New tasks that do what earlier ones, of whomever, did. */
  resubmit(taskIds: readonly string[]): ClientTask[] {
    const tasks = taskIds.map(() => {
      const task = this.tasks.make(undefined, this.tasks.originOf({ submitted: Date.now() }));
      this.tasks.begin(task);
      return task;
    });
    const newIds = tasks.map(({ id }) => id);
    const asked = { method: "resubmit", taskIds, newIds } as const;
    this.link.request(asked).catch((error: Error) => this.tasks.fail(tasks, error));
    return tasks;
  }

  abort(tasks: readonly ClientTask[], { running = false }: AbortOptions = {}): Promise<void> {
    const taskIds = tasks.filter((task) => !task.settled).map((task) => task.id);
    return taskIds.length === 0 ? Promise.resolve() : this.link.request({ method: "abort", taskIds, running });
  }

  /** Waits for engines; an engine set that comes to nothing meanwhile ends the wait. */
  waitForEngines(count: number, wait: Wait): Promise<void> {
    return this.#directory.waitFor(count, wait, this.link);
  }

  close(): void {
    this.#link?.close();
  }

  #receive(message: Message, buffers: Uint8Array[]): void {
    if (this.#plane?.message(message, buffers)) return;
    switch (message.type) {
      case "welcome":
        this.#dataWay = message.dataWay;
        this.#directory.welcome(message.engines ?? [], message.isRecovering ?? false);
        break;
      case "resumed":
        submitUnknown(this, message.unknown, (id, error) => {
          const task = this.tasks.outstanding.get(id);
          if (task !== undefined) this.tasks.fail([task], error);
        });
        break;
      case "result":
        this.#results?.result(message, buffers);
        break;
      case "noted":
      case "output":
        this.tasks.known(message.taskId)?.hear(message);
        break;
      case "published":
      case "displayed":
        this.#results?.shown(message, buffers);
        break;
      default:
        this.#directory.message(message);
        break;
    }
  }

  #lost(error: ConnectionError): void {
    this.#plane?.close(error);
    const tasks = this.#tasks?.outstanding.takeAll() ?? [];
    this.#directory.lost();
    for (const task of tasks) task.reject(error);
    this.events.emit("disconnected", { error });
  }
}
