/**
 * What tasks wait for other tasks, and whether what they wait for has come, or can come no more. The truth tables are
 * ipyparallel's: success and failure say which endings count; `all` needs every one, otherwise one is enough.
 */

import type { DependencyRequest } from "../../protocol/balancing.ts";
import type { Ending, Endings } from "./endings.ts";

/** What became of what a task waits for. */
export type Verdict =
  | { readonly type: "open" }
  /** Met; the task may run on `places` alone, or anywhere. */
  | { readonly type: "met"; readonly places: ReadonlySet<number> | undefined }
  | { readonly type: "impossible" | "invalid"; readonly reason: string };

/** One condition of one task. */
interface Condition {
  readonly name: "after" | "follow" | "argument";
  readonly request: DependencyRequest;
  /** Tasks whose endings have not come. */
  readonly open: Set<string>;
  met: number;
  /** Engines where the tasks that count have run. */
  readonly places: Set<number>;
  spoiled: string | undefined;
}

interface Dependent<T> {
  readonly task: T;
  readonly conditions: readonly Condition[];
}

const OPEN: Verdict = { type: "open" };

const NOBODY: readonly never[] = [];

export class Dependencies<T extends { readonly taskId: string }> {
  /** Who waits for a task. */
  readonly #dependents = new Map<string, Set<Dependent<T>>>();
  readonly #held = new Map<T, Dependent<T>>();

  /**
   * Takes a task with what it depends on. While the verdict is `open` it is held here.
   * @param isKnown whether a task has been submitted and has not ended
   */
  add(
    task: T,
    requests: Readonly<Partial<Record<Condition["name"], DependencyRequest | undefined>>>,
    endings: Endings,
    isKnown: (taskId: string) => boolean,
  ): Verdict {
    const conditions: Condition[] = [];
    for (const [name, request] of Object.entries(requests) as [Condition["name"], DependencyRequest | undefined][]) {
      if (request === undefined || request.taskIds.length === 0) continue;
      const condition: Condition = { name, request, open: new Set(), met: 0, places: new Set(), spoiled: undefined };
      for (const taskId of new Set(request.taskIds)) {
        const ending = endings.get(taskId);
        if (ending !== undefined) count(condition, taskId, ending);
        else if (taskId !== task.taskId && isKnown(taskId)) condition.open.add(taskId);
        else return { type: "invalid", reason: unknown(name, taskId, task.taskId) };
      }
      conditions.push(condition);
    }
    const verdict = judge(conditions);
    if (verdict.type === "open") this.#hold({ task, conditions });
    return verdict;
  }

  /** A task has ended: the tasks that are not held any more for that reason, each with its verdict. */
  ended(taskId: string, ending: Ending): readonly { readonly task: T; readonly verdict: Verdict }[] {
    const dependents = this.#dependents.size === 0 ? undefined : this.#dependents.get(taskId);
    if (dependents === undefined) return NOBODY;
    this.#dependents.delete(taskId);
    const decided: { task: T; verdict: Verdict }[] = [];
    for (const dependent of dependents) {
      for (const condition of dependent.conditions) {
        if (condition.open.delete(taskId)) count(condition, taskId, ending);
      }
      const verdict = judge(dependent.conditions);
      if (verdict.type === "open") continue;
      this.forget(dependent.task);
      decided.push({ task: dependent.task, verdict });
    }
    return decided;
  }

  /** The task waits no more. */
  forget(task: T): void {
    const dependent = this.#held.get(task);
    if (dependent === undefined) return;
    this.#held.delete(task);
    for (const { open } of dependent.conditions) {
      for (const taskId of open) {
        const dependents = this.#dependents.get(taskId);
        dependents?.delete(dependent);
        if (dependents?.size === 0) this.#dependents.delete(taskId);
      }
    }
  }

  /** How many tasks are held. */
  get size(): number {
    return this.#held.size;
  }

  #hold(dependent: Dependent<T>): void {
    this.#held.set(dependent.task, dependent);
    for (const { open } of dependent.conditions) {
      for (const taskId of open) {
        let dependents = this.#dependents.get(taskId);
        if (dependents === undefined) {
          dependents = new Set();
          this.#dependents.set(taskId, dependents);
        }
        dependents.add(dependent);
      }
    }
  }
}

function count(condition: Condition, taskId: string, { succeeded, engineId }: Ending): void {
  const { request } = condition;
  if (succeeded ? request.success : request.failure) {
    condition.met++;
    condition.places.add(engineId);
  } else {
    condition.spoiled ??= `${taskId} ${succeeded ? "succeeded" : "failed"}`;
  }
}

function judge(conditions: readonly Condition[]): Verdict {
  for (const condition of conditions) {
    const reason = whyImpossible(condition);
    if (reason !== undefined) return { type: "impossible", reason };
  }
  if (!conditions.every(isMet)) return OPEN;
  return { type: "met", places: conditions.find(({ name }) => name === "follow")?.places };
}

function isMet({ request, open, met }: Condition): boolean {
  return request.all ? open.size === 0 : met > 0;
}

function whyImpossible({ name, request, open, met, places, spoiled }: Condition): string | undefined {
  const hopeless = request.all ? spoiled !== undefined : met === 0 && open.size === 0;
  if (hopeless) {
    const what = name === "argument" ? "the result of a task is an argument" : `its ${name} dependency cannot be met`;
    return `${what}, but task ${spoiled}`;
  }
  if (name !== "follow") return undefined;
  if (request.all && places.size > 1) {
    return `it must follow tasks that ran on different engines: ${[...places].sort((a, b) => a - b).join(", ")}`;
  }
  // What never ran was nowhere to be followed to.
  return places.has(-1) && (request.all || open.size === 0) && [...places].every((place) => place < 0)
    ? "it must follow a task that never ran on an engine"
    : undefined;
}

function unknown(name: Condition["name"], taskId: string, own: string): string {
  const role = name === "argument" ? "the result of a task is an argument" : `its ${name} dependency names a task`;
  if (taskId === own) return `${role}, and it is the task itself`;
  return `${role} that the controller does not know, or no longer: ${taskId}`;
}
