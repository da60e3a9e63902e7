/** The transport of the package: node:net with our framing, packed a turn, signed, each buffer in memory of its own. */

import type { Connection, ConnectionHandlers } from "../../src/channel/connection.ts";
import { connect } from "../../src/channel/connector.ts";
import { listen } from "../../src/channel/listener.ts";
import { type Link, LOOPBACK, type Receive, type Wire } from "./wire.ts";

/** Everybody knows it: what is measured is the speed of signing, not its secrecy. */
const KEY = "00".repeat(32);
/** More than this goes out of band, in bytes. */
const INLINE_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;

export const netWire: Wire = {
  async listen(accept) {
    const takeUp = (connection: Connection): ConnectionHandlers => handlers(accept(linkOf(connection)));
    const { port } = await listen({ host: LOOPBACK, key: KEY, accept: takeUp });
    return String(port);
  },
  async connect(address, receive) {
    const port = Number(address);
    return linkOf(await connect({ host: LOOPBACK, port, key: KEY, handlers: handlers(receive), timeout: TIMEOUT_MS }));
  },
};

function linkOf(connection: Connection): Link {
  connection.hold();
  return {
    send(bytes) {
      const isLarge = bytes.byteLength > INLINE_BYTES;
      const payload = isLarge ? new Uint8Array(0) : bytes;
      connection.send({ type: "task", taskId: "0", payload }, isLarge ? [bytes] : []);
    },
  };
}

function handlers(receive: Receive): ConnectionHandlers {
  return {
    message: (message, [buffer]) => {
      if (message.type === "task") receive(buffer ?? message.payload);
    },
    closed: () => undefined,
  };
}
