/** How engines get from one another what they keep: asked through the controller, the bytes by the data plane. */

import type { DataPlane } from "../channel/data/data-plane.ts";
import { EngineError } from "../errors.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { FetchKept, KeptArrived, KeptPiece } from "../protocol/kept.ts";
import type { Message } from "../protocol/messages.ts";
import { fromWireError, toWireError } from "../protocol/wire-error.ts";
import { disposeTensor } from "../tensors/adapter.ts";
import { serializeWhenReady } from "../tensors/handler.ts";
import type { KeptValues, ReadMoved } from "./kept-values.ts";

export interface KeptExchangeParts {
  readonly kept: KeptValues;
  readonly serializer: Serializer;
  readonly plane: DataPlane;
  readonly send: (message: Message, buffers?: readonly Uint8Array[]) => void;
}

interface Question {
  readonly piece: KeptPiece;
  resolve(read: ReadMoved): void;
  reject(error: Error): void;
}

export class KeptExchange {
  readonly #parts: KeptExchangeParts;
  readonly #open = new Map<number, Question>();
  #nextRequest = 0;

  constructor(parts: KeptExchangeParts) {
    this.#parts = parts;
    parts.kept.fetch = (piece) => this.#fetch(piece);
  }

  /** Takes a message about kept values; says whether it was one. */
  message(message: Message, buffers: readonly Uint8Array[]): boolean {
    switch (message.type) {
      case "fetchKept":
        void this.#serve(message);
        return true;
      case "keptArrived":
        void this.#arrived(message, buffers);
        return true;
      case "releaseKept":
        this.#parts.kept.release(message.ids);
        return true;
      case "clientGone":
        this.#parts.kept.clientGone(message.client);
        return true;
      default:
        return false;
    }
  }

  /** The controller was restarted: what it was asked, the next one is asked again. */
  askAgain(): void {
    for (const [requestId, { piece }] of this.#open) this.#ask(requestId, piece);
  }

  #ask(requestId: number, { owner, id, start, stop }: KeptPiece): void {
    this.#parts.send({ type: "fetchKept", requestId, owner, id, start, stop });
  }

  #fetch(piece: KeptPiece): Promise<ReadMoved> {
    const requestId = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      this.#open.set(requestId, { piece, resolve, reject });
      this.#ask(requestId, piece);
    });
  }

  async #serve({ requestId, from = "", ...piece }: FetchKept): Promise<void> {
    const { kept, serializer, plane, send } = this.#parts;
    try {
      const value = kept.get(piece);
      const isSlice = piece.start !== undefined && value !== kept.get({ id: piece.id });
      const { head, buffers, keys } = await serializeWhenReady(() => serializer.serialize(value, "the kept value"));
      const { carrier, inline } = plane.packer().pack({ buffers, keys });
      if (isSlice) disposeTensor(value);
      send({ type: "keptArrived", requestId, to: from, payload: head, ...carrier }, inline);
    } catch (error) {
      send({ type: "keptArrived", requestId, to: from, error: toWireError(error) });
    }
  }

  async #arrived(message: KeptArrived, inline: readonly Uint8Array[]): Promise<void> {
    const { plane, serializer } = this.#parts;
    const question = this.#open.get(message.requestId);
    this.#open.delete(message.requestId);
    if (question === undefined) {
      plane.refuse(message);
      return;
    }
    const { engineId, owner: engineUuid, id } = question.piece;
    const { payload, error } = message;
    try {
      if (payload === undefined) throw fromWireError(error ?? { kind: "engine", name: "EngineError", message: "" });
      const buffers = await plane.receive(message, inline).buffers;
      await serializer.prepare(payload);
      question.resolve((options) => serializer.deserialize(payload, buffers, options));
    } catch (cause) {
      const what = `value ${id}, which engine ${engineId} keeps, is not to be had`;
      question.reject(new EngineError(`${what}: ${(cause as Error).message}`, { engineId, engineUuid }, { cause }));
    }
  }
}
