/**
 * Passes what tasks write on to clients. Of what is written for a client that does not read, the rest is left out once too
 * much waits for it; when it reads again it is told how much that is.
 */

import type { Connection } from "../channel/connection.ts";
import type { Output } from "../protocol/messages.ts";

/** Nothing more is passed on while so much waits for a client, in characters; it goes on when it is half of that. */
export const CLIENT_LIMIT: number = 64 * 1024 * 1024;

interface Waiting {
  size: number;
  isFull: boolean;
  /** What is missing of tasks, in bytes. */
  readonly missing: Map<string, number>;
}

export class OutputFlow {
  readonly #clients = new WeakMap<Connection, Waiting>();

  pass(connection: Connection, message: Output): void {
    let waiting = this.#clients.get(connection);
    if (waiting === undefined) {
      waiting = { size: 0, isFull: false, missing: new Map() };
      this.#clients.set(connection, waiting);
    }
    const { taskId, text } = message;
    waiting.isFull ||= waiting.size > CLIENT_LIMIT;
    if (waiting.isFull) waiting.missing.set(taskId, (waiting.missing.get(taskId) ?? 0) + Buffer.byteLength(text));
    else this.#send(connection, message, waiting);
  }

  #send(connection: Connection, message: Output, waiting: Waiting): void {
    const { length } = message.text;
    waiting.size += length;
    connection.send(message, [], () => {
      waiting.size -= length;
      if (!waiting.isFull || waiting.size > CLIENT_LIMIT / 2) return;
      waiting.isFull = false;
      const { missing } = waiting;
      for (const [taskId, bytes] of missing) {
        const text = `ndparallel: ${bytes} bytes of output are missing here: this client did not read\n`;
        connection.send({ type: "output", taskId, stream: "stderr", text });
      }
      missing.clear();
    });
  }
}
