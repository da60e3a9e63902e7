/** The result of a call while it is on its way: one value for one target, an array in target order for several. */

import { CompositeError, shown } from "../errors.ts";
import type { ResultArgument } from "../protocol/calls.ts";
import { asTheyArrive, checkReturnWhen, inOrder, type ReturnWhen, untilReturn } from "./arrivals.ts";
import { type Assembly, bareValue, errorsIn, itemsWithErrors, valueList, valueWithErrors } from "./assembly.ts";
import { CallDescription } from "./call-description.ts";
import type { Growth } from "./growth.ts";
import { checkOptions, type OptionKinds } from "./options.ts";
import { printAs } from "./printed.ts";
import { checkInteractive, type InteractiveOptions, showProgress } from "./progress.ts";
import { SENT, type SendTracker } from "./send-tracker.ts";
import type { Session } from "./session.ts";
import type { AbortOptions, ClientTask } from "./task.ts";
import { checkWait, WAIT_KINDS, type Wait, within } from "./waiting.ts";

export type { Assembly } from "./assembly.ts";

export interface GetOptions extends Wait {
  /** Put errors in the place of the values that are missing, instead of rejecting. */
  readonly returnExceptions?: boolean | undefined;
  /** `"firstException"`: reject with the first error, without waiting for the other tasks. */
  readonly returnWhen?: Exclude<ReturnWhen, "firstCompleted"> | undefined;
}

/** The tasks of a call, one result each, at the end of a wait. */
export interface WaitOutcome {
  readonly done: AsyncResult<unknown>[];
  readonly pending: AsyncResult<unknown>[];
}

/** What an AsyncResult knows besides its tasks; the calls of one view that are alike share it. */
export interface AsyncResultParts<T> {
  readonly session: Session;
  /** Where further tasks are added. */
  readonly growth?: Growth | undefined;
  readonly assembly: Assembly<T>;
  /** Iteration yields what arrives first first, when `false`. */
  readonly ordered?: boolean | undefined;
  readonly tracker?: SendTracker | undefined;
  /** Errors are values, in `get` and in iteration, unless a call says otherwise. */
  readonly returnExceptions?: boolean | undefined;
  /** Whether the client forgets the result once it has been had from here. */
  readonly owner?: boolean | undefined;
}

const RETURN_KINDS: OptionKinds<Wait & { returnWhen?: ReturnWhen }> = { ...WAIT_KINDS, returnWhen: "any" };
const GET_KINDS: OptionKinds<GetOptions> = { ...RETURN_KINDS, returnExceptions: "boolean" };

/** The items that iteration over a result of type `T` yields. */
export type ItemOf<T> = T extends readonly (infer E)[] ? E : T extends Iterable<infer E> ? E : unknown;

/** What one engine gives of a result of type `T`: an entry of a list, or something like all of anything else. */
export type PartOf<T> = T extends readonly (infer E)[] ? E : T;

/**
 * The result of a call while it is on its way. Awaiting it gives the value: the bare one for a single target, an array
 * in target order for several. It rejects with `RemoteError` for one target and `CompositeError` for several; one that
 * nobody awaits never ends the process.
 */
export class AsyncResult<T> extends CallDescription implements PromiseLike<T> {
  #value: Promise<T> | undefined;

  /** Made by views; not for programs to call. */
  constructor(tasks: ClientTask | readonly ClientTask[], parts: AsyncResultParts<T>) {
    super(tasks, parts);
  }

  get #parts(): AsyncResultParts<T> {
    return this.parts as AsyncResultParts<T>;
  }

  protected override get assembly(): Assembly<T> {
    return this.#parts.assembly;
  }

  /**
   * Whether every task ended well.
   * @throws Error before the result is ready.
   */
  successful(): boolean {
    this.assertReady("successful()");
    return this.tasks.every((task) => errorsIn(this.assembly, task).length === 0);
  }

  /**
   * One result of the tasks of several.
   * @throws TypeError for what is no AsyncResult, or for none at all; Error as {@link split}.
   */
  static join(...results: readonly AsyncResult<unknown>[]): AsyncResult<unknown[]> {
    for (const result of results) {
      if (!(result instanceof AsyncResult)) throw new TypeError(`join takes AsyncResults; given: ${shown(result)}`);
    }
    const [first] = results;
    if (first === undefined) throw new TypeError("join needs at least one AsyncResult");
    for (const result of results) result.#assertComplete("join");
    const tasks = results.flatMap((result) => result.tasks);
    const { session, owner } = first.#parts;
    return new AsyncResult(tasks, { session, assembly: valueList, owner });
  }

  /**
   * One result for each task. Those of a call with several targets give bare values, those of a map lists of one part;
   * {@link AsyncResult.join} is the inverse.
   * @throws Error for a map whose tasks are not all known yet, since it chooses the sizes of its chunks as it goes.
   */
  split(): AsyncResult<unknown>[] {
    this.#assertComplete("split");
    if (this.tasks.length === 1 && this.assembly.single) return [this as AsyncResult<unknown>];
    return this.tasks.map((task) => this.#resultOf(task));
  }

  /**
   * The value, once it is there. Can be called again.
   * @throws RemoteError (or what else befell the task) for a single target, CompositeError for several, TimeoutError
   * when time runs out; the call itself goes on then.
   */
  async get(options: GetOptions = {}): Promise<T> {
    checkWait(options, "get", GET_KINDS);
    const { returnExceptions = this.#parts.returnExceptions, returnWhen = "allCompleted" } = options;
    const when = checkReturnWhen(returnWhen);
    if (when === "firstCompleted")
      throw new TypeError('get cannot give a part: returnWhen must be "firstException" or "allCompleted"');
    const early = when === "firstException" && !returnExceptions;
    if (!early) await this.untilSettled(options);
    else await within(untilReturn(this.tasks, when, this.growth), options, this.describeWait());
    if (this.#isOwner && this.ready) this.#parts.session.tasks.forget(this.tasks);
    if (returnExceptions) return valueWithErrors(this.assembly, this.tasks);
    const errors = this.tasks.flatMap((task) => errorsIn(this.assembly, task));
    if (errors.length > 0) throw this.assembly.single ? errors[0] : new CompositeError(errors);
    this.#value ??= Promise.resolve(this.assembly.assemble(this.tasks.map((task) => task.value)));
    return this.#value;
  }

  /**
   * Whether the result is ready in time; never rejects. With `returnWhen`, which tasks have ended when the first has,
   * when the first has failed, when all have, or when time is over.
   */
  async wait(wait: Wait & { readonly returnWhen: ReturnWhen }): Promise<WaitOutcome>;
  async wait(wait?: Wait): Promise<boolean>;
  async wait(wait: Wait & { readonly returnWhen?: ReturnWhen } = {}): Promise<boolean | WaitOutcome> {
    checkWait(wait, "wait", RETURN_KINDS);
    const when = wait.returnWhen === undefined ? undefined : checkReturnWhen(wait.returnWhen);
    try {
      if (when === undefined) await this.untilSettled(wait);
      else await within(untilReturn(this.tasks, when, this.growth), wait, this.describeWait());
    } catch {
      // Time is over; what has ended until now counts.
    }
    if (when === undefined) return this.ready;
    const outcome: WaitOutcome = { done: [], pending: [] };
    for (const task of this.tasks) outcome[task.settled ? "done" : "pending"].push(this.#resultOf(task));
    return outcome;
  }

  /** {@link wait} with a bar on a terminal, or lines elsewhere, on stderr. */
  async waitInteractive(options: InteractiveOptions = {}): Promise<boolean> {
    checkInteractive(options);
    const { timeout, signal, returnWhen = "allCompleted" } = options;
    const counted = { total: this.size, done: () => this.progress, unit: this.assembly.counts ? "items" : "tasks" };
    await showProgress(counted, this.wait({ timeout, signal, returnWhen }), options);
    return this.ready;
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
    return this.#whole().then(onFulfilled, onRejected);
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
  async resultByEngine(options: GetOptions = {}): Promise<Map<number, PartOf<T>>> {
    await this.get(options);
    const byEngine = new Map<number, PartOf<T>>();
    for (const task of this.tasks) {
      // It has ended, so that it has one, or an error without one.
      const engineId = task.metadata.engineId as number;
      if (byEngine.has(engineId)) throw new RangeError(`engine ${engineId} has more than one task of this call`);
      byEngine.set(engineId, (task.error ?? task.value) as PartOf<T>);
    }
    return byEngine;
  }

  /**
   * The results as they arrive: items of a map, else one for each engine; in order, unless the call was made with
   * `ordered: false`. An error is thrown at the place of the result that is missing.
   * @throws TypeError for a call with a single target that is no map.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ItemOf<T>, void, undefined> {
    if (this.assembly.single && this.assembly.counts === undefined) {
      throw new TypeError("the result of a single target has no items to iterate over: await it instead");
    }
    const { ordered = true, returnExceptions } = this.#parts;
    for await (const index of ordered ? inOrder(this.tasks, this.growth) : asTheyArrive(this.tasks, this.growth)) {
      const task = this.tasks[index] as ClientTask;
      if (task.error !== undefined && returnExceptions !== true) throw task.error;
      const items =
        task.error === undefined ? this.assembly.items(task.value, index) : itemsWithErrors(this.assembly, task, index);
      yield* items as Iterable<ItemOf<T>>;
    }
  }

  /** Whether the memory of the arrays may be written again; always true without the flag `track`. */
  get sent(): boolean {
    return this.#tracker.done;
  }

  get #tracker(): SendTracker {
    return this.#parts.tracker ?? SENT;
  }

  /** Resolves once {@link sent}. @throws TimeoutError */
  async waitForSend(wait: Wait = {}): Promise<void> {
    checkWait(wait);
    this.#tracker.urge();
    if (this.#tracker.done) return;
    // Also when the tasks have ended: engines may still be using the arrays.
    const { link } = this.#parts.session;
    link.hold();
    try {
      await within(this.#tracker.promise, wait, "waiting for the send");
    } finally {
      link.release();
    }
  }

  /**
   * Tasks that have not started fail with TaskAborted; with `{ running: true }` those that run are interrupted and do,
   * too.
   * @throws Error when all have ended already.
   */
  async abort(options: AbortOptions = {}): Promise<void> {
    checkOptions("abort", options, { running: "boolean" });
    if (this.ready) throw new Error("the result is there already: nothing is left to abort");
    this.growth?.stop();
    await this.#parts.session.abort(this.tasks, options);
  }

  /** What {@link get} gives without options; of a single task without further ado, since there are many of those. */
  #whole(): Promise<T> {
    if (this.#value !== undefined) return this.#value;
    const { single } = this;
    const { assembly, returnExceptions, session } = this.#parts;
    if (assembly !== bareValue || returnExceptions === true || single === undefined) return this.get();
    if (this.#isOwner) {
      single.isFetched = true;
      if (single.settled) session.tasks.forget(this.tasks);
    }
    this.#value = single.outcome as Promise<T>;
    return this.#value;
  }

  /**
   * How engines put the result together from those of its tasks.
   * @internal
   */
  asArgument(): Pick<ResultArgument, "whole"> & { readonly taskIds: readonly string[]; readonly obstacle?: string } {
    const { single, join, takesRefs } = this.assembly;
    const whole = join ?? (single ? "one" : "list");
    const taskIds = this.messageIds;
    if (takesRefs && taskIds.length > 1) {
      return { taskIds, whole, obstacle: "is the result of a reduce, which ends on the client: await it first" };
    }
    if (this.growth?.isComplete === false) {
      const obstacle =
        "is the result of a map that has not been sent as a whole: await it, or give the map a chunkSize";
      return { taskIds, whole, obstacle };
    }
    return { taskIds, whole };
  }

  #assertComplete(what: string): void {
    if (this.growth?.isComplete !== false) return;
    throw new Error(`${what}: the map has not chosen all its chunks yet; await it first, or give it a chunkSize`);
  }

  #resultOf(task: ClientTask): AsyncResult<unknown> {
    const assembly: Assembly<unknown> = this.assembly.counts === undefined ? bareValue : valueList;
    const { session, owner } = this.#parts;
    return new AsyncResult([task], { session, assembly, owner });
  }

  get #isOwner(): boolean {
    return this.#parts.owner ?? true;
  }
}

printAs(AsyncResult, (result) => {
  const { ready, size, engineIds } = result;
  const status = ready ? (result.successful() ? "ok" : "error") : "pending";
  return { status, progress: `${result.progress}/${size}`, engineIds };
});
