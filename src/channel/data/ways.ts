/** The ways on which a receiver gets bytes: one small interface, tried in order until one leads to the owner. */

import { receivingMemory } from "../../ndarray-transport/output-memory.ts";
import type { ReceivedBytes } from "../../ndarray-transport/segments/slices.ts";
import type { BufferDescriptor } from "../../protocol/data-messages.ts";
import type { Message } from "../../protocol/messages.ts";
import { type DirectOptions, DirectRoutes, NoRoute } from "./direct-routes.ts";
import { type Credit, type PieceRequests, PieceRoute } from "./piece-route.ts";

/** Bytes that were got. */
export interface Obtained {
  readonly bytes: ReceivedBytes;
  /** Whether they are in memory of this process alone, so that the owner may let go of its own. */
  readonly isOwn: boolean;
}

/** One way from owner to receiver. */
export interface Way {
  readonly name: "shared" | "direct" | "relay";
  /**
   * The bytes; at once where that is possible.
   * @throws NoRoute when this way does not lead to the owner; any other error ends the attempt.
   */
  fetch(descriptor: BufferDescriptor, signal: AbortSignal): Obtained | Promise<Obtained>;
  /** The process with that uuid has gone: nothing can be got from it any more. */
  gone(owner: string, error: Error): void;
  /** Nothing can be got any more. */
  close(error: Error): void;
}

/** Gets all bytes of a buffer over a route. */
async function fetchOver(route: PieceRoute, descriptor: BufferDescriptor, signal: AbortSignal): Promise<Obtained> {
  const memory = receivingMemory(descriptor.byteLength);
  try {
    await route.fetch(descriptor, memory.bytes, signal);
  } catch (error) {
    memory.drop();
    throw error;
  }
  return { bytes: memory.map(), isOwn: true };
}

/** Over a connection to the owner's data endpoint. */
export class DirectWay implements Way {
  readonly name = "direct";
  readonly routes: DirectRoutes;

  constructor(options: DirectOptions) {
    this.routes = new DirectRoutes(options);
  }

  async fetch(descriptor: BufferDescriptor, signal: AbortSignal): Promise<Obtained> {
    const route = await until(signal, this.routes.to(descriptor.owner));
    return fetchOver(route, descriptor, signal);
  }

  gone(owner: string, error: Error): void {
    this.routes.gone(owner, error);
  }

  close(error: Error): void {
    this.routes.close(error);
  }
}

/** Little at once, because it passes through the controller, which must not fill up. */
const RELAY_CREDIT: Credit = { pieceBytes: 256 * 1024, piecesAtOnce: 4 };

/** Through the controller. */
export class RelayWay implements Way {
  readonly name = "relay";
  readonly #requests: PieceRequests;
  readonly #send: (message: Message) => void;
  readonly #routes = new Map<string, PieceRoute>();

  constructor(requests: PieceRequests, send: (message: Message) => void) {
    this.#requests = requests;
    this.#send = send;
  }

  async fetch(descriptor: BufferDescriptor, signal: AbortSignal): Promise<Obtained> {
    const { owner } = descriptor;
    let route = this.#routes.get(owner);
    if (route === undefined) {
      route = new PieceRoute(this.#requests, this.#send, RELAY_CREDIT);
      this.#routes.set(owner, route);
    }
    return fetchOver(route, descriptor, signal);
  }

  askAgain(): void {
    for (const route of this.#routes.values()) route.askAgain();
  }

  gone(owner: string, error: Error): void {
    this.#routes.get(owner)?.fail(error);
    this.#routes.delete(owner);
  }

  close(error: Error): void {
    for (const owner of [...this.#routes.keys()]) this.gone(owner, error);
  }
}

/** The ways one after another, from `position` on. @throws NoRoute when none leads there. */
export function fetchBy(
  ways: readonly Way[],
  descriptor: BufferDescriptor,
  signal: AbortSignal,
  position = 0,
): Obtained | Promise<Obtained> {
  const way = ways[position];
  if (way === undefined) throw new NoRoute(`there is no way to the bytes of buffer ${descriptor.id}`);
  const next = (error: unknown): Obtained | Promise<Obtained> => {
    if (error instanceof NoRoute && position + 1 < ways.length) return fetchBy(ways, descriptor, signal, position + 1);
    throw error;
  };
  try {
    const obtained = way.fetch(descriptor, signal);
    return obtained instanceof Promise ? obtained.catch(next) : obtained;
  } catch (error) {
    return next(error);
  }
}

/** The outcome of `promise`, unless `signal` comes first. */
function until<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason as Error);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}
