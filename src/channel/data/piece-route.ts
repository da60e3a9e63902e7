/**
 * Fetches buffers over one route to their owner, in pieces, of which so many are under way at once: that is the credit
 * which bounds what waits in any queue on the way.
 */

import type { BufferDescriptor, FetchPiece, Piece, PieceRefused } from "../../protocol/data-messages.ts";
import type { Message } from "../../protocol/messages.ts";
import { fromWireError } from "../../protocol/wire-error.ts";

/** How much is asked for. */
export interface Credit {
  readonly pieceBytes: number;
  readonly piecesAtOnce: number;
}

interface Pending {
  readonly target: Uint8Array;
  arrived(): void;
  failed(error: Error): void;
}

/** The requests of this process that have not been answered, whatever their route. */
export class PieceRequests {
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;

  get size(): number {
    return this.#pending.size;
  }

  add(pending: Pending): number {
    const id = this.#nextId++;
    this.#pending.set(id, pending);
    return id;
  }

  remove(id: number): void {
    this.#pending.delete(id);
  }

  /** Where the bytes of an answer go. */
  place({ requestId }: Piece): Uint8Array | undefined {
    return this.#pending.get(requestId)?.target;
  }

  arrived({ requestId }: Piece, [bytes]: readonly Uint8Array[]): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return;
    this.#pending.delete(requestId);
    const { target } = pending;
    if (bytes?.byteLength !== target.byteLength) {
      pending.failed(new Error(`a piece of ${bytes?.byteLength} bytes came, of ${target.byteLength} asked for`));
      return;
    }
    if (bytes.buffer !== target.buffer) target.set(bytes);
    pending.arrived();
  }

  refused({ requestId, error }: PieceRefused): void {
    const pending = this.#pending.get(requestId);
    this.#pending.delete(requestId);
    pending?.failed(fromWireError(error));
  }
}

/** One buffer that is being fetched. */
interface Transfer {
  readonly descriptor: BufferDescriptor;
  readonly target: Uint8Array;
  /** From where on nothing has been asked for. */
  next: number;
  /** How many bytes are missing. */
  left: number;
  settled: boolean;
  settle(error?: Error): void;
}

export class PieceRoute {
  readonly #requests: PieceRequests;
  readonly #send: (message: Message) => void;
  readonly #credit: Credit;
  #waiting: Transfer[] = [];
  readonly #underWay = new Map<number, { readonly transfer: Transfer; readonly question: FetchPiece }>();

  constructor(requests: PieceRequests, send: (message: Message) => void, credit: Credit) {
    this.#requests = requests;
    this.#send = send;
    this.#credit = credit;
  }

  /** Fills `target` with the bytes. Rejects when the owner refuses, `signal` says so, or the route {@link fail}s. */
  fetch(descriptor: BufferDescriptor, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => transfer.settle(signal?.reason as Error);
      const transfer: Transfer = {
        descriptor,
        target,
        next: 0,
        left: target.byteLength,
        settled: false,
        settle: (error) => {
          if (transfer.settled) return;
          transfer.settled = true;
          signal?.removeEventListener("abort", aborted);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      if (signal?.aborted) return aborted();
      signal?.addEventListener("abort", aborted, { once: true });
      this.#waiting.push(transfer);
      this.#ask();
    });
  }

  /** The route leads nowhere any more. */
  fail(error: Error): void {
    const transfers = new Set([...this.#waiting, ...[...this.#underWay.values()].map(({ transfer }) => transfer)]);
    for (const id of this.#underWay.keys()) this.#requests.remove(id);
    this.#underWay.clear();
    this.#waiting = [];
    for (const transfer of transfers) transfer.settle(error);
  }

  /** Asks once more for what has not come. */
  askAgain(): void {
    for (const { question } of this.#underWay.values()) this.#send(question);
  }

  /** Asks for pieces while there is credit. */
  #ask(): void {
    while (this.#underWay.size < this.#credit.piecesAtOnce) {
      const transfer = this.#waiting[0];
      if (transfer === undefined) return;
      if (!transfer.settled && transfer.next < transfer.target.byteLength) this.#askFor(transfer);
      else this.#waiting.shift();
    }
  }

  #askFor(transfer: Transfer): void {
    const { descriptor, target, next } = transfer;
    const byteLength = Math.min(this.#credit.pieceBytes, target.byteLength - next);
    transfer.next += byteLength;
    const { owner, id } = descriptor;
    const requestId = this.#requests.add({
      target: target.subarray(next, next + byteLength),
      arrived: () => {
        this.#underWay.delete(requestId);
        transfer.left -= byteLength;
        if (transfer.left === 0) transfer.settle();
        this.#ask();
      },
      failed: (error) => {
        this.#underWay.delete(requestId);
        transfer.settle(error);
        this.#ask();
      },
    });
    const offset = descriptor.offset + next;
    const question: FetchPiece = { type: "fetchPiece", requestId, owner, id, offset, byteLength };
    this.#underWay.set(requestId, { transfer, question });
    this.#send(question);
  }
}
