/**
 * Cutting a task short that computes after an `await`: then it runs in a callback of Node's, whose books about asynchronous
 * contexts a cut leaves wrong, and Node checks them. The watchdog therefore has this thread, in the midst of what it
 * runs, first say whose code that is, and close the books.
 */

import { currentTask } from "./task-context.ts";

/** Where the watchdog finds {@link LateCut}. */
const PLACE = "ndparallel.lateCut";

interface LateCut {
  /** Whether the code that runs is that of one of the tasks (without ids: of any), and may be cut. */
  readonly mayCut: (taskIds: readonly string[] | null) => boolean;
  /** The cut follows at once. */
  readonly prepare: () => void;
}

/** What the watchdog evaluates on the main thread. */
export const lateCutExpressions: {
  readonly mayCut: (taskIds: readonly string[] | undefined) => string;
  readonly prepare: string;
} = {
  mayCut: (taskIds: readonly string[] | undefined): string =>
    `globalThis[Symbol.for("${PLACE}")].mayCut(${JSON.stringify(taskIds ?? null)})`,
  prepare: `globalThis[Symbol.for("${PLACE}")].prepare()`,
};

/** `isSafe`: whether the task goes on, and nothing but tasks with these ids (without ids: any) would suffer. */
export function provideLateCut(isSafe: (taskId: string, taskIds: readonly string[] | null) => boolean): void {
  const books = asyncBooks();
  const lateCut: LateCut = {
    mayCut: (taskIds) => {
      const context = currentTask();
      return context !== undefined && (taskIds?.includes(context.taskId) ?? true) && isSafe(context.taskId, taskIds);
    },
    prepare: () => books?.clearAsyncIdStack(),
  };
  Object.defineProperty(globalThis, Symbol.for(PLACE), { value: lateCut, enumerable: false, configurable: true });
}

/** Node's books, as it shows them; Node 24 and later have none and need none. */
function asyncBooks(): { clearAsyncIdStack(): void } | undefined {
  const { noDeprecation } = process;
  process.noDeprecation = true;
  try {
    return (process as unknown as { binding(name: string): { clearAsyncIdStack(): void } }).binding("async_wrap");
  } catch {
    return undefined;
  } finally {
    process.noDeprecation = noDeprecation ?? false;
  }
}
