/** Keeps calls in order when some of them have to wait for their bytes. */

export class SendQueue {
  #last: Promise<void> | undefined;

  /** Calls `send` with what is ready: at once, unless it, or something before it, is still to be waited for. */
  add<T extends object>(item: T | Promise<T>, send: (item: T) => void, failed: (error: Error) => void): void {
    if (!(item instanceof Promise) && this.#last === undefined) {
      send(item);
      return;
    }
    const turn = Promise.all([item, this.#last]).then(([ready]) => send(ready), failed);
    this.#last = turn;
    void turn.then(() => {
      if (this.#last === turn) this.#last = undefined;
    });
  }
}
