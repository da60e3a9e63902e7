/** Carries questions for values that engines keep from engine to engine, and what clients need no longer. */

import type { Connection } from "../channel/connection.ts";
import type { Message } from "../protocol/messages.ts";
import type { BufferLedger } from "./buffer-ledger.ts";

/** A part of the data plane. */
export type Peer = Pick<Connection, "send">;

export class KeptHub {
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #ledger: BufferLedger;
  /** Questions that were not answered, by the engine that was asked. */
  readonly #open = new Map<string, Set<string>>();

  constructor(peers: ReadonlyMap<string, Peer>, ledger: BufferLedger) {
    this.#peers = peers;
    this.#ledger = ledger;
  }

  /** Takes a message about kept values; says whether it was one. */
  message(sender: string, message: Message, buffers: readonly Uint8Array[]): boolean {
    switch (message.type) {
      case "fetchKept":
        this.#ask(message.owner, { ...message, from: sender });
        return true;
      case "keptArrived": {
        const { to, requestId } = message;
        this.#open.get(sender)?.delete(questionName(to, requestId));
        const receiver = this.#peers.get(to);
        if (receiver === undefined) return true;
        this.#ledger.deliver(to, message);
        receiver.send(message, buffers);
        return true;
      }
      case "releaseKept":
        this.#peers.get(message.owner)?.send(message);
        return true;
      default:
        return false;
    }
  }

  /** A process has ended: who has asked it something hears so. */
  gone(uuid: string): void {
    const open = this.#open.get(uuid);
    this.#open.delete(uuid);
    for (const name of open ?? []) {
      const at = name.lastIndexOf(" ");
      this.#refuse(name.slice(0, at), Number(name.slice(at)));
    }
  }

  #ask(owner: string, question: Extract<Message, { type: "fetchKept" }> & { readonly from: string }): void {
    const { from, requestId } = question;
    const peer = this.#peers.get(owner);
    if (peer === undefined) {
      this.#refuse(from, requestId);
      return;
    }
    const open = this.#open.get(owner) ?? new Set();
    this.#open.set(owner, open.add(questionName(from, requestId)));
    peer.send(question);
  }

  /** The asker knows which engine it was. */
  #refuse(to: string, requestId: number): void {
    const error = { kind: "engine", name: "EngineError", message: "it is gone" } as const;
    this.#peers.get(to)?.send({ type: "keptArrived", requestId, to, error });
  }
}

function questionName(from: string, requestId: number): string {
  return `${from} ${requestId}`;
}
