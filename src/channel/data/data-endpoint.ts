/** Where a process serves its buffers to others: opened when somebody asks for the first time. */

import { MalformedPacket } from "../../protocol/codec.ts";
import type { FetchPiece } from "../../protocol/data-messages.ts";
import type { Connection, ConnectionHandlers } from "../connection.ts";
import type { Rejections } from "../listener.ts";
import { type Listener, listen } from "../listener.ts";
import { PIECE_LIMIT, type PieceServer } from "./piece-server.ts";

/** How many requests of one connection may be unanswered; one that sends more is cut off. */
const REQUESTS_AT_ONCE = 64;

export interface EndpointOptions {
  readonly host: string;
  readonly key: string;
  readonly server: PieceServer;
}

export class DataEndpoint {
  readonly #options: EndpointOptions;
  readonly #connections = new Set<Connection>();
  #listener: Promise<Listener> | undefined;
  #rejections: Readonly<Rejections> | undefined;
  #isClosed = false;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** Connections and messages that were refused, by reason; `undefined` before the first use. */
  get rejections(): Readonly<Rejections> | undefined {
    return this.#rejections;
  }

  /** Where it is reached. Rejects when the system does not let it listen. */
  async open(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, key } = this.#options;
    this.#listener ??= listen({ host, key, accept: (connection) => this.#accept(connection) });
    const listener = await this.#listener;
    listener.unref();
    this.#rejections = listener.rejections;
    if (this.#isClosed) listener.close();
    return { host: listener.host, port: listener.port };
  }

  close(): void {
    this.#isClosed = true;
    this.#listener?.then((listener) => listener.close()).catch(() => undefined);
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(connection: Connection): ConnectionHandlers {
    this.#connections.add(connection);
    let unanswered = 0;
    return {
      message: (message) => {
        if (message.type !== "fetchPiece" || !isRequest(message) || ++unanswered > REQUESTS_AT_ONCE) {
          throw new MalformedPacket(`${message.type} is not a request for a piece, or one too many`);
        }
        this.#options.server.serve(
          message,
          (answer, buffers, onSent) => connection.send(answer, buffers, onSent),
          () => unanswered--,
        );
      },
      closed: () => this.#connections.delete(connection),
    };
  }
}

function isRequest({ requestId, id, offset, byteLength }: FetchPiece): boolean {
  return [requestId, id, offset, byteLength].every(Number.isSafeInteger) && byteLength <= PIECE_LIMIT;
}
