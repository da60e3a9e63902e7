/** For tests: peers that speak the protocol byte by byte, as its documentation says, and can therefore misspeak it. */

import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { type Envelope, encodeHead, PROLOGUE_LENGTH, writePrologue } from "../../src/protocol/codec.ts";
import { directionKey, newNonce, proof, signature } from "../../src/protocol/signing.ts";
import { HOST, KEY } from "./recorder.ts";

const PREFIX = Buffer.from("NDPH\x01\0\0\0", "latin1");
const GREETING = 40;
const PROOF = 32;

/** A socket with what came over it. */
export interface RawPeer {
  readonly socket: Socket;
  /** Resolves when that many bytes have come, and takes them. */
  take(count: number): Promise<Buffer>;
  /** Resolves when the socket has closed. */
  readonly closed: Promise<void>;
}

export function rawPeer(socket: Socket): RawPeer {
  let gathered = Buffer.alloc(0);
  let wake = (): void => undefined;
  socket.on("error", () => undefined);
  socket.on("data", (chunk) => {
    gathered = Buffer.concat([gathered, chunk]);
    wake();
  });
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => {
      resolve();
      wake();
    });
  });
  const take = async (count: number): Promise<Buffer> => {
    while (gathered.byteLength < count) {
      if (socket.destroyed) throw new Error(`closed after ${gathered.byteLength} of ${count} bytes`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const taken = gathered.subarray(0, count);
    gathered = gathered.subarray(count);
    return taken;
  };
  onTestFinished(() => {
    socket.destroy();
  });
  return { socket, take, closed };
}

/** A plain TCP connection. */
export function connectRaw(port: number): RawPeer {
  return rawPeer(connectSocket({ host: HOST, port }));
}

/** A plain TCP server on a free port; each connection goes to `serve`. */
export async function serveRaw(serve: (peer: RawPeer) => unknown): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => {
    Promise.resolve(serve(rawPeer(socket))).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen({ host: HOST, port: 0 }, resolve);
  });
  onTestFinished(() => {
    server.close();
  });
  return { port: (server.address() as { port: number }).port, server };
}

/** A peer that has shaken hands, with the keys of both directions. */
export interface SpeakingPeer extends RawPeer {
  readonly sending: Buffer;
  readonly receiving: Buffer;
}

/** Shakes hands with a listener, as the connector. */
export async function shakeHands(port: number, key: string = KEY): Promise<SpeakingPeer> {
  const peer = connectRaw(port);
  const greeting = await peer.take(GREETING);
  const theirs = greeting.subarray(PREFIX.byteLength);
  const ours = newNonce();
  peer.socket.write(Buffer.concat([PREFIX, ours, proof(key, "connector", theirs, ours)]));
  const given = await peer.take(PROOF);
  if (!given.equals(proof(key, "listener", theirs, ours))) throw new Error("the listener's proof is wrong");
  const sending = directionKey(key, "connector", theirs, ours);
  return { ...peer, sending, receiving: directionKey(key, "listener", theirs, ours) };
}

/** Shakes hands with a connector, as the listener. */
export async function receiveHands(peer: RawPeer, key: string = KEY): Promise<SpeakingPeer> {
  const ours = newNonce();
  peer.socket.write(Buffer.concat([PREFIX, ours]));
  const greeting = await peer.take(GREETING + PROOF);
  const theirs = greeting.subarray(PREFIX.byteLength, GREETING);
  peer.socket.write(proof(key, "listener", ours, theirs));
  const sending = directionKey(key, "listener", ours, theirs);
  return { ...peer, sending, receiving: directionKey(key, "connector", ours, theirs) };
}

/** The bytes of a packet with this head and these buffers. */
export function packetOf(key: Uint8Array, sequence: number, head: Uint8Array, buffers: readonly Uint8Array[]): Buffer {
  const prologue = Buffer.alloc(PROLOGUE_LENGTH);
  writePrologue(prologue, { headLength: head.byteLength, sequence, signature: signature(key, sequence, head) });
  return Buffer.concat([prologue, head, ...buffers]);
}

/** The bytes of a packet with these messages. */
export function packet(key: Uint8Array, sequence: number, envelopes: readonly Envelope[]): Buffer {
  return packetOf(
    key,
    sequence,
    encodeHead(envelopes),
    envelopes.flatMap(({ buffers }) => buffers),
  );
}
