/**
 * node:net with no more than a length before each message, and every message received into the same memory: what could
 * be reached if memory were used again. One message at a time; what was received is overwritten by the next.
 */

import { connect, createServer, type Socket } from "node:net";
import { type Link, LOOPBACK, type Receive, type Wire } from "./wire.ts";

const LENGTH_BYTES = 8;

export const reusingWire: Wire = {
  listen(accept) {
    const server = createServer((socket) => {
      // The listening end cannot read into memory of its choice, so it copies.
      const link = linkOf(socket);
      const reader = new ReusingReader(accept(link));
      socket.on("data", (chunk) => reader.feed(chunk));
    });
    return new Promise((resolve) => {
      server.listen(0, LOOPBACK, () => {
        const address = server.address();
        resolve(String(typeof address === "object" ? address?.port : 0));
      });
    });
  },
  connect(address, receive) {
    const reader = new ReusingReader(receive);
    const callback = (count: number): boolean => {
      reader.advance(count);
      return true;
    };
    const onread = { buffer: () => reader.target(), callback };
    return new Promise((resolve) => {
      const socket = connect({ host: LOOPBACK, port: Number(address), onread }, () => resolve(linkOf(socket)));
    });
  },
};

function linkOf(socket: Socket): Link {
  socket.setNoDelay(true);
  return {
    send(bytes) {
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeDoubleLE(bytes.byteLength);
      socket.cork();
      socket.write(length);
      socket.write(bytes);
      socket.uncork();
    },
  };
}

class ReusingReader {
  readonly #receive: Receive;
  readonly #length: Buffer = Buffer.alloc(LENGTH_BYTES);
  #memory = Buffer.alloc(0);
  #part: Buffer = this.#length;
  #filled = 0;

  constructor(receive: Receive) {
    this.#receive = receive;
  }

  target(): Buffer {
    return this.#part.subarray(this.#filled);
  }

  advance(count: number): void {
    this.#filled += count;
    if (this.#filled < this.#part.byteLength) return;
    this.#filled = 0;
    if (this.#part !== this.#length) {
      const message = this.#part;
      this.#part = this.#length;
      this.#receive(message);
      return;
    }
    const length = this.#length.readDoubleLE();
    if (this.#memory.byteLength < length) this.#memory = Buffer.allocUnsafeSlow(length);
    this.#part = this.#memory.subarray(0, length);
  }

  feed(chunk: Buffer): void {
    for (let offset = 0; offset < chunk.byteLength; ) {
      const count = chunk.copy(this.target(), 0, offset);
      offset += count;
      this.advance(count);
    }
  }
}
