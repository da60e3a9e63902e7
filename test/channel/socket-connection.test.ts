/** What is special to sockets: large transfers, slow, silent and dying peers, and what keeps a process alive. */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { BadSignature } from "../../src/channel/packet-reader.ts";
import { decodeHead, MalformedPacket, PROLOGUE_LENGTH, readPrologue } from "../../src/protocol/codec.ts";
import { signature } from "../../src/protocol/signing.ts";
import { packet, packetOf, type RawPeer, receiveHands, type SpeakingPeer, serveRaw, shakeHands } from "./by-hand.ts";
import {
  connectTo,
  type End,
  KEY,
  numbered,
  numbersOf,
  pattern,
  sameContent,
  socketPair,
  startListening,
} from "./recorder.ts";

const MIB = 1024 * 1024;

/** An accepted connection whose other end is moved by hand, and does not read unless told to. */
async function withPeerByHand(): Promise<{ end: End; peer: SpeakingPeer }> {
  const { listener, accept } = await startListening();
  const peer = await shakeHands(listener.port);
  peer.socket.pause();
  return { end: await accept(1), peer };
}

/** A message there and back. */
async function roundTrip(a: End, b: End): Promise<void> {
  const [here, there] = [a.recorder.received.length, b.recorder.received.length];
  a.connection.send(numbered(0));
  await b.recorder.receive(there + 1);
  b.connection.send(numbered(0));
  await a.recorder.receive(here + 1);
}

describe("large buffers", () => {
  test("64 MiB arrive bit for bit, both ways at once, between small messages", async () => {
    const [a, b] = await socketPair();
    const [there, back] = [pattern(64 * MIB, 1), pattern(64 * MIB, 2)];
    for (const [end, buffer] of [
      [a, there],
      [b, back],
    ] as const) {
      end.connection.send(numbered(0));
      end.connection.send(numbered(1), [buffer, Uint8Array.of(1)]);
      end.connection.send(numbered(2));
    }
    for (const [end, expected] of [
      [a, back],
      [b, there],
    ] as const) {
      await end.recorder.receive(3);
      expect(numbersOf(end.recorder)).toEqual([0, 1, 2]);
      const [large, small] = end.recorder.received[1]?.buffers ?? [];
      expect(sameContent(large, expected)).toBe(true);
      expect([...(small ?? [])]).toEqual([1]);
    }
  }, 30_000);

  test("are borrowed until the system has taken them: onSent waits for the peer to read", async () => {
    const { end, peer } = await withPeerByHand();
    let sent = false;
    const left = new Promise<void>((resolve) => {
      end.connection.send(numbered(0), [new Uint8Array(64 * MIB)], () => {
        sent = true;
        resolve();
      });
    });
    const [a, b] = await socketPair();
    for (let round = 0; round < 20; round++) await roundTrip(a, b);
    expect(sent).toBe(false);
    peer.socket.removeAllListeners("data");
    peer.socket.resume();
    await left;
    expect(peer.socket.bytesRead).toBeGreaterThan(32 * MIB);
  }, 30_000);
});

describe("packets on the wire", () => {
  test("have the documented form, are numbered, and signed with the key of their direction", async () => {
    const { end, peer } = await withPeerByHand();
    peer.socket.resume();
    for (const sequence of [0, 1, 2]) {
      end.connection.send(numbered(sequence), [Uint8Array.of(sequence, 7)]);
      end.connection.flush();
      const prologue = readPrologue(await peer.take(PROLOGUE_LENGTH));
      const head = await peer.take(prologue.headLength);
      expect(prologue.sequence).toBe(sequence);
      expect(signature(peer.receiving, sequence, head)).toEqual(prologue.signature);
      expect(decodeHead(head)).toEqual({ lengths: [2], messages: [{ message: numbered(sequence), bufferCount: 1 }] });
      expect([...(await peer.take(2))]).toEqual([sequence, 7]);
    }
  });

  test("that the listening side forged end the connection at the connecting side", async () => {
    const bad: [(peer: SpeakingPeer) => Buffer, new () => Error][] = [
      [(peer) => packet(peer.receiving, 1, [{ message: numbered(1), buffers: [] }]), BadSignature],
      [(peer) => packetOf(peer.sending, 1, Buffer.from("no head"), []), MalformedPacket],
    ];
    for (const [forge, expected] of bad) {
      const { port } = await serveRaw(async (raw: RawPeer) => {
        const peer = await receiveHands(raw);
        peer.socket.write(packet(peer.sending, 0, [{ message: numbered(0), buffers: [] }]));
        peer.socket.write(forge(peer));
      });
      const { recorder } = await connectTo(port);
      expect(await recorder.end()).toBeInstanceOf(expected);
      expect(numbersOf(recorder)).toEqual([0]);
    }
  });
});

describe("the end", () => {
  test("a peer that dies ends the connection once, at both ends", async () => {
    const { end, peer } = await withPeerByHand();
    peer.socket.resetAndDestroy();
    await end.recorder.end();
    const [a, b] = await socketPair();
    b.connection.destroy();
    await a.recorder.end();
    await b.recorder.end();
    for (let round = 0; round < 20; round++) await new Promise<void>((resolve) => setImmediate(resolve));
    for (const { recorder, connection } of [end, a, b]) {
      expect(recorder.ends).toHaveLength(1);
      expect(connection.isOpen).toBe(false);
    }
  });

  test("a peer that dies in the middle of a packet: what was whole is delivered, the rest is not", async () => {
    const { end, peer } = await withPeerByHand();
    peer.socket.write(packet(peer.sending, 0, [{ message: numbered(0), buffers: [] }]));
    peer.socket.end(
      packet(peer.sending, 1, [{ message: numbered(1), buffers: [new Uint8Array(1_000)] }]).subarray(0, -1),
    );
    await end.recorder.end();
    expect(numbersOf(end.recorder)).toEqual([0]);
  });

  test("close lets a peer that reads slowly have everything", async () => {
    const { end, peer } = await withPeerByHand();
    const total = 32 * MIB;
    let received = 0;
    let allowed = 0;
    peer.socket.removeAllListeners("data");
    peer.socket.on("data", (chunk) => {
      received += chunk.byteLength;
      if (received >= allowed) peer.socket.pause();
    });
    peer.socket.pause();
    // Slow enough to take longer than a peer that does not read at all is given.
    const reader = setInterval(() => {
      allowed += total / 6;
      peer.socket.resume();
    }, 500);
    onTestFinished(() => clearInterval(reader));
    end.connection.send(numbered(0), [new Uint8Array(total)]);
    end.connection.close();
    await peer.closed;
    expect(received).toBeGreaterThan(total);
    await end.recorder.end();
  }, 20_000);

  test("close does not wait for ever for a peer that reads nothing", async () => {
    const { end } = await withPeerByHand();
    end.connection.send(numbered(0), [new Uint8Array(64 * MIB)]);
    end.connection.close();
    await end.recorder.end();
  }, 20_000);
});

describe("a process", () => {
  const script = fileURLToPath(new URL("./fixtures/holder.ts", import.meta.url));

  function start(port: number, mode: "held" | "loose"): { child: ChildProcess; exited: Promise<number | null> } {
    const child = spawn(process.execPath, ["--import", "tsx", script, String(port), KEY, mode], { stdio: "inherit" });
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    const exited = new Promise<number | null>((resolve) => {
      child.once("exit", resolve);
    });
    return { child, exited };
  }

  test("is not kept alive by a connection that is not held, which first sends what is queued", async () => {
    const { listener, accept } = await startListening();
    const { exited } = start(listener.port, "loose");
    const { recorder } = await accept(1);
    expect(await exited).toBe(0);
    await recorder.end();
    expect(recorder.messages).toEqual([expect.objectContaining({ text: "hello" })]);
  }, 30_000);

  test("is kept alive by a connection that is held, until it is released", async () => {
    const { listener, accept } = await startListening();
    const { child, exited } = start(listener.port, "held");
    const end = await accept(1);
    await end.recorder.receive(1);
    for (let round = 0; round < 100; round++) {
      end.connection.send(numbered(round));
      await end.recorder.receive(round + 2);
    }
    expect(child.exitCode).toBeNull();
    end.connection.send({ type: "stopAgent" });
    expect(await exited).toBe(0);
  }, 30_000);
});
