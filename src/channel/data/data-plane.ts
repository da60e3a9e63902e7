/**
 * The data plane of one process: what it keeps for others, and how it gets what others keep. Messages carry descriptors;
 * the bytes travel from their owner to whoever uses them, past the controller where that is possible.
 */

import { ConnectionError } from "../../errors.ts";
import type { ReceivedBytes } from "../../ndarray-transport/segments/slices.ts";
import { isSharedMemoryAvailable } from "../../ndarray-transport/segments/system-calls.ts";
import type { CarriesBuffers, DataWay } from "../../protocol/data-messages.ts";
import type { Message } from "../../protocol/messages.ts";
import { DataEndpoint } from "./data-endpoint.ts";
import { KeyedCache } from "./keyed-cache.ts";
import { Origins } from "./origins.ts";
import { OwnedBuffers } from "./owned-buffers.ts";
import { type BorrowListener, Packer } from "./packing.ts";
import { PieceRequests } from "./piece-route.ts";
import { PieceServer, type Send } from "./piece-server.ts";
import { type Incoming, Receiver } from "./receiving.ts";
import { SharedWay } from "./shared-way.ts";
import { DirectWay, RelayWay, type Way } from "./ways.ts";

export interface DataPlaneOptions {
  /** This process, as the controller knows it. */
  readonly uuid: string;
  readonly way: DataWay;
  /** The cluster's key, which opens data endpoints too. */
  readonly key: string;
  /** Where others reach this process. */
  readonly host: string;
  /** Reaches the controller. */
  readonly send: Send;
  /** Copies what is sent at once; see {@link Packer}. */
  readonly isSnapshot: boolean;
}

export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #owned: OwnedBuffers;
  readonly #origins = new Origins();
  readonly #requests = new PieceRequests();
  readonly #server: PieceServer;
  readonly #endpoint: DataEndpoint;
  readonly #shared: SharedWay | undefined;
  readonly #direct: DirectWay | undefined;
  /** What the hub keeps comes from there on any of the ways. */
  readonly #relay: RelayWay;
  readonly #ways: readonly Way[];
  readonly #receiver: Receiver;
  readonly #cache = new KeyedCache();
  /** The processes that have ended and whose buffers are still used here. */
  readonly #gone = new Set<string>();

  constructor(options: DataPlaneOptions) {
    const { uuid, way, key, host, send } = options;
    this.#options = options;
    this.#owned = new OwnedBuffers(uuid);
    this.#server = new PieceServer(this.#owned);
    this.#endpoint = new DataEndpoint({ host, key, server: this.#server });
    const takes = (name: DataWay): boolean => way === "auto" || way === name;
    if (takes("shared") && isSharedMemoryAvailable()) {
      this.#shared = new SharedWay((descriptor) => this.#receiver.release(descriptor));
    }
    if (takes("direct")) this.#direct = new DirectWay({ key, requests: this.#requests, send, isOnly: !takes("relay") });
    this.#relay = new RelayWay(this.#requests, send);
    this.#ways = [
      ...(this.#shared === undefined ? [] : [this.#shared]),
      ...(this.#direct === undefined ? [] : [this.#direct]),
      ...(takes("relay") ? [this.#relay] : []),
    ];
    this.#receiver = new Receiver({
      uuid,
      ways: this.#ways,
      hubWay: this.#relay,
      owned: this.#owned,
      origins: this.#origins,
      cache: this.#cache,
      send,
    });
  }

  /** What is kept for others. */
  get owned(): { readonly size: number; readonly byteLength: number } {
    return this.#owned;
  }

  /** Resolves once what is kept here can be done without for a while; see {@link OwnedBuffers.serving}. */
  serving(limit: number): Promise<void> | undefined {
    return this.#owned.serving(limit);
  }

  /** Whether somebody may need a buffer of this process. */
  keeps(id: number): boolean {
    return this.#owned.get(id) !== undefined;
  }

  /** For the values of one call; `listener` hears of those buffers of the user's that are not copied. */
  packer(listener?: BorrowListener): Packer {
    const options = {
      owned: this.#owned,
      origins: this.#origins,
      isGone: (uuid: string) => this.#gone.has(uuid),
      usesShared: this.#shared !== undefined,
      isSnapshot: this.#options.isSnapshot,
    };
    return new Packer(options, listener);
  }

  /** Asks those who use these buffers of this process to make themselves independent of its memory. */
  reclaim(ids: readonly number[]): void {
    const kept = ids.filter((id) => this.#owned.get(id) !== undefined);
    if (kept.length > 0) this.#options.send({ type: "reclaimBuffers", owner: this.#options.uuid, ids: kept });
  }

  /** The buffers of a message that arrived; `inline` came with it. @throws MalformedPacket */
  receive(carrier: CarriesBuffers, inline: readonly Uint8Array[]): Incoming {
    return this.#receiver.receive(carrier, inline);
  }

  /** As {@link receive}: what lies in shared memory becomes an array only when it is opened. @throws MalformedPacket */
  receiveUnopened(carrier: CarriesBuffers, inline: readonly Uint8Array[]): Incoming<ReceivedBytes> {
    return this.#receiver.receiveUnopened(carrier, inline);
  }

  /** Lets go of the buffers of a message that is of no use. */
  refuse(carrier: CarriesBuffers): void {
    this.#receiver.refuse(carrier);
  }

  /** Received memory was written to: it is not given to anybody else as what it was. */
  spoilt(buffer: ArrayBufferLike): void {
    this.#cache.forget(buffer);
  }

  /** Takes a message from the controller; says whether it was one of the data plane's. */
  message(message: Message, buffers: readonly Uint8Array[]): boolean {
    switch (message.type) {
      case "fetchPiece":
        this.#server.serve(message, this.#options.send);
        return true;
      case "piece":
        this.#requests.arrived(message, buffers);
        return true;
      case "pieceRefused":
        this.#requests.refused(message);
        return true;
      case "locate":
        void this.#tellPlace(message.requestId, message.from);
        return true;
      case "located":
        this.#direct?.routes.located(message);
        return true;
      case "freeBuffers":
        this.#owned.free(message);
        return true;
      case "reclaimBuffers":
        for (const id of message.ids) this.#shared?.reclaim(message.owner, id);
        return true;
      case "ownerGone": {
        this.#gone.add(message.owner);
        const error = new ConnectionError(`the process that kept the bytes (${message.owner}) is gone`);
        for (const way of this.#ways) way.gone(message.owner, error);
        return true;
      }
      default:
        return false;
    }
  }

  /** Where the bytes that follow a message from the controller go. */
  place(message: Message): Uint8Array | undefined {
    return message.type === "piece" ? this.#requests.place(message) : undefined;
  }

  /** The controller was restarted: what was asked by way of it is asked again. */
  askAgain(): void {
    this.#relay.askAgain();
    this.#direct?.routes.askAgain();
  }

  /** The connection to the controller has ended. */
  close(error: Error): void {
    for (const way of [...this.#ways, this.#relay]) way.close(error);
    this.#endpoint.close();
    this.#owned.clear();
  }

  async #tellPlace(requestId: number, from: string | undefined): Promise<void> {
    const to = from === undefined ? {} : { to: from };
    const { way, send } = this.#options;
    try {
      const place = way === "auto" || way === "direct" ? await this.#endpoint.open() : {};
      send({ type: "located", requestId, ...place, ...to });
    } catch {
      // The system refuses: there are other ways.
      send({ type: "located", requestId, ...to });
    }
  }
}
