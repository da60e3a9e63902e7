/** The listening end: accepts connections that know the key, counts and drops the others. */

import { createServer, type Socket } from "node:net";
import { MalformedPacket } from "../protocol/codec.ts";
import { type Connection, type ConnectionHandlers, deliverRun } from "./connection.ts";
import { listenerHandshake } from "./handshake.ts";
import { localPath } from "./local-path.ts";
import { BadSignature, Replayed } from "./packet-reader.ts";
import { type DirectionKeys, SocketConnection } from "./socket-connection.ts";

/** How long a connection may take to prove that it knows the key, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** How many connections may be in their handshake at once; more are refused. */
const HANDSHAKES_AT_ONCE = 1_024;

/** How many connections and packets were refused, by reason. */
export interface Rejections {
  handshakes: number;
  signatures: number;
  replays: number;
  malformed: number;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  readonly rejections: Readonly<Rejections>;
  /** Takes no more connections; those that exist stay. */
  close(): void;
  /** No longer keeps the process alive. */
  unref(): void;
}

export interface ListenOptions {
  readonly host: string;
  readonly key: string;
  /** A free one unless given. */
  readonly port?: number | undefined;
  /** Called for each connection that proved the key; gives what handles its messages. */
  readonly accept: (connection: Connection) => ConnectionHandlers;
}

/** Listens on a free port of `host`. */
export function listen(options: ListenOptions): Promise<Listener> {
  const rejections: Rejections = { handshakes: 0, signatures: 0, replays: 0, malformed: 0 };
  let inHandshake = 0;
  const take = (socket: Socket): void => {
    if (inHandshake >= HANDSHAKES_AT_ONCE) {
      rejections.handshakes++;
      socket.destroy();
      return;
    }
    inHandshake++;
    greet(socket, options, rejections, () => inHandshake--);
  };
  const server = createServer(take);
  const local = createServer(take);
  // Without it TCP does.
  local.on("error", () => undefined);
  const both = [server, local];
  const close = (): void => both.forEach((each) => void each.close());
  const unref = (): void => both.forEach((each) => void each.unref());
  return new Promise((resolve, reject) => {
    // Not only once: a connection that could not be taken later must not end the process.
    server.on("error", reject);
    server.listen({ host: options.host, port: options.port ?? 0 }, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const path = localPath(options.host, port, options.key);
      const done = (): void => resolve({ host: options.host, port, rejections, close, unref });
      if (path === undefined) done();
      else local.listen(path).once("listening", done).once("error", done);
    });
  });
}

function greet(socket: Socket, options: ListenOptions, rejections: Rejections, done: () => void): void {
  const handshake = listenerHandshake(options.key);
  let settled = false;
  const settle = (accepted: boolean): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    done();
    if (accepted) return;
    rejections.handshakes++;
    socket.destroy();
  };
  const refuse = (): void => settle(false);
  const timer = setTimeout(refuse, HANDSHAKE_TIMEOUT_MS);
  const receive = (chunk: Buffer): void => {
    try {
      const { send, keys, rest } = handshake.receive(chunk);
      if (send !== undefined) socket.write(send);
      if (keys === undefined) return;
      settle(true);
      socket.off("data", receive);
      socket.off("error", refuse);
      socket.off("close", refuse);
      const connection = acceptConnection(socket, keys, options, rejections);
      socket.on("data", (bytes) => connection.feed(bytes));
      if (rest !== undefined && rest.byteLength > 0) connection.feed(rest);
    } catch {
      settle(false);
      socket.destroy();
    }
  };
  socket.on("error", refuse);
  socket.on("close", refuse);
  socket.on("data", receive);
  if (handshake.opening !== undefined) socket.write(handshake.opening);
}

/** Gives the connection to its user, and counts the bad packet that ends it, if one does. */
function acceptConnection(
  socket: Socket,
  keys: DirectionKeys,
  options: ListenOptions,
  rejections: Rejections,
): SocketConnection {
  let handlers: ConnectionHandlers | undefined;
  const connection = new SocketConnection(socket, keys, {
    message: (message, buffers) => handlers?.message(message, buffers),
    run: (run) => handlers && deliverRun(handlers, run),
    place: (message, byteLength) => handlers?.place?.(message, byteLength),
    leaving: () => handlers?.leaving?.(),
    closed: (error) => {
      if (error instanceof BadSignature) rejections.signatures++;
      else if (error instanceof Replayed) rejections.replays++;
      else if (error instanceof MalformedPacket) rejections.malformed++;
      handlers?.closed(error);
    },
  });
  handlers = options.accept(connection);
  return connection;
}
