/** The view whose tasks go to whichever engine is free and fits: one engine each, of the scheduler's choosing. */

import { partition } from "../parallel-map/partition.ts";
import { sequenceLength, toSequence } from "../parallel-map/sequences.ts";
import type { CallValue } from "../protocol/calls.ts";
import { bareValue } from "./assembly.ts";
import type { AsyncResult } from "./async-result.ts";
import { type BalancedOrder, requestFor, sendBalanced, submitBalanced } from "./balanced-call.ts";
import { type BalancedFlags, mergeBalancedFlags, type ResolvedBalancedFlags } from "./balanced-flags.ts";
import { balancedMap } from "./balanced-map.ts";
import { setCurrentView } from "./current-view.ts";
import { decoratorFactories } from "./decorator-factory.ts";
import type { ParallelDecorator, RemoteDecorator } from "./decorator-types.ts";
import { encodeCall } from "./encode-call.ts";
import type { WithBlock } from "./flags.ts";
import { imap } from "./imap.ts";
import { planParts } from "./map-call.ts";
import type { ElementOf, ElementsOf, ImapInput, MapResult, SequenceInput } from "./map-types.ts";
import { checkFunction } from "./parameters.ts";
import { reduceAssembly } from "./reduce-call.ts";
import type { Returned } from "./result-types.ts";
import type { Session } from "./session.ts";

/**
 * Tasks for whichever engine is free. `B` tells whether calls give promises (flag `block`) or AsyncResults. There is no
 * push, pull or scatter here: nobody knows beforehand where a task will run.
 */
export class LoadBalancedView<B extends boolean = boolean> {
  readonly #session: Session;
  readonly #flags: ResolvedBalancedFlags;

  /** Made by a client; not for programs to call. */
  constructor(session: Session, flags: ResolvedBalancedFlags) {
    this.#session = session;
    this.#flags = flags;
  }

  /** The engines among which is chosen; `null`: all that there are when a task is to run. */
  get targets(): readonly number[] | null {
    const { targets } = this.#flags;
    return targets === "all" ? null : typeof targets === "number" ? [targets] : targets;
  }

  /** How many engines that is now. */
  get size(): number {
    return this.targets?.length ?? this.#session.engineIds.length;
  }

  /** Whether calls give promises of values instead of AsyncResults. */
  get block(): B {
    return this.#flags.block as B;
  }

  /** A view with other flags. @throws TypeError for an unknown flag. */
  with<const F extends BalancedFlags>(flags: F): LoadBalancedView<WithBlock<F, B>> {
    return new LoadBalancedView(this.#session, mergeBalancedFlags(this.#flags, flags, this.#session));
  }

  /** Makes this view the one that decorators without a view use. */
  activate(): this {
    setCurrentView(this);
    return this;
  }

  /** Calls `fn` on one engine. */
  apply<A extends unknown[], R>(fn: (...args: A) => R, ...args: Awaitable<A>): Returned<B, Awaited<R>> {
    return this.#return(() => this.#apply<R>(fn, args));
  }

  /** {@link apply}, whatever the flag `block` says. */
  applyAsync<A extends unknown[], R>(fn: (...args: A) => R, ...args: Awaitable<A>): AsyncResult<Awaited<R>> {
    return this.#apply<R>(fn, args);
  }

  /** {@link apply} that gives a promise of the value. */
  async applySync<A extends unknown[], R>(fn: (...args: A) => R, ...args: Awaitable<A>): Promise<Awaited<R>> {
    return await this.#apply<R>(fn, args);
  }

  /**
   * Calls `fn` once for each element, stops at the shortest sequence. Elements travel in chunks (flag `chunkSize`), each
   * of which goes to the next free engine.
   */
  map<Q extends [SequenceInput, ...SequenceInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): Returned<B, MapResult<Q[0], Awaited<R>>> {
    return this.#return(() => this.#map<Q, R>(fn, sequences));
  }

  /** {@link map}, whatever the flag `block` says. */
  mapAsync<Q extends [SequenceInput, ...SequenceInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): AsyncResult<MapResult<Q[0], Awaited<R>>> {
    return this.#map<Q, R>(fn, sequences);
  }

  /** {@link map} that gives a promise of the value. */
  async mapSync<Q extends [SequenceInput, ...SequenceInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): Promise<MapResult<Q[0], Awaited<R>>> {
    return await this.#map<Q, R>(fn, sequences);
  }

  /**
   * {@link map} as an async iterator: of endless and asynchronous sequences too, since elements are taken only when
   * there is room for their tasks (flag `maxOutstanding`), one for each task. Leaving the loop aborts what has not
   * started.
   */
  imap<Q extends [ImapInput, ...ImapInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): AsyncGenerator<Awaited<R>, void, undefined> {
    const callable = checkFunction(fn);
    const session = this.#session;
    const { ordered, returnExceptions, signal, maxOutstanding, modules } = this.#flags;
    const submit = (args: readonly unknown[]): ReturnType<typeof submitBalanced> => {
      const call: CallValue = { operation: "apply", fn: callable, args };
      const sender = { session, flags: this.#flags };
      return submitBalanced(
        sender,
        encodeCall(call, session.serializerFor(modules)),
        requestFor(sender, { call, units: 1 }),
      );
    };
    const limit = maxOutstanding === "auto" ? Math.max(1, this.size) : maxOutstanding || Number.POSITIVE_INFINITY;
    const abort = (tasks: Parameters<Session["abort"]>[0]): Promise<void> => session.abort(tasks);
    return imap({ submit, abort, limit, ordered, returnExceptions, signal }, sequences);
  }

  /**
   * Folds a sequence: each engine a part, and one of them the parts' results, so `fn` must be associative.
   * @throws TypeError for an empty sequence without `initial`.
   */
  reduce<Q extends SequenceInput>(
    fn: (left: ElementOf<Q>, right: ElementOf<Q>) => ElementOf<Q> | Promise<ElementOf<Q>>,
    sequence: Q,
    ...initial: [] | [ElementOf<Q>]
  ): Returned<B, ElementOf<Q>> {
    return this.#return(() => this.#reduce(fn, sequence, initial));
  }

  /** A decorator: calls of the function go to this view. */
  remote<const F extends BalancedFlags>(flags?: F): RemoteDecorator<"one", WithBlock<F, B>> {
    return decoratorFactories.remote(this, flags);
  }

  /** A decorator: calls of the function are divided into chunks, which go to whichever engines are free. */
  parallel<const F extends BalancedFlags>(flags?: F): ParallelDecorator<WithBlock<F, B>> {
    return decoratorFactories.parallel(this, flags);
  }

  /**
   * Calls `fn` once with each chunk of every sequence among `args`, and joins the results: what a parallel function does.
   * The chunks have `chunkSize` elements; with `"auto"` there is one for each engine.
   * @throws TypeError without a sequence, RangeError for sequences of different lengths.
   */
  applyParts(fn: (...args: never[]) => unknown, args: readonly unknown[]): Returned<B, unknown> {
    return this.#return(() => {
      const { chunkSize } = this.#flags;
      const parts = chunkSize === "auto" ? { parts: Math.max(1, this.size) } : { chunkSize };
      const { each, assembly } = planParts(checkFunction(fn), args, parts, false);
      const orders = each.map((call, index) => ({ call, units: assembly.counts?.[index] ?? 1 }));
      return this.#send<unknown>(orders, assembly);
    });
  }

  /** Message ids of this client's tasks, in the order they were sent; a copy. */
  get history(): string[] {
    return [...this.#session.history];
  }

  /** Ids of this client's tasks that have been sent and not answered. */
  get outstanding(): Set<string> {
    return new Set(this.#session.outstanding.keys());
  }

  #apply<R>(fn: unknown, args: readonly unknown[]): AsyncResult<Awaited<R>> {
    const call: CallValue = { operation: "apply", fn: checkFunction(fn), args };
    return this.#send([{ call, units: 1 }], bareValue) as AsyncResult<Awaited<R>>;
  }

  #map<Q extends unknown[], R>(fn: unknown, sequences: Q): AsyncResult<MapResult<Q[0], Awaited<R>>> {
    const sender = { session: this.#session, flags: this.#flags };
    return balancedMap(sender, checkFunction(fn), sequences, this.size) as AsyncResult<MapResult<Q[0], Awaited<R>>>;
  }

  #reduce<E>(fn: unknown, sequence: unknown, initial: readonly E[]): AsyncResult<E> {
    const normal = toSequence(sequence, "sequence");
    const length = sequenceLength(normal);
    if (length === 0 && initial.length === 0) throw new TypeError("reduce of an empty sequence needs an initial value");
    const parts = partition(normal, Math.max(1, Math.min(this.size, length)));
    const callable = checkFunction(fn);
    const fold = (part: unknown, units: number): BalancedOrder => ({
      call: { operation: "reduce", fn: callable, sequence: part },
      units,
    });
    const combine = (values: readonly unknown[]): Promise<E> =>
      this.#send([fold(values, values.length)], bareValue).get() as Promise<E>;
    const orders = parts.map((part) => fold(part, sequenceLength(part))).filter(({ units }) => units > 0);
    return this.#send<E>(orders, reduceAssembly(true, initial, combine));
  }

  #send<T>(orders: readonly BalancedOrder[], assembly: Parameters<typeof sendBalanced<T>>[2]): AsyncResult<T> {
    return sendBalanced({ session: this.#session, flags: this.#flags }, orders, assembly);
  }

  /** With the flag `block` everything, also a refusal, comes through the promise. */
  #return<T>(call: () => AsyncResult<T>): Returned<B, T> {
    if (!this.#flags.block) return call() as Returned<B, T>;
    const blocking = async (): Promise<T> => await call();
    return blocking() as Returned<B, T>;
  }
}

/** Arguments that may also be the results of tasks. */
type Awaitable<A extends unknown[]> = { [K in keyof A]: A[K] | AsyncResult<A[K]> };
