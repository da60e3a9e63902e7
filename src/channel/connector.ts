/** The connecting end. */

import { connect as connectSocket, type NetConnectOpts, type OnReadOpts, type Socket } from "node:net";
import { ConnectionError, SecurityError } from "../errors.ts";
import type { Connection, ConnectionHandlers } from "./connection.ts";
import { connectorHandshake, HandshakeError } from "./handshake.ts";
import { localPath } from "./local-path.ts";
import { SocketConnection } from "./socket-connection.ts";

/** Small reads go here; large buffers are read into their own memory. */
const SCRATCH_BYTES = 64 * 1024;
/** The longest time that a timer can measure, in milliseconds. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  readonly handlers: ConnectionHandlers;
  /** Milliseconds until the attempt is given up; `Infinity`: never. */
  readonly timeout: number;
  /** Gives the attempt up, with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Connects and proves the key both ways.
 * @throws ConnectionError when nobody answers in time, SecurityError when the other end has another key.
 */
export function connect(options: ConnectOptions): Promise<Connection> {
  const { host, port, key } = options;
  const path = localPath(host, port, key);
  return new Promise((resolve, reject) => {
    const overTcp = (): void => attempt({ host, port }, options, { resolve, reject });
    const otherwise = (error: Error): void => {
      // Not when somebody is there who is silent, or hangs up: TCP leads to the same.
      if (error instanceof ConnectionError && error.cause !== undefined) overTcp();
      else reject(error);
    };
    if (path === undefined) overTcp();
    else attempt({ path }, options, { resolve, reject: otherwise });
  });
}

/** One of the two is called, once. */
interface Outcome {
  resolve(connection: Connection): void;
  reject(error: Error): void;
}

function attempt(place: NetConnectOpts, options: ConnectOptions, { resolve, reject }: Outcome): void {
  const { host, port, key, handlers, timeout, signal } = options;
  const handshake = connectorHandshake(key);
  let connection: SocketConnection | undefined;
  let proved = false;
  const onread = readInto(
    () => connection,
    (chunk) => greet(chunk),
  );
  const socket: Socket = connectSocket({ ...place, onread });
  const givenUp = (): void => fail(signal?.reason as Error);
  const decided = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", givenUp);
  };
  const fail = (error: Error): void => {
    decided();
    // The end of the socket that follows an error is no second failure.
    socket.off("close", closedEarly);
    socket.destroy();
    reject(error);
  };
  const refused = (error?: Error): void => fail(refusal(`${host}:${port}`, error));
  const closedEarly = (): void => {
    const message = `${host}:${port} closed the connection during the handshake`;
    // Only after it has seen the proof can the other end have refused the key.
    fail(proved ? new SecurityError(`${message}: is the key right?`) : new ConnectionError(message));
  };
  const timer = setTimeout(
    () => fail(new ConnectionError(`${host}:${port} did not answer within ${timeout} ms`)),
    Math.min(timeout, LONGEST_TIMER_MS),
  );
  const greet = (chunk: Buffer): void => {
    try {
      const { send, keys, rest } = handshake.receive(chunk);
      if (send !== undefined) {
        socket.write(send);
        proved = true;
      }
      if (keys === undefined) return;
      decided();
      socket.off("error", refused);
      socket.off("close", closedEarly);
      const made = new SocketConnection(socket, keys, handlers);
      connection = made;
      resolve(made);
      // After whoever awaits the connection has it, and before the next read.
      if (rest !== undefined && rest.byteLength > 0) queueMicrotask(() => made.feed(rest));
    } catch (error) {
      refused(error as Error);
    }
  };
  socket.on("error", refused);
  socket.on("close", closedEarly);
  if (signal?.aborted) givenUp();
  else signal?.addEventListener("abort", givenUp, { once: true });
}

function refusal(place: string, cause: Error | undefined): Error {
  if (cause instanceof HandshakeError) return new SecurityError(`${place} refused the handshake: ${cause.message}`);
  return new ConnectionError(`cannot connect to ${place}${cause ? `: ${cause.message}` : ""}`, { cause });
}

/** Reads into the connection, large buffers straight to their place; before there is one, what comes is a greeting. */
function readInto(connection: () => SocketConnection | undefined, greet: (chunk: Buffer) => void): OnReadOpts {
  const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  let direct = false;
  return {
    buffer: () => {
      const target = connection()?.target();
      direct = target !== undefined;
      return target ?? scratch;
    },
    callback: (count) => {
      const reader = connection();
      const copy = (): Buffer => Buffer.from(scratch.subarray(0, count));
      if (reader === undefined) greet(copy());
      else if (direct) reader.advance(count);
      else reader.feed(copy());
      return true;
    },
  };
}
