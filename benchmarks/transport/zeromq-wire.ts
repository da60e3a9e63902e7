/**
 * zeromq.js over TCP: DEALER sockets that connect, a ROUTER that listens. `packed` packs the messages of one turn into
 * one frame with the codec and the outbox of the package, unsigned; otherwise each message is a frame of its own.
 */

import { pathToFileURL } from "node:url";
import { Outbox } from "../../src/channel/outbox.ts";
import { decodeHead, encodeHead, type PacketItem } from "../../src/protocol/codec.ts";
import { resolvePeer } from "../lib/pools.ts";
import { type Link, LOOPBACK, type Receive, type Wire } from "./wire.ts";

interface Socket extends AsyncIterable<Buffer[]> {
  readonly lastEndpoint: string | null;
  bind(address: string): Promise<void>;
  connect(address: string): void;
  send(frames: readonly Uint8Array[]): Promise<void>;
}
type SocketClass = new (options: object) => Socket;
interface Zeromq {
  readonly Router: SocketClass;
  readonly Dealer: SocketClass;
}

/** More than this is a frame of its own, in bytes. */
const INLINE_BYTES = 64 * 1024;
const NO_LIMITS = { sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 0 };

/** @throws Error when zeromq is not installed. */
export async function zeromqWire(packed: boolean): Promise<Wire> {
  const module = (await import(pathToFileURL(resolvePeer("zeromq")).href)) as { default?: Zeromq };
  const { Router, Dealer } = (module.default ?? module) as Zeromq;
  return {
    async listen(accept) {
      const socket = new Router(NO_LIMITS);
      await socket.bind(`tcp://${LOOPBACK}:*`);
      void receiveFromMany(socket, packed, accept);
      return socket.lastEndpoint as string;
    },
    async connect(address, receive) {
      const socket = new Dealer(NO_LIMITS);
      socket.connect(address);
      void receiveFromOne(socket, packed, receive);
      return linkOf(socket, packed, []);
    },
  };
}

async function receiveFromOne(socket: Socket, packed: boolean, receive: Receive): Promise<void> {
  for await (const frames of socket) deliver(frames, packed, receive);
}

async function receiveFromMany(socket: Socket, packed: boolean, accept: (link: Link) => Receive): Promise<void> {
  const receivers = new Map<string, Receive>();
  for await (const [identity = Buffer.alloc(0), ...frames] of socket) {
    const key = identity.toString("hex");
    let receive = receivers.get(key);
    if (receive === undefined) {
      receive = accept(linkOf(socket, packed, [identity]));
      receivers.set(key, receive);
    }
    deliver(frames, packed, receive);
  }
}

function deliver([head = Buffer.alloc(0), ...buffers]: Buffer[], packed: boolean, receive: Receive): void {
  if (!packed) {
    receive(head);
    return;
  }
  let next = 0;
  for (const { message, bufferCount } of decodeHead(head).messages) {
    if (message.type !== "task") continue;
    receive(bufferCount > 0 ? (buffers[next++] as Buffer) : message.payload);
  }
}

function linkOf(socket: Socket, packed: boolean, address: readonly Uint8Array[]): Link {
  const queue = sendQueueOf(socket);
  if (!packed) return { send: (bytes) => queue.send([...address, bytes]) };
  const write = (envelopes: readonly PacketItem[]): void => {
    queue.send([...address, encodeHead(envelopes), ...envelopes.flatMap(({ buffers }) => buffers)]);
  };
  const outbox = new Outbox(write);
  return {
    send(bytes) {
      const isLarge = bytes.byteLength > INLINE_BYTES;
      const payload = isLarge ? new Uint8Array(0) : bytes;
      outbox.add({ message: { type: "task", taskId: "0", payload }, buffers: isLarge ? [bytes] : [] });
    },
  };
}

/** A socket takes one send at a time: the others wait here. */
class SendQueue {
  readonly #socket: Socket;
  #waiting: (readonly Uint8Array[])[] = [];
  #isBusy = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  send(frames: readonly Uint8Array[]): void {
    this.#waiting.push(frames);
    if (!this.#isBusy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const frames of waiting) await this.#socket.send(frames);
    }
    this.#isBusy = false;
  }
}

const queues = new WeakMap<Socket, SendQueue>();

function sendQueueOf(socket: Socket): SendQueue {
  let queue = queues.get(socket);
  if (queue === undefined) {
    queue = new SendQueue(socket);
    queues.set(socket, queue);
  }
  return queue;
}
