/** A client: the engines of one cluster, views on them, and what is in flight. */

import { shown } from "../errors.ts";
import { staysBehind } from "../functions/inert.ts";
import type { TypeHandler } from "../ndarray-transport/types.ts";
import type { DeviceInfo } from "../protocol/devices.ts";
import type { ControllerStatus } from "../protocol/messages.ts";
import { defaultBalancedFlags, mergeBalancedFlags } from "./balanced-flags.ts";
import { ControlClient } from "./control-client.ts";
import { sendCall } from "./direct-call.ts";
import { DirectView } from "./direct-view.ts";
import type { ClientEvents } from "./events.ts";
import type { Executor } from "./executor.ts";
import { type ConnectOptions, checkConnectOptions, findInfo } from "./find-cluster.ts";
import { defaultFlags } from "./flags.ts";
import { LoadBalancedView } from "./load-balanced-view.ts";
import { printAs } from "./printed.ts";
import { keptHandler } from "./ref-wire.ts";
import { resultHandler } from "./result-arguments.ts";
import { Session } from "./session.ts";
import { checkTargets, idAt, idsInSlice, type ShapeOf, type Targets } from "./targets.ts";
import type { TaskQuery } from "./task-records.ts";
import { spansOf, TIMELINE_KEYS, Timeline } from "./timeline.ts";
import { checkWait, type Wait, within } from "./waiting.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/** The engines of one cluster, views on them, and what is in flight; made by `cluster.connect()` or {@link Client.connect}. */
export class Client extends ControlClient {
  /** Use {@link Client.connect}, or `cluster.connect()`. */
  private constructor(session: Session) {
    super(session);
    session.kept.fetch = (each, targets, assembly) =>
      sendCall({ session, flags: defaultFlags, sent: session.tasks.newHistory(), targets }, { each }, assembly);
  }

  /**
   * Connects to a running cluster.
   * @throws TypeError for bad options, ConnectionError when there is no such cluster or it does not answer,
   * SecurityError for a wrong key or a connection file that is open to others, the reason of the signal.
   */
  static async connect(options: ConnectOptions): Promise<Client> {
    checkConnectOptions(options);
    const deadline = Date.now() + (options.timeout ?? CONNECT_TIMEOUT_MS);
    const info = await findInfo(options, deadline);
    const { dataWay } = options;
    const timeout = Math.max(1, deadline - Date.now());
    const handlers = (session: Session): TypeHandler[] => [keptHandler(session), resultHandler];
    const connecting = Session.connect(info, { timeout, dataWay, handlers });
    try {
      return new Client(await within(connecting, { signal: options.signal }, "connecting"));
    } catch (error) {
      // It may come after all.
      connecting.then(
        (session) => session.close(),
        () => undefined,
      );
      throw error;
    }
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

  /**
   * A direct view that gives arrays also for a single engine. As with every direct view, a call is sent once, whatever
   * the number of its engines, and each host has its large arrays once.
   */
  broadcastView(targets: Targets = "all"): DirectView<"many", false> {
    const checked = checkTargets(targets, this.session);
    return this.#view(typeof checked === "number" ? [checked] : checked);
  }

  /** The engines that are there when a task is to run, or these: each task goes to one of them that is free and fits. */
  loadBalancedView(targets?: Targets | null): LoadBalancedView<false> {
    const { session } = this;
    const flags = mergeBalancedFlags(defaultBalancedFlags, { targets }, session);
    return new LoadBalancedView({ session, flags, sent: session.tasks.newHistory() });
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
      throw new TypeError(`count must be a number of engines; given: ${shown(count)}`);
    }
    checkWait(wait, "waitForEngines");
    await this.session.waitForEngines(count, wait);
  }

  /** What the controller knows of the cluster, and how many forged or malformed messages it has refused. */
  status(): Promise<ControllerStatus> {
    return this.session.link.request<"status">({ method: "status" });
  }

  /** Single calls, each on the engine, of these or of all, that is free first. */
  executor(targets?: Targets | null): Executor {
    return this.loadBalancedView(targets).executor();
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

  // biome-ignore lint/suspicious/noExplicitAny: the overloads say which shape it is
  #view(targets: Targets): DirectView<any, false> {
    const { session } = this;
    return new DirectView({ session, flags: { ...defaultFlags, targets }, sent: session.tasks.newHistory() });
  }
}

staysBehind(Client, "a client");
staysBehind(DirectView, "a view");
staysBehind(LoadBalancedView, "a view");

printAs(Client, ({ clusterId, ids }) => ({ clusterId, ids }));
