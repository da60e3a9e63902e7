/** What a client orders past every queue: stopping tasks, emptying namespaces, ending and signalling engines. */

import { HubClient } from "./hub-client.ts";
import { messageIdsOf, type TaskName } from "./jobs.ts";
import { checkOptions } from "./options.ts";
import { checkSignal } from "./signals.ts";
import { checkTargets, type Targets } from "./targets.ts";

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

export class ControlClient extends HubClient {
  /**
   * Tasks that have not started fail with TaskAborted: those of `jobs`, those of the engines of `targets`, or all
   * outstanding ones. With `{ running: true }` those that run are interrupted and do, too, also in a loop without a
   * break; the namespace stays as it is. Resolves when they have ended. An engine that cannot be interrupted for three
   * seconds, since it is in a call that is not JavaScript, is killed and replaced by another, and its task fails with
   * EngineError.
   */
  async abort(jobs?: TaskName | readonly TaskName[] | null, options: ControlAbortOptions = {}): Promise<void> {
    checkOptions("abort", options, { targets: "any", running: "boolean" });
    const { targets, running = false } = options;
    const engineIds = targets === undefined ? undefined : this.#engineIds(targets);
    const named = jobs ?? undefined;
    const own = named === undefined && targets === undefined;
    const taskIds = own ? [...this.outstanding] : named === undefined ? undefined : messageIdsOf(named, this.sent);
    if (taskIds?.length === 0) return;
    const all = this.session.engineIds;
    await this.session.link.request<"abort">({ method: "abort", taskIds, engineIds: engineIds ?? all, running });
  }

  /** Empties the namespaces of engines, past what waits in their queues. */
  async clear(options: ControlOptions = {}): Promise<void> {
    const { targets = "all" } = checkOptions("clear", options, { targets: "any" });
    await this.session.link.request<"clear">({ method: "clear", engineIds: this.#engineIds(targets) });
  }

  /**
   * Ends engines, or, with `{ hub: true }`, the whole cluster. With `{ restart: true }` as many new engines, with new
   * ids, take their places. Resolves when that is done.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkOptions("shutdown", options, { targets: "any", hub: "boolean", restart: "boolean" });
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
  async sendSignal(signal: NodeJS.Signals | number, options: ControlOptions = {}): Promise<void> {
    checkSignal(signal);
    const { targets = "all" } = checkOptions("sendSignal", options, { targets: "any" });
    await this.session.link.request<"signal">({ method: "signal", signal, engineIds: this.#engineIds(targets) });
  }

  #engineIds(targets: Targets): readonly number[] {
    const checked = checkTargets(targets, this.session);
    if (checked === "all") return this.session.engineIds;
    return typeof checked === "number" ? [checked] : checked;
  }
}
