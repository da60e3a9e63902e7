/** What clients ask of the hub, but for their tasks: each request goes to the part that knows. */

import type { Rejections } from "../channel/listener.ts";
import type { ControllerStatus, EngineInfo, HubRequest, QueueStatus, Tasks } from "../protocol/messages.ts";
import type { ArrayKeeper } from "./array-keeper.ts";
import type { BufferLedger } from "./buffer-ledger.ts";
import { type Control, isOrder, type Order } from "./control.ts";
import type { Engine, EngineRegistry } from "./engine-registry.ts";
import { type HubQuestions, isQuestion, type Question } from "./hub-questions.ts";
import type { Submitter } from "./pending-task.ts";
import type { Submissions } from "./submissions.ts";
import type { TaskRouter } from "./task-router.ts";

export interface HubParts {
  readonly clusterId: string;
  readonly registry: EngineRegistry;
  readonly router: TaskRouter;
  readonly submissions: Submissions;
  readonly questions: HubQuestions;
  readonly control: Control;
  readonly ledger: BufferLedger;
  /** If large arrays are to be kept. */
  readonly keeper: ArrayKeeper | undefined;
  readonly clients: ReadonlyMap<string, Submitter>;
  readonly rejections: () => Readonly<Rejections>;
  readonly shutdown: () => Promise<void>;
}

const ENDING: ReadonlySet<string> = new Set(["stopEngines", "restartEngines", "retire", "endEngines"]);

export class HubRequests {
  readonly #parts: HubParts;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** Tells a client that is back how its tasks stand. */
  async resume(taskIds: readonly string[], client: Submitter): Promise<void> {
    const answers = await Promise.all(taskIds.map((taskId) => this.#parts.router.sendResult(taskId, client, true)));
    client.connection.send({ type: "resumed", unknown: taskIds.filter((_, index) => answers[index] === "unknown") });
  }

  /** The answer, or a promise of it. */
  perform(request: HubRequest, client: Submitter): unknown {
    const { questions, submissions, control } = this.#parts;
    if (isQuestion(request)) {
      const { recovery } = this.#parts.router;
      const answer = (): unknown =>
        questions.answer(request, (taskId, asked) => submissions.resubmit(taskId, asked, client), client.uuid);
      return recovery.isOver ? answer() : recovery.over().then(answer);
    }
    const change = (): unknown => (isOrder(request) ? control.perform(request) : this.#change(request, client));
    const { keeper } = this.#parts;
    // What ends is not to take with it what is on its way to the database.
    return keeper !== undefined && ENDING.has(request.method) ? keeper.settled().then(change) : change();
  }

  #change(request: Exclude<HubRequest, Question | Order>, client: Submitter): unknown {
    switch (request.method) {
      case "startEngines":
        return this.#parts.registry.start(request.count, request);
      case "stopEngines":
        return this.#parts.registry.stop(request.engineSet);
      case "restartEngines":
        return this.#parts.registry.restart(request.engineSet);
      case "signalEngines":
        return this.#parts.registry.signal(request.signal, request.engineSet);
      case "shutdown":
        return this.#parts.shutdown();
      case "retire":
        return this.#retire(request.engineIds);
      case "queueStatus":
        return this.#queueStatus(request.verbose ?? false);
      case "status":
        return this.#status();
      case "result":
        return this.#result(request.taskId, client);
    }
  }

  /** After a restart a task may be known again only when its client is back. */
  async #result(taskId: string, client: Submitter): Promise<"sent" | "pending" | "unknown"> {
    const { router } = this.#parts;
    const answer = await router.sendResult(taskId, client);
    if (answer !== "unknown" || !router.recovery.isEarly) return answer;
    await router.recovery.appeared(taskId);
    return await router.sendResult(taskId, client);
  }

  /** Resolves once the engines have ended. @throws RangeError when one does not exist. */
  #retire(engineIds: readonly number[]): Promise<void> {
    const ids = this.#parts.registry.engines.map(({ engineId }) => engineId);
    const unknown = engineIds.find((engineId) => !ids.includes(engineId));
    if (unknown !== undefined) {
      const known = ids.length === 0 ? "no engine is registered" : `engine ids are: ${ids.join(", ")}`;
      throw new RangeError(`there is no engine ${unknown}; ${known}`);
    }
    for (const engineId of engineIds) this.#parts.router.retire(engineId);
    return this.#parts.registry.gone(engineIds);
  }

  /** Ids only if asked for: there may be very many. */
  async #queueStatus(verbose: boolean): Promise<QueueStatus> {
    const { questions, router } = this.#parts;
    const completedIds = verbose ? await questions.completed() : undefined;
    const show = (ids: readonly string[]): Tasks => (verbose ? ids : ids.length);
    const engines = router.scheduler.queues().map(({ engineId, waiting, dispatched, completed }) => ({
      engineId,
      queued: show([...dispatched.slice(1), ...waiting]),
      running: show(dispatched.slice(0, 1)),
      completed: completedIds === undefined ? completed : (completedIds.get(engineId) ?? []),
    }));
    return { engines, unassigned: show(router.scheduler.unassigned()) };
  }

  #status(): ControllerStatus {
    const databaseFailure = this.#parts.questions.databaseFailure;
    return {
      clusterId: this.#parts.clusterId,
      pid: process.pid,
      agents: this.#parts.registry.agents.map(({ uuid, pid, host }) => ({ uuid, pid, host })),
      engines: this.#parts.registry.engines.map(engineInfo),
      engineSets: this.#parts.registry.engineSets,
      clients: this.#parts.clients.size,
      buffers: this.#parts.ledger.size,
      ...(databaseFailure === undefined ? {} : { databaseFailure }),
      rejected: { ...this.#parts.rejections() },
    };
  }
}

export function engineInfo({ engineId, uuid, pid, engineSet, host, device }: Engine): EngineInfo {
  return { engineId, uuid, pid, engineSet, host, device };
}
