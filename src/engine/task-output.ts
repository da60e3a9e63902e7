/** What a task prints: taken from the process's streams while the task runs, gathered for a moment, and sent on. */

import { StringDecoder } from "node:string_decoder";

export type Stream = "stdout" | "stderr";

const STREAMS = ["stdout", "stderr"] as const;

/** Text is held back at most this long, in milliseconds, and at most this much, in characters. */
const GATHER_MS = 10;
const GATHER_CHARACTERS = 16 * 1024;
/** How much of a task's last words is kept for the report of the engine's end, in characters. */
const LAST_WORDS = 2_000;

type Write = typeof process.stdout.write;

export class TaskOutput {
  readonly #send: (taskId: string, stream: Stream, text: string) => void;
  readonly #gathered: Record<Stream, string> = { stdout: "", stderr: "" };
  readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  #taskId: string | undefined;
  #lastWords = "";
  #lastFlush = 0;
  #timer: NodeJS.Timeout | undefined;

  /** From now on what is written while a task runs goes to `send`; other output goes where it went. */
  constructor(send: (taskId: string, stream: Stream, text: string) => void) {
    this.#send = send;
    const write: Write = process.stderr.write.bind(process.stderr);
    // A task that ends the process is not heard any more; what it said goes where the agent looks.
    process.once("exit", () => {
      if (this.#taskId !== undefined && this.#lastWords !== "") write(this.#lastWords);
    });
    for (const stream of STREAMS) this.#capture(stream);
  }

  begin(taskId: string): void {
    this.#taskId = taskId;
    this.#lastWords = "";
  }

  /** The task has ended: sends what is left. */
  end(): void {
    for (const stream of STREAMS) this.#gathered[stream] += this.#decoders[stream].end();
    this.#flush();
    this.#taskId = undefined;
  }

  #capture(stream: Stream): void {
    const target = process[stream];
    const original: Write = target.write.bind(target);
    target.write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
      if (this.#taskId === undefined) return original(chunk, encoding as BufferEncoding, callback as () => void);
      this.#add(stream, this.#textOf(stream, chunk, encoding));
      const done = typeof encoding === "function" ? encoding : callback;
      if (typeof done === "function") process.nextTick(done as () => void);
      return true;
    }) as Write;
  }

  /** A character whose bytes come in several pieces is held back until it is complete. */
  #textOf(stream: Stream, chunk: string | Uint8Array, encoding: unknown): string {
    const decoder = this.#decoders[stream];
    if (typeof chunk !== "string") return decoder.write(Buffer.from(chunk));
    if (typeof encoding !== "string" || /^utf-?8$/i.test(encoding)) return decoder.end() + chunk;
    return decoder.write(Buffer.from(chunk, encoding as BufferEncoding));
  }

  #add(stream: Stream, text: string): void {
    if (stream === "stderr") this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS);
    // Keep the order of the two streams: what the other one holds goes first.
    const other = stream === "stdout" ? "stderr" : "stdout";
    if (this.#gathered[other] !== "") this.#flush();
    this.#gathered[stream] += text;
    if (this.#gathered[stream].length >= GATHER_CHARACTERS || Date.now() - this.#lastFlush >= GATHER_MS) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const stream of STREAMS) {
      const text = this.#gathered[stream];
      if (text === "" || this.#taskId === undefined) continue;
      this.#gathered[stream] = "";
      this.#lastFlush = Date.now();
      this.#send(this.#taskId, stream, text);
    }
  }
}
