/** Tasks that were submitted together, as the scheduler keeps them: each is a place in columns until something befalls it alone. */

import type { BalancedRequest } from "../../protocol/balancing.ts";
import { idAt, type TaskGroup } from "../task-groups.ts";
import type { WaitingPlace } from "./task-state.ts";

/** How a task stands. `GONE`: it has ended, or goes its way by itself. */
const WAITING = 0;
const SENT = 1;
const GONE = 2;

export class TaskRun implements TaskGroup {
  readonly group: TaskGroup;
  readonly request: BalancedRequest | undefined;
  /** The place in time of the first of them among all tasks; those of the others follow. */
  readonly sequence: number;
  /** How many are here. */
  left: number;
  /** How many went their way by themselves while they waited. */
  holes = 0;
  /** Of load-balanced ones those that wait. */
  waiting: WaitingPart | undefined;
  readonly #states: Uint8Array;
  readonly #engineIds: Int32Array;
  // Nothing has befallen any of them.
  readonly places = undefined;
  readonly preferred = undefined;
  readonly refused = undefined;
  readonly avoided = undefined;
  readonly deaths = 0;

  /** @param engineIds of tasks for one engine each */
  constructor(
    group: TaskGroup,
    of: { readonly request: BalancedRequest; readonly sequence: number } | { readonly engineIds: ArrayLike<number> },
  ) {
    const count = group.ids.length;
    const isBalanced = "request" in of;
    this.group = group;
    this.request = isBalanced ? of.request : undefined;
    this.sequence = isBalanced ? of.sequence : -1;
    this.left = count;
    this.#states = new Uint8Array(count);
    this.#engineIds = isBalanced ? new Int32Array(count).fill(-1) : Int32Array.from(of.engineIds);
  }

  get prefix(): string {
    return this.group.prefix;
  }

  get ids(): ArrayLike<number> {
    return this.group.ids;
  }

  idAt(place: number): string {
    return idAt(this.group, place);
  }

  /** Where it was sent, or is to go; -1 while that is open. */
  engineId(place: number): number {
    return this.#engineIds[place] as number;
  }

  waits(place: number): boolean {
    return this.#states[place] === WAITING;
  }

  isSent(place: number): boolean {
    return this.#states[place] === SENT;
  }

  isHere(place: number): boolean {
    return this.#states[place] !== GONE;
  }

  send(places: Int32Array, engineId: number): void {
    for (const place of places) {
      this.#states[place] = SENT;
      this.#engineIds[place] = engineId;
    }
  }

  /** They have ended, or go their way by themselves from now on. */
  leave(places: ArrayLike<number>): void {
    for (let at = 0; at < places.length; at++) this.#states[places[at] as number] = GONE;
    this.left -= places.length;
  }
}

/** Those of a run that wait for the same, in order. */
export class WaitingPart {
  readonly run: TaskRun;
  /** How many wait. */
  size: number;
  lane: WaitingPlace | undefined = undefined;
  readonly #places: Int32Array;
  #next = 0;

  constructor(run: TaskRun, places: Int32Array) {
    this.run = run;
    this.size = places.length;
    this.#places = places;
  }

  get request(): BalancedRequest {
    return this.run.request as BalancedRequest;
  }

  /** That of the next one. */
  get sequence(): number {
    this.#skip();
    return this.run.sequence + (this.#places[this.#next] as number);
  }

  /** The next ones, at most so many; they wait no more. */
  take(count: number): Int32Array {
    if (this.run.holes === 0) {
      const taken = this.#places.subarray(this.#next, this.#next + count);
      this.#next += taken.length;
      this.size -= taken.length;
      return taken;
    }
    const waiting = this.all();
    const taken = Int32Array.from(waiting.slice(0, count));
    this.size = waiting.length - taken.length;
    const last = taken.at(-1) ?? -1;
    while ((this.#places[this.#next] as number) <= last) this.#next++;
    return taken;
  }

  /** The places of all that wait. */
  all(): number[] {
    return [...this.#places.subarray(this.#next)].filter((place) => this.run.waits(place));
  }

  #skip(): void {
    while (this.#next < this.#places.length && !this.run.waits(this.#places[this.#next] as number)) this.#next++;
  }
}

/** From 0 up to a count. */
export function allPlaces(count: number): Int32Array {
  while (ascending.length < count) ascending = Int32Array.from({ length: 2 * ascending.length }, (_, at) => at);
  return ascending.subarray(0, count);
}

let ascending = Int32Array.from({ length: 512 }, (_, at) => at);
