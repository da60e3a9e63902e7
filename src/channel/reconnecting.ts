/**
 * A connection to the controller that outlives it: when the controller goes without a goodbye, in a cluster that restarts
 * it, the connection is made anew. Messages that must not be lost are kept until the controller has written them down.
 */

import { setTimeout as delay } from "node:timers/promises";
import { ConnectionError } from "../errors.ts";
import type { Envelope } from "../protocol/codec.ts";
import type { Hello, Message, Welcome } from "../protocol/messages.ts";
import { messagesOf, type Run } from "../protocol/runs.ts";
import { type Connection, deliverRun } from "./connection.ts";
import { type ConnectOptions, connect } from "./connector.ts";
import { Unrecorded } from "./unrecorded.ts";

/** How often it is tried, in milliseconds, and how long one try may take. */
const PAUSE_MS = 50;
const TRY_MS = 2_000;

export interface ReconnectingOptions extends ConnectOptions {
  /** How long the first connection is tried for, besides; for those who come while the controller is away. */
  readonly patience?: number | undefined;
  /** The first message of each connection. */
  readonly hello: (isBack: boolean) => Hello;
  /** Whether a message must not be lost. */
  readonly isKept?: (message: Message) => boolean;
  /** The connection is lost, and will be made anew. */
  readonly onLost?: (() => void) | undefined;
  /** The controller has answered the hello of a new connection, before anything else. */
  readonly onBack?: ((welcome: Welcome) => void) | undefined;
}

/** Connects, and sends the hello. @throws ConnectionError, SecurityError */
export async function connectLasting(options: ReconnectingOptions): Promise<ReconnectingConnection> {
  const lasting = new ReconnectingConnection(options);
  await lasting.open();
  return lasting;
}

export class ReconnectingConnection implements Connection {
  readonly #options: ReconnectingOptions;
  readonly #unrecorded = new Unrecorded();
  #connection: Connection | undefined;
  #holds = 0;
  #patience: number | undefined;
  #isDurable = false;
  /** The end of the connection is the end. */
  #isOver = false;
  #wasWelcome = false;
  /** The hello of this connection has not been answered. */
  #isNew = true;

  /** Use {@link connectLasting}. */
  constructor(options: ReconnectingOptions) {
    this.#options = options;
  }

  /** Until it is over, though there may be no connection just now. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  get localAddress(): string | undefined {
    return this.#connection?.localAddress;
  }

  /** What has not been written down as far as is known. */
  get unrecorded(): Unrecorded {
    return this.#unrecorded;
  }

  async open(): Promise<void> {
    const { patience = 0, timeout } = this.#options;
    await this.#connect(patience, timeout, false);
  }

  send(message: Message, buffers: readonly Uint8Array[] = [], onSent?: () => void): void {
    if (this.#isDurable && this.#options.isKept?.(message)) this.#unrecorded.add({ message, buffers });
    this.#connection?.send(message, buffers, onSent);
  }

  sendRun(run: Run): void {
    if (this.#isDurable) for (const message of messagesOf(run)) this.send(message);
    else this.#connection?.sendRun(run);
  }

  /** Sends what is kept once more. */
  sendAgain({ message, buffers }: Envelope): void {
    this.#connection?.send(message, buffers);
  }

  flush(): void {
    this.#connection?.flush();
  }

  close(): void {
    this.#isOver = true;
    this.#connection?.close();
  }

  destroy(reason?: Error): void {
    this.#isOver = true;
    this.#connection?.destroy(reason);
  }

  hold(): void {
    this.#holds++;
    this.#connection?.hold();
  }

  release(): void {
    this.#holds--;
    this.#connection?.release();
  }

  /** Tries for so long. */
  async #connect(patience: number, timeout: number, isBack: boolean): Promise<void> {
    const deadline = performance.now() + patience;
    if (isBack) await delay(PAUSE_MS, undefined, { ref: this.#holds > 0 });
    for (;;) {
      try {
        const left = Math.max(1, deadline - performance.now());
        await this.#attempt(isBack ? Math.min(TRY_MS, left) : timeout, isBack);
        return;
      } catch (error) {
        if (this.#isOver || performance.now() + PAUSE_MS > deadline) throw error;
        await delay(PAUSE_MS, undefined, { ref: this.#holds > 0 || !isBack });
      }
    }
  }

  async #attempt(timeout: number, isBack: boolean): Promise<void> {
    const { handlers, hello } = this.#options;
    const connection: Connection = await connect({
      ...this.#options,
      timeout,
      handlers: {
        message: (message, buffers) => this.#receive(message, buffers),
        run: (run) => deliverRun(handlers, run),
        place: (message, byteLength) => handlers.place?.(message, byteLength),
        closed: (error) => {
          if (this.#connection === connection) this.#closed(error);
        },
      },
    });
    if (this.#isOver) {
      connection.destroy();
      throw new ConnectionError("the connection was closed");
    }
    this.#connection = connection;
    this.#isNew = true;
    for (let held = 0; held < this.#holds; held++) connection.hold();
    connection.send(hello(isBack));
  }

  #receive(message: Message, buffers: Uint8Array[]): void {
    if (message.type === "recorded") {
      this.#unrecorded.recorded(message.count);
      return;
    }
    if (message.type === "goodbye") {
      this.#patience = undefined;
      return;
    }
    if (message.type === "welcome") this.#welcome(message);
    this.#options.handlers.message(message, buffers);
  }

  #welcome(welcome: Welcome): void {
    const isBack = this.#wasWelcome && this.#isNew;
    this.#isNew = false;
    this.#patience = welcome.patience;
    this.#isDurable = welcome.isDurable ?? false;
    this.#wasWelcome = true;
    if (isBack) this.#options.onBack?.(welcome);
  }

  #closed(error: Error | undefined): void {
    this.#connection = undefined;
    const { handlers, onLost } = this.#options;
    const patience = this.#patience ?? (this.#wasWelcome ? undefined : this.#options.patience);
    if (this.#isOver || patience === undefined) {
      this.#isOver = true;
      handlers.closed(error);
      return;
    }
    if (this.#wasWelcome) onLost?.();
    this.#connect(patience, TRY_MS, this.#wasWelcome).catch(() => {
      this.#isOver = true;
      handlers.closed(error);
    });
  }
}
