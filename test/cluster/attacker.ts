/** Speaks to a controller's port byte by byte: what no client of ours would say. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connectorHandshake } from "../../src/channel/handshake.ts";
import { type Envelope, encodeHead, PROLOGUE_LENGTH, writePrologue } from "../../src/protocol/codec.ts";
import { signature } from "../../src/protocol/signing.ts";
import { until } from "./processes.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  /** Where it listens besides: a socket without TCP. */
  readonly path?: string;
}

/** A bare connection. */
export interface Intruder {
  readonly socket: Socket;
  /** Everything that came back so far. */
  received(): Buffer;
  /** Resolves once the other end has hung up. @throws Error when it does not. */
  hungUp(timeout?: number): Promise<void>;
}

export async function knock({ host, port, path }: Target): Promise<Intruder> {
  const socket = connect(path === undefined ? { host, port } : { path });
  const chunks: Buffer[] = [];
  let isClosed = false;
  socket.on("data", (chunk) => chunks.push(chunk));
  // A reset is one way to hang up.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
  });
  await once(socket, "connect");
  const hungUp = async (timeout = 1_000): Promise<void> => {
    await until(() => isClosed, "the other end hung up", timeout);
  };
  return { socket, received: () => Buffer.concat(chunks), hungUp };
}

/** One that has shown the key, and can sign packets. */
export interface Insider extends Intruder {
  /** A packet with a right signature, unless another key is given. */
  packet(sequence: number, head: Uint8Array, key?: Uint8Array): Buffer;
}

/** Goes through the handshake. @throws Error when the other end hangs up. */
export async function enter(target: Target): Promise<Insider> {
  const intruder = await knock(target);
  const handshake = connectorHandshake(target.key);
  let used = 0;
  const next = async () => {
    await until(() => intruder.received().byteLength > used, "the other end answered", 2_000);
    const chunk = intruder.received().subarray(used);
    used += chunk.byteLength;
    return handshake.receive(chunk);
  };
  for (;;) {
    const { send, keys } = await next();
    if (send !== undefined) intruder.socket.write(send);
    if (keys === undefined) continue;
    const { sending } = keys;
    return { ...intruder, packet: (sequence, head, key = sending) => packet(sequence, head, key) };
  }
}

/** The head of a packet with messages, which need not be ones that there are. */
export function headOf(...messages: unknown[]): Uint8Array {
  const envelopes = messages.map((message) => ({ message, buffers: [] }) as unknown as Envelope);
  return new Uint8Array(encodeHead(envelopes));
}

function packet(sequence: number, head: Uint8Array, key: Uint8Array): Buffer {
  const prologue = Buffer.alloc(PROLOGUE_LENGTH);
  writePrologue(prologue, { headLength: head.byteLength, sequence, signature: signature(key, sequence, head) });
  return Buffer.concat([prologue, head]);
}
