/**
 * The two ends of benchmarks/two-hosts.ts. `serve <address>` takes arrays: as an engine of a cluster, over zeromq, and over
 * a bare socket. `send <places>` sends them in turns and prints the seconds of each.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { pathToFileURL } from "node:url";
import { Client, Cluster } from "ndparallel";
import type { ConnectionInfo } from "../../src/client/connection-file.ts";
import { resolvePeer } from "../lib/pools.ts";
import { shuffled } from "../lib/statistics.ts";

const MEBIBYTE = 1 << 20;
const [role, where = "", repetitions = "15"] = process.argv.slice(2);

interface Places {
  readonly info: ConnectionInfo;
  readonly zeromq: string | undefined;
  readonly net: number;
  readonly address: string;
}

interface ZeromqSocket {
  readonly lastEndpoint: string;
  bind(address: string): Promise<void>;
  connect(address: string): void;
  send(message: string | Uint8Array | readonly Uint8Array[]): Promise<void>;
  receive(): Promise<Buffer[]>;
}

if (role === "serve") await serve(where);
else await send(JSON.parse(where) as Places, Number(repetitions));

async function serve(address: string): Promise<void> {
  const cluster = await Cluster.start({ engines: 1, controller: { host: address } });
  const client = await cluster.connect();
  const info = JSON.parse(readFileSync(cluster.file, "utf8")) as ConnectionInfo;
  const places: Places = { info, zeromq: await takeZeromq(address), net: await takeNet(address), address };
  console.log(JSON.stringify(places));
  process.stdin.resume();
  await once(process.stdin, "end");
  client.close();
  await cluster.stop();
  process.exit(0);
}

async function zeromqPair(): Promise<(new (options: object) => ZeromqSocket) | undefined> {
  try {
    const module = (await import(pathToFileURL(resolvePeer("zeromq")).href)) as { default?: unknown };
    return ((module.default ?? module) as { Pair: new (options: object) => ZeromqSocket }).Pair;
  } catch {
    return undefined;
  }
}

/** Says when all frames of an array have come. */
async function takeZeromq(address: string): Promise<string | undefined> {
  const Pair = await zeromqPair();
  if (Pair === undefined) return undefined;
  const socket = new Pair({ receiveHighWaterMark: 0 });
  await socket.bind(`tcp://${address}:*`);
  void (async () => {
    for (;;) {
      const [first] = await socket.receive();
      for (let left = Number(String(first)); left > 0; left--) await socket.receive();
      await socket.send("there");
    }
  })();
  return socket.lastEndpoint;
}

/** Reads into memory that is there already, and says when as much has come as was announced. */
async function takeNet(address: string): Promise<number> {
  const server = createServer((socket: Socket) => {
    const target = Buffer.alloc(64 * MEBIBYTE);
    let arrived = 0;
    socket.on("data", (chunk) => {
      chunk.copy(target, arrived);
      arrived += chunk.length;
      if (arrived < target.length) return;
      arrived = 0;
      socket.write("t");
    });
  });
  server.listen({ host: address, port: 0 });
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

async function send({ info, zeromq, net, address }: Places, count: number): Promise<void> {
  const array = new Float64Array((64 * MEBIBYTE) / 8).fill(1.5);
  const frames = Array.from({ length: 64 }, (_, i) => new Uint8Array(array.buffer, i * MEBIBYTE, MEBIBYTE));
  const client = await Client.connect({ info });
  const engine = client.at(0);
  const systems: Record<string, () => PromiseLike<unknown>> = {
    ndparallel: () => engine.apply((x: Float64Array) => x.length, array),
  };
  const stream = createConnection({ host: address, port: net });
  await once(stream, "connect");
  systems["bare socket"] = async () => {
    const there = once(stream, "data");
    for (const frame of frames) stream.write(frame);
    await there;
  };
  const Pair = zeromq === undefined ? undefined : await zeromqPair();
  if (Pair !== undefined && zeromq !== undefined) {
    const socket = new Pair({ sendHighWaterMark: 0, linger: 0 });
    socket.connect(zeromq);
    systems["zeromq"] = async () => {
      await socket.send(String(frames.length));
      for (const frame of frames) await socket.send(frame);
      await socket.receive();
    };
  }
  const seconds: Record<string, number[]> = {};
  for (let i = -2; i < count; i++) {
    for (const name of shuffled(Object.keys(systems))) {
      const began = performance.now();
      await systems[name]?.();
      if (i >= 0) seconds[name] = [...(seconds[name] ?? []), (performance.now() - began) / 1e3];
    }
  }
  client.close();
  console.log(JSON.stringify(seconds));
  process.exit(0);
}
