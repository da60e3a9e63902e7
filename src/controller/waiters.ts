/** Those who wait for a condition that is looked at again whenever something has changed. */

export class Waiters {
  readonly #waiters = new Set<() => void>();

  /** Something has changed. */
  changed(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Resolves once the condition holds. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }

  /** {@link until}, but no longer than `limit` milliseconds. */
  async untilLimited(condition: () => boolean, limit: number): Promise<void> {
    let tooLate = false;
    const timer = setTimeout(() => {
      tooLate = true;
      this.changed();
    }, limit);
    await this.until(() => condition() || tooLate);
    clearTimeout(timer);
  }
}
