/** The client of the chain client → broker → engine → broker → client, and of the sink for large messages. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CLIENT, type Link } from "./wire.ts";
import { loadWire, type WireName } from "./wires.ts";

const MESSAGE_BYTES = 122;

export interface Chain {
  /** Seconds for so many round trips of 122 bytes with so many outstanding. */
  roundTrips(count: number, outstanding: number): Promise<number>;
  /** Seconds until the sink has said that it has the bytes. */
  oneWay(bytes: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** Starts the processes for one wire. `oneWayOnly` leaves out broker and engine. @throws Error without zeromq. */
export async function startChain(name: WireName, oneWayOnly: boolean): Promise<Chain> {
  const wire = await loadWire(name);
  const children: ChildProcess[] = [];
  const start = async (role: string, ...parameters: string[]): Promise<string> => {
    const child = fork(fileURLToPath(new URL("role.ts", import.meta.url)), [role, name, ...parameters]);
    children.push(child);
    return addressOf(child, role);
  };
  let received: (bytes: Uint8Array) => void = () => undefined;
  const connect = (address: string): Promise<Link> => wire.connect(address, (bytes) => received(bytes));
  const sink = await connect(await start("sink"));
  let broker: Link | undefined;
  if (!oneWayOnly) {
    const address = await start("broker");
    await start("engine", address);
    broker = await connect(address);
    broker.send(Uint8Array.of(CLIENT));
  }
  return {
    roundTrips: (count, outstanding) =>
      new Promise((resolve, reject) => {
        if (broker === undefined) throw new Error("this wire is asked only about one way");
        let sent = 0;
        let answered = 0;
        const send = (): void => broker.send(numbered(sent++));
        received = (bytes) => {
          if (Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE() !== answered++) {
            reject(new Error(`${name}: answers are lost or out of order`));
          }
          if (sent < count) send();
          else if (answered === count) resolve((performance.now() - began) / 1_000);
        };
        const began = performance.now();
        for (let i = 0; i < outstanding; i++) send();
      }),
    oneWay: (bytes) =>
      new Promise((resolve, reject) => {
        const began = performance.now();
        received = (answer) => {
          const seconds = (performance.now() - began) / 1_000;
          const view = Buffer.from(answer.buffer, answer.byteOffset, 16);
          const isRight = view.readDoubleLE() === bytes.byteLength && view[8] === bytes[0] && view[9] === bytes.at(-1);
          if (isRight) resolve(seconds);
          else reject(new Error(`${name}: something else arrived than was sent`));
        };
        sink.send(bytes);
      }),
    close: async () => {
      await Promise.all(children.map(ended));
    },
  };
}

function numbered(index: number): Uint8Array {
  const bytes = Buffer.alloc(MESSAGE_BYTES);
  bytes.writeUInt32LE(index);
  return bytes;
}

function addressOf(child: ChildProcess, role: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve((message as { address: string }).address));
    child.once("exit", (code) => reject(new Error(`the ${role} has ended with ${code}`)));
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners("exit");
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    child.once("exit", () => resolve());
    if (child.connected) child.disconnect();
  });
}
