/** The order in which the tasks of a call are looked at while they arrive. */

import type { ClientTask } from "./task.ts";

/** The index of each task in turn, once it has settled. */
export async function* inOrder(tasks: readonly ClientTask[]): AsyncGenerator<number, void, undefined> {
  for (const [index, task] of tasks.entries()) {
    if (!task.settled) await new Promise<unknown>((resolve) => task.whenSettled(resolve));
    yield index;
  }
}

/** The index of each task, first the one that settles first. */
export async function* asTheyArrive(tasks: readonly ClientTask[]): AsyncGenerator<number, void, undefined> {
  const arrived: number[] = [];
  let wake: (() => void) | undefined;
  tasks.forEach((task, index) => {
    task.whenSettled(() => {
      arrived.push(index);
      wake?.();
    });
  });
  for (let given = 0; given < tasks.length; given++) {
    if (arrived.length === given) {
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
    `returnWhen must be "firstCompleted", "firstException" or "allCompleted"; given: ${String(value)}`,
  );
}

/** Resolves when the wait is over. */
export function untilReturn(tasks: readonly ClientTask[], returnWhen: ReturnWhen): Promise<void> {
  return new Promise((resolve) => {
    let left = tasks.length;
    if (left === 0) resolve();
    for (const task of tasks) {
      task.whenSettled(({ error }) => {
        left--;
        const enough = returnWhen === "firstCompleted" || (returnWhen === "firstException" && error !== undefined);
        if (enough || left === 0) resolve();
      });
    }
  });
}
