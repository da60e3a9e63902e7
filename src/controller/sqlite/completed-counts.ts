/** How many tasks engines have completed since that was last written. */

export class CompletedCounts {
  #counts = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(engineUuid: string, count = 1): void {
    this.#counts.set(engineUuid, (this.#counts.get(engineUuid) ?? 0) + count);
  }

  /** What is to be written now. */
  take(): [engineUuid: string, count: number][] {
    const taken = [...this.#counts];
    this.#counts = new Map();
    return taken;
  }
}
