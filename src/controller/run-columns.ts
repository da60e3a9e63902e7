/** The columns of runs, as the controller keeps them: what tasks were sent with, and how they were answered. */

import type { BalancedRequest } from "../protocol/balancing.ts";
import type { Operation } from "../protocol/calls.ts";
import type { Outcome, SubmitBalanced } from "../protocol/messages.ts";
import type { Run } from "../protocol/runs.ts";
import type { Submitter } from "./pending-task.ts";

/** Payloads one after another, and where each begins; the last number is the end of all. */
class Payloads {
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];

  /** @param bytes are copied, since they lie in the packet that they came with */
  constructor(bytes: Uint8Array, lengths: readonly number[]) {
    this.bytes = new Uint8Array(bytes);
    const starts = [0];
    let end = 0;
    for (const length of lengths) {
      end += length;
      starts.push(end);
    }
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
  readonly ids: readonly number[];
  readonly payloads: Payloads;
  readonly #numbers: readonly number[];
  readonly #width: number;

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
    this.#width = isBalanced ? 1 : 2;
  }

  submitted(index: number): number {
    return this.#numbers[index * this.#width] as number;
  }

  /** Where a task for one engine is to run. */
  engineId(index: number): number {
    return this.#numbers[index * this.#width + 1] as number;
  }
}

/** The columns of a run of results: all of them good, of one engine. */
export class AnsweredRun {
  readonly #payloads: Payloads;
  readonly #numbers: readonly number[];
  /** When it came, in milliseconds since the epoch. */
  readonly received: number = Date.now();

  constructor({ numbers, lengths, bytes }: Run) {
    this.#payloads = new Payloads(bytes, lengths);
    this.#numbers = numbers;
  }

  outcome(index: number): Outcome {
    const [started, completed, duration] = this.#numbers.slice(3 * index, 3 * index + 3);
    return { status: "ok", started, completed, duration, payload: this.#payloads.at(index) };
  }

  byteLength(index: number): number {
    const { starts } = this.#payloads;
    return (starts[index + 1] as number) - (starts[index] as number);
  }
}
