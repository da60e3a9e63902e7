/** What serves buffers to others: the bytes that were asked for, to those who know the key, and nothing else. */

import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../../../src/channel/connector.ts";
import { DataEndpoint } from "../../../src/channel/data/data-endpoint.ts";
import { OwnedBuffers } from "../../../src/channel/data/owned-buffers.ts";
import { PieceRequests, PieceRoute } from "../../../src/channel/data/piece-route.ts";
import { PieceServer } from "../../../src/channel/data/piece-server.ts";
import { SerializationError } from "../../../src/errors.ts";
import type { Message } from "../../../src/protocol/messages.ts";
import { connectRaw, packet, shakeHands } from "../by-hand.ts";
import { KEY, Recorder } from "../recorder.ts";

const HOST = "127.0.0.1";
const SIZE = 3_000_001;

async function openEndpoint() {
  const owned = new OwnedBuffers("owner");
  const bytes = new Uint8Array(SIZE).map((_, i) => (i * 7) % 251);
  const buffer = owned.add({ bytes: () => bytes, byteLength: SIZE, isBorrowed: true });
  const endpoint = new DataEndpoint({ host: HOST, key: KEY, server: new PieceServer(owned) });
  const { port } = await endpoint.open();
  onTestFinished(() => endpoint.close());
  return { owned, bytes, buffer, endpoint, port };
}

async function routeTo(port: number, pieceBytes: number, piecesAtOnce: number) {
  const requests = new PieceRequests();
  const asked: Message[] = [];
  let underWay = 0;
  let most = 0;
  const connection = await connect({
    host: HOST,
    port,
    key: KEY,
    timeout: 5_000,
    handlers: {
      message: (message, buffers) => {
        underWay--;
        if (message.type === "piece") requests.arrived(message, buffers);
        else if (message.type === "pieceRefused") requests.refused(message);
      },
      place: (message) => (message.type === "piece" ? requests.place(message) : undefined),
      closed: () => undefined,
    },
  });
  connection.hold();
  onTestFinished(() => connection.destroy());
  const route = new PieceRoute(
    requests,
    (message) => {
      asked.push(message);
      most = Math.max(most, ++underWay);
      connection.send(message);
    },
    { pieceBytes, piecesAtOnce },
  );
  return { route, requests, asked, mostUnderWay: () => most };
}

describe("fetching", () => {
  test.each([
    [0, SIZE, 1 << 20, 8],
    [0, SIZE, 65_536, 4],
    [1_234_567, 1_000_000, 100_000, 2],
    [SIZE - 1, 1, 65_536, 4],
  ])("from %i on %i bytes come in pieces of at most %i, %i at once", async (offset, byteLength, pieceBytes, atOnce) => {
    const { bytes, buffer, port } = await openEndpoint();
    const { route, asked, requests, mostUnderWay } = await routeTo(port, pieceBytes, atOnce);
    const target = new Uint8Array(byteLength);
    await route.fetch({ owner: "owner", id: buffer.id, offset, byteLength }, target);
    expect(Buffer.compare(target, bytes.subarray(offset, offset + byteLength))).toBe(0);
    expect(asked).toHaveLength(Math.ceil(byteLength / pieceBytes));
    expect(mostUnderWay()).toBeLessThanOrEqual(atOnce);
    expect(requests.size).toBe(0);
  });

  test("what is not there, was detached, or lies outside is refused, and the rest goes on", async () => {
    const { owned, bytes, buffer, port } = await openEndpoint();
    const { route } = await routeTo(port, 1 << 20, 8);
    const lost = new Uint8Array(100_000);
    const detached = owned.add({ bytes: () => lost, byteLength: 100_000, isBorrowed: true });
    structuredClone(lost.buffer, { transfer: [lost.buffer] });
    for (const [id, offset, byteLength] of [
      [99, 0, 10],
      [detached.id, 0, 100_000],
      [buffer.id, SIZE - 5, 10],
    ] as const) {
      const fetched = route.fetch({ owner: "owner", id, offset, byteLength }, new Uint8Array(byteLength));
      await expect(fetched).rejects.toThrow(SerializationError);
    }
    const target = new Uint8Array(10);
    await route.fetch({ owner: "owner", id: buffer.id, offset: 5, byteLength: 10 }, target);
    expect([...target]).toEqual([...bytes.subarray(5, 15)]);
  });

  test("that is aborted rejects with the reason, and those behind it are served", async () => {
    const { buffer, port } = await openEndpoint();
    const { route } = await routeTo(port, 65_536, 1);
    const controller = new AbortController();
    const descriptor = { owner: "owner", id: buffer.id, offset: 0, byteLength: SIZE };
    const first = route.fetch(descriptor, new Uint8Array(SIZE), controller.signal);
    const second = route.fetch(descriptor, new Uint8Array(SIZE));
    controller.abort(new Error("not needed"));
    await expect(first).rejects.toThrow("not needed");
    await second;
  });
});

describe("strangers", () => {
  test("random bytes are refused and counted, and the endpoint serves on", async () => {
    const { bytes, buffer, endpoint, port } = await openEndpoint();
    const garbage = fc.uint8Array({ minLength: 1, maxLength: 2_000 }).filter((sent) => sent[0] !== 0x4e);
    let count = 0;
    await fc.assert(
      fc.asyncProperty(garbage, async (sent) => {
        const peer = connectRaw(port);
        peer.socket.write(sent);
        await peer.closed;
        count++;
      }),
      { numRuns: 50 },
    );
    expect(endpoint.rejections?.handshakes).toBe(count);
    const { route } = await routeTo(port, 1 << 20, 8);
    const target = new Uint8Array(SIZE);
    await route.fetch({ owner: "owner", id: buffer.id, offset: 0, byteLength: SIZE }, target);
    expect(Buffer.compare(target, bytes)).toBe(0);
  });

  test("a wrong key is refused", async () => {
    const { endpoint, port } = await openEndpoint();
    await expect(shakeHands(port, "another key")).rejects.toThrow();
    expect(endpoint.rejections?.handshakes).toBe(1);
  });

  test.each<[string, Message]>([
    ["no request", { type: "stopAgent" }],
    ["a request for too much", { type: "fetchPiece", requestId: 0, owner: "owner", id: 0, offset: 0, byteLength: 1e9 }],
    ["a request without numbers", { type: "fetchPiece", requestId: 0, owner: "owner" } as unknown as Message],
  ])("who knows the key but sends %s is cut off and counted", async (_, message) => {
    const { endpoint, port } = await openEndpoint();
    const peer = await shakeHands(port);
    peer.socket.write(packet(peer.sending, 0, [{ message, buffers: [] }]));
    await peer.closed;
    expect(endpoint.rejections?.malformed).toBe(1);
  });

  test("who asks for more at once than any receiver does, and reads nothing, is cut off", async () => {
    const { endpoint, buffer, port } = await openEndpoint();
    const recorder = new Recorder();
    const connection = await connect({ host: HOST, port, key: KEY, timeout: 5_000, handlers: recorder });
    connection.hold();
    for (let requestId = 0; requestId < 500; requestId++) {
      connection.send({ type: "fetchPiece", requestId, owner: "owner", id: buffer.id, offset: 0, byteLength: SIZE });
    }
    await expect.poll(() => connection.isOpen, { timeout: 60_000 }).toBe(false);
    expect(endpoint.rejections?.malformed).toBe(1);
  });
});
