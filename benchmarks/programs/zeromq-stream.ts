/**
 * A baseline for arrays that are fetched: one zeromq connection over TCP, from this process to another one, which takes
 * the frames and copies each to its place in an array; it answers once all have come. With `receive` this file is that
 * other process.
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { answerOrders, type Operation, reportMissing, timed, verify } from "../lib/answering.ts";
import { forgetData, ramp } from "../lib/data.ts";

interface Dealer {
  readonly lastEndpoint: string;
  bind(endpoint: string): Promise<void>;
  connect(endpoint: string): void;
  send(message: Uint8Array | string): Promise<void>;
  receive(): Promise<Uint8Array[]>;
  close(): void;
}
interface ZeroMq {
  Dealer: new () => Dealer;
  readonly version: string;
}

/** The size of the pieces in which ndparallel fetches. */
const FRAME = 4 * 2 ** 20;
const require = createRequire(new URL("../peers/package.json", import.meta.url));

if (process.argv[2] === "receive") await receive();
else await main();

async function receive(): Promise<void> {
  const { Dealer } = require("zeromq") as ZeroMq;
  const socket = new Dealer();
  await socket.bind("tcp://127.0.0.1:*");
  process.send?.(socket.lastEndpoint);
  let array = new Uint8Array(0);
  for (;;) {
    const length = Number(Buffer.from((await socket.receive())[0] as Uint8Array).toString());
    if (array.length !== length) array = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const [frame] = (await socket.receive()) as [Uint8Array];
      array.set(frame, at);
      at += frame.length;
    }
    await socket.send(String(array[length - 1]));
  }
}

async function main(): Promise<void> {
  let zeromq: ZeroMq;
  try {
    zeromq = require("zeromq") as ZeroMq;
  } catch (error) {
    reportMissing((error as Error).message.split("\n")[0] as string);
    return;
  }
  const child = fork(fileURLToPath(import.meta.url), ["receive"]);
  const [endpoint] = (await once(child, "message")) as [string];
  const socket = new zeromq.Dealer();
  socket.connect(endpoint);

  const sendDirect: Operation = async ({ bytes = 0, mark = 0 }) => {
    const array = new Uint8Array(ramp(bytes, mark).buffer);
    let answer = "";
    const seconds = await timed(async () => {
      await socket.send(String(bytes));
      for (let at = 0; at < bytes; at += FRAME) await socket.send(array.subarray(at, at + FRAME));
      answer = Buffer.from((await socket.receive())[0] as Uint8Array).toString();
    });
    verify(answer === String(array[bytes - 1]), "last byte");
    return seconds;
  };
  const release: Operation = async () => {
    forgetData();
    return 0;
  };
  const { version } = require("zeromq/package.json") as { version: string };
  await answerOrders(
    { zeromq: version, node: process.version },
    { start: async () => 0, sendDirect, release },
    async () => {
      socket.close();
      child.kill();
    },
  );
}
