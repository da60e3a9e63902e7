/** The controller's part of the data plane: passes requests and pieces on, and keeps account of who needs what. */

import type { Connection, ConnectionHandlers } from "../channel/connection.ts";
import { type CarriesBuffers, type FreeBuffers, HUB } from "../protocol/data-messages.ts";
import type { Message, WireError } from "../protocol/messages.ts";
import { ArrayKeeper } from "./array-keeper.ts";
import { BufferLedger } from "./buffer-ledger.ts";
import { KeptHub, type Peer } from "./kept-hub.ts";
import type { TaskDatabase } from "./task-database.ts";

export class DataHub {
  readonly ledger: BufferLedger = new BufferLedger(
    (owner, id, uses) => this.#free(owner, id, uses),
    // After the message in hand, which may be what brings the buffer there.
    (receiver, owner, id) =>
      queueMicrotask(() => this.#peers.get(receiver)?.send({ type: "reclaimBuffers", owner, ids: [id] })),
  );
  /** The connection of each client and engine, and what keeps arrays here. */
  readonly #peers = new Map<string, Peer>();
  readonly #kept = new KeptHub(this.#peers, this.ledger);
  #freed = new Map<string, { ids: number[]; uses: number[] }>();
  /** Questions to processes that may come back, as long as that is waited for; of those that went since none. */
  #waiting: Map<string, (() => void)[]> | undefined;
  readonly #left = new Set<string>();
  #advice = "; the hub keeps copies only with controller: { database: { buffers: true } }";

  /** `patience`: how long processes of an earlier controller may take to come back, in milliseconds. */
  constructor(patience = 0) {
    if (patience === 0) return;
    this.#waiting = new Map();
    setTimeout(() => this.#waitNoMore(), patience).unref();
  }

  /** The part that has the arrays of a database, if that can have some. */
  keep(database: TaskDatabase, keepsArrays: boolean): ArrayKeeper | undefined {
    if (keepsArrays) this.#advice = "";
    if (database.arrays === undefined) return undefined;
    const send = (message: Message, buffers: readonly Uint8Array[] = []): void =>
      void this.message(HUB, message, buffers);
    const keeper = new ArrayKeeper({ store: database.arrays, database, ledger: this.ledger, send });
    this.addPeer(HUB, keeper);
    return keeper;
  }

  addPeer(uuid: string, connection: Peer): void {
    this.#peers.set(uuid, connection);
    const questions = this.#waiting?.get(uuid);
    this.#waiting?.delete(uuid);
    // After it has been welcomed.
    if (questions !== undefined) queueMicrotask(() => questions.forEach((ask) => void ask()));
  }

  /** The connection has ended: what that process kept cannot be reached any more, and it needs nothing. */
  removePeer(uuid: string, connection: Connection): void {
    if (this.#peers.get(uuid) !== connection) return;
    this.#peers.delete(uuid);
    if (this.#waiting !== undefined) this.#left.add(uuid);
    this.#kept.gone(uuid);
    this.#peers.get(HUB)?.send({ type: "ownerGone", owner: uuid });
    for (const holder of this.ledger.gone(uuid)) this.#peers.get(holder)?.send({ type: "ownerGone", owner: uuid });
  }

  /** Takes what a process sends for another one, or says of buffers; says whether it was that. */
  message(sender: string, message: Message, buffers: readonly Uint8Array[]): boolean {
    switch (message.type) {
      case "fetchPiece":
      case "locate":
        this.#ask(sender, message.owner, { ...message, from: sender });
        return true;
      case "piece":
      case "pieceRefused":
      case "located":
        this.#peers.get(message.to ?? "")?.send(message, buffers);
        return true;
      case "releaseBuffers":
        for (const { owner, ids } of message.released) this.ledger.released(sender, owner, ids);
        return true;
      case "reclaimBuffers":
        this.ledger.reclaim(sender, message.ids);
        return true;
      default:
        return this.#kept.message(sender, message, buffers);
    }
  }

  /** Handles a message; the buffers that it carries are there at least until that is done. */
  during(sender: string, message: Message, buffers: Uint8Array[], handle: ConnectionHandlers["message"]): void {
    const carrier: CarriesBuffers = message.type === "result" ? message.outcome : (message as CarriesBuffers);
    if (carrier.places === undefined) {
      handle(message, buffers);
      return;
    }
    this.ledger.arrive(sender, carrier);
    try {
      handle(message, buffers);
    } finally {
      this.ledger.drop(carrier);
    }
  }

  #ask(sender: string, owner: string, question: Extract<Message, { requestId: number; owner: string }>): void {
    const peer = this.#peers.get(owner);
    if (peer !== undefined) {
      peer.send(question);
      return;
    }
    if (this.#waiting !== undefined && !this.#left.has(owner)) {
      const questions = this.#waiting.get(owner) ?? [];
      this.#waiting.set(owner, questions);
      questions.push(() => this.#ask(sender, owner, question));
      return;
    }
    const { requestId } = question;
    const error: WireError = {
      kind: "connection",
      name: "ConnectionError",
      message: `the process that kept the bytes (${owner}) is gone${this.#advice}`,
    };
    const answer: Message =
      question.type === "locate" ? { type: "located", requestId } : { type: "pieceRefused", requestId, error };
    this.#peers.get(sender)?.send(answer);
  }

  #waitNoMore(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#left.clear();
    for (const questions of waiting?.values() ?? []) for (const ask of questions) ask();
  }

  /** Together with what else is freed in this turn. */
  #free(owner: string, id: number, uses: number): void {
    if (this.#freed.size === 0) queueMicrotask(() => this.#sendFreed());
    let freed = this.#freed.get(owner);
    if (freed === undefined) {
      freed = { ids: [], uses: [] };
      this.#freed.set(owner, freed);
    }
    freed.ids.push(id);
    freed.uses.push(uses);
  }

  #sendFreed(): void {
    const freed = this.#freed;
    this.#freed = new Map();
    for (const [owner, buffers] of freed) {
      this.#peers.get(owner)?.send({ type: "freeBuffers", ...buffers } satisfies FreeBuffers);
    }
  }
}
