/** Counts what tasks have written and shown, so that what is sent twice can be told. */

/** Tasks that are remembered. */
const TASKS = 1_024;

export class OutputPlaces {
  readonly #counts = new Map<string, number>();

  /** How much of it came before; `undefined` when the task is too old. */
  next(taskId: string, what: "stdout" | "stderr" | "displayed", count: number): number | undefined {
    const name = `${what} ${taskId}`;
    const before = this.#counts.get(name) ?? 0;
    this.#counts.delete(name);
    this.#counts.set(name, before + count);
    if (this.#counts.size > TASKS) this.#counts.delete(this.#counts.keys().next().value as string);
    return before;
  }
}
