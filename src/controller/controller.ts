/** The hub: greets clients, engines and agents, hands their messages to the part that knows, and answers questions. */

import type { Connection, ConnectionHandlers } from "../channel/connection.ts";
import type { Rejections } from "../channel/listener.ts";
import { MalformedPacket } from "../protocol/codec.ts";
import type { DataWay } from "../protocol/data-messages.ts";
import type {
  ClientHello,
  ControllerStatus,
  EngineInfo,
  Hello,
  HubRequest,
  Message,
  QueueStatus,
  Request,
  Welcome,
} from "../protocol/messages.ts";
import type { HeartbeatPolicy } from "../protocol/policies.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { Control, isOrder } from "./control.ts";
import { DataHub } from "./data-hub.ts";
import { type Engine, EngineRegistry } from "./engine-registry.ts";
import { HubQuestions, isQuestion } from "./hub-questions.ts";
import { MemoryDatabase } from "./memory-database.ts";
import type { OpenDatabase } from "./open-database.ts";
import type { Submitter } from "./pending-task.ts";
import type { SchedulerOptions } from "./scheduler.ts";
import { Submissions } from "./submissions.ts";
import type { TaskDatabase } from "./task-database.ts";
import { TaskRouter } from "./task-router.ts";

export interface ControllerOptions {
  readonly clusterId: string;
  /** How large buffers travel, for those who join. */
  readonly dataWay?: DataWay | undefined;
  readonly rejections: () => Readonly<Rejections>;
  /**
   * Called when a client has asked for the cluster to end, the agents are gone, and the answer has left (or the client
   * has); perhaps more than once.
   */
  readonly onShutdown: () => void;
  readonly scheduler?: SchedulerOptions | undefined;
  readonly heartbeat?: HeartbeatPolicy | undefined;
  /** In memory unless given. */
  readonly database?: OpenDatabase | undefined;
}

/** What handles the messages of one greeted peer. */
type Peer = ConnectionHandlers;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #clients = new Map<string, Submitter>();
  readonly #registry: EngineRegistry;
  readonly #router: TaskRouter;
  readonly #data = new DataHub();
  readonly #database: TaskDatabase;
  readonly #submissions: Submissions;
  readonly #questions: HubQuestions;
  readonly #control: Control;
  #shutdown: Promise<void> | undefined;
  /** The client that asked for the end, once the agents are gone. */
  #stopper: Submitter | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#registry = new EngineRegistry(
      {
        engineUp: (engine) => this.#engineUp(engine),
        engineDown: (engine, reason) => this.#engineDown(engine, reason),
        engineSetStopped: (engineSet, reason) => this.#broadcast({ type: "engineSetStopped", engineSet, reason }),
        enginesExpected: (count) => this.#router.expect(count),
        engineStopped: ({ engineId }, stopped) => this.#router.engineStopped(engineId, stopped),
      },
      options.heartbeat,
    );
    const { ledger } = this.#data;
    const open: OpenDatabase = options.database ?? ((onForgotten) => new MemoryDatabase({}, onForgotten));
    const database = open((outcome) => ledger.drop(outcome));
    this.#database = database;
    this.#router = new TaskRouter(this.#registry, database, { ...options.scheduler, ledger });
    this.#submissions = new Submissions(this.#router, database);
    this.#control = new Control(this.#registry, this.#router);
    this.#questions = new HubQuestions(database);
  }

  /** Takes a new connection; its first message must be a hello. */
  accept(connection: Connection): ConnectionHandlers {
    let peer: Peer | undefined;
    connection.hold();
    return {
      message: (message, buffers) => {
        if (peer !== undefined) peer.message(message, buffers);
        else if (message.type === "hello") peer = this.#greet(message, connection);
        if (peer === undefined) connection.destroy(new MalformedPacket("the first message was no hello"));
      },
      closed: (error) => peer?.closed(error),
    };
  }

  /** Stops engines and agents. */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#registry.stopAgents();
    return this.#shutdown;
  }

  /** Writes what the database has not written. */
  close(): Promise<void> {
    return this.#database.close();
  }

  /** `undefined` for one of no known role. */
  #greet(hello: Hello, connection: Connection): Peer | undefined {
    switch (hello.role) {
      case "client":
        return this.#greetClient(hello, connection);
      case "engine":
        return this.#enginePeer(this.#registry.addEngine(hello, connection));
      case "agent":
        this.#registry.addAgent(hello, connection);
        connection.send({ type: "welcome", clusterId: this.#options.clusterId });
        return {
          message: (message) => {
            if (message.type === "engineExited") this.#registry.engineExited(message);
            else if (message.type === "engineStopped") this.#registry.engineStopped(message.uuid, message.stopped);
            else if (message.type === "heartbeat") this.#registry.heartbeat(hello.uuid);
          },
          closed: () => this.#registry.removeAgent(hello.uuid),
        };
      default:
        return undefined;
    }
  }

  #greetClient(hello: ClientHello, connection: Connection): Peer {
    const client: Submitter = { uuid: hello.uuid, connection, isNested: hello.engineUuid !== undefined };
    this.#clients.set(client.uuid, client);
    const engines = this.#registry.engines.map(engineInfo);
    this.#data.addPeer(client.uuid, connection);
    connection.send({ ...this.#welcome(), engines });
    const handle: Peer["message"] = (message, buffers) => {
      if (message.type === "submit") this.#submissions.submit(message, buffers, client);
      else if (message.type === "submitBalanced") this.#submissions.submitBalanced(message, buffers, client);
      else if (message.type === "request") void this.#answer(message, client);
      else this.#data.message(client.uuid, message, buffers);
    };
    return {
      message: (message, buffers) => this.#data.during(client.uuid, message, buffers, handle),
      closed: () => {
        this.#data.removePeer(client.uuid, connection);
        if (this.#clients.get(client.uuid) === client) this.#clients.delete(client.uuid);
        const gone: Message = { type: "clientGone", client: client.uuid };
        for (const { connection } of this.#registry.engines) connection.send(gone);
        if (this.#stopper === client) this.#options.onShutdown();
      },
    };
  }

  #enginePeer({ uuid, engineId, connection }: Engine): Peer {
    const handle: Peer["message"] = (message, buffers) => {
      if (message.type === "result") this.#router.result(message, buffers);
      else if (message.type === "output") this.#router.output(message);
      else if (message.type === "published" || message.type === "displayed") this.#router.shown(message, buffers);
      else if (message.type === "controlDone") this.#control.done(message);
      else if (message.type === "recalled") this.#router.recalled(message);
      else if (message.type === "waitingTasks") this.#router.waiting(message, engineId);
      else this.#data.message(uuid, message, buffers);
    };
    return {
      message: (message, buffers) => this.#data.during(uuid, message, buffers, handle),
      closed: () => {
        this.#data.removePeer(uuid, connection);
        this.#registry.engineDisconnected(uuid);
      },
    };
  }

  #welcome(): Welcome {
    const { clusterId, dataWay } = this.#options;
    return { type: "welcome", clusterId, ...(dataWay === undefined ? {} : { dataWay }) };
  }

  async #answer({ requestId, request }: Request, client: Submitter): Promise<void> {
    try {
      const value = await this.#perform(request, client);
      if (request.method === "shutdown") this.#leave(requestId, client);
      else client.connection.send({ type: "reply", requestId, value });
    } catch (error) {
      client.connection.send({ type: "reply", requestId, error: toWireError(error) });
    }
  }

  /** Answers the client that ended the cluster; then, or when it is no longer there to hear, the end is reported. */
  #leave(requestId: number, client: Submitter): void {
    this.#stopper = client;
    if (client.connection.isOpen) {
      client.connection.send({ type: "reply", requestId, value: undefined }, [], this.#options.onShutdown);
    } else {
      this.#options.onShutdown();
    }
  }

  #perform(request: HubRequest, client: Submitter): unknown {
    if (isQuestion(request)) {
      return this.#questions.answer(request, (taskId, asked) => this.#submissions.resubmit(taskId, asked, client));
    }
    if (isOrder(request)) return this.#control.perform(request);
    switch (request.method) {
      case "startEngines":
        return this.#registry.start(request.count, request);
      case "stopEngines":
        return this.#registry.stop(request.engineSet);
      case "restartEngines":
        return this.#registry.restart(request.engineSet);
      case "signalEngines":
        return this.#registry.signal(request.signal, request.engineSet);
      case "shutdown":
        return this.shutdown();
      case "retire":
        return this.#retire(request.engineIds);
      case "queueStatus":
        return this.#queueStatus(request.verbose ?? false);
      case "status":
        return this.#status();
      case "result":
        return this.#router.sendResult(request.taskId, client);
    }
  }

  /** Resolves once the engines have ended. */
  #retire(engineIds: readonly number[]): Promise<void> {
    for (const engineId of engineIds) this.#router.retire(engineId);
    return this.#registry.gone(engineIds);
  }

  async #queueStatus(verbose: boolean): Promise<QueueStatus> {
    const completedIds = verbose ? await this.#questions.completed() : undefined;
    const engines = this.#router.scheduler.queues().map(({ engineId, waiting, dispatched, completed }) => ({
      engineId,
      queued: [...dispatched.slice(1), ...waiting],
      running: dispatched.slice(0, 1),
      completed,
      completedIds: completedIds && (completedIds.get(engineId) ?? []),
    }));
    return { engines, unassigned: this.#router.scheduler.unassigned() };
  }

  #status(): ControllerStatus {
    return {
      clusterId: this.#options.clusterId,
      pid: process.pid,
      agents: this.#registry.agents.map(({ uuid, pid, host }) => ({ uuid, pid, host })),
      engines: this.#registry.engines.map(engineInfo),
      engineSets: this.#registry.engineSets,
      clients: this.#clients.size,
      buffers: this.#data.ledger.size,
      rejected: { ...this.#options.rejections() },
    };
  }

  #engineUp(engine: Engine): void {
    this.#data.addPeer(engine.uuid, engine.connection);
    // Before the tasks that have waited for it.
    engine.connection.send({ ...this.#welcome(), engineId: engine.engineId });
    this.#router.engineUp(engine);
    this.#broadcast({ type: "engineUp", engine: engineInfo(engine) });
  }

  #engineDown(engine: Engine, reason: string): void {
    // Whoever hears that a task has failed with its engine knows already that the engine is gone.
    this.#broadcast({ type: "engineDown", engineId: engine.engineId, uuid: engine.uuid, reason });
    this.#router.engineDown(engine, reason);
    this.#control.engineDown(engine.engineId, reason);
  }

  #broadcast(message: Message): void {
    for (const { connection } of this.#clients.values()) connection.send(message);
  }
}

function engineInfo({ engineId, uuid, pid, engineSet, host, device }: Engine): EngineInfo {
  return { engineId, uuid, pid, engineSet, host, device };
}
