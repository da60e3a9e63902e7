/**
 * The tasks of a client that are in flight. While there are some, the process stays alive.
 *
 * A client numbers its tasks one after another, and most end in about that order, so that they are kept by their numbers:
 * in a Map with tens of thousands of ids, adding and finding one takes several times as long.
 */

import { numberAfter } from "../protocol/task-ids.ts";
import type { ClientTask } from "./task.ts";

/** From so many places on the list gives way to the map, where only one in {@link SPARSE} is taken. */
const DENSE = 1_024;
const SPARSE = 8;

/** What is told when there are tasks, and when there are none any more. */
interface Holdable {
  hold(): void;
  release(): void;
}

export class OutstandingTasks {
  /** Ids of the tasks that this client numbers begin with it. */
  readonly #prefix: string;
  readonly #link: Holdable;
  /** Those of this client: the task of number `#first + index`; from `#head` on. */
  #listed: (ClientTask | undefined)[] = [];
  #first = 0;
  #head = 0;
  #listedCount = 0;
  /** Those of others, and some that have been in flight for long. */
  readonly #mapped = new Map<string, ClientTask>();

  constructor(prefix: string, link: Holdable) {
    this.#prefix = prefix;
    this.#link = link;
  }

  get size(): number {
    return this.#listedCount + this.#mapped.size;
  }

  get(taskId: string): ClientTask | undefined {
    const number = numberAfter(this.#prefix, taskId);
    return number < 0 ? this.#mapped.get(taskId) : this.at(number);
  }

  /** The task of this client with that number. */
  at(number: number): ClientTask | undefined {
    const index = number - this.#first;
    const listed = index < 0 ? undefined : this.#listed[index];
    if (listed !== undefined || this.#mapped.size === 0) return listed;
    return this.#mapped.get(this.#prefix + number);
  }

  has(taskId: string): boolean {
    return this.get(taskId) !== undefined;
  }

  /** Those that have been in flight for long first. */
  *values(): Generator<ClientTask, void, undefined> {
    yield* this.#mapped.values();
    for (let at = this.#head; at < this.#listed.length; at++) {
      const task = this.#listed[at];
      if (task !== undefined) yield task;
    }
  }

  *keys(): Generator<string, void, undefined> {
    for (const { id } of this.values()) yield id;
  }

  /** Tasks that this client numbers come in ascending order. */
  add(task: ClientTask): void {
    if (this.size === 0) this.#link.hold();
    const { number } = task;
    if (!this.#isListable(task)) {
      this.#mapped.set(task.id, task);
      return;
    }
    if (this.#listedCount === 0) {
      this.#listed = [];
      this.#head = 0;
      this.#first = number;
    }
    while (this.#listed.length < number - this.#first) this.#listed.push(undefined);
    this.#listed.push(task);
    this.#listedCount++;
  }

  /** Whether the task was there; it is no more, and can be settled. */
  take(task: ClientTask): boolean {
    const isListed = this.#isListable(task) && this.#takeListed(task.number - this.#first);
    if (!isListed && !this.#mapped.delete(task.id)) return false;
    if (this.size === 0) this.#link.release();
    return true;
  }

  takeAll(): ClientTask[] {
    const tasks = [...this.values()];
    this.#listed = [];
    this.#listedCount = 0;
    this.#mapped.clear();
    if (tasks.length > 0) this.#link.release();
    return tasks;
  }

  #isListable({ prefix, number }: ClientTask): boolean {
    return number >= 0 && prefix === this.#prefix;
  }

  #takeListed(index: number): boolean {
    if (index < 0 || this.#listed[index] === undefined) return false;
    this.#listed[index] = undefined;
    this.#listedCount--;
    while (this.#head < this.#listed.length && this.#listed[this.#head] === undefined) this.#head++;
    if (this.#head > DENSE && this.#head * 2 > this.#listed.length) {
      this.#listed = this.#listed.slice(this.#head);
      this.#first += this.#head;
      this.#head = 0;
    }
    if (this.#listed.length - this.#head > DENSE + SPARSE * this.#listedCount) this.#giveWay();
    return true;
  }

  /** A few tasks that take long would keep the places of all that have ended since. */
  #giveWay(): void {
    for (const task of this.#listed) if (task !== undefined) this.#mapped.set(task.id, task);
    this.#listed = [];
    this.#listedCount = 0;
  }
}
