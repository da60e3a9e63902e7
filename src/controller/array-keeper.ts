/**
 * Keeps large arrays of arguments and results at the hub, if the task database was asked to. It takes part in the data
 * plane as a process of its own, {@link HUB}: it fetches arrays from their owners while nothing waits for it but the end of
 * the task that they are arguments of, and serves those that it has to whoever is sent a descriptor of them. The ledger
 * counts who needs them: records, tasks, and receivers.
 */

import type { BufferDescriptor, BufferPlaces, CarriesBuffers, FetchPiece } from "../protocol/data-messages.ts";
import { HUB } from "../protocol/data-messages.ts";
import type { Message, Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { ArrayFetcher } from "./array-fetcher.ts";
import { type ArrayStore, areKept, bytesAt } from "./array-store.ts";
import type { BufferLedger } from "./buffer-ledger.ts";
import type { TaskDatabase } from "./task-database.ts";
import { holdings, type TaskRecord } from "./task-record.ts";
import type { Legacy } from "./task-recovery.ts";

/** How many arrays are known by what their owners call them, so that they are fetched once. */
const NAMES = 4_096;

/** How long arrays are waited for whose owners are to end, in milliseconds. */
const SETTLED_MS = 10_000;

export interface KeeperParts {
  readonly store: ArrayStore;
  readonly database: TaskDatabase;
  readonly ledger: BufferLedger;
  /** Takes what the keeper says as a part of the data plane. */
  readonly send: (message: Message, buffers?: readonly Uint8Array[]) => void;
}

export class ArrayKeeper {
  readonly #parts: KeeperParts;
  readonly #fetcher: ArrayFetcher;
  /** Arrays that are here, or on their way, by what their owners call them; and what they are called, by id. */
  readonly #known = new Map<string, { readonly id: number; readonly arrived: Promise<void> }>();
  readonly #names = new Map<number, string>();
  /** Tasks whose arguments are on their way. */
  readonly #arguments = new Map<string, Promise<void>>();
  /** Numbers of an earlier controller are not used again. */
  #nextId = Date.now() * 1_000;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#fetcher = new ArrayFetcher((question) => parts.send({ ...question, from: HUB }));
  }

  /** These records hold arrays that are here already. */
  takeUp(holders: readonly TaskRecord[]): void {
    for (const { places } of holders.flatMap(holdings)) if (places !== undefined) this.#hold(places);
  }

  /** What an earlier controller has not got is asked for again. */
  goOn({ tasks, holders }: Pick<Legacy, "tasks" | "holders">): void {
    for (const { record, request } of tasks) {
      const isWhole = request === undefined || areKept(request.message.places);
      if (!isWhole) this.keepArguments([record.taskId], request.message, request.buffers, request.isNested === true);
    }
    for (const { taskId, outcome } of holders) if (outcome !== undefined) this.keepResult(taskId, outcome);
  }

  /** Keeps the arrays that tasks are sent with; the database has what else they are sent with. */
  keepArguments(
    taskIds: readonly string[],
    message: Submit | SubmitBalanced,
    buffers: readonly Uint8Array[],
    isNested: boolean,
  ): void {
    if (message.places === undefined) return;
    const { database } = this.#parts;
    const note = (places: BufferPlaces): void => {
      if (!areKept(message.places)) database.keep({ ...message, places }, buffers, isNested);
      for (const taskId of taskIds) if (database.keepArguments(taskId, places)) this.#hold(places);
    };
    if (areKept(message.places)) {
      note(message.places);
      return;
    }
    const kept = this.#keep(message, note);
    for (const taskId of taskIds) {
      this.#arguments.set(taskId, kept);
      void kept.then(() => {
        if (this.#arguments.get(taskId) === kept) this.#arguments.delete(taskId);
      });
    }
  }

  /**
   * Says whether the arguments of a task are on their way. Then `settle` is called when they are here, or will not be: until
   * then their sender, who may write to them as soon as the task has ended, is not to hear of its end.
   */
  delays(taskId: string, outcome: Outcome, settle: () => void): boolean {
    const arriving = this.#arguments.get(taskId);
    if (arriving === undefined) return false;
    const { ledger } = this.#parts;
    ledger.hold(outcome);
    void arriving.then(() => {
      settle();
      ledger.drop(outcome);
    });
    return true;
  }

  /** Keeps the arrays of a result that is written down. */
  keepResult(taskId: string, outcome: Outcome): void {
    if (outcome.places === undefined || areKept(outcome.places)) return;
    void this.#keep(outcome, async (places) => {
      const { database, ledger } = this.#parts;
      this.#hold(places);
      const isNoted = await database.keepPlaces(taskId, places);
      ledger.drop(isNoted ? outcome : { places });
    });
  }

  /** Resolves when nothing is on its way here that was when it was asked, or after a while. */
  async settled(): Promise<void> {
    if (this.#fetcher.isIdle) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, SETTLED_MS);
    });
    await Promise.race([this.#fetcher.ended(), late]);
    clearTimeout(timer);
  }

  /** Takes a message of the data plane. */
  send(message: Message, buffers: readonly Uint8Array[] = []): void {
    switch (message.type) {
      case "fetchPiece":
        void this.#serve(message);
        break;
      case "piece":
        this.#fetcher.arrived(message, buffers);
        break;
      case "pieceRefused":
        this.#fetcher.refused(message);
        break;
      case "locate":
        this.#parts.send({ type: "located", requestId: message.requestId, to: message.from });
        break;
      case "freeBuffers":
        this.#drop(message.ids);
        break;
      case "ownerGone":
        this.#fetcher.gone(message.owner);
        break;
    }
  }

  /** Calls `then` with the places of the arrays here, held meanwhile; does without if they cannot be had. */
  async #keep(carrier: CarriesBuffers, then: (places: BufferPlaces) => void | Promise<void>): Promise<void> {
    const { store, ledger } = this.#parts;
    if (!store.hasRoom(bytesAt(carrier.places))) return;
    // Their owners keep them until they are here.
    ledger.hold(carrier);
    const arrivals: Promise<void>[] = [];
    const places = (carrier.places ?? []).map((place) => {
      if (place === null || place.owner === HUB) return place;
      const { id, arrived } = this.#copyOf(place);
      arrivals.push(arrived);
      return { owner: HUB, id, offset: 0, byteLength: place.byteLength, ...(place.key ? { key: place.key } : {}) };
    });
    this.#hold(places);
    try {
      await Promise.all(arrivals);
      await then(places);
    } catch {
      // They stay where they are.
    } finally {
      ledger.drop({ places });
      ledger.drop(carrier);
    }
  }

  #hold(places: BufferPlaces): void {
    this.#parts.ledger.arrive(HUB, { places });
  }

  #copyOf(place: BufferDescriptor): { readonly id: number; readonly arrived: Promise<void> } {
    const { owner, id: ownersId, offset, byteLength, key } = place;
    const name = key === undefined ? `${owner} ${ownersId} ${offset} ${byteLength}` : `${key} ${byteLength}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const id = this.#nextId++;
    const arrived = this.#fetcher.fetch(place, (at, bytes) => this.#parts.store.write(id, at, bytes));
    const copy = { id, arrived };
    this.#known.set(name, copy);
    const [oldest] = this.#known.keys();
    if (this.#known.size > NAMES && oldest !== undefined) this.#known.delete(oldest);
    this.#names.set(id, name);
    arrived.catch(() => {
      if (this.#known.get(name) === copy) this.#known.delete(name);
    });
    return copy;
  }

  #drop(ids: readonly number[]): void {
    for (const id of ids) {
      const name = this.#names.get(id);
      this.#names.delete(id);
      if (name !== undefined && this.#known.get(name)?.id === id) this.#known.delete(name);
    }
    this.#parts.store.drop(ids);
  }

  async #serve({ requestId, from, id, offset, byteLength }: FetchPiece): Promise<void> {
    try {
      const bytes = await this.#parts.store.read(id, offset, byteLength);
      this.#parts.send({ type: "piece", requestId, to: from }, [bytes]);
    } catch (error) {
      this.#parts.send({ type: "pieceRefused", requestId, error: toWireError(error), to: from });
    }
  }
}
