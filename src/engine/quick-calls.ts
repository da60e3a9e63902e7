/**
 * Calls of functions that were called here before, with plain arguments: of those there are many, one after another, and
 * where nothing has to be watched or looked after, nothing is made for each but its arguments.
 */

import type { KnownCall } from "./known-calls.ts";
import type { RunMember } from "./queued-task.ts";
import { type RunApart, type TaskInput, TaskRun, type TaskRunner } from "./run-task.ts";
import { doWithTensors, goOn } from "./run-with-tensors.ts";
import { fail, type TaskOutcome } from "./task-outcome.ts";

const NO_BUFFERS: TaskInput["buffers"] = [];
const NO_INPUTS: TaskInput["inputs"] = [];

export class QuickCalls {
  readonly #runner: TaskRunner;
  readonly #apart: RunApart;
  /** Where the arguments of the task begin that was looked at last. */
  #middle = 0;

  constructor(runner: TaskRunner, apart: RunApart) {
    this.#runner = runner;
    this.#apart = apart;
  }

  /** What is known of the call of this task, if it is one of these; it can be {@link run} then. */
  look({ beginning, bytes, start, end }: RunMember): KnownCall | undefined {
    const { serializer, knownCalls, guard } = this.#runner;
    if (!guard.isIdle) return undefined;
    this.#middle = start;
    if (beginning !== undefined) return knownCalls.findBeginning(beginning);
    const middle = serializer.middleOfPair(bytes, start, end);
    if (middle === undefined) return undefined;
    this.#middle = middle;
    return knownCalls.find(bytes, start, middle);
  }

  /** Runs the task that was looked at last. Gives its value if that is a number, else how it ended. */
  run(known: KnownCall, task: RunMember, begun: number): number | TaskOutcome | Promise<TaskOutcome> {
    const withTensors = doWithTensors(() => this.#taskRun(task, begun));
    if (withTensors !== undefined) return withTensors;
    const { operations, serializer } = this.#runner;
    let value: unknown;
    try {
      const args = serializer.deserializeList(task.bytes, this.#middle, task.end) as unknown[];
      value = operations.apply({ fn: known.fn, args });
    } catch (error) {
      return fail(error, begun);
    }
    if (typeof value === "number") return value;
    const run = this.#taskRun(task, begun);
    return goOn(run, () => run.began(known.call, value));
  }

  #taskRun(task: RunMember, begun: number): TaskRun {
    const input = { context: task, payload: task.task.payload, buffers: NO_BUFFERS, inputs: NO_INPUTS };
    return new TaskRun(input, this.#runner, this.#apart, begun);
  }
}
