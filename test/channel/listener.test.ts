/** Who gets in, and what happens to those who do not: they are counted and dropped, and nobody else notices. */

import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { listen } from "../../src/channel/listener.ts";
import { BadSignature, Replayed } from "../../src/channel/packet-reader.ts";
import { MalformedPacket } from "../../src/protocol/codec.ts";
import { newNonce, proof } from "../../src/protocol/signing.ts";
import { connectRaw, packet, packetOf, type SpeakingPeer, shakeHands } from "./by-hand.ts";
import { connectTo, HOST, KEY, type Listening, numbered, numbersOf, startListening } from "./recorder.ts";

const NONE = { handshakes: 0, signatures: 0, replays: 0, malformed: 0 };
const PREFIX = Buffer.from("NDPH\x01\0\0\0", "latin1");

/** A message there and back over the `count`th connection that is made. */
async function stillServes(listening: Listening): Promise<void> {
  const count = listening.accepted.length + 1;
  const connector = await connectTo(listening.listener.port);
  const { connection, recorder } = await listening.accept(count);
  connector.connection.send(numbered(1));
  await recorder.receive(1);
  connection.send(numbered(2));
  await connector.recorder.receive(1);
  expect(numbersOf(connector.recorder)).toEqual([2]);
}

afterEach(() => {
  vi.useRealTimers();
});

describe("strangers", () => {
  const tlsHello = Buffer.from("1603010200010001fc0303", "hex");
  test.each<[string, Buffer]>([
    ["random bytes", newNonce()],
    ["many bytes", Buffer.alloc(1_000_000, 0x41)],
    ["a short request", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["the start of a TLS hello", tlsHello],
    ["one wrong byte", Buffer.of(0)],
    ["another version", Buffer.from("NDPH\x02\0\0\0", "latin1")],
    ["a greeting without the key", Buffer.concat([PREFIX, newNonce(), newNonce()])],
  ])("%s: dropped at once, counted, and others are served", async (_, bytes) => {
    const listening = await startListening();
    const peer = connectRaw(listening.listener.port);
    peer.socket.write(bytes);
    await peer.closed;
    await vi.waitFor(() => expect(listening.listener.rejections).toEqual({ ...NONE, handshakes: 1 }));
    expect(listening.accepted).toHaveLength(0);
    await stillServes(listening);
    expect(listening.listener.rejections).toEqual({ ...NONE, handshakes: 1 });
  });

  test("a real TLS client fails", async () => {
    const listening = await startListening();
    const socket = connectTls({ host: HOST, port: listening.listener.port, rejectUnauthorized: false });
    await new Promise<void>((resolve) => {
      socket.once("error", () => resolve());
    });
    await vi.waitFor(() => expect(listening.listener.rejections.handshakes).toBe(1));
    await stillServes(listening);
  });

  test.each<[string, Buffer]>([
    ["nothing", Buffer.alloc(0)],
    ["half a greeting", Buffer.concat([PREFIX, newNonce()]).subarray(0, 20)],
    ["a greeting without a proof", Buffer.concat([PREFIX, newNonce()])],
  ])("%s, then the end: counted, and others are served", async (_, bytes) => {
    const listening = await startListening();
    connectRaw(listening.listener.port).socket.end(bytes);
    const reset = connectRaw(listening.listener.port);
    await reset.take(1);
    reset.socket.write(bytes);
    reset.socket.resetAndDestroy();
    await vi.waitFor(() => expect(listening.listener.rejections).toEqual({ ...NONE, handshakes: 2 }));
    await stillServes(listening);
  });

  test("one that stays silent is dropped after five seconds, while others are served", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const listening = await startListening();
    const silent = connectRaw(listening.listener.port);
    await silent.take(1);
    await stillServes(listening);
    // Only the silent one is still waited for.
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(4_999);
    await stillServes(listening);
    expect(listening.listener.rejections.handshakes).toBe(0);
    vi.advanceTimersByTime(1);
    await silent.closed;
    expect(listening.listener.rejections).toEqual({ ...NONE, handshakes: 1 });
    await stillServes(listening);
  });

  test("the listener's own proof, sent back to it, does not let anybody in", async () => {
    const listening = await startListening();
    const peer = connectRaw(listening.listener.port);
    const theirs = (await peer.take(40)).subarray(8);
    const ours = newNonce();
    peer.socket.write(Buffer.concat([PREFIX, ours, proof(KEY, "listener", theirs, ours)]));
    await peer.closed;
    expect(listening.listener.rejections.handshakes).toBe(1);
  });

  test("a recorded handshake does not let anybody in", async () => {
    const listening = await startListening();
    const first = connectRaw(listening.listener.port);
    const theirs = (await first.take(40)).subarray(8);
    const ours = newNonce();
    const recorded = Buffer.concat([PREFIX, ours, proof(KEY, "connector", theirs, ours)]);
    first.socket.write(recorded);
    await listening.accept(1);
    const second = connectRaw(listening.listener.port);
    second.socket.write(recorded);
    await second.closed;
    expect(listening.listener.rejections.handshakes).toBe(1);
    expect(listening.accepted).toHaveLength(1);
  });
});

describe("connections", () => {
  test("are given to the user as soon as they have proved the key, before they say anything", async () => {
    const listening = await startListening();
    const peer = await shakeHands(listening.listener.port);
    const { connection } = await listening.accept(1);
    connection.send(numbered(0));
    expect((await peer.take(4)).toString("latin1")).toBe("NDP\x01");
  });

  test("may send packets together with their proof, and in pieces", async () => {
    const listening = await startListening();
    const peer = await shakeHands(listening.listener.port);
    const bytes = packet(peer.sending, 0, [{ message: numbered(0), buffers: [Uint8Array.of(1, 2, 3)] }]);
    for (const byte of bytes) peer.socket.write(Buffer.of(byte));
    const { recorder } = await listening.accept(1);
    expect([...((await recorder.receive(1)).buffers[0] ?? [])]).toEqual([1, 2, 3]);
  });

  test("that exist stay when the listener closes, and no more are taken", async () => {
    const listening = await startListening();
    const connector = await connectTo(listening.listener.port);
    listening.listener.close();
    const { connection } = await listening.accept(1);
    connection.send(numbered(3));
    await connector.recorder.receive(1);
    await expect(connectTo(listening.listener.port)).rejects.toMatchObject({ code: "ConnectionError" });
  });

  test("cannot be listened for at an address of another machine", async () => {
    const accept = (): never => {
      throw new Error("nobody comes");
    };
    await expect(listen({ host: "192.0.2.1", key: KEY, accept })).rejects.toThrow();
  });
});

describe("bad packets of a peer that knows the key", () => {
  const good = (peer: SpeakingPeer, sequence: number): Buffer => {
    return packet(peer.sending, sequence, [{ message: numbered(sequence), buffers: [] }]);
  };
  const changed = (bytes: Buffer): Buffer => {
    bytes.writeUInt8(bytes.readUInt8(bytes.byteLength - 1) ^ 1, bytes.byteLength - 1);
    return bytes;
  };

  test.each<[string, keyof typeof NONE, new () => Error, (peer: SpeakingPeer) => Buffer]>([
    ["one signed for the other direction", "signatures", BadSignature, (peer) => packet(peer.receiving, 1, [])],
    ["one signed with the cluster's key", "signatures", BadSignature, () => packet(Buffer.from(KEY), 1, [])],
    ["one that was changed on its way", "signatures", BadSignature, (peer) => changed(good(peer, 1))],
    ["one that was seen before", "replays", Replayed, (peer) => good(peer, 0)],
    ["one out of order", "replays", Replayed, (peer) => good(peer, 2)],
    ["a malformed head", "malformed", MalformedPacket, (peer) => packetOf(peer.sending, 1, Buffer.from("?"), [])],
    ["a malformed prologue", "malformed", MalformedPacket, () => Buffer.alloc(48, 0x20)],
  ])("%s: counted, the connection dropped, the others unharmed", async (_, reason, error, bad) => {
    const listening = await startListening();
    const other = await connectTo(listening.listener.port);
    const otherEnd = await listening.accept(1);
    const peer = await shakeHands(listening.listener.port);
    const { recorder } = await listening.accept(2);
    peer.socket.write(good(peer, 0));
    await recorder.receive(1);
    peer.socket.write(Buffer.concat([bad(peer), good(peer, 2)]));
    await peer.closed;
    expect(await recorder.end()).toBeInstanceOf(error);
    expect(listening.listener.rejections).toEqual({ ...NONE, [reason]: 1 });
    expect(numbersOf(recorder)).toEqual([0]);
    expect(recorder.ends).toHaveLength(1);

    other.connection.send(numbered(5));
    await otherEnd.recorder.receive(1);
    otherEnd.connection.send(numbered(6));
    await other.recorder.receive(1);
    expect(other.connection.isOpen).toBe(true);
  });

  test("a packet recorded on one connection is refused on another", async () => {
    const listening = await startListening();
    const first = await shakeHands(listening.listener.port);
    const second = await shakeHands(listening.listener.port);
    second.socket.write(good(first, 0));
    await second.closed;
    expect(listening.listener.rejections).toEqual({ ...NONE, signatures: 1 });
  });
});
