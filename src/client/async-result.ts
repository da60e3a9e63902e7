/** The result of a call while it is on its way: one value for one target, an array in target order for several. */

import { CompositeError, TimeoutError } from "../errors.ts";
import type { Metadata } from "./metadata.ts";
import { SENT, type SendTracker } from "./send-tracker.ts";
import type { Session } from "./session.ts";
import type { ClientTask } from "./task.ts";
import { elapsedTime, serialTime } from "./timing.ts";
import { checkWait, type Wait, within } from "./waiting.ts";

/** How the values of the tasks become the value of the call. */
export interface Assembly<T> {
  /** Whether the call has one target, and so describes itself by bare values. */
  readonly single: boolean;
  /** Puts the values, in target order, together. */
  assemble(values: readonly unknown[]): T | Promise<T>;
  /** The items of one task's value, for iteration. */
  items(value: unknown, index: number): Iterable<unknown>;
  /** How many items each task gives: one, unless the call is a map. */
  readonly counts?: readonly number[] | undefined;
}

export interface GetOptions extends Wait {
  /** Put errors in the place of the values that are missing, instead of rejecting. */
  readonly returnExceptions?: boolean | undefined;
}

/** What describes a call: bare for a single target, an array in target order for several. */
export type PerTarget<T> = T | T[];

export interface AsyncResultParts<T> {
  readonly session: Session;
  readonly tasks: readonly ClientTask[];
  readonly assembly: Assembly<T>;
  readonly ordered?: boolean | undefined;
  readonly tracker?: SendTracker | undefined;
}

/** The items that iteration over a result of type `T` yields. */
export type ItemOf<T> = T extends readonly (infer E)[] ? E : T extends Iterable<infer E> ? E : unknown;

export class AsyncResult<T> implements PromiseLike<T> {
  readonly #session: Session;
  readonly #tasks: readonly ClientTask[];
  readonly #assembly: Assembly<T>;
  readonly #ordered: boolean;
  readonly #tracker: SendTracker;
  #pending: number;
  #settled: Promise<void> | undefined;
  #onSettled: (() => void) | undefined;
  #value: Promise<T> | undefined;

  /** Made by views; not for programs to call. */
  constructor({ session, tasks, assembly, ordered = true, tracker = SENT }: AsyncResultParts<T>) {
    this.#session = session;
    this.#tasks = tasks;
    this.#assembly = assembly;
    this.#ordered = ordered;
    this.#tracker = tracker;
    this.#pending = tasks.length;
    const oneSettled = (): void => {
      if (--this.#pending === 0) this.#onSettled?.();
    };
    for (const task of tasks) task.whenSettled(oneSettled);
  }

  /** Whether every task has ended, well or not. */
  get ready(): boolean {
    return this.#pending === 0;
  }

  /**
   * Whether every task ended well.
   * @throws Error before the result is ready.
   */
  successful(): boolean {
    this.#assertReady("successful()");
    return this.#tasks.every((task) => task.error === undefined);
  }

  /**
   * The value, once it is there. Can be called again.
   * @throws RemoteError (or what else befell the task) for a single target, CompositeError for several, TimeoutError
   * when time runs out; the call itself goes on then.
   */
  async get(options: GetOptions = {}): Promise<T> {
    checkWait(options);
    if (this.#pending > 0) await within(this.#whenSettled(), options, this.#describe());
    if (options.returnExceptions) return this.#valueWithErrors();
    const errors = this.#tasks.flatMap((task) => task.error ?? []);
    if (errors.length > 0) throw this.#assembly.single ? errors[0] : new CompositeError(errors);
    this.#value ??= Promise.resolve(this.#assembly.assemble(this.#tasks.map((task) => task.value)));
    return this.#value;
  }

  /** Whether the result is ready in time; never rejects. */
  async wait(wait: Wait = {}): Promise<boolean> {
    checkWait(wait);
    if (this.#pending === 0) return true;
    try {
      await within(this.#whenSettled(), wait, this.#describe());
      return true;
    } catch {
      return false;
    }
  }

  /** A promise of {@link get}. */
  get result(): Promise<T> {
    return this.get();
  }

  /** The same as {@link result}. */
  get r(): Promise<T> {
    return this.get();
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is what this class is for
  then<R1 = T, R2 = never>(
    onFulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null,
    // biome-ignore lint/suspicious/noExplicitAny: as the language types it
    onRejected?: ((reason: any) => R2 | PromiseLike<R2>) | null,
  ): Promise<R1 | R2> {
    return this.get().then(onFulfilled, onRejected);
  }

  /** As on a promise. */
  // biome-ignore lint/suspicious/noExplicitAny: as the language types it
  catch<R = never>(onRejected?: ((reason: any) => R | PromiseLike<R>) | null): Promise<T | R> {
    return this.get().catch(onRejected);
  }

  /** As on a promise. */
  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.get().finally(onFinally);
  }

  /**
   * The value of each engine, by its id.
   * @throws RangeError when an engine has more than one task of this call.
   */
  async resultByEngine(options: GetOptions = {}): Promise<Map<number, ItemOf<T>>> {
    await this.get(options);
    const byEngine = new Map<number, ItemOf<T>>();
    for (const task of this.#tasks) {
      const { engineId } = task.metadata;
      if (byEngine.has(engineId)) throw new RangeError(`engine ${engineId} has more than one task of this call`);
      byEngine.set(engineId, (task.error ?? task.value) as ItemOf<T>);
    }
    return byEngine;
  }

  /**
   * The results as they arrive: items of a map, else one for each engine; in order, unless the call was made with
   * `ordered: false`. An error is thrown at the place of the result that is missing.
   * @throws TypeError for a call with a single target that is no map.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ItemOf<T>, void, undefined> {
    if (this.#assembly.single && this.#assembly.counts === undefined) {
      throw new TypeError("the result of a single target has no items to iterate over: await it instead");
    }
    for await (const index of this.#ordered ? this.#inOrder() : this.#asTheyArrive()) {
      const task = this.#tasks[index] as ClientTask;
      if (task.error !== undefined) throw task.error;
      yield* this.#assembly.items(task.value, index) as Iterable<ItemOf<T>>;
    }
  }

  /** One id for each task, in target order. */
  get messageIds(): string[] {
    return this.#tasks.map((task) => task.id);
  }

  /** The engine of each task, in target order. */
  get engineIds(): number[] {
    return this.#tasks.map((task) => task.metadata.engineId);
  }

  get metadata(): PerTarget<Metadata> {
    return this.#perTarget((task) => task.metadata);
  }

  /** What the tasks have printed so far. */
  get stdout(): PerTarget<string> {
    return this.#perTarget((task) => task.metadata.stdout);
  }

  get stderr(): PerTarget<string> {
    return this.#perTarget((task) => task.metadata.stderr);
  }

  /** The data that the tasks published last. */
  get data(): PerTarget<unknown> {
    return this.#perTarget((task) => task.metadata.data);
  }

  /** How many items the result has: those of a map, else one for each engine. */
  get size(): number {
    return this.#tasks.reduce((sum, _, index) => sum + this.#count(index), 0);
  }

  /** How many of them have arrived. */
  get progress(): number {
    return this.#tasks.reduce((sum, task, index) => sum + (task.settled ? this.#count(index) : 0), 0);
  }

  /** Milliseconds since the call was sent, until now or until its last result. */
  get elapsed(): number {
    return elapsedTime(this.#tasks);
  }

  /** Milliseconds that the engines computed, summed. @throws Error before the result is ready. */
  get serialTime(): number {
    this.#assertReady("serialTime");
    return serialTime(this.#tasks);
  }

  /** Milliseconds from the first task sent to the last result received. @throws Error before the result is ready. */
  get wallTime(): number {
    this.#assertReady("wallTime");
    return this.elapsed;
  }

  /** How many times faster than one engine after another. @throws Error before the result is ready. */
  get speedup(): number {
    return this.serialTime / this.wallTime;
  }

  /** Whether the memory of the arrays may be written again; always true without the flag `track`. */
  get sent(): boolean {
    return this.#tracker.done;
  }

  /** Resolves once {@link sent}. @throws TimeoutError */
  async waitForSend(wait: Wait = {}): Promise<void> {
    checkWait(wait);
    if (!this.#tracker.done) await within(this.#tracker.promise, wait, "waiting for the send");
  }

  /** Tasks that have not started fail with TaskAborted. @throws Error when all have ended already. */
  async abort(): Promise<void> {
    if (this.ready) throw new Error("the result is there already: nothing is left to abort");
    await this.#session.abort(this.#tasks);
  }

  #count(index: number): number {
    return this.#assembly.counts?.[index] ?? 1;
  }

  #perTarget<V>(of: (task: ClientTask) => V): PerTarget<V> {
    const [first] = this.#tasks;
    // A map of nothing has no task, whatever its target.
    return this.#assembly.single && first !== undefined ? of(first) : this.#tasks.map(of);
  }

  #describe(): string {
    return `waiting for ${this.#tasks.length === 1 ? "the task" : `${this.#tasks.length} tasks`}`;
  }

  #assertReady(what: string): void {
    if (this.ready) return;
    throw new TimeoutError(`${what} is known once the result is ready: await it, or wait(), first`);
  }

  #whenSettled(): Promise<void> {
    this.#settled ??= new Promise((resolve) => {
      this.#onSettled = resolve;
    });
    return this.#settled;
  }

  #valueWithErrors(): T {
    const slots = this.#tasks.flatMap((task, index): unknown[] => {
      if (this.#assembly.counts === undefined) return [task.error ?? task.value];
      if (task.error !== undefined) return new Array(this.#count(index)).fill(task.error);
      return [...this.#assembly.items(task.value, index)];
    });
    const errors = this.#tasks.some((task) => task.error !== undefined);
    if (!errors) return this.#assembly.assemble(this.#tasks.map((task) => task.value)) as T;
    return (this.#assembly.single && this.#assembly.counts === undefined ? slots[0] : slots) as T;
  }

  async *#inOrder(): AsyncGenerator<number, void, undefined> {
    for (let index = 0; index < this.#tasks.length; index++) {
      const task = this.#tasks[index] as ClientTask;
      if (!task.settled) await new Promise<unknown>((resolve) => task.whenSettled(resolve));
      yield index;
    }
  }

  async *#asTheyArrive(): AsyncGenerator<number, void, undefined> {
    const arrived: number[] = [];
    let wake: (() => void) | undefined;
    this.#tasks.forEach((task, index) => {
      task.whenSettled(() => {
        arrived.push(index);
        wake?.();
      });
    });
    for (let given = 0; given < this.#tasks.length; given++) {
      if (arrived.length === given) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      yield arrived[given] as number;
    }
  }
}
