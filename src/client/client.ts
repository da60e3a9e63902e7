/** A client: the engines of one cluster, views on them, and what is in flight. */

import { setTimeout as delay } from "node:timers/promises";
import { ConnectionError } from "../errors.ts";
import { staysBehind } from "../functions/inert.ts";
import type { ControllerStatus } from "../protocol/messages.ts";
import { AsyncResult } from "./async-result.ts";
import {
  type ConnectionInfo,
  checkConnectionInfo,
  connectionFilePath,
  connectionFiles,
  defaultProfileDir,
  readConnectionFile,
} from "./connection-file.ts";
import { DirectView } from "./direct-view.ts";
import type { ClientEvents } from "./events.ts";
import { defaultFlags } from "./flags.ts";
import { Session } from "./session.ts";
import { checkTargets, idAt, idsInSlice, type ShapeOf, type Targets } from "./targets.ts";
import { checkWait, type Wait, within } from "./waiting.ts";

/** Where to find a cluster: exactly one of `clusterId`, `file` and `info`. */
export interface ConnectOptions {
  /** Id of a cluster of this user on this machine. */
  readonly clusterId?: string;
  /** Path of a connection file. */
  readonly file?: string;
  /** The contents of a connection file. */
  readonly info?: ConnectionInfo;
  /** Where connection files lie, for `clusterId`. */
  readonly profileDir?: string;
  /** Milliseconds for the file to appear and the controller to answer; 10,000 unless given. */
  readonly timeout?: number;
}

/** What {@link Client.wait} waits for. */
export type Job = string | number | AsyncResult<unknown> | PromiseLike<unknown>;

/** How many tasks wait at, run on, and have been completed by one engine; or, if verbose, which. */
export interface EngineQueueStatus<T> {
  readonly queue: T;
  readonly tasks: T;
  readonly completed: number;
}

/** Queues by engine id. `unassigned` counts tasks that have no engine yet. */
export type QueueStatusByEngine<T = number> = { readonly [engineId: number]: EngineQueueStatus<T> } & {
  readonly unassigned: T;
};

const CONNECT_TIMEOUT_MS = 10_000;
/** How often a connection file is looked for, in milliseconds. */
const FILE_POLL_MS = 50;

/** The engines of one cluster, views on them, and what is in flight; made by `cluster.connect()` or {@link Client.connect}. */
export class Client {
  readonly #session: Session;

  /** Use {@link Client.connect}, or `cluster.connect()`. */
  private constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Connects to a running cluster.
   * @throws TypeError for bad options, ConnectionError when there is no such cluster or it does not answer,
   * SecurityError for a wrong key or a connection file that is open to others.
   */
  static async connect(options: ConnectOptions): Promise<Client> {
    checkConnectOptions(options);
    const deadline = Date.now() + (options.timeout ?? CONNECT_TIMEOUT_MS);
    const info = await findInfo(options, deadline);
    return new Client(await Session.connect(info, Math.max(1, deadline - Date.now())));
  }

  /** Ids of the registered engines, ascending; a copy. */
  get ids(): number[] {
    return this.#session.engineIds;
  }

  /** How many engines are registered. */
  get size(): number {
    return this.#session.engines.size;
  }

  get clusterId(): string {
    return this.#session.link.info.clusterId;
  }

  /** The engine at an index into {@link ids}; negative counts from the end. Results are bare values. */
  at(index: number): DirectView<"one", false> {
    return this.#view(idAt(index, this.#session));
  }

  /** Those engines that a slice of {@link ids} holds now. */
  slice(start?: number, end?: number, step?: number): DirectView<"many", false> {
    return this.#view(idsInSlice(this.#session, start, end, step));
  }

  /** `"all"` (lazily: engines that come later are in it), one engine by id, or a list of ids. */
  view(): DirectView<"many", false>;
  view<const T extends Targets>(targets: T): DirectView<ShapeOf<T>, false>;
  view(targets: Targets = "all"): DirectView<"one" | "many", false> {
    return this.#view(checkTargets(targets, this.#session));
  }

  /** One view for each engine, in the order of their ids. */
  *[Symbol.iterator](): Generator<DirectView<"one", false>, void, undefined> {
    for (const id of this.ids) yield this.#view(id);
  }

  /**
   * Waits until at least `count` engines are registered.
   * @throws TimeoutError, EngineError when an engine set stops meanwhile, ConnectionError.
   */
  async waitForEngines(count: number, wait: Wait = {}): Promise<void> {
    if (!Number.isInteger(count) || count < 0) {
      throw new TypeError(`count must be a number of engines; given: ${String(count)}`);
    }
    await this.#session.waitForEngines(count, wait);
  }

  /**
   * Whether the jobs end in time: message ids, indices into the history, AsyncResults, promises, or a list of them;
   * without jobs everything that is outstanding. Never rejects for a job that failed.
   */
  async wait(jobs?: Job | readonly Job[], wait: Wait = {}): Promise<boolean> {
    checkWait(wait);
    const list =
      jobs === undefined ? [...this.#session.outstanding.keys()] : Array.isArray(jobs) ? jobs : [jobs as Job];
    const ends = list.map((job: Job) => this.#ended(job));
    try {
      await within(Promise.all(ends), wait, "waiting for jobs");
      return true;
    } catch {
      return false;
    }
  }

  /** Ids of the tasks that have been sent and not answered. */
  get outstanding(): Set<string> {
    return new Set(this.#session.outstanding.keys());
  }

  /** Ids of the tasks in the order they were sent, the last 100,000 at least; a copy. */
  get history(): string[] {
    return [...this.#session.history];
  }

  /**
   * The result of a task by its id, whoever sent it: of a list an array. The hub keeps results of late.
   * The result rejects with RangeError when the hub does not know the task.
   */
  getResult(id: string): AsyncResult<unknown>;
  getResult(ids: readonly string[]): AsyncResult<unknown[]>;
  getResult(ids: string | readonly string[]): AsyncResult<unknown> {
    const single = typeof ids === "string";
    const list = single ? [ids] : [...ids];
    const tasks = list.map((id) => {
      if (typeof id === "string" && id !== "") return this.#session.fetch(id);
      throw new TypeError(`a message id must be a string; given: ${String(id)}`);
    });
    const assemble = (values: readonly unknown[]): unknown => (single ? values[0] : [...values]);
    return new AsyncResult({
      session: this.#session,
      tasks,
      assembly: { single, assemble, items: (value) => [value] },
    });
  }

  /** Tasks by engine: counts, or with `verbose` message ids. */
  async queueStatus(options: {
    readonly targets?: Targets;
    readonly verbose: true;
  }): Promise<QueueStatusByEngine<string[]>>;
  async queueStatus(options?: { readonly targets?: Targets; readonly verbose?: false }): Promise<QueueStatusByEngine>;
  async queueStatus(options: { readonly targets?: Targets; readonly verbose?: boolean } = {}): Promise<unknown> {
    const targets = checkTargets(options.targets ?? "all", this.#session);
    const wanted = targets === "all" ? undefined : new Set(typeof targets === "number" ? [targets] : targets);
    const { engines, unassigned } = await this.#session.link.request<"queueStatus">({ method: "queueStatus" });
    const show = (ids: readonly string[]): number | string[] => (options.verbose ? [...ids] : ids.length);
    const status: Record<string, unknown> = {};
    for (const { engineId, queued, running, completed } of engines) {
      if (wanted?.has(engineId) ?? true) status[engineId] = { queue: show(queued), tasks: show(running), completed };
    }
    return { ...status, unassigned: show(unassigned) };
  }

  /** Tasks that have not started fail with TaskAborted: those of `jobs`, or all outstanding ones. */
  async abort(jobs?: string | AsyncResult<unknown> | readonly (string | AsyncResult<unknown>)[]): Promise<void> {
    const list = jobs === undefined ? [...this.#session.outstanding.keys()] : Array.isArray(jobs) ? jobs : [jobs];
    const taskIds = list.flatMap((job: unknown) => {
      if (typeof job === "string") return [job];
      if (job instanceof AsyncResult) return job.messageIds;
      throw new TypeError(`jobs must be message ids or AsyncResults; given: ${String(job)}`);
    });
    if (taskIds.length > 0) await this.#session.link.request<"abort">({ method: "abort", taskIds });
  }

  /** What the controller knows of the cluster, and how many forged or malformed messages it has refused. */
  status(): Promise<ControllerStatus> {
    return this.#session.link.request<"status">({ method: "status" });
  }

  /** @throws TypeError for an event that does not exist. */
  on<E extends keyof ClientEvents>(event: E, listener: (detail: ClientEvents[E]) => void): this {
    this.#session.events.on(event, listener);
    return this;
  }

  /** Ends what {@link on} began. */
  off<E extends keyof ClientEvents>(event: E, listener: (detail: ClientEvents[E]) => void): this {
    this.#session.events.off(event, listener);
    return this;
  }

  /** Disconnects. What is outstanding goes on at the engines; its results here reject with ConnectionError. */
  close(): void {
    this.#session.close();
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads say which shape it is
  #view(targets: Targets): DirectView<any, false> {
    return new DirectView(this.#session, { ...defaultFlags, targets });
  }

  #ended(job: Job): Promise<unknown> {
    if (job instanceof AsyncResult) return job.wait();
    const id = typeof job === "number" ? this.history.at(job) : job;
    if (typeof id === "string") {
      const task = this.#session.outstanding.get(id);
      return task === undefined ? Promise.resolve() : new Promise((resolve) => task.whenSettled(resolve));
    }
    if (typeof job === "number") throw new RangeError(`there is no task at index ${job} of the history`);
    if (typeof (job as PromiseLike<unknown> | null)?.then !== "function") {
      throw new TypeError(`jobs must be message ids, history indices, AsyncResults or promises; given: ${String(job)}`);
    }
    return Promise.resolve(job).then(
      () => undefined,
      () => undefined,
    );
  }
}

function checkConnectOptions(options: ConnectOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("connect needs an object with one of clusterId, file and info");
  }
  const given = (["clusterId", "file", "info"] as const).filter((name) => options[name] !== undefined);
  if (given.length !== 1) {
    throw new TypeError(`connect needs exactly one of clusterId, file and info; given: ${given.join(", ") || "none"}`);
  }
  checkWait({ timeout: options.timeout });
}

async function findInfo(options: ConnectOptions, deadline: number): Promise<ConnectionInfo> {
  if (options.info !== undefined) return checkConnectionInfo(options.info);
  const profileDir = options.profileDir ?? defaultProfileDir();
  const path = options.file ?? connectionFilePath(options.clusterId as string, profileDir);
  for (;;) {
    try {
      return readConnectionFile(path);
    } catch (error) {
      const missing = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
      if (!missing || Date.now() >= deadline) throw missing ? noSuchCluster(path, profileDir, error) : error;
      await delay(FILE_POLL_MS);
    }
  }
}

function noSuchCluster(path: string, profileDir: string, cause: unknown): ConnectionError {
  const known = connectionFiles(profileDir).map(({ clusterId }) => clusterId);
  const running = known.length === 0 ? "no cluster is running" : `running clusters: ${known.join(", ")}`;
  return new ConnectionError(`there is no connection file ${path}; ${running}`, { cause });
}

staysBehind(Client, "a client");
staysBehind(DirectView, "a view");
