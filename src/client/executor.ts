/** Calls in the manner of Python's `concurrent.futures`. */

import { shown } from "../errors.ts";
import type { AsyncResult } from "./async-result.ts";
import { checkOptions } from "./options.ts";
import type { Shaped } from "./result-types.ts";
import type { Shape } from "./targets.ts";

/** What `map` goes through: the shortest ends it. */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

/** How a map runs. */
export interface ExecutorMapOptions {
  /** How many calls are in flight at once; twice the number of engines unless given. */
  readonly maxOutstanding?: number;
}

/** The part of a view that calls go through. */
interface Callee<S extends Shape> {
  readonly size: number;
  applyAsync<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): AsyncResult<Shaped<S, Awaited<R>>>;
  wait(): Promise<boolean>;
}

/**
 * Calls through a view: over a load-balanced one each goes to an engine that is free, over a direct one to all of its
 * engines.
 */
export class Executor<S extends Shape = "one"> implements AsyncDisposable {
  readonly #view: Callee<S>;
  #isShutDown = false;

  /** Made by `client.executor()` and `view.executor()`; not for programs to call. */
  constructor(view: Callee<S>) {
    this.#view = view;
  }

  /** How many engines there are for its calls. */
  get maxWorkers(): number {
    return this.#view.size;
  }

  /** Calls `fn`. @throws Error after {@link shutdown}. */
  submit<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): AsyncResult<Shaped<S, Awaited<R>>> {
    this.#expectOpen();
    return this.#view.applyAsync(fn, ...args);
  }

  /**
   * Calls `fn` for each item, or each item of several sequences together, and yields the values in order. Items are
   * taken as they are needed, so that sequences may be endless. A call that failed throws at its place; whoever leaves
   * the loop aborts what has not started. A map that was made before {@link shutdown} goes on as far as it is iterated.
   */
  map<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...parameters: [...{ [K in keyof A]: Items<A[K]> }] | [...{ [K in keyof A]: Items<A[K]> }, ExecutorMapOptions]
  ): AsyncGenerator<Shaped<S, Awaited<R>>, void, undefined> {
    this.#expectOpen();
    return this.#map(fn, parameters);
  }

  async *#map<A extends unknown[], R>(
    fn: (...args: A) => R,
    parameters: readonly unknown[],
  ): AsyncGenerator<Shaped<S, Awaited<R>>, void, undefined> {
    const { sequences, options } = split(parameters);
    const limit = checkLimit(options.maxOutstanding ?? Math.max(1, 2 * this.maxWorkers));
    const items = together(sequences)[Symbol.asyncIterator]();
    const waiting: AsyncResult<Shaped<S, Awaited<R>>>[] = [];
    let isOver = false;
    try {
      for (;;) {
        while (!isOver && waiting.length < limit) {
          const { done, value } = await items.next();
          if (done) isOver = true;
          else waiting.push(this.#view.applyAsync(fn, ...(value as A)));
        }
        const next = waiting.shift();
        if (next === undefined) return;
        yield await next;
      }
    } finally {
      await items.return?.(undefined);
      for (const result of waiting) if (!result.ready) void result.abort().catch(() => undefined);
    }
  }

  /** Takes no more calls; with `wait` (unless it is `false`) resolves when those that were made have ended. */
  async shutdown(options: { readonly wait?: boolean } = {}): Promise<void> {
    const { wait = true } = checkOptions("shutdown", options, { wait: "boolean" });
    this.#isShutDown = true;
    if (wait) await this.#view.wait();
  }

  /** {@link shutdown}. The engines go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  #expectOpen(): void {
    if (this.#isShutDown) throw new Error("the executor was shut down: it takes no more calls");
  }
}

/** The last parameter may be options, which no sequence looks like. */
function split(parameters: readonly unknown[]): { sequences: Items<unknown>[]; options: ExecutorMapOptions } {
  const last = parameters.at(-1);
  const hasOptions = typeof last === "object" && last !== null && !isItems(last);
  const sequences = (hasOptions ? parameters.slice(0, -1) : parameters) as unknown[];
  if (sequences.length === 0) throw new TypeError("map needs at least one sequence after the function");
  sequences.forEach((sequence, index) => {
    if (!isItems(sequence)) throw new TypeError(`sequence ${index} of the map is not iterable: ${String(sequence)}`);
  });
  const options: ExecutorMapOptions = hasOptions ? last : {};
  checkOptions("map", options, { maxOutstanding: "any" });
  return { sequences: sequences as Items<unknown>[], options };
}

function isItems(value: unknown): boolean {
  if (typeof value === "string") return true;
  return typeof value === "object" && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);
}

function checkLimit(limit: unknown): number {
  if (Number.isInteger(limit) && (limit as number) > 0) return limit as number;
  throw new TypeError(`maxOutstanding must be a whole number of at least 1; given: ${shown(limit)}`);
}

/** The first items of all sequences, then the second ones, until one of them ends. */
async function* together(sequences: readonly Items<unknown>[]): AsyncGenerator<unknown[], void, undefined> {
  const iterators = sequences.map((sequence) =>
    Symbol.asyncIterator in (sequence as object)
      ? (sequence as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : (sequence as Iterable<unknown>)[Symbol.iterator](),
  );
  try {
    for (;;) {
      const items: unknown[] = [];
      for (const iterator of iterators) {
        const { done, value } = await iterator.next();
        if (done) return;
        items.push(value);
      }
      yield items;
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.();
  }
}
