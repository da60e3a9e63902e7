/**
 * What tasks write: taken from the process's streams, told apart by the task whose code writes, gathered for a moment,
 * and sent on. What no task wrote goes where it went. While too much is under way, which is so when a task writes without a
 * break, the rest is left out, and the task's stderr says how much that is.
 */

import { StringDecoder } from "node:string_decoder";
import type { NativeOutput, NativeText, Stream } from "./native-output.ts";
import { currentTask, type Shown, type TaskContext } from "./task-context.ts";

const STREAMS = ["stdout", "stderr"] as const;

/** Text is held back at most this long, in milliseconds, and at most this much, in characters. */
const GATHER_MS = 10;
const GATHER_CHARACTERS = 16 * 1024;
/** Nothing more is sent while this much output has not left, in characters; it goes on when it is half of that. */
export const UNDER_WAY: number = 16 * 1024 * 1024;
/** After that it is looked whether there is room for saying what is missing, in milliseconds. */
const NOTICE_MS = 100;
/** How much of a task's last words is kept for the report of the engine's end, in characters. */
const LAST_WORDS = 2_000;

type Write = typeof process.stdout.write;

/** What one task has written and is not sent yet. */
interface Gathered {
  readonly text: Record<Stream, string>;
  readonly decoders: Record<Stream, StringDecoder>;
  timer: NodeJS.Timeout | undefined;
  lastFlush: number;
  /** What is missing, and has not been said, in bytes; and how many shown values. */
  missing: number;
  missingValues: number;
  /** Sends what was published last, when there was no room for it. */
  published: (() => void) | undefined;
}

export interface TaskOutputParts {
  readonly send: (taskId: string, stream: Stream, text: string) => void;
  /** How much of what was sent has not left, in characters. */
  readonly underWay: () => number;
  /** What comes past Node's streams, where that is known. */
  readonly native: NativeOutput | undefined;
  /** Runs something that must not be cut short. */
  readonly shield: <T>(run: () => T) => T;
}

export class TaskOutput {
  readonly #send: (taskId: string, stream: Stream, text: string) => void;
  readonly #underWay: () => number;
  #isFull = false;
  readonly #gathered = new Map<TaskContext, Gathered>();
  readonly #native: NativeOutput | undefined;
  readonly #shield: <T>(run: () => T) => T;
  /** The task to which text belongs that came past Node's streams; the engine says which. */
  owner: () => TaskContext | undefined = () => undefined;
  #lastWords: { readonly context: TaskContext; text: string } | undefined;

  /** From now on what tasks write goes to `send`. */
  constructor({ send, underWay, native, shield }: TaskOutputParts) {
    this.#send = send;
    this.#underWay = underWay;
    this.#native = native;
    this.#shield = shield;
    const toStream = process.stderr.write.bind(process.stderr);
    const write = (text: string): void => void (native === undefined ? toStream(text) : native.tellAgent(text));
    // A task that ends the process is not heard any more; what it said goes where the agent looks.
    process.once("exit", () => {
      if (this.#lastWords !== undefined) write(this.#lastWords.text);
    });
    for (const stream of STREAMS) this.#capture(stream);
    native?.listen((text) => this.#addNative(this.owner(), text));
  }

  /** The task has ended at the time `now`, by `performance.now()`: sends what is left. What it left behind may write later; that is sent as it comes. */
  end(context: TaskContext, now: number): void {
    if (this.#native?.mayHaveMore(now) === true) this.#takeNative(context);
    if (this.#lastWords?.context === context) this.#lastWords = undefined;
    const gathered = this.#gathered.size === 0 ? undefined : this.#gathered.get(context);
    if (gathered === undefined) return;
    for (const stream of STREAMS) gathered.text[stream] += gathered.decoders[stream].end();
    this.#flush(context, gathered);
    this.#catchUp(context, gathered);
    clearTimeout(gathered.timer);
    this.#gathered.delete(context);
  }

  /**
   * A value that a task shows or publishes, to be sent with `send`. While there is no room, what is shown is left out, and
   * what was published last is sent later, at the latest when the task ends.
   */
  show(context: TaskContext, { message, buffers }: Shown, send: (shown: Shown) => void): void {
    const isPublished = message.type === "published";
    if (this.#hasRoom()) {
      const gathered = this.#gathered.size === 0 ? undefined : this.#gathered.get(context);
      if (gathered !== undefined) {
        if (isPublished) gathered.published = undefined;
        this.#catchUp(context, gathered);
      }
      send({ message, buffers });
      return;
    }
    const gathered = this.#gatheredOf(context);
    if (isPublished) {
      // The task may write to them meanwhile.
      const copies = buffers.map((bytes) => new Uint8Array(bytes));
      gathered.published = () => send({ message, buffers: copies });
    } else gathered.missingValues++;
    this.#leaveOut(context, gathered, 0);
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
    for (const text of this.#native?.take() ?? []) this.#addNative(context, text);
  }

  #addNative(context: TaskContext | undefined, { stream, bytes, missing = 0 }: NativeText): void {
    if (context === undefined) {
      this.#native?.tellAgent(bytes);
      return;
    }
    this.#add(context, stream, bytes, undefined);
    if (missing > 0) this.#leaveOut(context, this.#gatheredOf(context), missing);
  }

  #add(context: TaskContext, stream: Stream, chunk: string | Uint8Array, encoding: unknown): void {
    const gathered = this.#gatheredOf(context);
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

  #gatheredOf(context: TaskContext): Gathered {
    let gathered = this.#gathered.get(context);
    if (gathered === undefined) {
      gathered = {
        text: { stdout: "", stderr: "" },
        decoders: { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") },
        timer: undefined,
        lastFlush: 0,
        missing: 0,
        missingValues: 0,
        published: undefined,
      };
      this.#gathered.set(context, gathered);
    }
    return gathered;
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
      if (this.#hasRoom()) {
        this.#sayMissing(context, gathered);
        this.#send(context.taskId, stream, text);
      } else this.#leaveOut(context, gathered, Buffer.byteLength(text));
    }
  }

  #hasRoom(): boolean {
    this.#isFull = this.#underWay() > (this.#isFull ? UNDER_WAY / 2 : UNDER_WAY);
    return !this.#isFull;
  }

  #leaveOut(context: TaskContext, gathered: Gathered, bytes: number): void {
    gathered.missing += bytes;
    // If the task has ended, or writes nothing more for now, it is said all the same.
    gathered.timer ??= setTimeout(() => {
      this.#flush(context, gathered);
      if (this.#hasRoom()) this.#catchUp(context, gathered);
      else this.#leaveOut(context, gathered, 0);
    }, NOTICE_MS);
  }

  /** Sends what there was no room for, as far as that is kept. */
  #catchUp(context: TaskContext, gathered: Gathered): void {
    this.#sayMissing(context, gathered);
    const { published } = gathered;
    gathered.published = undefined;
    published?.();
  }

  #sayMissing({ taskId }: TaskContext, gathered: Gathered): void {
    const { missing, missingValues } = gathered;
    gathered.missing = 0;
    gathered.missingValues = 0;
    const say = (what: string, verb: string): void =>
      this.#send(
        taskId,
        "stderr",
        `ndparallel: ${what} are missing here: they were ${verb} faster than they could leave\n`,
      );
    if (missing > 0) say(`${missing} bytes of output`, "written");
    if (missingValues > 0) say(`${missingValues} values`, "shown");
  }
}

/** A character whose bytes come in several pieces is held back until it is complete. */
function textOf(decoder: StringDecoder, chunk: string | Uint8Array, encoding: unknown): string {
  if (typeof chunk !== "string") return decoder.write(Buffer.from(chunk));
  if (typeof encoding !== "string" || /^utf-?8$/i.test(encoding)) return decoder.end() + chunk;
  return decoder.write(Buffer.from(chunk, encoding as BufferEncoding));
}
