/**
 * Submissions of calls without buffers, as they are made: those that are alike are written one after another into a run. The
 * first one of a turn of the event loop leaves at once, so that a lone one does not wait.
 */

import { RunWriter } from "../protocol/run-writer.ts";
import type { Run } from "../protocol/runs.ts";
import type { ClientTask } from "./task.ts";

/** What submissions of one run have in common: the same object for all of them. */
export interface RunKind {
  readonly of: "submit" | "submitBalanced";
  readonly common: Run["common"];
}

export class SubmissionRuns {
  readonly #send: (run: Run) => void;
  #kind: RunKind | undefined;
  #writer: RunWriter | undefined;
  #isTurn = false;

  /** @param send sends what belongs together */
  constructor(send: (run: Run) => void) {
    this.#send = send;
  }

  /** Adds the call of a task, whose payload `write` writes, so many bytes. */
  add(kind: RunKind, task: ClientTask, byteLength: number, write: (bytes: Buffer, at: number) => void): void {
    const writer = this.#writerFor(kind, task);
    const { submitted = 0, engineId } = task.origin;
    const at = writer.add(task.number, byteLength);
    writer.number(0, submitted);
    if (kind.of === "submit") writer.number(1, engineId);
    write(writer.bytes, at);
    if (!this.#isTurn) {
      this.#isTurn = true;
      queueMicrotask(this.#endTurn);
      this.flush();
    } else if (writer.isFull) this.flush();
  }

  /** What has been gathered is sent. */
  flush(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#send(writer.run());
  }

  readonly #endTurn = (): void => {
    this.#isTurn = false;
    this.flush();
  };

  #writerFor(kind: RunKind, { prefix }: ClientTask): RunWriter {
    if (kind !== this.#kind) this.flush();
    this.#kind = kind;
    this.#writer ??= new RunWriter(kind.of, kind.common, prefix, kind.of === "submit" ? 2 : 1);
    return this.#writer;
  }
}
