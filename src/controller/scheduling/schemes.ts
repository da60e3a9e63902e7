/**
 * The schemes by which an engine is chosen among those that have room: ipyparallel's, by its definitions.
 *
 * - `leastload`: the one with the least load; of several, the least recently used.
 * - `lru`: the least recently used.
 * - `plainrandom`: any, each as likely as the others.
 * - `twobin`: two are drawn, each as likely as the others; the less recently used of them. Load does not count.
 * - `weighted`: two are drawn, with weight 1 / (10⁻⁶ + load); the less loaded of them.
 *
 * Load is the number of tasks that an engine has, weighted by its measured slowness if it is clearly slower than others.
 */

import type { SchemeName } from "../../protocol/schemes.ts";
import { Heap } from "./heap.ts";
import { WeightTree } from "./weight-tree.ts";

/** What a scheme looks at in an engine. */
export interface Candidate {
  readonly load: number;
  /** When a task was last sent to it: a number that grows with each task. */
  readonly lastUsed: number;
  /** For the pool's own use; -1 when the engine is in none. */
  place: number;
}

/** The engines that have room. */
export interface Pool<T extends Candidate> extends Iterable<T> {
  readonly size: number;
  add(engine: T): void;
  remove(engine: T): void;
  /** Load or last use have changed. */
  moved(engine: T): void;
  /** One by the scheme. */
  pick(): T | undefined;
  /** How many of so many tasks that are alike may go to the one that was picked, before it is picked anew. */
  share(count: number): number;
  /** One of these by the scheme, in or out of the pool. */
  choose(engines: readonly T[]): T | undefined;
}

/** @param random gives numbers from 0 up to 1, as `Math.random` does */
export function makePool<T extends Candidate>(scheme: SchemeName, random: () => number): Pool<T> {
  switch (scheme) {
    case "leastload":
      return new OrderedPool(hasLessLoad);
    case "lru":
      return new OrderedPool(isLessRecent);
    case "plainrandom":
      return new RandomPool((draw) => draw(), random);
    case "twobin":
      return new RandomPool((draw) => lesser(isLessRecent, draw(), draw()), random);
    case "weighted":
      return new WeightedPool(random);
  }
}

function isLessRecent(left: Candidate, right: Candidate): boolean {
  return left.lastUsed < right.lastUsed;
}

function hasLessLoad(left: Candidate, right: Candidate): boolean {
  return left.load < right.load || (left.load === right.load && left.lastUsed < right.lastUsed);
}

type Order = (left: Candidate, right: Candidate) => boolean;

function lesser<T extends Candidate>(isBefore: Order, one: T | undefined, other: T | undefined): T | undefined {
  return one !== undefined && other !== undefined && isBefore(other, one) ? other : one;
}

class OrderedPool<T extends Candidate> extends Heap<T> implements Pool<T> {
  readonly #before: Order;

  constructor(isBefore: Order) {
    super(isBefore);
    this.#before = isBefore;
  }

  share(count: number): number {
    if (this.size === 1) return count;
    // One after another they would go where the load is least, until all have as much.
    return this.#before === hasLessLoad ? Math.ceil(count / this.size) : 1;
  }

  pick(): T | undefined {
    return this.first;
  }

  choose(engines: readonly T[]): T | undefined {
    return engines.reduce<T | undefined>((best, engine) => lesser(this.#before, best ?? engine, engine), undefined);
  }
}

type Draw = <T>(draw: () => T | undefined) => T | undefined;

class RandomPool<T extends Candidate> implements Pool<T> {
  readonly #engines: T[] = [];
  readonly #choose: (draw: () => T | undefined) => T | undefined;
  readonly #random: () => number;

  constructor(choose: (draw: () => T | undefined) => T | undefined, random: () => number) {
    this.#choose = choose as Draw;
    this.#random = random;
  }

  get size(): number {
    return this.#engines.length;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#engines[Symbol.iterator]();
  }

  add(engine: T): void {
    engine.place = this.#engines.length;
    this.#engines.push(engine);
  }

  remove(engine: T): void {
    const last = this.#engines.pop() as T;
    if (last !== engine) {
      this.#engines[engine.place] = last;
      last.place = engine.place;
    }
    engine.place = -1;
  }

  moved(): void {}

  share(count: number): number {
    return this.size === 1 ? count : 1;
  }

  pick(): T | undefined {
    return this.choose(this.#engines);
  }

  choose(engines: readonly T[]): T | undefined {
    return this.#choose(() => engines[Math.floor(this.#random() * engines.length)]);
  }
}

class WeightedPool<T extends Candidate> implements Pool<T> {
  readonly #tree = new WeightTree<T>();
  readonly #random: () => number;
  size = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#tree[Symbol.iterator]();
  }

  add(engine: T): void {
    this.size++;
    engine.place = this.#tree.add(engine, weightOf(engine));
  }

  remove(engine: T): void {
    this.size--;
    this.#tree.remove(engine.place);
    engine.place = -1;
  }

  moved(engine: T): void {
    this.#tree.setWeight(engine.place, weightOf(engine));
  }

  share(count: number): number {
    return this.size === 1 ? count : 1;
  }

  pick(): T | undefined {
    return this.size === 0 ? undefined : this.#lesser(this.#tree);
  }

  choose(engines: readonly T[]): T | undefined {
    const tree = new WeightTree<T>();
    for (const engine of engines) tree.add(engine, weightOf(engine));
    return engines.length === 0 ? undefined : this.#lesser(tree);
  }

  #lesser(tree: WeightTree<T>): T | undefined {
    return lesser((left, right) => left.load < right.load, tree.at(this.#random()), tree.at(this.#random()));
  }
}

function weightOf({ load }: Candidate): number {
  return 1 / (1e-6 + load);
}
