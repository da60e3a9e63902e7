/** Connections of this process to the data endpoints of others, made at first use. */

import type { Located } from "../../protocol/data-messages.ts";
import type { Message } from "../../protocol/messages.ts";
import type { Connection } from "../connection.ts";
import { connect } from "../connector.ts";
import { type Credit, type PieceRequests, PieceRoute } from "./piece-route.ts";

/** A way does not lead to that owner, at least not now: the next one is tried. */
export class NoRoute extends Error {}

/** Enough to keep a fast link busy while both ends wait for a core; 16 MiB at most wait anywhere on the way. */
const DIRECT_CREDIT: Credit = { pieceBytes: 4 * 1024 * 1024, piecesAtOnce: 4 };
/** How long a data endpoint may take to answer where there is another way, in milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;
/** How long an owner that could not be reached is not tried again, in milliseconds. */
const RETRY_MS = 30_000;

interface OpenRoute {
  readonly route: PieceRoute;
  readonly connection: Connection;
}

export interface DirectOptions {
  readonly key: string;
  readonly requests: PieceRequests;
  /** Reaches the controller. */
  readonly send: (message: Message) => void;
  /** There is no other way: who does not answer is waited for, as long as it lives. */
  readonly isOnly: boolean;
}

export class DirectRoutes {
  readonly #options: DirectOptions;
  readonly #routes = new Map<string, Promise<OpenRoute>>();
  readonly #questions = new Map<number, { readonly owner: string; answer(located: Located | Error): void }>();
  /** By owner: the attempts to connect. */
  readonly #attempts = new Map<string, AbortController>();
  #nextQuestion = 0;
  #ended: Error | undefined;

  constructor(options: DirectOptions) {
    this.#options = options;
  }

  /** The route to an owner. @throws NoRoute */
  async to(owner: string): Promise<PieceRoute> {
    if (this.#ended !== undefined) throw this.#ended;
    let opening = this.#routes.get(owner);
    if (opening === undefined) {
      opening = this.#open(owner);
      this.#routes.set(owner, opening);
      opening.catch(() => setTimeout(() => this.#routes.delete(owner), RETRY_MS).unref());
    }
    return (await opening).route;
  }

  located(message: Located): void {
    this.#questions.get(message.requestId)?.answer(message);
    this.#questions.delete(message.requestId);
  }

  /** Where are the owners? */
  askAgain(): void {
    for (const [requestId, { owner }] of this.#questions) this.#options.send({ type: "locate", requestId, owner });
  }

  /** The owner has gone, and does not come back. */
  gone(owner: string, error: Error): void {
    for (const [id, question] of this.#questions) {
      if (question.owner !== owner) continue;
      this.#questions.delete(id);
      question.answer(error);
    }
    this.#attempts.get(owner)?.abort(error);
    const opening = this.#routes.get(owner);
    this.#routes.delete(owner);
    opening?.then(
      ({ route, connection }) => {
        route.fail(error);
        connection.destroy();
      },
      () => undefined,
    );
  }

  close(error: Error): void {
    this.#ended = error;
    for (const owner of [...this.#routes.keys()]) this.gone(owner, error);
  }

  async #open(owner: string): Promise<OpenRoute> {
    const { host, port } = await this.#locate(owner);
    if (host === undefined || port === undefined) throw new NoRoute(`${owner} serves no buffers itself`);
    const { key, requests, isOnly } = this.#options;
    let lost = (): void => undefined;
    const attempt = new AbortController();
    this.#attempts.set(owner, attempt);
    try {
      const connection = await connect({
        host,
        port,
        key,
        timeout: isOnly ? Number.POSITIVE_INFINITY : CONNECT_TIMEOUT_MS,
        signal: attempt.signal,
        handlers: {
          message: (message, buffers) => {
            if (message.type === "piece") requests.arrived(message, buffers);
            else if (message.type === "pieceRefused") requests.refused(message);
          },
          place: (message) => (message.type === "piece" ? requests.place(message) : undefined),
          closed: () => lost(),
        },
      });
      const route = new PieceRoute(requests, (message) => connection.send(message), DIRECT_CREDIT);
      lost = () => {
        this.#routes.delete(owner);
        route.fail(new NoRoute(`the data connection to ${host}:${port} was lost`));
      };
      return { route, connection };
    } catch (error) {
      if (attempt.signal.aborted) throw error;
      throw new NoRoute(`the data endpoint at ${host}:${port} cannot be reached: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      if (this.#attempts.get(owner) === attempt) this.#attempts.delete(owner);
    }
  }

  #locate(owner: string): Promise<Located> {
    const requestId = this.#nextQuestion++;
    return new Promise((resolve, reject) => {
      const answer = (located: Located | Error): void => {
        if (located instanceof Error) reject(located);
        else resolve(located);
      };
      this.#questions.set(requestId, { owner, answer });
      this.#options.send({ type: "locate", requestId, owner });
    });
  }
}
