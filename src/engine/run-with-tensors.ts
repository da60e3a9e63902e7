/** What surrounds the work of one task: libraries are loaded for it first, and tensors are looked after. */

import { adoptLibraries, beginTensorTask, type TensorTask } from "../tensors/task-scope.ts";

type Later<T> = T | Promise<T>;

/** The work of one task, and what becomes of its end. */
export interface Work<T> {
  /** Starts what must be there before the task can be read; undefined if everything is. */
  prepare(): Promise<unknown> | undefined;
  /** Runs something in a callback of its own, which can be cut short; then the promise stays open. */
  apart<R>(run: () => Later<R>): Promise<R>;
  perform(): unknown;
  end(value: unknown): Later<T>;
  endBadly(error: unknown): T;
  /** Everything that tasks have left behind, and that lives on. */
  remains(): Iterable<unknown>;
}

/** Does the work. The outcome is a promise only if the work itself is asynchronous, or uses tensors. */
export function doWork<T>(work: Work<T>): Later<T> {
  try {
    const preparation = work.prepare();
    return preparation === undefined
      ? begin(work)
      : preparation.then(
          () => work.apart(() => begin(work)),
          (error) => work.endBadly(error),
        );
  } catch (error) {
    return work.endBadly(error);
  }
}

function begin<T>(work: Work<T>): Later<T> {
  return doWithTensors(() => work) ?? goOn(work, () => work.perform());
}

/** Does the work where tensors have to be looked after; undefined where none are used. */
export function doWithTensors<T>(work: () => Work<T>): Later<T> | undefined {
  const adopted = adoptLibraries();
  if (adopted !== undefined) {
    const waiting = work();
    return adopted.then(() => begin(waiting));
  }
  const tensors = beginTensorTask();
  return tensors && withTensors(work(), tensors);
}

/** The work of what uses no tensors: `perform` does it, or has done so. */
export function goOn<T>(work: Work<T>, perform: () => unknown): Later<T> {
  try {
    const value = perform();
    if (!isPromiseLike(value)) return work.end(value);
    return Promise.resolve(value).then(
      (settled) => work.end(settled),
      (error) => work.endBadly(error),
    );
  } catch (error) {
    return work.endBadly(error);
  }
}

/** The work is done when the devices have done theirs, and what it made and nobody holds is freed. */
async function withTensors<T>(work: Work<T>, tensors: TensorTask): Promise<T> {
  try {
    const value = await work.perform();
    await tensors.settle();
    return await work.end(value);
  } catch (error) {
    await tensors.settle().catch(() => undefined);
    return work.endBadly(error);
  } finally {
    tensors.release(work.remains());
  }
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof (value as { then: unknown }).then === "function"
  );
}
