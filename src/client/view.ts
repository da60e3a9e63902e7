/** What every view is: calls, maps and folds of functions on engines, and the tasks that were sent through it. */

import { partition } from "../parallel-map/partition.ts";
import { sequenceLength, toSequence } from "../parallel-map/sequences.ts";
import type { CallValue } from "../protocol/calls.ts";
import { type Assembly, bareValue } from "./assembly.ts";
import type { AsyncResult } from "./async-result.ts";
import { ControlClient } from "./control-client.ts";
import { setCurrentView } from "./current-view.ts";
import { Executor } from "./executor.ts";
import type { QueueStatusByEngine } from "./hub-client.ts";
import type { Job, TaskName } from "./jobs.ts";
import { type PartitionPlan, planParts } from "./map-call.ts";
import type { ElementOf, ElementsOf, ImapInput, MapResult, SequenceInput } from "./map-types.ts";
import { checkOptions } from "./options.ts";
import { checkFunction } from "./parameters.ts";
import type { InteractiveOptions } from "./progress.ts";
import { reduceAssembly } from "./reduce-call.ts";
import { RemoteRef } from "./remote-ref.ts";
import type { Arguments, Kept, Returned, Shaped } from "./result-types.ts";
import type { Session } from "./session.ts";
import type { Shape, Targets } from "./targets.ts";
import type { AbortOptions } from "./task.ts";
import type { ResultName } from "./task-client.ts";
import type { TaskHistory } from "./task-history.ts";
import type { Wait } from "./waiting.ts";

/** Who sends, how, and where it is noted. */
export interface Sender<F = unknown> {
  readonly session: Session;
  readonly flags: F;
  readonly sent: TaskHistory;
}

/** A call for one engine, and how many items it goes through. */
export interface PartCall {
  readonly call: CallValue;
  readonly units: number;
}

/** The flags that this part of a view looks at. */
interface ViewFlags {
  readonly block: boolean;
  readonly targets: Targets;
}

/**
 * Engines, and how calls are made on them. `S` tells whether calls give bare values or arrays, `B` whether they give
 * promises (flag `block`) or AsyncResults, `K` whether their values stay on the engines
 * (flag `keep`). `with` makes a view with other flags;
 * both have one history.
 */
export abstract class View<S extends Shape = Shape, B extends boolean = boolean, K extends boolean = false> {
  protected readonly sender: Sender<ViewFlags>;
  readonly #control: ControlClient;

  constructor(sender: Sender<ViewFlags>) {
    this.sender = sender;
    this.#control = new ControlClient(sender.session, sender.sent);
    // Not for whoever prints a view.
    Object.defineProperty(this, "sender", { enumerable: false });
  }

  /** How many engines that is now. */
  abstract get size(): number;

  /** Calls `fn` once, on each engine or on one of them. */
  protected abstract call(fn: unknown, args: readonly unknown[]): AsyncResult<unknown>;

  /** Calls `fn` for each element. */
  protected abstract mapCall(fn: unknown, sequences: readonly unknown[]): AsyncResult<unknown>;

  /** The same, lazily. */
  protected abstract imapCall(fn: unknown, sequences: readonly unknown[]): AsyncGenerator<unknown, void, undefined>;

  /** Sends calls to an engine each: to those given, else not more than there are {@link parts}. */
  protected abstract sendParts<T>(
    orders: readonly PartCall[],
    assembly: Assembly<T>,
    engineIds?: readonly number[],
  ): AsyncResult<T>;

  /** In how many parts work is divided. */
  protected abstract get parts(): number;

  /** Whether calls give promises of values instead of AsyncResults. */
  get block(): B {
    return this.sender.flags.block as B;
  }

  /** Makes this view the one that decorators without a view use. */
  activate(): this {
    setCurrentView(this);
    return this;
  }

  /** Calls `fn` on the engines: on each of a direct view, on one of a load-balanced view. */
  apply<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...args: Arguments<A>
  ): Returned<B, Kept<K, Shaped<S, Awaited<R>>>> {
    if (this.sender.flags.block) return this.give(() => this.applyAsync(fn, ...args));
    return this.call(checkFunction(fn), args) as Returned<B, Kept<K, Shaped<S, Awaited<R>>>>;
  }

  /** {@link apply}, whatever the flag `block` says. */
  applyAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...args: Arguments<A>
  ): AsyncResult<Kept<K, Shaped<S, Awaited<R>>>> {
    return this.call(checkFunction(fn), args) as AsyncResult<Kept<K, Shaped<S, Awaited<R>>>>;
  }

  /** {@link apply} that gives a promise of the value. */
  async applySync<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...args: Arguments<A>
  ): Promise<Kept<K, Shaped<S, Awaited<R>>>> {
    return await this.applyAsync(fn, ...args);
  }

  /**
   * Calls `fn` once for each element, stops at the shortest sequence. Each engine of a direct view has one contiguous
   * part; a load-balanced view sends chunks (flag `chunkSize`), each of which goes to the next free engine.
   */
  map<Q extends [SequenceInput, ...SequenceInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): Returned<B, Kept<K, MapResult<Q[0], Awaited<R>>>> {
    return this.give(() => this.mapAsync(fn, ...sequences));
  }

  /** {@link map}, whatever the flag `block` says. */
  mapAsync<Q extends [SequenceInput, ...SequenceInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): AsyncResult<Kept<K, MapResult<Q[0], Awaited<R>>>> {
    return this.mapCall(checkFunction(fn), sequences) as AsyncResult<Kept<K, MapResult<Q[0], Awaited<R>>>>;
  }

  /** {@link map} that gives a promise of the value. */
  async mapSync<Q extends [SequenceInput, ...SequenceInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): Promise<Kept<K, MapResult<Q[0], Awaited<R>>>> {
    return await this.mapAsync(fn, ...sequences);
  }

  /**
   * {@link map} as an async iterator: of endless and asynchronous sequences too, since elements are taken only when
   * there is room for their tasks (flag `maxOutstanding`), one for each task. Leaving the loop aborts what has not
   * started.
   */
  imap<Q extends [ImapInput, ...ImapInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): AsyncGenerator<Kept<K, Awaited<R>>, void, undefined> {
    return this.imapCall(checkFunction(fn), sequences) as AsyncGenerator<Kept<K, Awaited<R>>, void, undefined>;
  }

  /**
   * Folds a sequence: each engine a part, and one of them the parts' results, so `fn` must be associative.
   * @throws TypeError for an empty sequence without `initial`.
   */
  reduce<Q extends SequenceInput>(
    fn: (left: ElementOf<Q>, right: ElementOf<Q>) => ElementOf<Q> | Promise<ElementOf<Q>>,
    sequence: Q,
    ...initial: [] | [ElementOf<Q>]
  ): Returned<B, Kept<K, ElementOf<Q>>> {
    return this.give(() => this.#reduce<Kept<K, ElementOf<Q>>>(fn, sequence, initial as never));
  }

  /**
   * Calls `fn` once with each part of every sequence among `args`, and joins the results: what a parallel function does.
   * Other arguments go to every engine whole. The parts of a load-balanced view have `chunkSize` elements; with `"auto"`
   * there is one for each engine.
   * @throws TypeError without a sequence, RangeError for sequences of different lengths.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the decorators know what the parts become
  applyParts(fn: (...args: never[]) => unknown, args: readonly unknown[]): Returned<B, any> {
    return this.give(() => {
      const { each, assembly, engineIds } = planParts(checkFunction(fn), args, this.partition, this.isSingle);
      const orders = each.map((call, index) => ({ call, units: assembly.counts?.[index] ?? 1 }));
      return this.sendParts<unknown>(orders, assembly, engineIds);
    });
  }

  /** Single calls in the manner of Python's `concurrent.futures`, with a history of their own. */
  executor(): Executor<S> {
    return new Executor<S>(this.withHistory(this.sender.session.tasks.newHistory()) as never);
  }

  /** Message ids of the tasks that were sent through this view, in that order; a copy. */
  get history(): string[] {
    return this.#control.history;
  }

  /** Ids of those that have not been answered. */
  get outstanding(): Set<string> {
    return this.#control.outstanding;
  }

  /**
   * Whether the jobs end in time, as `client.wait` says: message ids, indices into {@link history}, AsyncResults,
   * promises, or a list of them; without jobs, what was sent through this view.
   */
  async wait(jobs?: Job | readonly Job[], wait: Wait = {}): Promise<boolean> {
    return await this.#control.wait(jobs, wait);
  }

  /** {@link wait} with a bar on a terminal, or lines elsewhere, on stderr. */
  async waitInteractive(jobs?: Job | readonly Job[], options: InteractiveOptions = {}): Promise<boolean> {
    return await this.#control.waitInteractive(jobs, options);
  }

  /** The result of tasks, as `client.getResult` says; indices, and no name, are those of {@link history}. */
  getResult(names: readonly TaskName[], options?: { readonly owner?: boolean }): AsyncResult<unknown[]>;
  getResult(name?: ResultName, options?: { readonly owner?: boolean }): AsyncResult<unknown>;
  getResult(names?: ResultName | readonly TaskName[], options?: { readonly owner?: boolean }): AsyncResult<unknown> {
    return this.#control.getResult(names as ResultName, options);
  }

  /**
   * Tasks that have not started fail with TaskAborted, with `{ running: true }` also those that run: those of `jobs`, or
   * all that this client has outstanding at the engines of a direct view, or has sent through a load-balanced view.
   */
  async abort(jobs?: TaskName | readonly TaskName[] | null, options: AbortOptions = {}): Promise<void> {
    checkOptions("abort", options, { running: "boolean" });
    await this.#control.abort(jobs ?? this.abortable(), options as { readonly running?: boolean });
  }

  /** Tasks by engine, of the engines of this view: counts, or with `verbose` message ids. */
  async queueStatus(options: { readonly verbose: true }): Promise<QueueStatusByEngine<string[]>>;
  async queueStatus(options?: { readonly verbose?: false }): Promise<QueueStatusByEngine>;
  async queueStatus(options: { readonly verbose?: boolean } = {}): Promise<unknown> {
    checkOptions("queueStatus", options, { verbose: "boolean" });
    return await this.#control.queueStatus({ ...(options as { verbose: true }), targets: this.sender.flags.targets });
  }

  /**
   * Forgets results, here and at the hub: of the tasks that are named, or of all on the engines of this view.
   * @throws Error when one of them has not ended.
   */
  async purgeResults(names?: TaskName | readonly TaskName[] | "all"): Promise<void> {
    await this.#control.purgeResults(names, names === undefined ? { targets: this.sender.flags.targets } : {});
  }

  /** Ends the engines of this view, or the whole cluster, as `client.shutdown` says. */
  async shutdown(options: { readonly hub?: boolean; readonly restart?: boolean } = {}): Promise<void> {
    checkOptions("shutdown", options, { hub: "boolean", restart: "boolean" });
    await this.#control.shutdown({ ...options, targets: this.sender.flags.targets });
  }

  /** The same view with another history. */
  protected abstract withHistory(sent: TaskHistory): View<S, B, K>;

  /** How the sequences of a parallel function are divided. */
  protected get partition(): PartitionPlan {
    return { parts: this.parts };
  }

  /** Whether calls describe themselves by bare values. */
  protected get isSingle(): boolean {
    return false;
  }

  /** The tasks that an abort without names means. */
  protected abortable(): string[] {
    return [...this.outstanding];
  }

  /** With the flag `block` everything, also a refusal, comes through the promise. */
  protected give<T>(call: () => AsyncResult<T>): Returned<B, T> {
    if (!this.sender.flags.block) return call() as Returned<B, T>;
    const blocking = async (): Promise<T> => await call();
    return blocking() as Returned<B, T>;
  }

  #reduce<E>(fn: unknown, sequence: unknown, initial: readonly E[]): AsyncResult<E> {
    const callable = checkFunction(fn);
    const whole = toSequence(sequence, "sequence");
    const length = sequenceLength(whole);
    if (length === 0 && initial.length === 0) throw new TypeError("reduce of an empty sequence needs an initial value");
    const fold = (part: unknown, units: number): PartCall => ({
      call: { operation: "reduce", fn: callable, sequence: part },
      units,
    });
    const combine = async (values: readonly unknown[]): Promise<E> => {
      const result = this.sendParts([fold(values, values.length)], bareValue);
      for (const value of values) if (value instanceof RemoteRef) value.free();
      return (await result) as E;
    };
    const orders = partition(whole, Math.max(1, Math.min(this.parts, length)))
      .map((part) => fold(part, sequenceLength(part)))
      .filter(({ units }) => units > 0);
    return this.sendParts<E>(orders, reduceAssembly(this.isSingle, initial, combine));
  }
}
