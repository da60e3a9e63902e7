/** Connecting, and the ways in which it fails. */

import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../../src/channel/connector.ts";
import { localPath } from "../../src/channel/local-path.ts";
import { isParallelError } from "../../src/errors.ts";
import { directionKey, newNonce, proof } from "../../src/protocol/signing.ts";
import { packet, type RawPeer, receiveHands, serveRaw } from "./by-hand.ts";
import { connectTo, HOST, KEY, numbered, numbersOf, Recorder, startListening } from "./recorder.ts";

const PREFIX = Buffer.from("NDPH\x01\0\0\0", "latin1");

function attempt(port: number, timeout: number = 10_000): Promise<unknown> {
  return connect({ host: HOST, port, key: KEY, timeout, handlers: new Recorder() });
}

/** The error of an attempt to connect to a server that does this. */
async function refusalBy(serve: (peer: RawPeer) => unknown, timeout?: number): Promise<Error> {
  const { port } = await serveRaw(serve);
  const error: unknown = await attempt(port, timeout).catch((reason: unknown) => reason);
  if (!isParallelError(error)) throw new Error("it connected");
  expect(error.message).toContain(`${HOST}:${port}`);
  return error;
}

describe("connecting", () => {
  test("with the right key works, also without a limit of time", async () => {
    const { listener, accept } = await startListening();
    const connection = await connect({
      host: HOST,
      port: listener.port,
      key: KEY,
      timeout: Number.POSITIVE_INFINITY,
      handlers: new Recorder(),
    });
    expect(connection.isOpen).toBe(true);
    await accept(1);
    connection.destroy();
    expect(listener.rejections.handshakes).toBe(0);
  });

  test("with a wrong key is a SecurityError, and counted by the listener", async () => {
    const { listener, accepted } = await startListening();
    for (const key of ["", "another key", `${KEY} `]) {
      await expect(connectTo(listener.port, key)).rejects.toMatchObject({ code: "SecurityError" });
    }
    expect(listener.rejections).toEqual({ handshakes: 3, signatures: 0, replays: 0, malformed: 0 });
    expect(accepted).toHaveLength(0);
  });

  test("where nobody listens is a ConnectionError", async () => {
    const { port, server } = await serveRaw(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    await expect(attempt(port)).rejects.toMatchObject({
      code: "ConnectionError",
      message: expect.stringContaining(`${HOST}:${port}`),
      cause: { code: "ECONNREFUSED" },
    });
  });

  test("many at once works", async () => {
    const { listener, accept } = await startListening();
    const ends = await Promise.all(Array.from({ length: 50 }, () => connectTo(listener.port)));
    await accept(50);
    for (const [number, { connection }] of ends.entries()) connection.send(numbered(number));
    const received = await Promise.all(ends.map(async (_, index) => (await accept(index + 1)).recorder.receive(1)));
    const numbers = received.map(({ message }) => (message.type === "output" ? Number(message.taskId) : -1));
    expect(numbers.sort((a, b) => a - b)).toEqual(ends.map((_, index) => index));
  });
});

describe("the short way between processes of one machine", () => {
  const isThere = localPath(HOST, 1, KEY) !== undefined;

  test("where there is none, one connection over TCP is made", async () => {
    const peers: RawPeer[] = [];
    const { port } = await serveRaw((peer) => {
      peers.push(peer);
      return receiveHands(peer);
    });
    const { connection } = await connectTo(port);
    expect(connection.isOpen).toBe(true);
    await expect(attempt(port)).resolves.toBeDefined();
    expect(peers).toHaveLength(2);
  });

  test.runIf(isThere)("somebody who is silent there is not asked again over TCP", async () => {
    let connections = 0;
    const { port } = await serveRaw(() => connections++);
    const local = createServer();
    await new Promise<void>((resolve) => {
      local.listen(localPath(HOST, port, KEY), resolve);
    });
    onTestFinished(() => {
      local.close();
    });
    await expect(attempt(port, 60)).rejects.toMatchObject({ code: "ConnectionError" });
    expect(connections).toBe(0);
  });

  test.runIf(isThere)("is not found without the key", () => {
    const paths = [localPath(HOST, 1, KEY), localPath(HOST, 1, "another"), localPath(HOST, 2, KEY)];
    expect(new Set(paths).size).toBe(3);
  });
});

describe("a server that", () => {
  test("accepts and never answers: ConnectionError when the time is up", async () => {
    const error = await refusalBy(() => undefined, 60);
    expect(error).toMatchObject({ code: "ConnectionError", message: expect.stringContaining("60 ms") });
  });

  test("stops answering in the middle: ConnectionError when the time is up", async () => {
    const error = await refusalBy((peer) => peer.socket.write(Buffer.concat([PREFIX, newNonce()])), 60);
    expect(error).toMatchObject({ code: "ConnectionError" });
  });

  test("closes before it has greeted: ConnectionError, for the key was not asked for", async () => {
    expect(await refusalBy((peer) => peer.socket.end())).toMatchObject({ code: "ConnectionError" });
    expect(await refusalBy((peer) => peer.socket.end(PREFIX))).toMatchObject({ code: "ConnectionError" });
  });

  test("resets the connection: ConnectionError", async () => {
    expect(await refusalBy((peer) => peer.socket.resetAndDestroy())).toMatchObject({ code: "ConnectionError" });
  });

  test("closes when it has seen the proof: SecurityError", async () => {
    const error = await refusalBy(async (peer) => {
      peer.socket.write(Buffer.concat([PREFIX, newNonce()]));
      await peer.take(72);
      peer.socket.end();
    });
    expect(error).toMatchObject({ code: "SecurityError", message: expect.stringContaining("key") });
  });

  test("speaks another protocol: SecurityError, at once", async () => {
    const error = await refusalBy((peer) => peer.socket.write("SSH-2.0-Some"));
    expect(error).toMatchObject({ code: "SecurityError", message: expect.stringContaining("protocol") });
  });

  test("does not know the key, but answers: SecurityError, and it is sent nothing", async () => {
    const error = await refusalBy(async (peer) => {
      peer.socket.write(Buffer.concat([PREFIX, newNonce()]));
      await peer.take(72);
      peer.socket.write(newNonce());
    });
    expect(error).toMatchObject({ code: "SecurityError" });
  });

  test("sends back the connector's own proof: SecurityError", async () => {
    const error = await refusalBy(async (peer) => {
      peer.socket.write(Buffer.concat([PREFIX, newNonce()]));
      peer.socket.write((await peer.take(72)).subarray(40));
    });
    expect(error).toMatchObject({ code: "SecurityError" });
  });

  test("answers the handshake byte by byte: connected", async () => {
    const { port } = await serveRaw(async (peer) => {
      const ours = newNonce();
      for (const byte of Buffer.concat([PREFIX, ours])) peer.socket.write(Buffer.of(byte));
      const theirs = (await peer.take(72)).subarray(8, 40);
      for (const byte of proof(KEY, "listener", ours, theirs)) peer.socket.write(Buffer.of(byte));
    });
    const { connection } = await connectTo(port);
    expect(connection.isOpen).toBe(true);
  });

  test("speaks together with its proof: heard in order, after the connection is there", async () => {
    const { port } = await serveRaw(async (peer) => {
      const ours = newNonce();
      peer.socket.write(Buffer.concat([PREFIX, ours]));
      const theirs = (await peer.take(72)).subarray(8, 40);
      const sending = directionKey(KEY, "listener", ours, theirs);
      const packets = [0, 1, 2].map((sequence) =>
        packet(sending, sequence, [{ message: numbered(sequence), buffers: [] }]),
      );
      peer.socket.write(Buffer.concat([proof(KEY, "listener", ours, theirs), ...packets.slice(0, 2)]));
      peer.socket.write(packets[2] as Buffer);
    });
    const recorder = new Recorder();
    const connection = await connect({ host: HOST, port, key: KEY, timeout: 10_000, handlers: recorder });
    expect(recorder.messages).toEqual([]);
    await recorder.receive(3);
    expect(numbersOf(recorder)).toEqual([0, 1, 2]);
    connection.destroy();
  });
});
