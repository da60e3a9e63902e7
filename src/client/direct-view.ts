/** The view that addresses engines: calls, namespaces, scatter and gather. */

import { readFileSync } from "node:fs";
import { type JoinOptions, joinReceived } from "../parallel-map/join.ts";
import { partition } from "../parallel-map/partition.ts";
import { sequenceLength, toSequence } from "../parallel-map/sequences.ts";
import type { CallValue } from "../protocol/calls.ts";
import type { Assembly, AsyncResult } from "./async-result.ts";
import { setCurrentView } from "./current-view.ts";
import { decoratorFactories } from "./decorator-factory.ts";
import type { ParallelDecorator, RemoteDecorator } from "./decorator-types.ts";
import { type Order, sendCall } from "./direct-call.ts";
import { directImap } from "./direct-imap.ts";
import type { ExecuteOptions, ScatterOptions } from "./direct-options.ts";
import { type DirectFlags, mergeFlags, type ResolvedFlags, type WithBlock, type WithTargets } from "./flags.ts";
import { flattened } from "./flatten.ts";
import { importNames } from "./import-names.ts";
import { planMap, planParts } from "./map-call.ts";
import type { ElementOf, ElementsOf, ImapInput, MapResult, SequenceInput } from "./map-types.ts";
import { checkFunction, checkName, checkNames, checkRecord } from "./parameters.ts";
import { reduceAssembly } from "./reduce-call.ts";
import type { Returned, Shaped } from "./result-types.ts";
import type { Session } from "./session.ts";
import { resolveTargets, type Shape } from "./targets.ts";

// biome-ignore lint/suspicious/noExplicitAny: what lies in a namespace has no type here; the caller knows it
type Named = any;

/**
 * Engines that are addressed by id. `S` tells whether calls give bare values (one engine) or arrays, `B` whether they
 * give promises (flag `block`) or AsyncResults.
 */
export class DirectView<S extends Shape = Shape, B extends boolean = boolean> {
  readonly #session: Session;
  readonly #flags: ResolvedFlags;

  /** Made by a client; not for programs to call. */
  constructor(session: Session, flags: ResolvedFlags) {
    this.#session = session;
    this.#flags = flags;
  }

  /** The engines that a call would go to now. */
  get targets(): number | readonly number[] {
    const { targets } = this.#flags;
    return typeof targets === "number" ? targets : resolveTargets(targets, this.#session);
  }

  /** How many engines that is. */
  get size(): number {
    const { targets } = this.#flags;
    return targets === "all" ? this.#session.engineIds.length : typeof targets === "number" ? 1 : targets.length;
  }

  /** Whether calls give promises of values instead of AsyncResults. */
  get block(): B {
    return this.#flags.block as B;
  }

  /** A view with other flags. @throws TypeError for an unknown flag. */
  with<const F extends DirectFlags>(flags: F): DirectView<WithTargets<F, S>, WithBlock<F, B>> {
    return new DirectView(this.#session, mergeFlags(this.#flags, flags, this.#session));
  }

  /** Makes this view the one that decorators without a view use. */
  activate(): this {
    setCurrentView(this);
    return this;
  }

  /** Calls `fn` on each target. */
  apply<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Returned<B, Shaped<S, Awaited<R>>> {
    return this.#return(() => this.#apply(fn, args));
  }

  /** {@link apply}, whatever the flag `block` says. */
  applyAsync<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): AsyncResult<Shaped<S, Awaited<R>>> {
    return this.#apply(fn, args);
  }

  /** {@link apply} that gives a promise of the value. */
  async applySync<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<Shaped<S, Awaited<R>>> {
    return await this.#apply(fn, args);
  }

  /** Calls `fn` once for each element, stops at the shortest sequence; each engine has one contiguous part. */
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

  /** {@link map} as an async iterator, also of endless and asynchronous sequences: elements go to the targets in turn. */
  imap<Q extends [ImapInput, ...ImapInput[]], R>(
    fn: (...items: ElementsOf<Q>) => R,
    ...sequences: Q
  ): AsyncGenerator<Awaited<R>, void, undefined> {
    return directImap(
      { session: this.#session, flags: this.#flags, targets: this.#resolve() },
      checkFunction(fn),
      sequences,
    );
  }

  /**
   * Folds a sequence: each engine its part, and one of them the parts' results, so `fn` must be associative.
   * @throws TypeError for an empty sequence without `initial`.
   */
  reduce<Q extends SequenceInput>(
    fn: (left: ElementOf<Q>, right: ElementOf<Q>) => ElementOf<Q> | Promise<ElementOf<Q>>,
    sequence: Q,
    ...initial: [] | [ElementOf<Q>]
  ): Returned<B, ElementOf<Q>> {
    return this.#return(() => this.#reduce(fn, sequence, initial));
  }

  /** Runs source text in the namespaces; with `silent: false` the result is the value of the last expression. */
  execute(code: string, options: ExecuteOptions = {}): Returned<B, Shaped<S, Named>> {
    return this.#return(() => this.#execute(code, options, undefined));
  }

  /** Runs the text of a file of this machine in the namespaces. */
  run(file: string | URL, options: ExecuteOptions = {}): Returned<B, Shaped<S, Named>> {
    return this.#return(() => this.#execute(`${readFileSync(file, "utf8")}\n`, options, String(file)));
  }

  /** Puts values into the namespaces, by name; a dotted name reaches inside what is there. */
  push(record: Readonly<Record<string, unknown>>): Returned<B, void> {
    return this.#return(() => this.#push(record));
  }

  /** Values of the namespaces: one for a name, a list for a list of names. */
  pull(names: string | readonly string[]): Returned<B, Shaped<S, Named>> {
    return this.#return(() => this.#pull(names));
  }

  /** {@link pull} that gives a promise. */
  async get(name: string): Promise<Shaped<S, Named>> {
    return await this.#pull(name);
  }

  /** {@link push} of one name that gives a promise. */
  async set(name: string, value: unknown): Promise<void> {
    return await this.#push({ [name]: value });
  }

  /** {@link push} that gives a promise. */
  async update(record: Readonly<Record<string, unknown>>): Promise<void> {
    return await this.#push(record);
  }

  /** Divides a sequence over the targets and puts each part under `name`. */
  scatter(name: string, sequence: SequenceInput, options: ScatterOptions = {}): Returned<B, void> {
    return this.#return(() => {
      checkName(name);
      const targets = this.#resolve();
      const { flatten = false, ...how } = options;
      const parts = partition(toSequence(sequence, "sequence"), targets.length, how);
      const values = flatten ? flattened(parts, how.axis) : parts;
      const each = values.map((value) => ({ operation: "push" as const, record: { [name]: value } }));
      return this.#send<void>({ each }, this.#nothing(), targets);
    });
  }

  /** Joins the parts that lie under `name`: the inverse of {@link scatter}. */
  gather(name: string, options: JoinOptions = {}): Returned<B, Named> {
    return this.#return(() =>
      this.#send<Named>(
        { operation: "pull", names: checkName(name) },
        { single: this.#single, assemble: (values) => joinReceived(values, options), items: (value) => [value] },
      ),
    );
  }

  /**
   * Loads modules into the namespaces, under their own names or those of the record: `import("node:os")`,
   * `import(["lodash"])`, `import({ nd: "ndarray" })`. They resolve from the engines' working directory.
   */
  import(specifiers: string | readonly string[] | Readonly<Record<string, string>>): Returned<B, void> {
    return this.#return(() =>
      this.#send<void>({ operation: "import", modules: importNames(specifiers) }, this.#nothing()),
    );
  }

  /** Empties the namespaces. */
  clear(): Returned<B, void> {
    return this.#return(() => this.#send<void>({ operation: "clear" }, this.#nothing()));
  }

  /** A decorator: calls of the function go to this view. */
  remote<const F extends DirectFlags>(flags?: F): RemoteDecorator<WithTargets<F, S>, WithBlock<F, B>> {
    return decoratorFactories.remote(this, flags);
  }

  /** A decorator: calls of the function are divided over this view's engines. */
  parallel<const F extends DirectFlags>(flags?: F): ParallelDecorator<WithBlock<F, B>> {
    return decoratorFactories.parallel(this, flags);
  }

  /**
   * Calls `fn` once on each target with its part of every sequence among `args`, and joins the results: what a
   * parallel function does. Arguments that are no sequences go to every target whole.
   * @throws TypeError without a sequence, RangeError for sequences of different lengths.
   */
  applyParts(fn: (...args: never[]) => unknown, args: readonly unknown[]): Returned<B, Named> {
    return this.#return(() => {
      const targets = this.#resolve();
      const { each, assembly } = planParts(checkFunction(fn), args, { parts: targets.length }, this.#single);
      return this.#send<Named>({ each }, assembly, targets);
    });
  }

  get #single(): boolean {
    return typeof this.#flags.targets === "number";
  }

  #apply<A extends unknown[], R>(fn: (...args: A) => R, args: A): AsyncResult<Shaped<S, Awaited<R>>> {
    return this.#send({ operation: "apply", fn: checkFunction(fn), args }, this.#shaped());
  }

  #map<Q extends unknown[], R>(fn: unknown, sequences: Q): AsyncResult<MapResult<Q[0], Awaited<R>>> {
    const targets = this.#resolve();
    const { each, assembly } = planMap(checkFunction(fn), sequences, targets.length, this.#single);
    return this.#send({ each }, assembly, targets) as AsyncResult<MapResult<Q[0], Awaited<R>>>;
  }

  #reduce<E>(fn: unknown, sequence: unknown, initial: readonly E[]): AsyncResult<E> {
    const targets = this.#resolve();
    const normal = toSequence(sequence, "sequence");
    const length = sequenceLength(normal);
    if (length === 0 && initial.length === 0) throw new TypeError("reduce of an empty sequence needs an initial value");
    const parts = partition(normal, Math.max(1, Math.min(targets.length, length))).filter(
      (part) => sequenceLength(part) > 0,
    );
    const callable = checkFunction(fn);
    const fold = (part: unknown): CallValue => ({ operation: "reduce", fn: callable, sequence: part });
    const combine = (values: readonly unknown[]): Promise<E> =>
      this.#send<E>(
        fold(values),
        { single: true, assemble: ([value]) => value as E, items: (value) => [value] },
        targets.slice(0, 1),
      ).get();
    return this.#send<E>({ each: parts.map(fold) }, reduceAssembly(this.#single, initial, combine), targets);
  }

  #execute(
    code: string,
    { silent = true }: ExecuteOptions,
    filename: string | undefined,
  ): AsyncResult<Shaped<S, Named>> {
    if (typeof code !== "string") throw new TypeError(`code must be a string; given: ${String(code)}`);
    return this.#send({ operation: "execute", code, silent, file: filename }, this.#shaped());
  }

  #push(record: Readonly<Record<string, unknown>>): AsyncResult<void> {
    return this.#send<void>({ operation: "push", record: checkRecord(record) }, this.#nothing());
  }

  #pull(names: string | readonly string[]): AsyncResult<Shaped<S, Named>> {
    const checked = typeof names === "string" ? checkName(names) : checkNames(names);
    return this.#send({ operation: "pull", names: checked }, this.#shaped());
  }

  /** The values as they are: bare for a single target, a list for several. */
  #shaped<T>(): Assembly<T> {
    const single = this.#single;
    return { single, assemble: (values) => (single ? values[0] : [...values]) as T, items: (value) => [value] };
  }

  /** For calls that give no value. */
  #nothing(): Assembly<void> {
    return { single: this.#single, assemble: () => undefined, items: () => [undefined] };
  }

  #resolve(): readonly number[] {
    return resolveTargets(this.#flags.targets, this.#session);
  }

  #send<T>(order: Order, assembly: Assembly<T>, targets: readonly number[] = this.#resolve()): AsyncResult<T> {
    return sendCall({ session: this.#session, flags: this.#flags, targets }, order, assembly);
  }

  /** With the flag `block` everything, also a refusal, comes through the promise. */
  #return<T>(call: () => AsyncResult<T>): Returned<B, T> {
    if (!this.#flags.block) return call() as Returned<B, T>;
    const blocking = async (): Promise<T> => await call();
    return blocking() as Returned<B, T>;
  }
}
