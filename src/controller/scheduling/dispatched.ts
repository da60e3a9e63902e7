/** What an engine has been sent and has not answered, in the order of sending: tasks by themselves, and pieces of runs. */

import { placeOf } from "../task-groups.ts";
import type { TaskRun } from "./task-run.ts";
import type { TaskState } from "./task-state.ts";

/** Tasks of a run that were sent together. */
interface Piece {
  readonly run: TaskRun;
  /** Ascending. */
  readonly places: Int32Array;
  /** Where the first lies in the order of sending; the others follow. */
  readonly order: number;
  /** What each is expected to take, in milliseconds; `undefined` if nobody knows. */
  readonly estimate: number | undefined;
  /** Those before are not there any more. */
  head: number;
  left: number;
}

/** One task: by itself, or of a run. */
export type Held =
  | { readonly task: TaskState }
  | { readonly run: TaskRun; readonly place: number; readonly estimate?: number | undefined };

/** Tasks of a run that were answered: from `at` on in what answered them. */
export interface Answered {
  readonly run: TaskRun;
  readonly places: Int32Array;
  readonly at: number;
  readonly estimate: number | undefined;
}

export class Dispatched {
  readonly #tasks = new Map<string, TaskState>();
  readonly #pieces: Piece[] = [];
  /** Where each of those by themselves lies in the order of sending. */
  readonly #orders = new Map<TaskState, number>();
  #order = 0;
  #inPieces = 0;

  get size(): number {
    return this.#tasks.size + this.#inPieces;
  }

  /** One that is by itself. */
  get(taskId: string): TaskState | undefined {
    return this.#tasks.get(taskId);
  }

  add(task: TaskState): void {
    this.#put(task, this.#order++);
  }

  addPiece(run: TaskRun, places: Int32Array, estimate: number | undefined): void {
    const { length } = places;
    this.#pieces.push({ run, places, order: this.#order, estimate, head: 0, left: length });
    this.#order += length;
    this.#inPieces += length;
  }

  delete(task: TaskState): void {
    this.#tasks.delete(task.taskId);
    this.#orders.delete(task);
  }

  /** A task of a run is by itself from now on; gives what it is expected to take. The run still has it. */
  single(task: TaskState, run: TaskRun, place: number): number | undefined {
    const piece = this.#pieces.find((each) => each.run === run && placeOf(each.places, place) >= 0) as Piece;
    this.#put(task, piece.order + placeOf(piece.places, place));
    this.#less(piece, 1);
    return piece.estimate;
  }

  /** All, in the order of sending. */
  all(): Held[] {
    const all: [order: number, Held][] = [...this.#orders].map(([task, order]) => [order, { task }]);
    for (const { run, places, order, estimate } of this.#pieces) {
      for (const [at, place] of places.entries()) {
        if (run.isSent(place)) all.push([order + at, { run, place, estimate }]);
      }
    }
    return all.sort(([left], [right]) => left - right).map(([, held]) => held);
  }

  /** What those that are load-balanced are expected to take; `usual` where nobody knows. */
  work(usual: number, counts: (task: TaskState) => boolean, estimate: (task: TaskState) => number): number {
    let work = 0;
    for (const task of this.#tasks.values()) if (counts(task)) work += estimate(task);
    for (const { run, left, estimate = usual } of this.#pieces) if (run.request !== undefined) work += left * estimate;
    return work;
  }

  /** Takes out those tasks of runs that these numbers name, mostly in the order of sending. */
  answered(prefix: string, ids: ArrayLike<number>): Answered[] {
    const answered: Answered[] = [];
    for (let at = 0; at < ids.length; ) {
      const piece = this.#pieces.find((each) => isIn(each, prefix, ids[at] as number));
      const count = piece === undefined ? 0 : this.#answer(piece, ids, at, answered);
      at += Math.max(1, count);
    }
    return answered;
  }

  /** Takes out as many as follow one another in the piece, and says how many. */
  #answer(piece: Piece, ids: ArrayLike<number>, at: number, answered: Answered[]): number {
    const { run, places, estimate } = piece;
    const start = positionOf(piece, ids[at] as number);
    let end = start + 1;
    const isNext = (): boolean => {
      const place = places[end];
      return place !== undefined && run.ids[place] === ids[at + end - start] && run.isSent(place);
    };
    while (isNext()) end++;
    const some = places.subarray(start, end);
    run.leave(some);
    if (start === piece.head) piece.head = end;
    this.#less(piece, end - start);
    answered.push({ run, places: some, at, estimate });
    return end - start;
  }

  #put(task: TaskState, order: number): void {
    this.#tasks.set(task.taskId, task);
    this.#orders.set(task, order);
  }

  #less(piece: Piece, count: number): void {
    piece.left -= count;
    this.#inPieces -= count;
    if (piece.left === 0) this.#pieces.splice(this.#pieces.indexOf(piece), 1);
  }
}

function isIn(piece: Piece, prefix: string, id: number): boolean {
  return piece.run.prefix === prefix && positionOf(piece, id) >= 0;
}

/** Where the task of that number lies in the piece, if the engine has it; else -1. */
function positionOf({ run, places, head }: Piece, id: number): number {
  const next = places[head];
  if (next !== undefined && run.ids[next] === id) return run.isSent(next) ? head : -1;
  const place = placeOf(run.ids, id);
  return place < 0 || !run.isSent(place) ? -1 : placeOf(places, place);
}
