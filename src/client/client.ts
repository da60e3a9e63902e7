/** A client: the engines of one cluster, views on them, and what is in flight. */

import { staysBehind } from "../functions/inert.ts";
import type { DeviceInfo } from "../protocol/devices.ts";
import type { ControllerStatus } from "../protocol/messages.ts";
import { defaultBalancedFlags, mergeBalancedFlags } from "./balanced-flags.ts";
import { DirectView } from "./direct-view.ts";
import type { ClientEvents } from "./events.ts";
import { Executor } from "./executor.ts";
import { type ConnectOptions, checkConnectOptions, findInfo } from "./find-cluster.ts";
import { defaultFlags } from "./flags.ts";
import { HubClient } from "./hub-client.ts";
import { messageIdsOf, type TaskName } from "./jobs.ts";
import { LoadBalancedView } from "./load-balanced-view.ts";
import { Session } from "./session.ts";
import { checkSignal } from "./signals.ts";
import { checkTargets, idAt, idsInSlice, type ShapeOf, type Targets } from "./targets.ts";
import type { TaskQuery } from "./task-records.ts";
import { spansOf, TIMELINE_KEYS, Timeline } from "./timeline.ts";
import type { Wait } from "./waiting.ts";

/** Which engines an order goes to; all of them unless given. */
export interface ControlOptions {
  readonly targets?: Targets;
}

export interface ControlAbortOptions extends ControlOptions {
  /** Interrupt tasks that run, too. */
  readonly running?: boolean;
}

export interface ShutdownOptions extends ControlOptions {
  /** End the whole cluster. */
  readonly hub?: boolean;
  /** Start as many engines anew. */
  readonly restart?: boolean;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** The engines of one cluster, views on them, and what is in flight; made by `cluster.connect()` or {@link Client.connect}. */
export class Client extends HubClient {
  /** Use {@link Client.connect}, or `cluster.connect()`. */
  private constructor(session: Session) {
    super(session);
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
    const { dataWay } = options;
    return new Client(await Session.connect(info, { timeout: Math.max(1, deadline - Date.now()), dataWay }));
  }

  /** Ids of the registered engines, ascending; a copy. */
  get ids(): number[] {
    return this.session.engineIds;
  }

  /** How many engines are registered. */
  get size(): number {
    return this.session.engines.size;
  }

  /** The devices of the engines, by engine id; engines that were given none are not among them. */
  devices(): Map<number, DeviceInfo> {
    const given = [...this.session.engines.values()].sort((a, b) => a.engineId - b.engineId);
    return new Map(
      given.flatMap(({ engineId, device }) => (device === undefined ? [] : [[engineId, device] as const])),
    );
  }

  get clusterId(): string {
    return this.session.link.info.clusterId;
  }

  /** The engine at an index into {@link ids}; negative counts from the end. Results are bare values. */
  at(index: number): DirectView<"one", false> {
    return this.#view(idAt(index, this.session));
  }

  /** Those engines that a slice of {@link ids} holds now. */
  slice(start?: number, end?: number, step?: number): DirectView<"many", false> {
    return this.#view(idsInSlice(this.session, start, end, step));
  }

  /** `"all"` (lazily: engines that come later are in it), one engine by id, or a list of ids. */
  view(): DirectView<"many", false>;
  view<const T extends Targets>(targets: T): DirectView<ShapeOf<T>, false>;
  view(targets: Targets = "all"): DirectView<"one" | "many", false> {
    return this.#view(checkTargets(targets, this.session));
  }

  /** The engines that are there when a task is to run, or these: each task goes to one of them that is free and fits. */
  loadBalancedView(targets?: Targets | null): LoadBalancedView<false> {
    return new LoadBalancedView(this.session, mergeBalancedFlags(defaultBalancedFlags, { targets }, this.session));
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
    await this.session.waitForEngines(count, wait);
  }

  /**
   * Tasks that have not started fail with TaskAborted: those of `jobs`, those of the engines of `targets`, or all
   * outstanding ones. With `{ running: true }` those that run are interrupted and do, too, also in a loop without a
   * break; the namespace stays as it is. Resolves when they have ended. An engine that cannot be interrupted for three
   * seconds, since it is in a call that is not JavaScript, or in a loop after an `await`, is killed and replaced by
   * another, and its task fails with EngineError.
   */
  async abort(jobs?: TaskName | readonly TaskName[] | null, options: ControlAbortOptions = {}): Promise<void> {
    const { targets, running = false } = options;
    const engineIds = targets === undefined ? undefined : this.#engineIds(targets);
    const named = jobs ?? undefined;
    const own = named === undefined && targets === undefined;
    const taskIds = own ? [...this.outstanding] : named === undefined ? undefined : messageIdsOf(named, this.session);
    if (taskIds?.length === 0) return;
    await this.session.link.request<"abort">({ method: "abort", taskIds, engineIds: engineIds ?? this.ids, running });
  }

  /** What the controller knows of the cluster, and how many forged or malformed messages it has refused. */
  status(): Promise<ControllerStatus> {
    return this.session.link.request<"status">({ method: "status" });
  }

  /** Sends single calls to the engine, of these or of all, that has least to do. */
  executor(targets: Targets = "all"): Executor {
    return new Executor(this.session, checkTargets(targets, this.session));
  }

  /** Empties the namespaces of engines, past what waits in their queues. */
  async clear({ targets = "all" }: ControlOptions = {}): Promise<void> {
    await this.session.link.request<"clear">({ method: "clear", engineIds: this.#engineIds(targets) });
  }

  /**
   * Ends engines, or, with `{ hub: true }`, the whole cluster. With `{ restart: true }` as many new engines, with new
   * ids, take their places. Resolves when that is done.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { targets = "all", hub = false, restart = false } = options;
    if (hub) {
      await this.session.link.request<"shutdown">({ method: "shutdown" });
      return;
    }
    await this.session.link.request<"endEngines">({
      method: "endEngines",
      engineIds: this.#engineIds(targets),
      restart,
    });
  }

  /**
   * Sends a signal, by name or number, to the processes of engines. SIGINT interrupts the task that runs, which fails
   * with a RemoteError whose `remoteName` is "InterruptedError"; the engine goes on.
   */
  async sendSignal(signal: NodeJS.Signals | number, { targets = "all" }: ControlOptions = {}): Promise<void> {
    checkSignal(signal);
    await this.session.link.request<"signal">({ method: "signal", signal, engineIds: this.#engineIds(targets) });
  }

  /**
   * Who ran what when, as far as the hub remembers: of all tasks, or of those that match a query as {@link dbQuery}
   * takes it.
   */
  async timeline(query: TaskQuery = {}): Promise<Timeline> {
    return new Timeline(spansOf(await this.dbQuery(query, TIMELINE_KEYS)));
  }

  /** @throws TypeError for an event that does not exist. */
  on<E extends keyof ClientEvents>(event: E, listener: (detail: ClientEvents[E]) => void): this {
    this.session.events.on(event, listener);
    return this;
  }

  /** Ends what {@link on} began. */
  off<E extends keyof ClientEvents>(event: E, listener: (detail: ClientEvents[E]) => void): this {
    this.session.events.off(event, listener);
    return this;
  }

  /** Disconnects. What is outstanding goes on at the engines; its results here reject with ConnectionError. */
  close(): void {
    this.session.close();
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #engineIds(targets: Targets): readonly number[] {
    const checked = checkTargets(targets, this.session);
    if (checked === "all") return this.ids;
    return typeof checked === "number" ? [checked] : checked;
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads say which shape it is
  #view(targets: Targets): DirectView<any, false> {
    return new DirectView(this.session, { ...defaultFlags, targets });
  }
}

staysBehind(Client, "a client");
staysBehind(DirectView, "a view");
staysBehind(LoadBalancedView, "a view");
