/** For tests: handlers that keep what they are given, and pairs of connected ends. */

import { onTestFinished } from "vitest";
import type { Connection, ConnectionHandlers } from "../../src/channel/connection.ts";
import { connect } from "../../src/channel/connector.ts";
import { connectedPair } from "../../src/channel/in-process.ts";
import { type Listener, listen } from "../../src/channel/listener.ts";
import type { Envelope } from "../../src/protocol/codec.ts";
import type { Message, Output } from "../../src/protocol/messages.ts";

export const KEY = "the key of this cluster";
export const HOST = "127.0.0.1";

/** Keeps every message and every end, and wakes who waits for them. */
export class Recorder implements ConnectionHandlers {
  readonly received: Envelope[] = [];
  /** One entry for each call of `closed`. */
  readonly ends: (Error | undefined)[] = [];
  readonly #waiters = new Set<() => void>();

  message(message: Message, buffers: Uint8Array[]): void {
    this.received.push({ message, buffers });
    this.#wake();
  }

  closed(error?: Error): void {
    this.ends.push(error);
    this.#wake();
  }

  get messages(): Message[] {
    return this.received.map(({ message }) => message);
  }

  /** Resolves when `count` messages have come, with the last of them; rejects if the connection ends before. */
  async receive(count: number): Promise<Envelope> {
    await this.#until(() => this.received.length >= count || this.ends.length > 0);
    const envelope = this.received[count - 1];
    if (envelope === undefined) throw new Error(`ended after ${this.received.length} of ${count} messages`);
    return envelope;
  }

  /** Resolves when a message of this type has come, with the first such. */
  async receiveType<T extends Message["type"]>(type: T): Promise<Extract<Message, { type: T }>> {
    const find = (): Message | undefined => this.messages.find((message) => message.type === type);
    await this.#until(() => find() !== undefined || this.ends.length > 0);
    const message = find();
    if (message === undefined) throw new Error(`ended without a message of type ${type}`);
    return message as Extract<Message, { type: T }>;
  }

  /** Resolves when the connection has ended, with the reason. */
  async end(): Promise<Error | undefined> {
    await this.#until(() => this.ends.length > 0);
    return this.ends[0];
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

/** One end of a connection, and what it was given. */
export interface End {
  readonly connection: Connection;
  readonly recorder: Recorder;
}

/** A listener, and the ends that it accepted. */
export interface Listening {
  readonly listener: Listener;
  readonly accepted: End[];
  /** Resolves when that many connections have been accepted, with the last of them. */
  accept(count: number): Promise<End>;
}

/** Listens on this machine until the test ends. */
export async function startListening(key: string = KEY, host: string = HOST): Promise<Listening> {
  const accepted: End[] = [];
  const waiters = new Set<() => void>();
  const listener = await listen({
    host,
    key,
    accept: (connection) => {
      const recorder = new Recorder();
      accepted.push({ connection, recorder });
      for (const waiter of waiters) waiter();
      return recorder;
    },
  });
  onTestFinished(() => {
    listener.close();
    for (const { connection } of accepted) connection.destroy();
  });
  const accept = (count: number): Promise<End> => {
    return new Promise((resolve) => {
      const check = (): void => {
        const end = accepted[count - 1];
        if (end !== undefined) resolve(end);
      };
      waiters.add(check);
      check();
    });
  };
  return { listener, accepted, accept };
}

/** Connects to a listener; destroyed when the test ends. */
export async function connectTo(port: number, key: string = KEY, host: string = HOST): Promise<End> {
  const recorder = new Recorder();
  const connection = await connect({ host, port, key, handlers: recorder, timeout: 10_000 });
  onTestFinished(() => connection.destroy());
  return { connection, recorder };
}

/** Two ends over a real socket, the short way where there is one: the connector's, the listener's. */
export async function socketPair(host: string = HOST): Promise<[End, End]> {
  const { listener, accept } = await startListening(KEY, host);
  const connector = await connectTo(listener.port, KEY, host);
  return [connector, await accept(1)];
}

/** Two ends over TCP, as between machines: by this name there is no short way. */
export function tcpPair(): Promise<[End, End]> {
  return socketPair("localhost");
}

/** Two ends within the process. */
export async function inProcessPair(): Promise<[End, End]> {
  const [a, b] = [new Recorder(), new Recorder()];
  const [first, second] = connectedPair(a, b);
  return [
    { connection: first, recorder: a },
    { connection: second, recorder: b },
  ];
}

/** A small message that can be told from others. */
export function numbered(number: number): Output {
  return { type: "output", taskId: String(number), stream: "stdout", text: "x" };
}

export function numbersOf(recorder: Recorder): number[] {
  return recorder.messages.map((message) => Number((message as Output).taskId));
}

/** Bytes that differ from place to place, the same for the same seed. */
export function pattern(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

export function sameContent(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(b);
}
