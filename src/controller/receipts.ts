/** Tells clients and engines how much of what they have sent is written down. */

import type { Connection } from "../channel/connection.ts";
import type { TaskDatabase } from "./task-database.ts";

/** How long messages are gathered for one receipt, in milliseconds. */
const GATHER_MS = 20;

export class Receipts {
  readonly #database: TaskDatabase;
  #counts = new Map<Connection, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(database: TaskDatabase) {
    this.#database = database;
  }

  /** A message that must not be lost has been handled. */
  add(connection: Connection): void {
    if (!this.#database.isDurable) return;
    this.#counts.set(connection, (this.#counts.get(connection) ?? 0) + 1);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const counts = this.#counts;
      this.#counts = new Map();
      this.#database.recorded().then(
        () => {
          for (const [peer, count] of counts) peer.send({ type: "recorded", count });
        },
        // The database itself reports what went wrong with it.
        () => undefined,
      );
    }, GATHER_MS);
  }
}
