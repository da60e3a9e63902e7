/** The order in which the tasks of a call are looked at while they arrive. */

import { shown } from "../errors.ts";
import type { Growth } from "./growth.ts";
import type { ClientTask } from "./task.ts";

/** The index of each task in turn, once it has settled. */
export async function* inOrder(tasks: readonly ClientTask[], growth?: Growth): AsyncGenerator<number, void, undefined> {
  for (let index = 0; ; index++) {
    while (index >= tasks.length) {
      if (growth === undefined || growth.isComplete) return;
      await new Promise<void>((resolve) => growth.onChange(resolve));
    }
    const task = tasks[index] as ClientTask;
    if (!task.settled) await new Promise<unknown>((resolve) => task.whenSettled(resolve));
    yield index;
  }
}

/** The index of each task, first the one that settles first. */
export async function* asTheyArrive(
  tasks: readonly ClientTask[],
  growth?: Growth,
): AsyncGenerator<number, void, undefined> {
  const arrived: number[] = [];
  let wake: (() => void) | undefined;
  const watch = (task: ClientTask, index: number): void => {
    task.whenSettled(() => {
      arrived.push(index);
      wake?.();
    });
  };
  tasks.forEach(watch);
  growth?.onTask(watch);
  growth?.onComplete(() => wake?.());
  for (let given = 0; given < tasks.length || growth?.isComplete === false; given++) {
    while (arrived.length === given) {
      if (given === tasks.length && growth?.isComplete !== false) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    yield arrived[given] as number;
  }
}

/** When a wait for several tasks is over: with the first that ends, with the first that fails, or with the last. */
export type ReturnWhen = "firstCompleted" | "firstException" | "allCompleted";

const spellings: Readonly<Record<string, ReturnWhen>> = {
  firstCompleted: "firstCompleted",
  firstException: "firstException",
  allCompleted: "allCompleted",
  // As Python's concurrent.futures, and so ipyparallel, writes them.
  FIRST_COMPLETED: "firstCompleted",
  FIRST_EXCEPTION: "firstException",
  ALL_COMPLETED: "allCompleted",
};

/** @throws TypeError for what is no {@link ReturnWhen}. */
export function checkReturnWhen(value: unknown): ReturnWhen {
  const known = Object.hasOwn(spellings, String(value)) ? spellings[String(value)] : undefined;
  if (typeof value === "string" && known !== undefined) return known;
  throw new TypeError(
    `returnWhen must be "firstCompleted", "firstException" or "allCompleted"; given: ${shown(value)}`,
  );
}

/** Resolves when the wait is over. */
export function untilReturn(tasks: readonly ClientTask[], returnWhen: ReturnWhen, growth?: Growth): Promise<void> {
  return new Promise((resolve) => {
    const isGrowing = growth?.isComplete === false;
    let left = tasks.length + (isGrowing ? 1 : 0);
    const less = (): void => {
      if (--left === 0) resolve();
    };
    const watch = (task: ClientTask): void =>
      task.whenSettled(({ error }) => {
        if (returnWhen === "firstCompleted" || (returnWhen === "firstException" && error !== undefined)) resolve();
        less();
      });
    if (left === 0) resolve();
    for (const task of tasks) watch(task);
    if (!isGrowing) return;
    growth?.onTask((task) => {
      left++;
      watch(task);
    });
    growth?.onComplete(less);
  });
}
