/** A received array that is put together when it is first looked at: one that nobody looks at costs nothing. */

import { collectingFirst } from "./segments/collection.ts";
import type { UnopenedBytes } from "./segments/slices.ts";

export class LateArray {
  /** How it is told on the wire, with the number of its buffer. */
  readonly parts: (buffer: number) => unknown[];
  #bytes: UnopenedBytes | undefined;
  #make: (() => unknown) | undefined;
  #value: unknown;

  /** @param bytes what `make` opens */
  constructor(bytes: UnopenedBytes, make: () => unknown, parts: (buffer: number) => unknown[]) {
    this.#bytes = bytes.claim();
    this.#make = make;
    this.parts = parts;
  }

  /** Where it lies, unless it was opened, or dropped. */
  get bytes(): UnopenedBytes | undefined {
    return this.#bytes;
  }

  /** The array; `undefined` if it was dropped before. */
  open(): unknown {
    if (this.#make !== undefined && this.#bytes !== undefined) {
      this.#value = collectingFirst(this.#bytes.byteLength, this.#make);
      this.#make = undefined;
      this.#bytes = undefined;
    }
    return this.#value;
  }

  /** Nobody will look at it any more. */
  drop(): void {
    this.#bytes?.drop();
    this.#bytes = undefined;
    this.#make = undefined;
  }
}
