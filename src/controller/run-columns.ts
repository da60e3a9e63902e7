/** The columns of runs, as the controller keeps them: what tasks were sent with, and how they were answered. */

import type { BalancedRequest } from "../protocol/balancing.ts";
import type { Operation } from "../protocol/calls.ts";
import type { Outcome, SubmitBalanced } from "../protocol/messages.ts";
import type { Run } from "../protocol/runs.ts";
import type { Submitter } from "./pending-task.ts";

/** Payloads one after another, and where each begins; the last number is the end of all. */
class Payloads {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;

  /** @param bytes are copied, since they lie in the packet that they came with */
  constructor(bytes: Uint8Array, lengths: ArrayLike<number>) {
    this.bytes = new Uint8Array(bytes);
    const starts = new Uint32Array(lengths.length + 1);
    for (let at = 0; at < lengths.length; at++) starts[at + 1] = (starts[at] as number) + (lengths[at] as number);
    this.starts = starts;
  }

  at(index: number): Uint8Array {
    return this.bytes.subarray(this.starts[index] as number, this.starts[index + 1] as number);
  }
}

/** What the tasks of a submitted run share, and its columns. */
export class SubmittedRun {
  readonly submitter: Submitter;
  readonly operation: Operation;
  readonly label: string | undefined;
  /** Of load-balanced tasks. */
  readonly request: BalancedRequest | undefined;
  readonly isFree: boolean;
  readonly prefix: string;
  readonly ids: ArrayLike<number>;
  readonly payloads: Payloads;
  readonly #numbers: Run["numbers"];

  constructor({ of, common, prefix, ids, numbers, lengths, bytes }: Run, submitter: Submitter) {
    const { operation, label, request } = common as unknown as SubmitBalanced;
    const isBalanced = of === "submitBalanced";
    this.submitter = submitter;
    this.operation = operation;
    this.label = label;
    this.request = isBalanced ? request : undefined;
    this.isFree = isBalanced || submitter.isNested;
    this.prefix = prefix;
    this.ids = ids;
    this.payloads = new Payloads(bytes, lengths);
    this.#numbers = numbers;
  }

  submitted(index: number): number {
    return (this.#numbers[0] as ArrayLike<number>)[index] as number;
  }

  /** Where a task for one engine is to run. */
  engineId(index: number): number {
    return (this.#numbers[1] as ArrayLike<number>)[index] as number;
  }
}

/** The columns of a run of results: all of them good, of one engine. */
export class AnsweredRun {
  readonly #payloads: Payloads;
  readonly #numbers: Run["numbers"];
  /** When it came, in milliseconds since the epoch. */
  readonly received: number = Date.now();

  constructor({ numbers, lengths, bytes }: Run) {
    this.#payloads = new Payloads(bytes, lengths);
    this.#numbers = numbers;
  }

  outcome(index: number): Outcome {
    const [started, completed, duration] = this.#numbers.map((column) => column[index] as number);
    return { status: "ok", started, completed, duration, payload: this.#payloads.at(index) };
  }

  byteLength(index: number): number {
    const { starts } = this.#payloads;
    return (starts[index + 1] as number) - (starts[index] as number);
  }
}
