/** Keeps what is sent to an engine that is not back yet. */

import type { Connection } from "../channel/connection.ts";
import type { Message } from "../protocol/messages.ts";
import { messagesOf, type Run } from "../protocol/runs.ts";

export class Mailbox implements Connection {
  #letters: [Message, (readonly Uint8Array[])?, (() => void)?][] = [];
  readonly isOpen = true;
  readonly localAddress = undefined;

  send(...letter: [Message, (readonly Uint8Array[])?, (() => void)?]): void {
    this.#letters.push(letter);
  }

  sendRun(run: Run): void {
    for (const message of messagesOf(run)) this.send(message);
  }

  /** The engine is back. */
  deliver(connection: Connection): void {
    for (const letter of this.#letters.splice(0)) connection.send(...letter);
  }

  flush(): void {}
  hold(): void {}
  release(): void {}

  close(): void {
    this.#letters = [];
  }

  destroy(): void {
    this.#letters = [];
  }
}
