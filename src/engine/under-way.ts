/** Counts what was sent and has not left, on the connection that there is; and what stays here until it is fetched. */

import type { DataPlane } from "../channel/data/data-plane.ts";
import type { CarriesBuffers } from "../protocol/data-messages.ts";

export class UnderWay {
  #size = 0;
  #connection = 0;

  get size(): number {
    return this.#size;
  }

  /** `send` sends so much, and calls what it is given when that has left. */
  add(size: number, send: (left: () => void) => void): void {
    const connection = this.#connection;
    this.#size += size;
    send(() => {
      if (connection === this.#connection) this.#size -= size;
    });
  }

  /** The connection is gone, and with it what was under way. */
  clear(): void {
    this.#connection++;
    this.#size = 0;
  }
}

/** Arrays that tasks have shown and somebody may still fetch. */
export class ShownArrays {
  readonly #plane: Pick<DataPlane, "keeps">;
  #shown: { readonly id: number; readonly byteLength: number }[] = [];

  constructor(plane: Pick<DataPlane, "keeps">) {
    this.#plane = plane;
  }

  add({ places = [] }: CarriesBuffers): void {
    for (const place of places) if (place !== null) this.#shown.push(place);
  }

  get byteLength(): number {
    if (this.#shown.length === 0) return 0;
    this.#shown = this.#shown.filter(({ id }) => this.#plane.keeps(id));
    return this.#shown.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }
}
