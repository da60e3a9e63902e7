/**
 * A task that came in a run, when somebody looks at it by itself: it knows its place in the run, whose columns say what is
 * its own. It is the task on its way, its record and its request at once; values are read from the columns.
 */

import type { BalancedRequest } from "../protocol/balancing.ts";
import type { Operation } from "../protocol/calls.ts";
import type { BufferPlaces } from "../protocol/data-messages.ts";
import type { Outcome, Submit, SubmitBalanced } from "../protocol/messages.ts";
import type { StoredValue } from "../protocol/task-rows.ts";
import { NO_BUFFERS, type PendingTask, type Submitter } from "./pending-task.ts";
import type { Failures } from "./scheduling/events.ts";
import type { StoredRequest, TaskRecord } from "./task-record.ts";

/** What few tasks of runs have. */
interface Unusual {
  askers: Set<Submitter> | undefined;
  onEnded: (() => void)[] | undefined;
  answer: Outcome | undefined;
  answerBuffers: readonly Uint8Array[];
  outcome: Outcome | undefined;
  buffers: readonly Uint8Array[];
  received: number | undefined;
  stdout: string;
  stderr: string;
  published: StoredValue | undefined;
  displayed: StoredValue[] | undefined;
  failures: Failures | undefined;
}

const USUAL: Readonly<Unusual> = {
  askers: undefined,
  onEnded: undefined,
  answer: undefined,
  answerBuffers: NO_BUFFERS,
  outcome: undefined,
  buffers: NO_BUFFERS,
  received: undefined,
  stdout: "",
  stderr: "",
  published: undefined,
  displayed: undefined,
  failures: undefined,
};

/** The run that a task came in, by the task's place in it; see run-columns.ts. */
export interface RunOfTask {
  readonly submitter: Submitter;
  readonly operation: Operation;
  readonly label: string | undefined;
  /** Of load-balanced tasks. */
  readonly request: BalancedRequest | undefined;
  readonly isFree: boolean;
  /** Of tasks for one engine each. */
  readonly engineIds: ArrayLike<number> | undefined;
  readonly payloads: { at(index: number): Uint8Array };
  submitted(index: number): number;
  place(index: number): { readonly engineId: number; readonly uuid: string };
  /** What answered it, and when that came. */
  answered(index: number): { readonly received: number } | undefined;
  outcome(index: number): Outcome | undefined;
  resultBytes(index: number): number;
}

export class RunTask<R extends RunOfTask = RunOfTask> implements PendingTask, TaskRecord {
  readonly taskId: string;
  readonly run: R;
  /** Its place in the run. */
  readonly index: number;
  /** Where it is, if it went its way by itself. */
  #engineId: number | undefined = undefined;
  #engineUuid: string | undefined = undefined;
  #more: Unusual | undefined = undefined;

  constructor(taskId: string, run: R, index: number) {
    this.taskId = taskId;
    this.run = run;
    this.index = index;
  }

  get engineId(): number {
    return this.#engineId ?? this.run.place(this.index).engineId;
  }

  set engineId(engineId: number) {
    this.#engineId = engineId;
  }

  get engineUuid(): string {
    return this.#engineUuid ?? this.run.place(this.index).uuid;
  }

  set engineUuid(engineUuid: string) {
    this.#engineUuid = engineUuid;
  }

  /** Whether nothing is to be said of it but that it was sent, and how it was answered. */
  get isUsual(): boolean {
    return this.#more === undefined;
  }

  get hasEnded(): boolean {
    return this.#more?.outcome !== undefined || this.run.answered(this.index) !== undefined;
  }

  /** Bytes of its result, when it {@link isUsual}. */
  get resultBytes(): number {
    return this.run.resultBytes(this.index);
  }

  /** What it was sent with. */
  get request(): StoredRequest {
    const { operation, label, request, submitter } = this.run;
    const { taskId, payload, submitted } = this;
    const shared = { operation, submitted, label, payload };
    const message: Submit | SubmitBalanced =
      request === undefined
        ? { type: "submit", taskIds: [taskId], engineIds: [this.run.engineIds?.[this.index] as number], ...shared }
        : { type: "submitBalanced", taskId, request, ...shared };
    return { message, buffers: NO_BUFFERS, ...(submitter.isNested ? { isNested: true } : {}) };
  }

  get submitter(): Submitter {
    return this.run.submitter;
  }

  get clientUuid(): string {
    return this.run.submitter.uuid;
  }

  get operation(): Operation {
    return this.run.operation;
  }

  get label(): string | undefined {
    return this.run.label;
  }

  get submitted(): number {
    return this.run.submitted(this.index);
  }

  get after(): readonly string[] | undefined {
    return this.run.request?.after?.taskIds;
  }

  get follow(): readonly string[] | undefined {
    return this.run.request?.follow?.taskIds;
  }

  get isBalanced(): boolean {
    return this.run.request !== undefined;
  }

  get isFree(): boolean {
    return this.run.isFree;
  }

  get payload(): Uint8Array {
    return this.run.payloads.at(this.index);
  }

  get places(): BufferPlaces | undefined {
    return undefined;
  }

  get inputs(): readonly string[] | undefined {
    return undefined;
  }

  get argumentBuffers(): readonly Uint8Array[] {
    return NO_BUFFERS;
  }

  get outcome(): Outcome | undefined {
    return this.#more?.outcome ?? this.run.outcome(this.index);
  }

  set outcome(outcome: Outcome | undefined) {
    this.#unusual.outcome = outcome;
  }

  get received(): number | undefined {
    return this.#more?.received ?? this.run.answered(this.index)?.received;
  }

  set received(received: number | undefined) {
    this.#unusual.received = received;
  }

  get askers(): Set<Submitter> | undefined {
    return (this.#more ?? USUAL).askers;
  }

  set askers(askers: Set<Submitter> | undefined) {
    this.#unusual.askers = askers;
  }

  get onEnded(): (() => void)[] | undefined {
    return (this.#more ?? USUAL).onEnded;
  }

  set onEnded(onEnded: (() => void)[] | undefined) {
    this.#unusual.onEnded = onEnded;
  }

  get answer(): Outcome | undefined {
    return (this.#more ?? USUAL).answer;
  }

  set answer(answer: Outcome | undefined) {
    this.#unusual.answer = answer;
  }

  get answerBuffers(): readonly Uint8Array[] {
    return (this.#more ?? USUAL).answerBuffers;
  }

  set answerBuffers(answerBuffers: readonly Uint8Array[]) {
    this.#unusual.answerBuffers = answerBuffers;
  }

  get buffers(): readonly Uint8Array[] {
    return (this.#more ?? USUAL).buffers;
  }

  set buffers(buffers: readonly Uint8Array[]) {
    this.#unusual.buffers = buffers;
  }

  get stdout(): string {
    return (this.#more ?? USUAL).stdout;
  }

  set stdout(stdout: string) {
    this.#unusual.stdout = stdout;
  }

  get stderr(): string {
    return (this.#more ?? USUAL).stderr;
  }

  set stderr(stderr: string) {
    this.#unusual.stderr = stderr;
  }

  get published(): StoredValue | undefined {
    return (this.#more ?? USUAL).published;
  }

  set published(published: StoredValue | undefined) {
    this.#unusual.published = published;
  }

  get displayed(): StoredValue[] | undefined {
    return (this.#more ?? USUAL).displayed;
  }

  set displayed(displayed: StoredValue[] | undefined) {
    this.#unusual.displayed = displayed;
  }

  get failures(): Failures | undefined {
    return (this.#more ?? USUAL).failures;
  }

  set failures(failures: Failures | undefined) {
    this.#unusual.failures = failures;
  }

  get #unusual(): Unusual {
    this.#more ??= { ...USUAL };
    return this.#more;
  }
}
