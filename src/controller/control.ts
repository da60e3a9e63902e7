/** Orders to engines that go past every queue: interrupts, signals, emptying namespaces, ends. */

import { EngineError } from "../errors.ts";
import type { ControlDone, HubRequest } from "../protocol/messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { Engine, EngineRegistry } from "./engine-registry.ts";
import type { TaskRouter } from "./task-router.ts";

/** An engine whose task goes on for so long after an interrupt is killed, in milliseconds. */
const INTERRUPT_LIMIT_MS = 3_000;

/** The part of the requests that are orders to engines. */
export type Order = Extract<HubRequest, { readonly method: "abort" | "clear" | "signal" | "endEngines" }>;

const methods: ReadonlySet<string> = new Set<Order["method"]>(["abort", "clear", "signal", "endEngines"]);

/** Whether {@link Control} carries out a request. */
export function isOrder(request: HubRequest): request is Order {
  return methods.has(request.method);
}

interface PendingOrder {
  readonly engineId: number;
  resolve(): void;
  reject(error: Error): void;
}

export class Control {
  readonly #registry: EngineRegistry;
  readonly #router: TaskRouter;
  readonly #pending = new Map<number, PendingOrder>();
  #nextOrder = 0;

  constructor(registry: EngineRegistry, router: TaskRouter) {
    this.#registry = registry;
    this.#router = router;
  }

  /** @throws RangeError for an engine that does not exist, EngineError for one that ends meanwhile. */
  async perform(order: Order): Promise<void> {
    switch (order.method) {
      case "abort":
        return await this.#abort(order);
      case "clear":
        await Promise.all(this.#engines(order.engineIds).map((engine) => this.#clear(engine)));
        return;
      case "signal":
        for (const engine of this.#engines(order.engineIds)) {
          this.#registry.tellAgent(engine, { type: "signalEngines", uuids: [engine.uuid], signal: order.signal });
        }
        return;
      case "endEngines":
        return await this.#end(this.#engines(order.engineIds), order.restart ?? false);
    }
  }

  /** An engine has carried out an order. */
  done({ orderId, error }: ControlDone): void {
    const order = this.#pending.get(orderId);
    this.#pending.delete(orderId);
    if (error === undefined) order?.resolve();
    else order?.reject(fromWireError(error));
  }

  engineDown(engineId: number, reason: string): void {
    for (const [orderId, order] of this.#pending) {
      if (order.engineId !== engineId) continue;
      this.#pending.delete(orderId);
      order.reject(new EngineError(`engine ${engineId} is gone: ${reason}`, { engineId }));
    }
  }

  /** With `running`, done when the tasks have ended. */
  async #abort({ taskIds, engineIds, running = false }: Extract<Order, { method: "abort" }>): Promise<void> {
    const chosen = taskIds ?? this.#router.scheduler.unfinished(engineIds);
    this.#router.abort(chosen);
    if (!running) return;
    const byEngine = new Map<Engine, string[]>();
    for (const taskId of chosen) {
      const engine = this.#router.engineOf(taskId);
      if (engine !== undefined) byEngine.set(engine, [...(byEngine.get(engine) ?? []), taskId]);
    }
    await Promise.all([...byEngine].map(([engine, ids]) => this.#interrupt(engine, ids)));
  }

  /** An engine that is caught in something that cannot be interrupted is killed. */
  async #interrupt(engine: Engine, taskIds: readonly string[]): Promise<void> {
    const { uuid } = engine;
    this.#registry.tellAgent(engine, { type: "interruptEngine", uuid, order: { taskIds } });
    const kill = (): void => {
      const options = this.#registry.optionsOf(engine);
      this.#registry.tellAgent(engine, { type: "killEngines", uuids: [uuid] });
      // Where no policy does so, another engine takes its place.
      if (options.restart === undefined) this.#registry.start(1, options).catch(() => undefined);
    };
    const timer = setTimeout(kill, INTERRUPT_LIMIT_MS);
    await this.#router.ended(taskIds);
    clearTimeout(timer);
  }

  /** Ends engines, and starts as many with what those were started with. */
  async #end(engines: readonly Engine[], replace: boolean): Promise<void> {
    const news = replace ? engines.map((engine) => this.#registry.start(1, this.#registry.optionsOf(engine))) : [];
    for (const { engineId } of engines) this.#registry.retired(engineId);
    await this.#registry.gone(engines.map(({ engineId }) => engineId));
    await this.#registry.started(await Promise.all(news));
  }

  #clear(engine: Engine): Promise<void> {
    const orderId = this.#nextOrder++;
    return new Promise((resolve, reject) => {
      this.#pending.set(orderId, { engineId: engine.engineId, resolve, reject });
      engine.connection.send({ type: "clearNamespace", orderId });
    });
  }

  #engines(engineIds: readonly number[] | undefined): readonly Engine[] {
    if (engineIds === undefined) return this.#registry.engines;
    return engineIds.map((engineId) => {
      const engine = this.#registry.engine(engineId);
      if (engine !== undefined) return engine;
      throw new RangeError(`there is no engine ${engineId}`);
    });
  }
}
