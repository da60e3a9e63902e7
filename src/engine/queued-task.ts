/** Tasks that wait: each as a message of its own, or as a member of a run, which is read where it lies. */

import type { Incoming } from "../channel/data/receiving.ts";
import type { ReceivedBytes } from "../ndarray-transport/segments/slices.ts";
import type { Task } from "../protocol/messages.ts";
import { type Run, startsOf, wholePayload } from "../protocol/runs.ts";
import type { TaskContext } from "./task-context.ts";

const NO_BUFFERS: readonly Uint8Array[] = [];

export interface QueuedTask {
  readonly taskId: string;
  /** It may go before others. */
  readonly isFree: boolean;
  readonly task: Task;
  readonly incoming: Incoming<ReceivedBytes> | undefined;
  /** All its buffers, once they are there. */
  readonly buffers: readonly ReceivedBytes[] | undefined;
  /** Why they did not come. */
  readonly error: unknown;
}

/** One that came as a message of its own. */
export class LoneTask implements QueuedTask {
  readonly task: Task;
  /** What came with the message. */
  readonly inline: readonly Uint8Array[];
  incoming: Incoming<ReceivedBytes> | undefined;
  buffers: readonly ReceivedBytes[] | undefined;
  error: unknown;

  constructor(task: Task, inline: readonly Uint8Array[]) {
    this.task = task;
    this.inline = inline;
    if (task.places === undefined) this.buffers = inline;
  }

  get taskId(): string {
    return this.task.taskId;
  }

  get isFree(): boolean {
    return this.task.free === true;
  }
}

/** A run of tasks as it came. */
class ReceivedRun {
  readonly prefix: string;
  readonly ids: ArrayLike<number>;
  readonly isFree: boolean;
  /** What all payloads begin with. */
  readonly beginning: Buffer | undefined;
  /** The payloads, or what they have after that, one after another. */
  readonly bytes: Buffer;
  /** Where each begins; the last number is the end of all. */
  readonly starts: Uint32Array;

  constructor({ prefix, ids, common, lengths, bytes }: Run) {
    this.prefix = prefix;
    this.ids = ids;
    this.isFree = common["free"] === true;
    this.beginning = common.beginning && bufferOver(common.beginning);
    this.bytes = bufferOver(bytes);
    this.starts = startsOf(lengths);
  }
}

/** One task of a run: its place in the queue, and what its code belongs to while it runs. */
export class RunMember implements QueuedTask, TaskContext {
  /** Its id is these two. */
  readonly prefix: string;
  readonly number: number;
  #run: ReceivedRun;
  readonly #place: number;

  private constructor(run: ReceivedRun, place: number) {
    this.prefix = run.prefix;
    this.number = run.ids[place] as number;
    this.#run = run;
    this.#place = place;
  }

  static allOf(run: Run): RunMember[] {
    const received = new ReceivedRun(run);
    return Array.from(run.ids, (_, place) => new RunMember(received, place));
  }

  /** It has ended: code that it left behind still belongs to it, but need not keep all that it came with. */
  letGo(): void {
    this.#run = NOTHING;
  }

  get taskId(): string {
    return this.prefix + this.number;
  }

  get isFree(): boolean {
    return this.#run.isFree;
  }

  /** What its payload begins with; the same for all of its run. */
  get beginning(): Buffer | undefined {
    return this.#run.beginning;
  }

  /** The rest of its payload lies in it, from {@link start} to {@link end}. */
  get bytes(): Buffer {
    return this.#run.bytes;
  }

  get start(): number {
    return this.#run.starts[this.#place] as number;
  }

  get end(): number {
    return this.#run.starts[this.#place + 1] as number;
  }

  /** The task as a message of its own. */
  get task(): Task {
    const { beginning, bytes, start, end, isFree, taskId } = this;
    const rest = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    return { type: "task", taskId, payload: wholePayload({ beginning }, rest), ...(isFree && { free: true }) };
  }

  get incoming(): undefined {
    return undefined;
  }

  get buffers(): readonly Uint8Array[] {
    return NO_BUFFERS;
  }

  get error(): undefined {
    return undefined;
  }
}

function bufferOver({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** What is left of a run for its members that have ended. */
const NOTHING = new ReceivedRun({
  type: "run",
  of: "task",
  common: {},
  prefix: "",
  ids: [],
  numbers: [],
  lengths: [],
  bytes: new Uint8Array(0),
});
