/** The part that keeps large arrays at the hub, between an owner, a database and a ledger: what it asks, and what it holds. */

import { expect, test } from "vitest";
import { ArrayKeeper } from "../../src/controller/array-keeper.ts";
import { PIECE_BYTES } from "../../src/controller/array-store.ts";
import { BufferLedger } from "../../src/controller/buffer-ledger.ts";
import { newRecord } from "../../src/controller/task-record.ts";
import { type CarriesBuffers, type FetchPiece, HUB } from "../../src/protocol/data-messages.ts";
import type { Message, SubmitBalanced } from "../../src/protocol/messages.ts";
import { useDatabases } from "./databases.ts";

const databases = useDatabases();
const OWNER = "an engine";

/** An owner whose array number n consists of n, and a keeper in front of a database in memory. */
class Setting {
  readonly asked: FetchPiece[] = [];
  readonly freed: [owner: string, id: number][] = [];
  readonly sent: [Message, readonly Uint8Array[]][] = [];
  readonly ledger = new BufferLedger((owner, id) => {
    this.freed.push([owner, id]);
    if (owner === HUB) this.keeper.send({ type: "freeBuffers", ids: [id], uses: [1] });
  });
  readonly database = databases.memory({}, (held) => this.ledger.drop(held));
  readonly keeper = new ArrayKeeper({
    store: this.database.arrays as never,
    database: this.database,
    ledger: this.ledger,
    send: (message, buffers = []) => {
      if (message.type === "fetchPiece") this.asked.push(message);
      else this.sent.push([message, buffers]);
    },
  });

  /** As the controller does with a message of the owner. */
  submit(taskId: string, id: number, byteLength: number): CarriesBuffers {
    const places = [{ owner: OWNER, id, offset: 0, byteLength }];
    const message: SubmitBalanced = {
      type: "submitBalanced",
      taskId,
      operation: "apply",
      submitted: 1,
      label: undefined,
      request: { kind: "k", units: 1 },
      payload: new Uint8Array(1),
      places,
    };
    this.ledger.arrive(OWNER, message);
    this.database.add(newRecord(message, "client"));
    this.keeper.keepArguments([taskId], message, [], false);
    this.ledger.drop(message);
    return message;
  }

  /** Answers everything that is asked, until nothing is. */
  async answer(): Promise<void> {
    for (let piece = this.asked.shift(); piece !== undefined; piece = this.asked.shift()) {
      this.keeper.send({ type: "piece", requestId: piece.requestId }, [
        new Uint8Array(piece.byteLength).fill(piece.id),
      ]);
      await settled();
    }
  }

  /** What the hub says of an array that it has. */
  async read(id: number, offset: number, byteLength: number): Promise<readonly [Message, readonly Uint8Array[]]> {
    this.keeper.send({ type: "fetchPiece", requestId: 1, owner: HUB, id, offset, byteLength, from: "client" });
    await settled();
    return this.sent.pop() as [Message, Uint8Array[]];
  }

  async kept(taskId: string): Promise<readonly (number | undefined)[]> {
    const request = await this.database.request(taskId);
    return (request?.message.places ?? []).map((place) => place?.id);
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("few pieces are asked for at once, and those of an owner one array after the other", async () => {
  const hub = new Setting();
  hub.submit("a", 3, 9 * PIECE_BYTES + 1);
  hub.submit("b", 4, 2 * PIECE_BYTES);
  await settled();
  expect(hub.asked.map(({ id, offset, byteLength, from }) => [id, offset / PIECE_BYTES, byteLength, from])).toEqual(
    [0, 1, 2, 3].map((at) => [3, at, PIECE_BYTES, HUB]),
  );
  await hub.answer();
  const [array] = await hub.kept("a");
  const [answer, [bytes]] = await hub.read(array as number, 9 * PIECE_BYTES - 1, 2);
  expect([answer, [...(bytes as Uint8Array)]]).toEqual([{ type: "piece", requestId: 1, to: "client" }, [3, 3]]);
  expect(await hub.kept("b")).toHaveLength(1);
  expect(hub.freed).toEqual([
    [OWNER, 3],
    [OWNER, 4],
  ]);
});

test("an owner that refuses, or goes, leaves nothing behind, and its task is not kept from ending", async () => {
  const hub = new Setting();
  hub.submit("a", 3, 2 * PIECE_BYTES);
  hub.submit("b", 4, PIECE_BYTES);
  const ended: string[] = [];
  for (const id of ["a", "b"]) expect(hub.keeper.delays(id, { status: "ok" }, () => ended.push(id))).toBe(true);
  await settled();
  const [first, second] = hub.asked.splice(0) as [FetchPiece, FetchPiece];
  hub.keeper.send({ type: "piece", requestId: first.requestId }, [new Uint8Array(PIECE_BYTES)]);
  const error = { kind: "unknown", name: "Error", message: "no" } as const;
  hub.keeper.send({ type: "pieceRefused", requestId: second.requestId, error });
  await settled();
  expect(ended).toEqual(["a"]);
  await settled();
  expect(hub.asked.map(({ id }) => id)).toEqual([4]);
  hub.keeper.send({ type: "ownerGone", owner: OWNER });
  await settled();
  expect(ended).toEqual(["a", "b"]);
  expect(hub.keeper.delays("b", { status: "ok" }, () => ended.push("b"))).toBe(false);
  expect([await hub.kept("a"), await hub.kept("b")]).toEqual([[], []]);
  expect(hub.ledger.size).toBe(0);
  const hubs = hub.freed.filter(([owner]) => owner === HUB).map(([, id]) => id);
  expect(hubs).toHaveLength(2);
  for (const id of hubs) expect((await hub.read(id, 0, 1))[0]).toMatchObject({ type: "pieceRefused", to: "client" });
});

test("an array is asked for once, and held by each task and each receiver until they let go", async () => {
  const hub = new Setting();
  hub.submit("a", 3, PIECE_BYTES);
  hub.submit("b", 3, PIECE_BYTES);
  await settled();
  expect(hub.asked).toHaveLength(1);
  await hub.answer();
  const [array] = (await hub.kept("a")) as [number];
  expect(await hub.kept("b")).toEqual([array]);
  for (const id of ["a", "b"]) hub.database.finish(id, { status: "ok" }, []);
  hub.ledger.deliver("client", { places: [{ owner: HUB, id: array, offset: 0, byteLength: PIECE_BYTES }] });
  await hub.database.drop(["a", "b"]);
  expect((await hub.read(array, 5, 3))[0]).toMatchObject({ type: "piece" });
  hub.ledger.released("client", HUB, [array]);
  expect((await hub.read(array, 5, 3))[0]).toMatchObject({
    type: "pieceRefused",
    error: { name: "SerializationError" },
  });
  expect(hub.ledger.size).toBe(0);
});
