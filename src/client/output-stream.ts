/** What the tasks of a call write, while they write it: printed, or iterated over. */

import type { Growth } from "./growth.ts";
import type { ClientTask, OutputChunk } from "./task.ts";

/** Where live output goes. */
export interface StreamOptions {
  /** Where what is not iterated over is printed; this process's own streams unless given. */
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WritableStream;
}

/** How a call's output is told. */
interface StreamParts extends StreamOptions {
  /** Whether the call has one target, which needs no label. */
  readonly single: boolean;
  /** Where tasks are added while the call runs. */
  readonly growth: Growth | undefined;
}

/**
 * The output of a call from now on, what has been written already first. Iterating gives it piece by piece until the
 * tasks have ended; without that it is printed, with its engine for a call with several targets, until this is
 * disposed of or the tasks have ended.
 */
export class OutputStream implements AsyncIterable<OutputChunk>, Disposable {
  readonly #chunks: OutputChunk[] = [];
  readonly #stops: (() => void)[] = [];
  #unsettled = 0;
  #print: ((chunk: OutputChunk) => void) | undefined;
  #wake: (() => void) | undefined;
  readonly #iterate: () => void;

  /** Made by `streamOutput()`; not for programs to call. */
  constructor(tasks: readonly ClientTask[], { single, growth, ...options }: StreamParts) {
    if (growth?.isComplete === false) {
      this.#unsettled++;
      growth.onTask((task) => this.#watch(task));
      growth.onComplete(() => this.#settled());
    }
    for (const task of tasks) this.#watch(task);
    let iterated = false;
    this.#iterate = () => {
      iterated = true;
    };
    // Whoever iterates begins at once, in the same expression.
    queueMicrotask(() => {
      if (!iterated) this.#startPrinting(single, options);
    });
  }

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

  #watch(task: ClientTask): void {
    const { id, metadata } = task;
    for (const stream of ["stdout", "stderr"] as const) {
      const text = metadata[stream];
      if (text !== "") this.#add({ stream, text, engineId: metadata.engineId as number, messageId: id });
    }
    this.#unsettled++;
    this.#stops.push(task.onOutput((chunk) => this.#add(chunk)));
    task.whenSettled(() => this.#settled());
  }

  #add(chunk: OutputChunk): void {
    if (this.#print !== undefined) this.#print(chunk);
    else this.#chunks.push(chunk);
    this.#wake?.();
  }

  #startPrinting(single: boolean, { stdout = process.stdout, stderr = process.stderr }: StreamOptions): void {
    const sinks = { stdout: new LabelledLines(stdout), stderr: new LabelledLines(stderr) };
    const print = ({ stream, text, engineId }: OutputChunk): void => {
      sinks[stream].write(text, single ? "" : `[${stream}:${engineId}] `);
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

/** Lines of several writers in one stream, each with a label. */
class LabelledLines {
  readonly #sink: NodeJS.WritableStream;
  /** Whose line has not ended. */
  #open: string | undefined;

  constructor(sink: NodeJS.WritableStream) {
    this.#sink = sink;
  }

  write(text: string, label: string): void {
    const goesOn = this.#open === label;
    const broken = this.#open !== undefined && !goesOn ? "\n" : "";
    const rest = goesOn ? text.slice(text.indexOf("\n") + 1 || text.length) : text;
    const first = text.slice(0, text.length - rest.length);
    this.#sink.write(broken + first + rest.replace(/^(?=.)/gms, label));
    this.#open = text.endsWith("\n") ? undefined : label;
  }
}
