/**
 * Received arrays that outlast their task and lie in ordinary memory, as where there is no shared memory: each has to be
 * read to tell whether it was written to. Those that a task names are looked at when it ends; of the others as many as
 * time allows, one after another, so that tasks do not take longer the more there is.
 */

import type { PrivateMemory } from "./private-memory.ts";

/** Time for those that a task does not name: a part of the task's own, and some in any case, in milliseconds. */
const SHARE = 0.05;
const LEAST_MS = 0.02;

interface Resident {
  readonly memory: PrivateMemory;
  readonly names: readonly string[];
}

export class ResidentChecks {
  /** In the order in which they are looked at next. */
  readonly #residents = new Set<Resident>();
  /** What the last task ran, and the residents that it names: most tasks run what the one before ran. */
  #text: string | undefined;
  #named = new Set<Resident>();

  get size(): number {
    return this.#residents.size;
  }

  /** @param names under which the array can be reached */
  add(memory: PrivateMemory, names: readonly string[]): void {
    this.#residents.add({ memory, names: names.map((name) => name.split(".")[0] as string) });
    this.#text = undefined;
  }

  /**
   * Those to look at now.
   *
   * @param text what the task ran
   * @param elapsedMs how long it took
   */
  *due(text: string, elapsedMs: number): Iterable<PrivateMemory> {
    if (text !== this.#text) this.#findNamed(text);
    const until = performance.now() + Math.max(LEAST_MS, SHARE * elapsedMs);
    for (const { memory } of this.#named) yield memory;
    // Each at most once: a set goes on to what is put at its end.
    let left = this.#residents.size;
    for (const resident of this.#residents) {
      if (left-- === 0 || performance.now() >= until) return;
      this.#residents.delete(resident);
      if (resident.memory.buffer.deref() === undefined) continue;
      this.#residents.add(resident);
      if (!this.#named.has(resident)) yield resident.memory;
    }
  }

  #findNamed(text: string): void {
    this.#text = text;
    this.#named = new Set();
    for (const resident of this.#residents) {
      if (resident.names.some((name) => text.includes(name))) this.#named.add(resident);
    }
  }
}
