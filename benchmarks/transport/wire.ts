/** What both transports must do: bytes to a process that listens, and back. */

export interface Link {
  /** Sends one message; its memory is not touched until it has left. */
  send(bytes: Uint8Array): void;
}

/** Called for each message. */
export type Receive = (bytes: Uint8Array) => void;

export interface Wire {
  /** Listens on loopback, and gives the address; `accept` is called once for each that connects. */
  listen(accept: (link: Link) => Receive): Promise<string>;
  connect(address: string, receive: Receive): Promise<Link>;
}

export const LOOPBACK = "127.0.0.1";
/** What the first message of a link to the broker says: who it is. */
export const CLIENT = 1;
export const ENGINE = 2;
