/** Counts what was sent and has not left, on the connection that there is. */

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
