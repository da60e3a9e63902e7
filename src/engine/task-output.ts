/**
 * What tasks write: taken from the process's streams, told apart by the task whose code writes, gathered for a moment,
 * and sent on. What no task wrote goes where it went.
 */

import { StringDecoder } from "node:string_decoder";
import type { NativeOutput, Stream } from "./native-output.ts";
import { currentTask, type TaskContext } from "./task-context.ts";

const STREAMS = ["stdout", "stderr"] as const;

/** Text is held back at most this long, in milliseconds, and at most this much, in characters. */
const GATHER_MS = 10;
const GATHER_CHARACTERS = 16 * 1024;
/** How much of a task's last words is kept for the report of the engine's end, in characters. */
const LAST_WORDS = 2_000;

type Write = typeof process.stdout.write;

/** What one task has written and is not sent yet. */
interface Gathered {
  readonly text: Record<Stream, string>;
  readonly decoders: Record<Stream, StringDecoder>;
  timer: NodeJS.Timeout | undefined;
  lastFlush: number;
}

export interface TaskOutputParts {
  readonly send: (taskId: string, stream: Stream, text: string) => void;
  /** What comes past Node's streams, where that is known. */
  readonly native: NativeOutput | undefined;
  /** Runs something that must not be cut short. */
  readonly shield: <T>(run: () => T) => T;
}

export class TaskOutput {
  readonly #send: (taskId: string, stream: Stream, text: string) => void;
  readonly #gathered = new Map<TaskContext, Gathered>();
  readonly #native: NativeOutput | undefined;
  readonly #shield: <T>(run: () => T) => T;
  /** The task to which text belongs that came past Node's streams; the engine says which. */
  owner: () => TaskContext | undefined = () => undefined;
  #lastWords: { readonly context: TaskContext; text: string } | undefined;

  /** From now on what tasks write goes to `send`. */
  constructor({ send, native, shield }: TaskOutputParts) {
    this.#send = send;
    this.#native = native;
    this.#shield = shield;
    const toStream = process.stderr.write.bind(process.stderr);
    const write = (text: string): void => void (native === undefined ? toStream(text) : native.tellAgent(text));
    // A task that ends the process is not heard any more; what it said goes where the agent looks.
    process.once("exit", () => {
      if (this.#lastWords !== undefined) write(this.#lastWords.text);
    });
    for (const stream of STREAMS) this.#capture(stream);
    native?.listen(({ stream, bytes }) => this.#addNative(this.owner(), stream, bytes));
  }

  /** The task has ended: sends what is left. What it left behind may write later; that is sent as it comes. */
  end(context: TaskContext): void {
    this.#takeNative(context);
    if (this.#lastWords?.context === context) this.#lastWords = undefined;
    const gathered = this.#gathered.get(context);
    if (gathered === undefined) return;
    for (const stream of STREAMS) gathered.text[stream] += gathered.decoders[stream].end();
    this.#flush(context, gathered);
    this.#gathered.delete(context);
  }

  #capture(stream: Stream): void {
    const target = process[stream];
    const original: Write = target.write.bind(target);
    target.write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
      const context = currentTask();
      if (context === undefined && this.#native === undefined) {
        return original(chunk, encoding as BufferEncoding, callback as () => void);
      }
      this.#shield(() => {
        this.#takeNative(this.owner() ?? context);
        if (context !== undefined) this.#add(context, stream, chunk, encoding);
        else this.#native?.tellAgent(chunk, encoding);
      });
      const done = typeof encoding === "function" ? encoding : callback;
      if (typeof done === "function") process.nextTick(done as () => void);
      return true;
    }) as Write;
  }

  #takeNative(context: TaskContext | undefined): void {
    for (const { stream, bytes } of this.#native?.take() ?? []) this.#addNative(context, stream, bytes);
  }

  #addNative(context: TaskContext | undefined, stream: Stream, bytes: Uint8Array): void {
    if (context === undefined) this.#native?.tellAgent(bytes);
    else this.#add(context, stream, bytes, undefined);
  }

  #add(context: TaskContext, stream: Stream, chunk: string | Uint8Array, encoding: unknown): void {
    let gathered = this.#gathered.get(context);
    if (gathered === undefined) {
      gathered = {
        text: { stdout: "", stderr: "" },
        decoders: { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") },
        timer: undefined,
        lastFlush: 0,
      };
      this.#gathered.set(context, gathered);
    }
    const text = textOf(gathered.decoders[stream], chunk, encoding);
    if (stream === "stderr") this.#keepLastWords(context, text);
    // Keep the order of the two streams: what the other one holds goes first.
    const other = stream === "stdout" ? "stderr" : "stdout";
    if (gathered.text[other] !== "") this.#flush(context, gathered);
    gathered.text[stream] += text;
    if (gathered.text[stream].length >= GATHER_CHARACTERS || Date.now() - gathered.lastFlush >= GATHER_MS) {
      this.#flush(context, gathered);
    } else {
      gathered.timer ??= setTimeout(() => this.#flush(context, gathered), GATHER_MS);
    }
  }

  #keepLastWords(context: TaskContext, text: string): void {
    if (this.#lastWords?.context !== context) this.#lastWords = { context, text: "" };
    this.#lastWords.text = (this.#lastWords.text + text).slice(-LAST_WORDS);
  }

  #flush(context: TaskContext, gathered: Gathered): void {
    clearTimeout(gathered.timer);
    gathered.timer = undefined;
    for (const stream of STREAMS) {
      const text = gathered.text[stream];
      if (text === "") continue;
      gathered.text[stream] = "";
      gathered.lastFlush = Date.now();
      this.#send(context.taskId, stream, text);
    }
  }
}

/** A character whose bytes come in several pieces is held back until it is complete. */
function textOf(decoder: StringDecoder, chunk: string | Uint8Array, encoding: unknown): string {
  if (typeof chunk !== "string") return decoder.write(Buffer.from(chunk));
  if (typeof encoding !== "string" || /^utf-?8$/i.test(encoding)) return decoder.end() + chunk;
  return decoder.write(Buffer.from(chunk, encoding as BufferEncoding));
}
