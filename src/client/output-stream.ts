/** What the tasks of a call write, while they write it: printed, or iterated over. */

import type { ClientTask, OutputChunk } from "./task.ts";

/** Where live output goes. */
export interface StreamOptions {
  /** Where what is not iterated over is printed; this process's own streams unless given. */
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WritableStream;
}

/**
 * The output of a call from now on, what has been written already first. Iterating gives it piece by piece until the
 * tasks have ended; without that it is printed, with its engine for a call with several targets, until this is
 * disposed of or the tasks have ended.
 */
export class OutputStream implements AsyncIterable<OutputChunk>, Disposable {
  readonly #chunks: OutputChunk[] = [];
  readonly #stops: (() => void)[];
  #unsettled: number;
  #print: ((chunk: OutputChunk) => void) | undefined;
  #wake: (() => void) | undefined;

  /** Made by `streamOutput()`; not for programs to call. */
  constructor(tasks: readonly ClientTask[], single: boolean, options: StreamOptions) {
    this.#unsettled = tasks.length;
    for (const task of tasks) this.#addPast(task);
    this.#stops = tasks.map((task) => task.onOutput((chunk) => this.#add(chunk)));
    let iterated = false;
    this.#iterate = () => {
      iterated = true;
    };
    // Whoever iterates begins at once, in the same expression.
    queueMicrotask(() => {
      if (!iterated) this.#startPrinting(single, options);
    });
    for (const task of tasks) task.whenSettled(() => this.#settled());
  }

  readonly #iterate: () => void;

  /** The pieces of output as they arrive; nothing is printed then. */
  [Symbol.asyncIterator](): AsyncIterator<OutputChunk, void, undefined> {
    this.#iterate();
    return this.#pieces();
  }

  /** Ends the printing, or the iteration. */
  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop();
    this.#unsettled = 0;
    this.#wake?.();
  }

  async *#pieces(): AsyncGenerator<OutputChunk, void, undefined> {
    try {
      for (;;) {
        yield* this.#chunks.splice(0);
        if (this.#chunks.length > 0) continue;
        if (this.#unsettled === 0) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this[Symbol.dispose]();
    }
  }

  #addPast({ id, metadata }: ClientTask): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const text = metadata[stream];
      if (text !== "") this.#chunks.push({ stream, text, engineId: metadata.engineId, messageId: id });
    }
  }

  #add(chunk: OutputChunk): void {
    if (this.#print !== undefined) this.#print(chunk);
    else this.#chunks.push(chunk);
    this.#wake?.();
  }

  #startPrinting(single: boolean, { stdout = process.stdout, stderr = process.stderr }: StreamOptions): void {
    const print = ({ stream, text, engineId }: OutputChunk): void => {
      const sink = stream === "stdout" ? stdout : stderr;
      sink.write(single ? text : text.replace(/^(?=.)/gms, `[${stream}:${engineId}] `));
    };
    this.#print = print;
    for (const chunk of this.#chunks.splice(0)) print(chunk);
    if (this.#unsettled === 0) this[Symbol.dispose]();
  }

  #settled(): void {
    if (--this.#unsettled > 0) return;
    // What is still to be printed is, by the microtask above.
    if (this.#print !== undefined) this[Symbol.dispose]();
    this.#wake?.();
  }
}
