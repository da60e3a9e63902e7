/**
 * What an engine's process writes to its stdout and stderr past Node's streams: native libraries, child processes that
 * inherited them, writes to descriptors 1 and 2. Both are pipes that the process itself reads, on its main thread, when
 * something arrives or at the latest when a task ends. While the main thread computes and does not, the watchdog's thread
 * takes what has come, so that nobody who writes waits for ever, and hands it over in order; what is too much, it counts.
 */

import fs, { readSync, writeSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { Descriptor } from "./engine-pipes.ts";
import { readiness } from "./pipe-calls.ts";

export type Stream = "stdout" | "stderr";

const STREAMS = ["stdout", "stderr"] as const;
const CHUNK = 64 * 1024;
/** Tasks that take less, and write to no descriptor from JavaScript, are not looked at, in milliseconds. */
const LOOK_MS = 0.1;

/** How much waits for the main thread at most, in bytes. */
const LIMIT = 16 * 1024 * 1024;

/** Words of the memory that both threads see. */
const LOCK = 0;
const TAKEN = 1;
/** Bytes that wait for the main thread. */
const WAITING = 2;
/** Where the number of bytes is that were too many, for whoever has the lock. */
const MISSING = 16;
const SIZE = 24;
/** Who has the lock. */
const FREE = 0;
const MAIN = 1;
const WATCHDOG = 2;

/** One piece. */
export interface NativeText {
  readonly stream: Stream;
  readonly bytes: Uint8Array;
  /** How many bytes are missing after it. */
  readonly missing?: number;
}

const NOTHING = new Uint8Array();

const isReadable = (): (() => boolean[]) => readiness(STREAMS.map((stream) => Descriptor[stream]));

/** What is in the pipes now, not more than one read of each. */
function read(readable: readonly boolean[]): NativeText[] {
  return STREAMS.flatMap((stream, index): NativeText[] => {
    if (readable[index] !== true) return [];
    const chunk = Buffer.alloc(CHUNK);
    try {
      const count = readSync(Descriptor[stream], chunk);
      return count === 0 ? [] : [{ stream, bytes: chunk.subarray(0, count) }];
    } catch {
      // The other thread's event loop was quicker.
      return [];
    }
  });
}

/** The main thread's part. */
export class NativeOutput {
  readonly memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE);
  readonly #words = new Int32Array(this.memory, 0, MISSING / 4);
  readonly #missing = new Float64Array(this.memory, MISSING);
  readonly #readable = isReadable();
  readonly #handedOver: MessagePort;
  #looked = performance.now();
  #isTouched = false;

  /** `handedOver`: where the watchdog puts what it took. */
  constructor(handedOver: MessagePort) {
    this.#handedOver = handedOver;
    this.#noticeWrites();
  }

  /** Calls `listener` for what arrives while the event loop is free. */
  listen(listener: (text: NativeText) => void): void {
    // What nothing else makes this thread look for.
    this.#handedOver.on("message", (text: NativeText) => {
      this.#received(text);
      listener(text);
    });
    this.#handedOver.unref();
    for (const stream of STREAMS) {
      // Whoever writes waits while the pipe is full, instead of failing.
      (process[stream] as { _handle?: { setBlocking?(value: boolean): void } })._handle?.setBlocking?.(true);
      const pipe = new Socket({ fd: Descriptor[stream], readable: true, writable: false });
      pipe.on("data", (bytes: Buffer) => {
        for (const earlier of this.#locked(() => this.#taken())) listener(earlier);
        listener({ stream, bytes });
      });
      pipe.on("error", () => undefined);
      pipe.unref();
    }
  }

  /** Whether it may be, at the time `now`, that something has been written. */
  mayHaveMore(now: number): boolean {
    return this.#isTouched || now - this.#looked >= LOOK_MS;
  }

  /** What has been written, if it may be that something has. */
  take(): NativeText[] {
    const now = performance.now();
    if (!this.mayHaveMore(now)) return [];
    this.#looked = now;
    this.#isTouched = false;
    return this.#locked(() => {
      const texts = this.#taken();
      for (let more = read(this.#readable()); more.length > 0; more = read(this.#readable())) texts.push(...more);
      return texts;
    });
  }

  /** To the agent, for the report of the engine's end. */
  tellAgent(chunk: string | Uint8Array, encoding?: unknown): void {
    const bytes =
      typeof chunk === "string"
        ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as "utf8") : "utf8")
        : chunk;
    try {
      writeSync(Descriptor.agent, bytes);
    } catch {
      // The agent has ended, and so will this process.
    }
  }

  /** What the watchdog took; for whoever has the lock. */
  #taken(): NativeText[] {
    const texts: NativeText[] = [];
    while (Atomics.load(this.#words, TAKEN) > 0) {
      const received = receiveMessageOnPort(this.#handedOver);
      if (received === undefined) break;
      const text = received.message as NativeText;
      this.#received(text);
      texts.push(text);
    }
    const [missing = 0] = this.#missing;
    if (missing > 0) texts.push({ stream: "stderr", bytes: NOTHING, missing });
    this.#missing[0] = 0;
    return texts;
  }

  #received({ bytes }: NativeText): void {
    Atomics.sub(this.#words, TAKEN, 1);
    Atomics.sub(this.#words, WAITING, bytes.length);
  }

  /** This thread may have been cut while it had the lock: then it has it still. */
  #locked<T>(run: () => T): T {
    while (Atomics.compareExchange(this.#words, LOCK, FREE, MAIN) === WATCHDOG)
      Atomics.wait(this.#words, LOCK, WATCHDOG);
    try {
      return run();
    } finally {
      Atomics.store(this.#words, LOCK, FREE);
    }
  }

  /** Writes to the descriptors from JavaScript are so quick that they would be missed. */
  #noticeWrites(): void {
    const raw = process as unknown as Record<string, (...args: unknown[]) => unknown>;
    const functions = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
    const notice = (owner: typeof raw, name: string, isMeant: (first: unknown) => boolean): void => {
      const original = owner[name];
      if (original === undefined) return;
      const noticing = (...args: unknown[]): unknown => {
        if (isMeant(args[0])) this.#isTouched = true;
        return original.apply(owner, args);
      };
      owner[name] = Object.defineProperties(noticing, Object.getOwnPropertyDescriptors(original)) as typeof noticing;
    };
    for (const name of ["writeSync", "writevSync", "writeFileSync", "appendFileSync"]) {
      notice(functions, name, (first) => first === 1 || first === 2);
    }
    notice(raw, "_rawDebug", () => true);
    syncBuiltinESMExports();
  }
}

/** The watchdog's part. */
export class NativeRelief {
  readonly #words: Int32Array;
  readonly #port: MessagePort;
  readonly #readable = isReadable();
  #wasReadable = false;
  readonly #missing: Float64Array;

  constructor(memory: SharedArrayBuffer, port: MessagePort) {
    this.#words = new Int32Array(memory, 0, MISSING / 4);
    this.#missing = new Float64Array(memory, MISSING);
    this.#port = port;
  }

  /** Takes what the main thread has left since the last look. Gives whether there was something. */
  relieve(): boolean {
    const readable = this.#readable();
    const isDue = this.#wasReadable;
    this.#wasReadable = readable.includes(true);
    if (!isDue || !this.#wasReadable) return false;
    if (Atomics.compareExchange(this.#words, LOCK, FREE, WATCHDOG) !== FREE) return false;
    try {
      for (const text of read(this.#readable())) {
        if (Atomics.load(this.#words, WAITING) < LIMIT) this.#handOver(text);
        else (this.#missing[0] as number) += text.bytes.length;
      }
    } finally {
      Atomics.store(this.#words, LOCK, FREE);
      Atomics.notify(this.#words, LOCK);
    }
    return true;
  }

  #handOver(text: NativeText): void {
    Atomics.add(this.#words, WAITING, text.bytes.length);
    this.#port.postMessage(text);
    Atomics.add(this.#words, TAKEN, 1);
  }
}
