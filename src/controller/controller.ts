/** The hub: greets clients, engines and agents, hands their messages to the part that knows, and answers questions. */

import { type Connection, type ConnectionHandlers, deliverRun } from "../channel/connection.ts";
import { MalformedPacket } from "../protocol/codec.ts";
import type { ClientHello, EngineHello, Hello, Message, Request, Welcome } from "../protocol/messages.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { ArrayKeeper } from "./array-keeper.ts";
import { Control } from "./control.ts";
import type { ControllerOptions } from "./controller-options.ts";
import { DataHub } from "./data-hub.ts";
import { type Engine, EngineRegistry } from "./engine-registry.ts";
import { HubQuestions } from "./hub-questions.ts";
import { engineInfo, HubRequests } from "./hub-requests.ts";
import { openMemory } from "./open-database.ts";
import type { Submitter } from "./pending-task.ts";
import { Receipts } from "./receipts.ts";
import { Submissions } from "./submissions.ts";
import type { TaskDatabase } from "./task-database.ts";
import { isTaskNews } from "./task-news.ts";
import { TaskRouter } from "./task-router.ts";

/** What handles the messages of one greeted peer. */
type Peer = ConnectionHandlers;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #clients = new Map<string, Submitter>();
  readonly #registry: EngineRegistry;
  readonly #router: TaskRouter;
  readonly #data: DataHub;
  readonly #database: TaskDatabase;
  readonly #submissions: Submissions;
  readonly #requests: HubRequests;
  readonly #receipts: Receipts;
  readonly #keeper: ArrayKeeper | undefined;
  #isRemembering = false;
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
        enginesKnown: (engines) => this.#enginesKnown(engines),
        enginesExpected: (count) => this.#router.expect(count),
        changed: () => this.#remember(),
        engineStopped: ({ engineId }, stopped) => this.#router.engineStopped(engineId, stopped),
      },
      options.heartbeat,
    );
    this.#data = new DataHub(options.isRestart ? options.patience : undefined);
    const { ledger } = this.#data;
    const open = options.database ?? openMemory();
    const { database, legacy, keepsArrays } = open((held) => ledger.drop(held));
    this.#database = database;
    const kept = this.#data.keep(database, keepsArrays);
    const keeper = keepsArrays ? kept : undefined;
    this.#keeper = keeper;
    this.#router = new TaskRouter(this.#registry, database, { ...options.scheduler, ledger, keeper });
    this.#submissions = new Submissions(this.#router, database, keeper);
    this.#control = new Control(this.#registry, this.#router);
    this.#receipts = new Receipts(database);
    const { clusterId, rejections, isRestart } = options;
    const [registry, router, clients, submissions] = [this.#registry, this.#router, this.#clients, this.#submissions];
    const shutdown = (): Promise<void> => this.shutdown();
    const told = {
      clusterId,
      clients,
      rejections,
      shutdown,
      questions: new HubQuestions({ database, ledger, keepsArrays }),
    };
    this.#requests = new HubRequests({
      ...told,
      registry,
      router,
      submissions,
      control: this.#control,
      ledger,
      keeper,
    });
    kept?.takeUp(legacy.holders);
    if (!isRestart) return;
    this.#router.recovery.begin(legacy, options.patience ?? 0);
    keeper?.goOn(legacy);
  }

  /** Takes a new connection; its first message must be a hello. */
  accept(connection: Connection): ConnectionHandlers {
    let peer: Peer | undefined;
    const refuse = (): void => connection.destroy(new MalformedPacket("the first message was no hello"));
    connection.hold();
    return {
      message: (message, buffers) => {
        if (peer !== undefined) peer.message(message, buffers);
        else if (message.type === "hello") peer = this.#greet(message, connection);
        if (peer === undefined) refuse();
      },
      run: (run) => (peer === undefined ? refuse() : deliverRun(peer, run)),
      leaving: () => this.#database.leaving?.(),
      closed: (error) => peer?.closed(error),
    };
  }

  /** Stops engines and agents. */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#end();
    return this.#shutdown;
  }

  async #end(): Promise<void> {
    if (this.#keeper !== undefined) await this.#keeper.settled();
    this.#broadcast({ type: "goodbye" });
    await this.#registry.stopAgents();
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
        if (hello.back !== undefined || this.#isRecovering) return this.#greetAgain(hello, connection);
        return this.#enginePeer(this.#registry.addEngine(hello, connection));
      case "agent":
        connection.send(this.#welcome());
        this.#registry.addAgent(hello, connection);
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
    connection.send({ ...this.#welcome(), engines, ...(this.#isRecovering ? { isRecovering: true } : {}) });
    const handle: Peer["message"] = (message, buffers) => {
      if (message.type === "submit" || message.type === "submitBalanced") {
        if (message.type === "submit") this.#submissions.submit(message, buffers, client);
        else this.#submissions.submitBalanced(message, buffers, client);
        this.#receipts.add(connection);
      } else if (message.type === "resume") void this.#requests.resume(message.taskIds, client);
      else if (message.type === "request") void this.#answer(message, client);
      else this.#data.message(client.uuid, message, buffers);
    };
    return {
      message: (message, buffers) => this.#data.during(client.uuid, message, buffers, handle),
      run: (run) => this.#router.takeRun(run, client, handle),
      closed: () => {
        this.#data.removePeer(client.uuid, connection);
        if (this.#clients.get(client.uuid) === client) this.#clients.delete(client.uuid);
        const gone: Message = { type: "clientGone", client: client.uuid };
        for (const { connection } of this.#registry.engines) connection.send(gone);
        if (this.#stopper === client) this.#options.onShutdown();
      },
    };
  }

  /** An engine of an earlier controller, or one that was started by it. It tries again when its agent is not back yet. */
  #greetAgain(hello: EngineHello, connection: Connection): Peer {
    const back = this.#registry.addAgain(hello, connection);
    if (back === undefined) {
      if (!this.#isRecovering) connection.send({ type: "goodbye" });
      connection.close();
      return { message: () => undefined, closed: () => undefined };
    }
    const { engine, mailbox } = back;
    this.#data.addPeer(engine.uuid, connection);
    connection.send({ ...this.#welcome(), engineId: engine.engineId });
    this.#router.recovery.announced(engine, hello.back, (unwanted) => {
      connection.send({ type: "abortTasks", taskIds: unwanted });
    });
    mailbox.deliver(connection);
    this.#router.engineStopped(engine.engineId, false);
    return this.#enginePeer(engine);
  }

  #enginePeer(engine: Engine): Peer {
    const { uuid, engineId, connection } = engine;
    const handle: Peer["message"] = (message, buffers) => {
      if (isTaskNews(message)) {
        this.#router.hear(message, buffers);
        this.#receipts.add(connection);
      } else if (message.type === "controlDone") this.#control.done(message);
      else if (message.type === "recalled") this.#router.recalled(message);
      else if (message.type === "waitingTasks") this.#router.waiting(message, engineId);
      else this.#data.message(uuid, message, buffers);
    };
    return {
      message: (message, buffers) => this.#data.during(uuid, message, buffers, handle),
      run: (run) => this.#router.takeRun(run, engine, handle),
      closed: () => {
        this.#data.removePeer(uuid, connection);
        this.#registry.engineDisconnected(uuid);
      },
    };
  }

  #welcome(): Welcome {
    const { clusterId, dataWay, patience } = this.#options;
    const { isDurable } = this.#database;
    const lasting = patience === undefined ? {} : { patience, isDurable };
    return { type: "welcome", clusterId, ...(dataWay === undefined ? {} : { dataWay }), ...lasting };
  }

  /** Nobody has said yet which engines there are. */
  get #isRecovering(): boolean {
    return this.#options.isRestart === true && !this.#registry.hadAgent;
  }

  /** These were there when the last controller died, and come back by themselves. */
  #enginesKnown(engines: readonly Engine[]): void {
    for (const engine of engines) {
      this.#data.addPeer(engine.uuid, engine.connection);
      this.#router.engineUp(engine);
      this.#router.engineStopped(engine.engineId, true);
    }
    this.#router.recovery.expect(engines);
    this.#broadcast({ ...this.#welcome(), engines: engines.map(engineInfo) });
  }

  /** Once for all that changes at once. */
  #remember(): void {
    if (this.#options.patience === undefined || this.#isRemembering) return;
    this.#isRemembering = true;
    queueMicrotask(() => {
      this.#isRemembering = false;
      this.#registry.tellAgents({ type: "remember", memory: this.#registry.memory });
    });
  }

  async #answer({ requestId, request }: Request, client: Submitter): Promise<void> {
    try {
      const value = await this.#requests.perform(request, client);
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
