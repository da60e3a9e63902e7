/** The client's end of the control plane: one connection, requests with answers, and what keeps the process alive. */

import { randomBytes } from "node:crypto";
import { connectLasting, type ReconnectingConnection } from "../channel/reconnecting.ts";
import { ConnectionError } from "../errors.ts";
import type { ControllerStatus, HubRequest, Message, QueueStatus, Submit } from "../protocol/messages.ts";
import { messagesOf, type Run } from "../protocol/runs.ts";
import type { TaskRow } from "../protocol/task-rows.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import { surroundingEngine } from "../protocol/within-engine.ts";
import type { ConnectionInfo } from "./connection-file.ts";
import { SubmissionRuns } from "./submission-runs.ts";

export interface LinkListener {
  /** Everything but the answers to requests. */
  message(message: Message, buffers: Uint8Array[]): void;
  /** A run of results, as a whole. */
  run?(run: Run): void;
  /** Memory for a buffer that follows a message. */
  place?(message: Message): Uint8Array | undefined;
  /** It is there again, or another one in its place; if this is given, requests wait for {@link ControllerLink.resumed}. */
  back?(): void;
  /** The connection has ended; everything that waits must fail with `error`. */
  lost(error: ConnectionError): void;
}

interface Answers {
  startEngines: string;
  stopEngines: undefined;
  restartEngines: undefined;
  signalEngines: undefined;
  shutdown: undefined;
  abort: undefined;
  clear: undefined;
  signal: undefined;
  endEngines: undefined;
  retire: undefined;
  queueStatus: QueueStatus;
  resultStatus: { readonly pending: string[]; readonly completed: string[] };
  history: readonly string[];
  query: readonly TaskRow[];
  purge: number;
  /** The labels of the tasks. */
  resubmit: undefined;
  status: ControllerStatus;
  result: "sent" | "pending" | "unknown";
}

/** What may be asked again of a controller that was restarted, since it changes nothing, or the same. */
const repeatable: ReadonlySet<HubRequest["method"]> = new Set<HubRequest["method"]>([
  "abort",
  "history",
  "query",
  "queueStatus",
  "result",
  "resultStatus",
  "status",
]);

interface PendingRequest {
  readonly request?: HubRequest;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** So few messages are no run. */
const FEW = 2;

export class ControllerLink {
  /** Tells this client from all others; part of every message id, and therefore short. */
  readonly uuid: string = randomBytes(8).toString("hex");
  readonly info: ConnectionInfo;
  readonly #listener: LinkListener;
  /** Where calls are gathered that leave together. */
  readonly submissions: SubmissionRuns = new SubmissionRuns((run) => this.#sendRun(run));
  readonly #requests = new Map<number, PendingRequest>();
  readonly #welcome: Promise<unknown>;
  /** Resolves when the link has ended, whatever the reason. */
  readonly whenEnded: Promise<void>;
  #onWelcome: PendingRequest | undefined;
  #onEnded: (() => void) | undefined;
  #connection: ReconnectingConnection | undefined;
  #nextRequest = 0;
  #isResuming = false;
  /** The engine within whose task this client is. */
  readonly #surrounding = surroundingEngine();
  /** For how many things it is waited. */
  #held = 0;
  #ended: ConnectionError | undefined;

  /** Use {@link ControllerLink.connect}. */
  private constructor(info: ConnectionInfo, listener: LinkListener) {
    this.info = info;
    this.#listener = listener;
    this.#welcome = new Promise((resolve, reject) => {
      this.#onWelcome = { resolve, reject };
    });
    this.whenEnded = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
  }

  /**
   * Connects and introduces itself.
   * @throws ConnectionError also when `timeout` milliseconds are over, SecurityError
   */
  static async connect(info: ConnectionInfo, listener: LinkListener, timeout: number): Promise<ControllerLink> {
    const link = new ControllerLink(info, listener);
    const began = performance.now();
    const connection = await connectLasting({
      host: info.host,
      port: info.port,
      key: info.key,
      timeout,
      hello: () => ({ type: "hello", role: "client", uuid: link.uuid, engineUuid: link.#surrounding?.uuid }),
      isKept: ({ type }) => type === "submit" || type === "submitBalanced",
      onLost: () => link.#interrupted(),
      // Who sends no tasks has nothing to resume.
      onBack: () => (listener.back ?? (() => link.resumed()))(),
      handlers: {
        message: (message, buffers) => link.#receive(message, buffers),
        ...(listener.run && { run: (run) => listener.run?.(run) }),
        place: (message) => listener.place?.(message),
        closed: (error) => link.#closed(error),
      },
    });
    link.#connection = connection;
    link.hold();
    const timer = setTimeout(() => link.#giveUp(timeout), timeout - (performance.now() - began));
    try {
      await link.#welcome;
    } finally {
      clearTimeout(timer);
      link.release();
    }
    return link;
  }

  /** Why the link has ended; `undefined` while it works. */
  get ended(): ConnectionError | undefined {
    return this.#ended;
  }

  /** The address by which the controller's host reaches this process. */
  get localAddress(): string {
    return this.#connection?.localAddress ?? this.info.host;
  }

  send(message: Message, buffers?: readonly Uint8Array[], onSent?: () => void): void {
    this.submissions.flush();
    this.#connection?.send(message, buffers, onSent);
  }

  #sendRun(run: Run): void {
    if (run.ids.length > FEW) this.#connection?.sendRun(run);
    else for (const message of messagesOf(run)) this.#connection?.send(message);
  }

  /** Asks the controller; the process stays alive until the answer is there. */
  request<M extends HubRequest["method"]>(request: Extract<HubRequest, { method: M }>): Promise<Answers[M]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const requestId = this.#nextRequest++;
    this.hold();
    return new Promise<Answers[M]>((resolve, reject) => {
      this.#requests.set(requestId, { request, resolve: resolve as (value: unknown) => void, reject });
      if (!this.#isResuming) this.send({ type: "request", requestId, request });
    }).finally(() => this.release());
  }

  /** Tasks that the controller has not written down, as far as is known. */
  unrecorded(): string[] {
    const all = this.#connection?.unrecorded.all ?? [];
    return all.flatMap(({ message }) =>
      "taskIds" in message ? message.taskIds : "taskId" in message ? message.taskId : [],
    );
  }

  /** Sends those of the tasks again whose submission is kept here; gives the others. */
  submitAgain(taskIds: readonly string[], isOpen: (taskId: string) => boolean): string[] {
    const missing = new Set(taskIds);
    for (const { message, buffers } of this.#connection?.unrecorded.take() ?? []) {
      for (const part of partsOf(message, missing, isOpen)) this.send(part, buffers);
    }
    return [...missing];
  }

  /** Something is waited for: the process stays alive. */
  hold(): void {
    this.#connection?.hold();
    this.#waitFor(1);
  }

  release(): void {
    this.#connection?.release();
    this.#waitFor(-1);
  }

  /** Sends what is queued and closes. */
  close(): void {
    this.submissions.flush();
    this.#end(new ConnectionError("the client was closed"));
    this.#connection?.close();
  }

  /** Within a task, the engine may do something else meanwhile. */
  #waitFor(change: number): void {
    if (this.#ended !== undefined) return;
    this.#held += change;
    this.#surrounding?.waitsFor(change);
  }

  #receive(message: Message, buffers: Uint8Array[]): void {
    if (message.type === "reply") {
      const request = this.#requests.get(message.requestId);
      this.#requests.delete(message.requestId);
      if (message.error === undefined) request?.resolve(message.value);
      else request?.reject(fromWireError(message.error));
      return;
    }
    this.#listener.message(message, buffers);
    if (message.type === "welcome") this.#onWelcome?.resolve(undefined);
  }

  /** The controller knows again what this client has sent: now it can be asked. */
  resumed(): void {
    this.#isResuming = false;
    for (const [requestId, { request }] of this.#requests) {
      if (request !== undefined) this.send({ type: "request", requestId, request });
    }
  }

  #interrupted(): void {
    this.#isResuming = true;
    for (const [requestId, { request, reject }] of this.#requests) {
      if (request === undefined || repeatable.has(request.method)) continue;
      this.#requests.delete(requestId);
      const message = `the controller was lost, and it is not known whether it did what was asked of it (${request.method})`;
      reject(new ConnectionError(message));
    }
  }

  #giveUp(timeout: number): void {
    const { host, port } = this.info;
    this.#end(new ConnectionError(`${host}:${port} did not answer within ${timeout} ms`));
    this.#connection?.destroy();
  }

  #closed(cause: Error | undefined): void {
    const { host, port, clusterId } = this.info;
    const message = `the connection to the controller of cluster ${clusterId} at ${host}:${port} was lost: it has ended or was killed`;
    this.#end(new ConnectionError(message, { cause }));
  }

  #end(error: ConnectionError): void {
    if (this.#ended !== undefined) return;
    this.#waitFor(-this.#held);
    this.#ended = error;
    this.#onWelcome?.reject(error);
    for (const request of this.#requests.values()) request.reject(error);
    this.#requests.clear();
    this.#listener.lost(error);
    this.#onEnded?.();
  }
}

/** What is to be sent again of a submission; the tasks in it are taken out of the list. */
function partsOf(message: Message, missing: Set<string>, isOpen: (taskId: string) => boolean): Message[] {
  if (message.type === "submitBalanced") {
    if (!missing.delete(message.taskId)) return [];
    return [isOpen(message.taskId) ? message : { ...message, isSettled: true }];
  }
  if (message.type !== "submit") return [];
  const chosen = message.taskIds.flatMap((taskId, index) => (missing.delete(taskId) ? [index] : []));
  const part = (indices: readonly number[]): Submit => ({
    ...message,
    taskIds: indices.map((index) => message.taskIds[index] as string),
    engineIds: indices.map((index) => message.engineIds[index] as number),
  });
  const open = chosen.filter((index) => isOpen(message.taskIds[index] as string));
  const settled = chosen.filter((index) => !open.includes(index));
  return [
    ...(open.length === 0 ? [] : [part(open)]),
    ...settled.map((index): Submit => ({ ...part([index]), isSettled: true })),
  ];
}
