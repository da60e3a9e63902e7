/** Keeps calls in order when some of them have to wait for their bytes. */

export class SendQueue {
  #last: Promise<void> | undefined;
  readonly #unsent = new Set<string>();

  /** Whether nothing waits, so that what is ready can be sent without asking. */
  get isIdle(): boolean {
    return this.#last === undefined;
  }

  /** Ids of the tasks that have not been sent. */
  get unsent(): ReadonlySet<string> {
    return this.#unsent;
  }

  /**
   * Calls `send` with what is ready, for these tasks: at once, unless it, or something before it, is still to be waited
   * for.
   */
  add<T extends object>(
    item: T | Promise<T>,
    send: (item: T) => void,
    failed: (error: Error) => void,
    taskIds: readonly string[],
  ): void {
    if (!(item instanceof Promise) && this.#last === undefined) {
      send(item);
      return;
    }
    for (const taskId of taskIds) this.#unsent.add(taskId);
    const over = (): void => taskIds.forEach((taskId) => void this.#unsent.delete(taskId));
    const turn = Promise.all([item, this.#last]).then(
      ([ready]) => {
        over();
        send(ready);
      },
      (error: Error) => {
        over();
        failed(error);
      },
    );
    this.#last = turn;
    void turn.then(() => {
      if (this.#last === turn) this.#last = undefined;
    });
  }
}
