/** Gets the large buffers of messages that have arrived. */

import { setMaxListeners } from "node:events";
import { ConnectionError, SerializationError } from "../../errors.ts";
import { receivingMemory } from "../../ndarray-transport/output-memory.ts";
import { copyBytes } from "../../ndarray-transport/segments/copying.ts";
import { opened, type ReceivedBytes } from "../../ndarray-transport/segments/slices.ts";
import { MalformedPacket } from "../../protocol/codec.ts";
import { type BufferDescriptor, type CarriesBuffers, HUB, type ReleaseBuffers } from "../../protocol/data-messages.ts";
import { NoRoute } from "./direct-routes.ts";
import type { KeyedCache } from "./keyed-cache.ts";
import type { Origins } from "./origins.ts";
import type { OwnedBuffers } from "./owned-buffers.ts";
import { fetchBy, type Obtained, type Way } from "./ways.ts";

/** The buffers of one message. */
export interface Incoming<Bytes extends ReceivedBytes = Uint8Array> {
  /** All of them, in order; a promise while some are on their way. Rejects with a typed error. */
  readonly buffers: readonly Bytes[] | Promise<readonly Bytes[]>;
  /** How many bytes are on their way. */
  readonly byteLength: number;
  /** They are not needed: what has not arrived is not waited for. */
  cancel(reason: Error): void;
}

export interface ReceiverOptions {
  readonly uuid: string;
  readonly ways: readonly Way[];
  /** The way to what the hub keeps. */
  readonly hubWay: Way;
  readonly owned: OwnedBuffers;
  readonly origins: Origins;
  readonly cache: KeyedCache;
  readonly send: (message: ReleaseBuffers) => void;
}

const nothingToCancel = (): void => undefined;

/** After so many buffers of one owner their release is sent, if it was not yet. */
const RELEASED = 64;

export class Receiver {
  readonly #options: ReceiverOptions;
  /** What is being fetched under a name, for all who have asked for it. */
  readonly #joint = new Map<string, JointFetch>();
  #released = new Map<string, number[]>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** `inline` are the buffers that came with the message. */
  receive(carrier: CarriesBuffers, inline: readonly Uint8Array[]): Incoming {
    return this.#receive(carrier, inline, opened);
  }

  /** As {@link receive}: what lies in shared memory becomes an array only when it is opened. */
  receiveUnopened(carrier: CarriesBuffers, inline: readonly Uint8Array[]): Incoming<ReceivedBytes> {
    return this.#receive(carrier, inline, (bytes) => bytes);
  }

  #receive<Bytes extends ReceivedBytes>(
    { places }: CarriesBuffers,
    inline: readonly Uint8Array[],
    as: (bytes: ReceivedBytes) => Bytes,
  ): Incoming<Bytes | Uint8Array> {
    if (places === undefined) return { buffers: inline, byteLength: 0, cancel: nothingToCancel };
    checkPlaces(places, inline.length);
    const controller = new AbortController();
    // One listener for each buffer: many are no leak.
    setMaxListeners(0, controller.signal);
    let next = 0;
    let byteLength = 0;
    type Part = Bytes | Uint8Array;
    const parts = places.map((place): Part | Promise<Part> => {
      if (place === null) return inline[next++] as Uint8Array;
      const part = this.#obtain(place, controller.signal);
      if (!(part instanceof Promise)) return as(part);
      byteLength += place.byteLength;
      return part.then(as);
    });
    const isThere = (part: Part | Promise<Part>): part is Part => !(part instanceof Promise);
    if (parts.every(isThere)) return { buffers: parts, byteLength, cancel: nothingToCancel };
    const buffers = Promise.all(parts);
    // Whoever asks hears of a failure; it is no failure of the process.
    buffers.catch(nothingToCancel);
    return { buffers, byteLength, cancel: (reason) => controller.abort(reason) };
  }

  /** Lets go of buffers that were announced and will not be used. */
  refuse({ places }: CarriesBuffers): void {
    for (const place of places ?? []) if (place !== null) this.release(place);
  }

  #obtain(descriptor: BufferDescriptor, signal: AbortSignal): ReceivedBytes | Promise<ReceivedBytes> {
    const { key, byteLength } = descriptor;
    if (key === undefined) return this.#fetch(descriptor, signal);
    const { cache } = this.#options;
    const cached = cache.get(key, byteLength);
    if (cached !== undefined) {
      this.release(descriptor);
      if (cached instanceof Promise) this.#joint.get(key)?.join(signal);
      return cached;
    }
    const joint = new JointFetch(() => cache.drop(key));
    joint.join(signal);
    const fetched = this.#fetch(descriptor, joint.signal);
    const bytes = fetched instanceof Promise ? fetched.then(opened) : opened(fetched);
    if (bytes instanceof Promise) {
      this.#joint.set(key, joint);
      const ended = (): void => {
        joint.end();
        if (this.#joint.get(key) === joint) this.#joint.delete(key);
      };
      bytes.then(ended, ended);
    }
    return cache.add(key, byteLength, bytes);
  }

  #fetch(descriptor: BufferDescriptor, signal: AbortSignal): ReceivedBytes | Promise<ReceivedBytes> {
    const failed = (error: unknown): never => {
      this.release(descriptor);
      const what = `an array of ${descriptor.byteLength} bytes could not be fetched`;
      if (error instanceof RangeError) {
        throw new SerializationError(`${what}: there is no memory for it (${error.message})`, undefined, {
          cause: error,
        });
      }
      if (!(error instanceof NoRoute || error instanceof ConnectionError)) throw error;
      throw new ConnectionError(`${what}: ${error.message}`, { cause: error });
    };
    const arrived = (obtained: Obtained): ReceivedBytes => this.#arrived(descriptor, obtained);
    try {
      const own = this.#ownBytes(descriptor);
      const { ways, hubWay } = this.#options;
      const obtained = own ?? fetchBy(descriptor.owner === HUB ? [hubWay] : ways, descriptor, signal);
      return obtained instanceof Promise ? obtained.then(arrived).catch(failed) : arrived(obtained);
    } catch (error) {
      const rejected = Promise.reject<Uint8Array>(error).catch(failed);
      rejected.catch(nothingToCancel);
      return rejected;
    }
  }

  /** What this process keeps for others itself, unless it is better mapped. */
  #ownBytes({ owner, id, offset, byteLength, shared }: BufferDescriptor): Obtained | undefined {
    if (owner !== this.#options.uuid || shared !== undefined) return undefined;
    const { bytes } = this.#options.owned.bytesOf({
      type: "fetchPiece",
      requestId: 0,
      owner,
      id,
      offset,
      byteLength,
    });
    // Others get it, too, as it is: what a task writes must not show there.
    const memory = receivingMemory(byteLength);
    copyBytes(memory.bytes, bytes);
    return { bytes: memory.map(), isOwn: true };
  }

  #arrived(descriptor: BufferDescriptor, { bytes, isOwn }: Obtained): ReceivedBytes {
    if (isOwn) {
      this.#options.origins.add(bytes);
      this.release(descriptor);
    } else {
      this.#options.origins.add(bytes, descriptor);
    }
    return bytes;
  }

  /** Tells the controller that a buffer is no longer needed, together with what else is released in this turn. */
  release({ owner, id }: BufferDescriptor): void {
    const ids = this.#released.get(owner) ?? [];
    ids.push(id);
    this.#released.set(owner, ids);
    // Again now and then: a task that is cut short takes with it what was to follow in its turn.
    if (ids.length % RELEASED === 1) queueMicrotask(() => this.#sendReleased());
  }

  #sendReleased(): void {
    if (this.#released.size === 0) return;
    const released = [...this.#released].map(([owner, ids]) => ({ owner, ids }));
    this.#released = new Map();
    this.#options.send({ type: "releaseBuffers", released });
  }
}

/** A fetch that several wait for: it is given up when the last of them is not interested any more. */
class JointFetch {
  readonly #controller = new AbortController();
  readonly #givenUp: () => void;
  #waiting = 0;
  #hasEnded = false;

  constructor(givenUp: () => void) {
    this.#givenUp = givenUp;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  join(signal: AbortSignal): void {
    this.#waiting++;
    const left = (): void => {
      if (--this.#waiting > 0 || this.#hasEnded) return;
      this.#givenUp();
      this.#controller.abort(signal.reason);
    };
    signal.addEventListener("abort", left, { once: true });
  }

  /** All is there, or nothing comes. */
  end(): void {
    this.#hasEnded = true;
  }
}

/** @throws MalformedPacket */
function checkPlaces(places: unknown, inline: number): void {
  const isPlace = (place: BufferDescriptor | null): boolean =>
    place === null ||
    (typeof place.owner === "string" &&
      [place.id, place.offset, place.byteLength].every((value) => Number.isSafeInteger(value) && value >= 0));
  if (!Array.isArray(places) || !places.every(isPlace) || places.filter((place) => place === null).length !== inline) {
    throw new MalformedPacket("places that do not fit the buffers");
  }
}
