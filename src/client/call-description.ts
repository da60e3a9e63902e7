/** What is known of a call: who computes it, how far it is, how long it took, and what its tasks wrote and showed. */

import { TimeoutError } from "../errors.ts";
import { type Assembly, itemCount } from "./assembly.ts";
import { checkGroupBy, type DisplayOptions, displayOutputs } from "./display-outputs.ts";
import type { Growth } from "./growth.ts";
import type { DisplayedOutput, Metadata } from "./metadata.ts";
import { checkOptions, type OptionKinds } from "./options.ts";
import { OutputStream, type StreamOptions } from "./output-stream.ts";
import { ClientTask } from "./task.ts";
import { type DateChoice, elapsedTime, serialTime, type TimeStamp, timeBetween } from "./timing.ts";
import { checkLimits, checkWait, WAIT_KINDS, type Wait, within } from "./waiting.ts";

/** What describes a call: bare for a single target, an array in target order for several. */
export type PerTarget<T> = T | T[];

const DISPLAY_KINDS: OptionKinds<DisplayOptions & Wait> = {
  ...WAIT_KINDS,
  groupBy: "any",
  resultOnly: "boolean",
  stdout: "stream",
  stderr: "stream",
};

/** How values become the result, and where tasks are added while the call runs. */
export interface DescribedParts {
  readonly assembly: Assembly<unknown>;
  readonly growth?: Growth | undefined;
}

/** How many of several tasks have not settled, and who waits for them. */
interface Settling {
  pending: number;
  promise: Promise<void> | undefined;
  resolve: (() => void) | undefined;
}

/** There may be very many of them at once, so that it has few fields. */
export class CallDescription {
  /** The only task that there will be, or several. */
  readonly #tasks: ClientTask | readonly ClientTask[];
  readonly #parts: DescribedParts;
  /** Made when it is needed, where there is a single task. */
  #settling: Settling | undefined;

  constructor(tasks: ClientTask | readonly ClientTask[], parts: DescribedParts) {
    const { growth } = parts;
    const isGrowing = growth !== undefined && !growth.isComplete;
    this.#parts = parts;
    if (tasks instanceof ClientTask || (tasks.length === 1 && !isGrowing)) {
      this.#tasks = tasks instanceof ClientTask ? tasks : (tasks[0] as ClientTask);
      return;
    }
    this.#tasks = tasks;
    const settling: Settling = { pending: tasks.length, promise: undefined, resolve: undefined };
    this.#settling = settling;
    const oneSettled = (): void => {
      if (--settling.pending === 0) settling.resolve?.();
    };
    for (const task of tasks) task.whenSettled(oneSettled);
    if (!isGrowing) return;
    // Not ready before it is known that there will be no more.
    settling.pending++;
    growth.onTask((task) => {
      settling.pending++;
      task.whenSettled(oneSettled);
    });
    growth.onComplete(oneSettled);
  }

  protected get tasks(): readonly ClientTask[] {
    return this.#tasks instanceof ClientTask ? [this.#tasks] : this.#tasks;
  }

  /** The only task that there will be. */
  protected get single(): ClientTask | undefined {
    return this.#tasks instanceof ClientTask ? this.#tasks : undefined;
  }

  /** What it was made with. */
  protected get parts(): DescribedParts {
    return this.#parts;
  }

  protected get assembly(): Assembly<unknown> {
    return this.#parts.assembly;
  }

  protected get growth(): Growth | undefined {
    return this.#parts.growth;
  }

  /** Whether every task has ended, well or not. */
  get ready(): boolean {
    return this.single?.settled ?? this.#settling?.pending === 0;
  }

  /** One id for each task, in target order. */
  get messageIds(): string[] {
    return this.tasks.map((task) => task.id);
  }

  /** The engine of each task, in target order; `undefined` as long as a load-balanced task has none. */
  get engineIds(): (number | undefined)[] {
    return this.tasks.map((task) => task.metadata.engineId);
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

  /** What the tasks have shown with `display` so far. */
  get outputs(): PerTarget<DisplayedOutput[]> {
    return this.#perTarget((task) => task.metadata.outputs);
  }

  /** The data that the tasks published last. */
  get data(): PerTarget<unknown> {
    return this.#perTarget((task) => task.metadata.data);
  }

  /**
   * What the tasks write from now on, and what they have written already: printed on this process's streams, or, by
   * `for await (const { stream, text, engineId } of result.streamOutput())`, given piece by piece. Printing ends with
   * the tasks, or when the stream is disposed of.
   */
  streamOutput(options: StreamOptions = {}): OutputStream {
    checkOptions("streamOutput", options, { stdout: "stream", stderr: "stream" });
    return new OutputStream(this.tasks, { single: this.assembly.single, growth: this.growth, ...options });
  }

  /** Waits for the result, and prints what the tasks wrote, showed and gave, also when some failed. */
  async displayOutputs(options: DisplayOptions & Wait = {}): Promise<void> {
    checkWait(options, "displayOutputs", DISPLAY_KINDS);
    checkGroupBy(options.groupBy ?? "type");
    await this.untilSettled(options);
    displayOutputs(this.tasks, this.assembly.single, options);
  }

  /** How many items the result has: those of a map, else one for each engine. */
  get size(): number {
    const { length } = this.assembly;
    return length ?? this.tasks.reduce((sum, _, index) => sum + itemCount(this.assembly, index), 0);
  }

  /** How many of them have arrived. */
  get progress(): number {
    return this.tasks.reduce((sum, task, index) => sum + (task.settled ? itemCount(this.assembly, index) : 0), 0);
  }

  /** Milliseconds since the call was sent, until now or until its last result. */
  get elapsed(): number {
    return elapsedTime(this.tasks);
  }

  /** Milliseconds that the engines computed, summed. @throws Error before the result is ready. */
  get serialTime(): number {
    this.assertReady("serialTime");
    return serialTime(this.tasks);
  }

  /** Milliseconds from the first task sent to the last result received. @throws Error before the result is ready. */
  get wallTime(): number {
    this.assertReady("wallTime");
    return this.elapsed;
  }

  /** How many times faster than one engine after another. @throws Error before the result is ready. */
  get speedup(): number {
    return this.serialTime / this.wallTime;
  }

  /**
   * Milliseconds from one set of dates to another: `timedelta("submitted", "completed")` is from the first submission
   * to the last end; `Math.min` and `Math.max` may be replaced.
   * @throws TypeError for what is no time stamp or date, RangeError for a time stamp that is not known yet.
   */
  timedelta(
    start: TimeStamp | Date | readonly Date[],
    end: TimeStamp | Date | readonly Date[],
    options: { readonly startKey?: DateChoice; readonly endKey?: DateChoice } = {},
  ): number {
    checkOptions("timedelta", options, { startKey: "function", endKey: "function" });
    const { startKey = Math.min, endKey = Math.max } = options;
    return timeBetween(this.tasks, start, end, { from: startKey, to: endKey });
  }

  /** Resolves once every task has ended. @throws TimeoutError, or the reason of the signal. */
  protected async untilSettled(wait: Wait): Promise<void> {
    checkLimits(wait);
    if (this.ready) return;
    this.#settling ??= { pending: 1, promise: undefined, resolve: undefined };
    const settling = this.#settling;
    settling.promise ??= new Promise((resolve) => {
      if (this.single === undefined) settling.resolve = resolve;
      else this.single.whenSettled(() => resolve());
    });
    await within(settling.promise, wait, this.describeWait());
  }

  /** What is waited for, in messages. */
  protected describeWait(): string {
    return `waiting for ${this.tasks.length === 1 ? "the task" : `${this.tasks.length} tasks`}`;
  }

  /** @throws Error before the result is ready. */
  protected assertReady(what: string): void {
    if (this.ready) return;
    throw new TimeoutError(`${what} is known once the result is ready: await it, or wait(), first`);
  }

  #perTarget<V>(of: (task: ClientTask) => V): PerTarget<V> {
    const [first] = this.tasks;
    // A map of nothing has no task, whatever its target.
    return this.assembly.single && first !== undefined ? of(first) : this.tasks.map(of);
  }
}
