/** What the engine answers: good results of the tasks of runs are gathered, and leave as runs, too. */

import type { Connection } from "../channel/connection.ts";
import type { DataPlane } from "../channel/data/data-plane.ts";
import type { Packed } from "../channel/data/packing.ts";
import { lengthOfNumberHead, writeNumberHead } from "../ndarray-transport/serializer.ts";
import type { Outcome } from "../protocol/messages.ts";
import { MOST_BYTES, RunWriter } from "../protocol/run-writer.ts";
import { RunMember } from "./queued-task.ts";
import { publishEnd } from "./task-channels.ts";
import type { TaskContext } from "./task-context.ts";
import { systemFailure, type TaskOutcome } from "./task-outcome.ts";
import { calendarTime } from "./wall-clock.ts";

const NOTHING: Packed = { carrier: {}, inline: [] };

export interface AnswersParts {
  readonly engineId: number;
  readonly uuid: string;
  readonly connection: Connection;
  readonly plane: DataPlane;
}

export class Answers {
  readonly #parts: AnswersParts;
  readonly #common: { readonly engineId: number; readonly engineUuid: string };
  /** Those that have not left. */
  #gathered: RunWriter | undefined;

  constructor({ engineId, uuid, connection, plane }: AnswersParts) {
    this.#parts = { engineId, uuid, connection, plane };
    this.#common = { engineId, engineUuid: uuid };
  }

  /**
   * The task has given a number, which leaves with the next {@link flush}.
   * @param begun when it began, and when it ended, by `performance.now()`
   */
  gatherNumber(task: RunMember, value: number, begun: number, ended: number): void {
    const at = this.#gather(task, lengthOfNumberHead(value), calendarTime(begun), calendarTime(ended), ended - begun);
    writeNumberHead((this.#gathered as RunWriter).bytes, at, value);
    publishEnd(task, this.#parts.engineId, "ok", ended - begun);
  }

  /** How a task has ended: it leaves with the next {@link flush}, or with what leaves in this turn. */
  gather(task: TaskContext, ended: TaskOutcome): void {
    const { started, completed, duration, payload } = ended.outcome;
    const isShort = ended.buffers.length === 0 && payload !== undefined && payload.byteLength <= MOST_BYTES;
    if (!(task instanceof RunMember && isShort && ended.outcome.status === "ok")) {
      this.send(task, ended);
      return;
    }
    const at = this.#gather(task, payload.byteLength, started as number, completed as number, duration as number);
    (this.#gathered as RunWriter).bytes.set(payload, at);
    publishEnd(task, this.#parts.engineId, "ok", duration);
  }

  /** How a task has ended: it leaves with what leaves in this turn. */
  send(
    task: Pick<TaskContext, "taskId">,
    { outcome, buffers, keys }: Pick<TaskOutcome, "outcome" | "buffers" | "keys">,
  ): void {
    const { connection, plane, engineId, uuid } = this.#parts;
    let packed: Packed = NOTHING;
    try {
      if (buffers.length > 0) packed = plane.packer().pack({ buffers, keys });
    } catch (error) {
      // No memory for a copy, for one thing.
      this.send(task, systemFailure(error));
      return;
    }
    const { carrier, inline } = packed;
    const result: Outcome = carrier.places === undefined ? outcome : { ...outcome, ...carrier };
    publishEnd(task, engineId, outcome.status, outcome.duration);
    this.#handOver();
    connection.send({ type: "result", taskId: task.taskId, engineId, engineUuid: uuid, outcome: result }, inline);
  }

  /** All leaves now. */
  flush(): void {
    this.#handOver();
    this.#parts.connection.flush();
  }

  /** Gives where the payload is to be written. */
  #gather(task: RunMember, byteLength: number, started: number, completed: number, duration: number): number {
    let run = this.#gathered;
    if (run !== undefined && (run.prefix !== task.prefix || run.isFull)) this.flush();
    run = this.#gathered ??= new RunWriter("result", this.#common, task.prefix, 3);
    const at = run.add(task.number, byteLength);
    run.number(0, started);
    run.number(1, completed);
    // Seven digits are enough, and take half the bytes.
    run.number(2, Math.fround(duration));
    return at;
  }

  #handOver(): void {
    const run = this.#gathered;
    if (run === undefined) return;
    this.#gathered = undefined;
    this.#parts.connection.sendRun(run.run());
  }
}
