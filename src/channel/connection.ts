/** The one small interface of every way that messages travel. */

import type { Message } from "../protocol/messages.ts";
import { messagesOf, type Run } from "../protocol/runs.ts";

/** A two-way, ordered, authenticated stream of messages with their buffers. */
export interface Connection {
  /**
   * Queues a message; everything queued in one turn of the event loop leaves together. The memory of `buffers` is
   * borrowed, not copied, until `onSent` is called: then the system has taken the bytes.
   */
  send(message: Message, buffers?: readonly Uint8Array[], onSent?: () => void): void;
  /** Queues the messages of a run, as one. */
  sendRun(run: Run): void;
  /** Sends what is queued now, without waiting for the end of the turn. */
  flush(): void;
  /** Sends what is queued, then closes. Safe to call again. */
  close(): void;
  /** Closes at once; what is queued is lost. */
  destroy(reason?: Error): void;
  readonly isOpen: boolean;
  /** The address of this end, by which the other end's host can reach this one; `undefined` off the network. */
  readonly localAddress: string | undefined;
  /** While held the connection keeps the process alive; a new one does not. */
  hold(): void;
  release(): void;
}

export interface ConnectionHandlers {
  message(message: Message, buffers: Uint8Array[]): void;
  /** Takes the messages of a run as a whole; without it they come one by one. */
  run?(run: Run): void;
  /** Memory for a buffer of `byteLength` bytes that follows `message`; without it the buffer gets memory of its own. */
  place?(message: Message, byteLength: number): Uint8Array | undefined;
  /** Called before bytes are given to the system. */
  leaving?(): void;
  /** Called once, when the connection has ended; `error` says why, if not by {@link Connection.close}. */
  closed(error?: Error): void;
}

/** Gives a run to who takes it, as a whole or one by one. */
export function deliverRun(handlers: ConnectionHandlers, run: Run): void {
  if (handlers.run !== undefined) handlers.run(run);
  else for (const message of messagesOf(run)) handlers.message(message, []);
}
