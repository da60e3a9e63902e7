/** The columns of runs, as the controller keeps them: what tasks were sent with, where they are, and how they were answered. */

import type { BalancedRequest } from "../protocol/balancing.ts";
import type { Operation } from "../protocol/calls.ts";
import type { Outcome, SubmitBalanced } from "../protocol/messages.ts";
import { type CommonFields, type Run, startsOf, wholePayload } from "../protocol/runs.ts";
import type { Submitter } from "./pending-task.ts";
import { type RunOfTask, RunTask } from "./run-task.ts";
import { idAt, type TaskGroup } from "./task-groups.ts";

/** Where a task is. */
export interface Place {
  readonly engineId: number;
  readonly uuid: string;
}

const NOWHERE: Place = { engineId: -1, uuid: "" };

/** Whether a task is on its way, has ended, or is not remembered any more. */
const OPEN = 0;
const ENDED = 1;
const FORGOTTEN = 2;

/** Payloads one after another, without what all begin with, and where each begins; the last number is the end of all. */
class Payloads {
  readonly #common: CommonFields;
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;

  /** @param bytes are copied, since they lie in the packet that they came with */
  constructor(bytes: Uint8Array, lengths: ArrayLike<number>, common: CommonFields) {
    this.#common = common;
    this.bytes = new Uint8Array(bytes);
    this.starts = startsOf(lengths);
  }

  at(index: number): Uint8Array {
    const rest = this.bytes.subarray(this.starts[index] as number, this.starts[index + 1] as number);
    return wholePayload(this.#common, rest);
  }

  lengthAt(index: number): number {
    return (this.starts[index + 1] as number) - (this.starts[index] as number);
  }
}

/** What was given last by {@link commonOfTasks}. */
let lastCommon: CommonFields = {};

/** What engines are told of all tasks of a run: one object for those that are alike, which lies in no packet. */
function commonOfTasks(isFree: boolean, beginning: Uint8Array | undefined): CommonFields {
  const { free = false, beginning: last } = lastCommon;
  const isAlike = beginning && last ? Buffer.compare(beginning, last) === 0 : beginning === last;
  if (free !== isFree || !isAlike) {
    lastCommon = { ...(isFree && { free: true }), ...(beginning && { beginning: beginning.slice() }) };
  }
  return lastCommon;
}

/** What the tasks of a submitted run share, and its columns. */
export class SubmittedRun implements TaskGroup, RunOfTask {
  readonly submitter: Submitter;
  readonly operation: Operation;
  readonly label: string | undefined;
  /** Of load-balanced tasks. */
  readonly request: BalancedRequest | undefined;
  readonly isFree: boolean;
  /** What engines are told of all. */
  readonly ofTasks: CommonFields;
  readonly prefix: string;
  readonly ids: ArrayLike<number>;
  /** Of tasks for one engine each. */
  readonly engineIds: ArrayLike<number> | undefined;
  readonly payloads: Payloads;
  /** How many are remembered. */
  left: number;
  /** Those that somebody has looked at by themselves, by place. */
  tasks: Map<number, RunTask<SubmittedRun>> | undefined;
  readonly #submitted: ArrayLike<number>;
  readonly #states: Uint8Array;
  readonly #places: Place[] = [NOWHERE];
  /** Which of the places each is at. */
  readonly #at: Int32Array;
  /** The runs that answered some of them, each as long as one of those is remembered. */
  readonly #answers: ({ readonly run: AnsweredRun; left: number } | undefined)[] = [];
  /** Which of those answered each, as one more than its index; and where in it. */
  readonly #answeredBy: Int32Array;
  readonly #answeredAt: Int32Array;

  constructor({ of, common, prefix, ids, numbers, lengths, bytes }: Run, submitter: Submitter) {
    const { operation, label, request } = common as unknown as SubmitBalanced;
    const isBalanced = of === "submitBalanced";
    const count = ids.length;
    this.submitter = submitter;
    this.operation = operation;
    this.label = label;
    this.request = isBalanced ? request : undefined;
    this.isFree = isBalanced || submitter.isNested;
    this.prefix = prefix;
    this.ids = ids;
    this.engineIds = numbers[1];
    this.ofTasks = commonOfTasks(this.isFree, common.beginning);
    this.payloads = new Payloads(bytes, lengths, this.ofTasks);
    this.left = count;
    this.#submitted = numbers[0] as ArrayLike<number>;
    this.#states = new Uint8Array(count);
    this.#at = new Int32Array(count);
    this.#answeredBy = new Int32Array(count);
    this.#answeredAt = new Int32Array(count);
  }

  submitted(index: number): number {
    return this.#submitted[index] as number;
  }

  isOpen(index: number): boolean {
    return this.#states[index] === OPEN;
  }

  isKnown(index: number): boolean {
    return this.#states[index] !== FORGOTTEN;
  }

  /** The task by itself: always the same one. */
  task(index: number): RunTask<SubmittedRun> {
    this.tasks ??= new Map();
    let task = this.tasks.get(index);
    if (task === undefined) {
      task = new RunTask(idAt(this, index), this, index);
      this.tasks.set(index, task);
    }
    return task;
  }

  place(index: number): Place {
    return this.#places[this.#at[index] as number] as Place;
  }

  send(indices: Int32Array, { engineId, uuid }: Place): void {
    const isIt = (place: Place): boolean => place.engineId === engineId && place.uuid === uuid;
    let at = this.#places.findIndex(isIt);
    if (at < 0) at = this.#places.push({ engineId, uuid }) - 1;
    for (const index of indices) this.#at[index] = at;
  }

  /** They were answered one after another, from `at` on. */
  answer(indices: Int32Array, run: AnsweredRun, at: number): void {
    const by = this.#answers.push({ run, left: indices.length });
    for (let next = 0; next < indices.length; next++) {
      const index = indices[next] as number;
      this.#states[index] = ENDED;
      this.#answeredBy[index] = by;
      this.#answeredAt[index] = at + next;
    }
  }

  /** It has ended otherwise. */
  end(index: number): void {
    this.#states[index] = ENDED;
  }

  forget(index: number): void {
    if (this.#states[index] === FORGOTTEN) return;
    this.#states[index] = FORGOTTEN;
    this.tasks?.delete(index);
    this.left--;
    const by = (this.#answeredBy[index] as number) - 1;
    const answer = this.#answers[by];
    if (answer !== undefined && --answer.left === 0) this.#answers[by] = undefined;
  }

  /** What answered it, and when that came. */
  answered(index: number): AnsweredRun | undefined {
    return this.#answers[(this.#answeredBy[index] as number) - 1]?.run;
  }

  outcome(index: number): Outcome | undefined {
    return this.answered(index)?.outcome(this.#answeredAt[index] as number);
  }

  /** Bytes of the result of one that was answered. */
  resultBytes(index: number): number {
    return this.answered(index)?.byteLength(this.#answeredAt[index] as number) ?? 0;
  }
}

/** The columns of a run of results: all of them good, of one engine. */
export class AnsweredRun {
  readonly #payloads: Payloads;
  readonly #numbers: Run["numbers"];
  /** When it came, in milliseconds since the epoch. */
  readonly received: number = Date.now();

  constructor({ common, numbers, lengths, bytes }: Run) {
    this.#payloads = new Payloads(bytes, lengths, common);
    this.#numbers = numbers;
  }

  outcome(index: number): Outcome {
    const [started, completed, duration] = this.#numbers.map((column) => column[index] as number);
    return { status: "ok", started, completed, duration, payload: this.#payloads.at(index) };
  }

  byteLength(index: number): number {
    return this.#payloads.lengthAt(index);
  }
}
