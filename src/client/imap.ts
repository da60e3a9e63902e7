/** Results as they come, of items as they are taken: with bounded work under way. */

import { ItemSource } from "./item-source.ts";
import type { ClientTask } from "./task.ts";

export interface ImapOptions {
  /** Sends the task of these items. */
  submit(items: readonly unknown[], index: number): ClientTask;
  /** Forgets tasks that have not started. */
  abort(tasks: readonly ClientTask[]): Promise<void>;
  /** Tasks whose results have not been taken; Infinity: no limit. */
  readonly limit: number;
  readonly ordered: boolean;
  readonly returnExceptions: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The limit that the flag `maxOutstanding` stands for. */
export function mostUnderWay(flag: number | "auto", engines: number): number {
  return flag === "auto" ? engines : flag || Number.POSITIVE_INFINITY;
}

/**
 * Items are taken only when there is room for their tasks. When the loop is left early, tasks that have not started are
 * aborted and the sequences are closed.
 */
export async function* imap<R>(
  options: ImapOptions,
  sequences: readonly unknown[],
): AsyncGenerator<R, void, undefined> {
  const { abort, ordered, returnExceptions, signal } = options;
  const work = new Work(options, new ItemSource(sequences));
  signal?.addEventListener("abort", work.changed, { once: true });
  try {
    for (;;) {
      work.fill();
      let task = work.take(ordered);
      while (task === undefined) {
        signal?.throwIfAborted();
        if (work.isOver) return;
        await work.change();
        task = work.take(ordered);
      }
      if (task.error !== undefined && !returnExceptions) throw task.error;
      yield (task.error ?? task.value) as R;
    }
  } finally {
    signal?.removeEventListener("abort", work.changed);
    await work.end();
    await abort(work.underWay).catch(() => undefined);
  }
}

/** What is under way for one loop. */
class Work {
  /** In the order of the items; also those that have arrived and were not taken. */
  readonly underWay: ClientTask[] = [];
  readonly #arrived: ClientTask[] = [];
  readonly #options: ImapOptions;
  readonly #source: ItemSource;
  #count = 0;
  #isFilling = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ImapOptions, source: ItemSource) {
    this.#options = options;
    this.#source = source;
  }

  /** Whether nothing is under way and nothing will be. @throws what the sequences threw */
  get isOver(): boolean {
    if (this.underWay.length > 0) return false;
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#hasEnded;
  }

  readonly changed = (): void => this.#wake?.();

  /** Resolves when something has arrived, or ended. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The next result, if it is there. */
  take(ordered: boolean): ClientTask | undefined {
    const task = ordered ? this.underWay[0] : this.#arrived[0];
    if (!task?.settled) return undefined;
    this.underWay.splice(this.underWay.indexOf(task), 1);
    this.#arrived.splice(this.#arrived.indexOf(task), 1);
    return task;
  }

  /** Takes items and sends their tasks while there is room; goes on by itself where items take time to come. */
  fill(): void {
    if (this.#isFilling || this.#hasEnded) return;
    this.#isFilling = true;
    void this.#fill()
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#hasEnded = true;
      })
      .finally(() => {
        this.#isFilling = false;
        this.changed();
      });
  }

  async #fill(): Promise<void> {
    while (!this.#hasEnded && this.underWay.length < this.#options.limit) {
      const items = await this.#source.next();
      if (this.#hasEnded) return;
      if (items === undefined) {
        this.#hasEnded = true;
      } else {
        const task = this.#options.submit(items, this.#count++);
        this.underWay.push(task);
        task.whenSettled(() => {
          this.#arrived.push(task);
          this.changed();
        });
      }
    }
  }

  /** No further items are taken. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.#source.end();
  }
}
