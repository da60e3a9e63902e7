/** For tests: a controller, and clients, engines and agents that speak the protocol to it within the process. */

import { type Connection, type ConnectionHandlers, deliverRun } from "../../src/channel/connection.ts";
import { connectedPair } from "../../src/channel/in-process.ts";
import { Controller } from "../../src/controller/controller.ts";
import type { ControllerOptions } from "../../src/controller/controller-options.ts";
import type { HubRequest, Message, Outcome, Reply, Result, Submit, Task } from "../../src/protocol/messages.ts";
import { Recorder } from "../channel/recorder.ts";

export const CLUSTER = "cluster-1";

/** Lets everything that is under way happen: within the process that is microtasks only. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class Fake {
  readonly recorder: Recorder = new Recorder();
  readonly connection: Connection;

  constructor(controller: Controller) {
    let handlers: ConnectionHandlers | undefined;
    const [mine, theirs] = connectedPair(this.recorder, {
      message: (message, buffers) => handlers?.message(message, buffers),
      run: (run) => handlers && deliverRun(handlers, run),
      closed: (error) => handlers?.closed(error),
    });
    this.connection = mine;
    handlers = controller.accept(theirs);
  }

  /** What came of this type, oldest first. */
  all<T extends Message["type"]>(type: T): Extract<Message, { type: T }>[] {
    return this.recorder.messages.filter((message) => message.type === type) as Extract<Message, { type: T }>[];
  }

  /** Dies: nothing that is queued is sent. */
  async die(): Promise<void> {
    this.connection.destroy();
    await settle();
  }
}

export class FakeClient extends Fake {
  readonly uuid: string;
  #nextRequest = 0;

  constructor(controller: Controller, uuid: string) {
    super(controller);
    this.uuid = uuid;
    this.connection.send({ type: "hello", role: "client", uuid });
  }

  /** Submits one task to each of the engines. */
  async submit(tasks: Record<string, number>, more: Partial<Submit> = {}, buffers: Uint8Array[] = []): Promise<void> {
    this.connection.send(
      {
        type: "submit",
        taskIds: Object.keys(tasks),
        engineIds: Object.values(tasks),
        operation: "apply",
        submitted: 1_000,
        payload: Uint8Array.of(1, 2, 3),
        ...more,
      },
      buffers,
    );
    await settle();
  }

  /** Sends a request; the answer may come later. */
  async ask(request: HubRequest): Promise<number> {
    const requestId = this.#nextRequest++;
    this.connection.send({ type: "request", requestId, request });
    await settle();
    return requestId;
  }

  answerTo(requestId: number): Reply | undefined {
    return this.all("reply").find((reply) => reply.requestId === requestId);
  }

  /** Sends a request that is answered at once. */
  async request(request: HubRequest): Promise<Reply> {
    const reply = this.answerTo(await this.ask(request));
    if (reply === undefined) throw new Error(`no answer to ${request.method}`);
    return reply;
  }

  resultOf(taskId: string): Result | undefined {
    return this.all("result").find((result) => result.taskId === taskId);
  }

  outcomes(): Record<string, string> {
    return Object.fromEntries(
      this.all("result").map(({ taskId, outcome }) => [taskId, outcome.error?.kind ?? outcome.status]),
    );
  }
}

export class FakeEngine extends Fake {
  readonly uuid: string;

  constructor(controller: Controller, uuid: string, agentUuid: string, engineSet: string) {
    super(controller);
    this.uuid = uuid;
    this.connection.send({ type: "hello", role: "engine", uuid, pid: 100, agentUuid, engineSet });
  }

  get engineId(): number {
    return this.all("welcome")[0]?.engineId ?? -1;
  }

  get tasks(): Task[] {
    return this.all("task");
  }

  get taskIds(): string[] {
    return this.tasks.map(({ taskId }) => taskId);
  }

  /** Answers a task. */
  async answer(taskId: string, outcome: Outcome = { status: "ok" }, buffers: Uint8Array[] = []): Promise<void> {
    const { engineId, uuid } = this;
    this.connection.send({ type: "result", taskId, engineId, engineUuid: uuid, outcome }, buffers);
    await settle();
  }

  async write(taskId: string, text: string, stream: "stdout" | "stderr" = "stdout"): Promise<void> {
    this.connection.send({ type: "output", taskId, stream, text });
    await settle();
  }
}

export class FakeAgent extends Fake {
  readonly uuid: string;

  constructor(controller: Controller, uuid: string) {
    super(controller);
    this.uuid = uuid;
    this.connection.send({ type: "hello", role: "agent", uuid, pid: 50, host: `host of ${uuid}` });
  }

  /** Reports that an engine's process has ended. */
  async exited(uuid: string, engineSet: string, reason: string = "its process exited with code 1"): Promise<void> {
    this.connection.send({ type: "engineExited", uuid, engineSet, reason });
    await settle();
  }
}

/** A controller with whoever the test lets join. */
export class Hub {
  /** How often the end of the cluster was reported. */
  shutdowns = 0;
  readonly controller: Controller;
  #made = 0;

  constructor(options: Pick<ControllerOptions, "isRestart" | "patience" | "database"> = {}) {
    this.controller = new Controller({
      ...options,
      clusterId: CLUSTER,
      rejections: () => ({ handshakes: 1, signatures: 2, replays: 3, malformed: 4 }),
      onShutdown: () => {
        this.shutdowns++;
      },
    });
  }

  async stranger(): Promise<Fake> {
    return new Fake(this.controller);
  }

  async client(): Promise<FakeClient> {
    return this.#joined(new FakeClient(this.controller, `client-${this.#made++}`));
  }

  async agent(): Promise<FakeAgent> {
    return this.#joined(new FakeAgent(this.controller, `agent-${this.#made++}`));
  }

  /** An engine; without an agent it belongs to one that the controller does not know. */
  async engine(
    agent?: FakeAgent,
    uuid: string = `engine-${this.#made++}`,
    engineSet: string = "by hand",
  ): Promise<FakeEngine> {
    return this.#joined(new FakeEngine(this.controller, uuid, agent?.uuid ?? "nobody", engineSet));
  }

  /** Has a client start engines on an agent, and lets them register. */
  async engineSet(
    client: FakeClient,
    agent: FakeAgent,
    count: number,
  ): Promise<{ name: string; engines: FakeEngine[] }> {
    const { value } = await client.request({ method: "startEngines", count, env: {} });
    const name = value as string;
    const { uuids } = agent.all("spawnEngines").at(-1) ?? { uuids: [] };
    const engines: FakeEngine[] = [];
    for (const uuid of uuids) engines.push(await this.engine(agent, uuid, name));
    return { name, engines };
  }

  async #joined<T extends Fake>(fake: T): Promise<T> {
    await settle();
    return fake;
  }
}
