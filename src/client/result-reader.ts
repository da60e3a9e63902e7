/** Results, and what tasks publish and show, as they arrive: their large buffers are fetched, then their values are put together. */

import type { DataPlane } from "../channel/data/data-plane.ts";
import { ConnectionError, EngineError, SerializationError } from "../errors.ts";
import { readNumberHead, type Serializer } from "../ndarray-transport/serializer.ts";
import type { DeviceInfo } from "../protocol/devices.ts";
import type { Displayed, Outcome, Published, Result } from "../protocol/messages.ts";
import { messagesOf, type Run } from "../protocol/runs.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { Execution } from "./execution.ts";
import type { DisplayedOutput } from "./metadata.ts";
import type { ClientTask } from "./task.ts";
import type { TaskBook } from "./task-book.ts";

/** What it needs of the session. */
export interface ResultReaderParts {
  readonly book: TaskBook;
  /** The device of an engine, if it has one. */
  device(engineId: number): DeviceInfo | undefined;
  /** The result of a task has died with its engine: it is run again, or fails with the error. */
  lost(task: ClientTask, error: Error): void;
}

type Shown = Published | Displayed;

/** The result of a task that has not been settled. */
interface Arrival {
  readonly task: ClientTask;
  readonly execution: Execution;
  /** That of the task in it. */
  readonly place: number;
  readonly outcome: Pick<Outcome, "status" | "payload" | "error" | "places">;
}

const NO_BUFFERS: readonly Uint8Array[] = [];

export class ResultReader {
  readonly #plane: DataPlane;
  readonly #serializer: Serializer;
  readonly #parts: ResultReaderParts;
  readonly #book: TaskBook;
  /** Ids of tasks whose results are on their way. */
  readonly #arriving = new Set<string>();
  /** What tasks have shown, as long as some of it is on its way: it is taken in order. */
  readonly #showing = new Map<string, Promise<void>>();

  constructor(plane: DataPlane, serializer: Serializer, parts: ResultReaderParts) {
    this.#plane = plane;
    this.#serializer = serializer;
    this.#parts = parts;
    this.#book = parts.book;
  }

  /** Takes good results without buffers, which are read where they lie. */
  run(run: Run): void {
    const isPlain = this.#arriving.size === 0 && this.#showing.size === 0;
    if (run.prefix === this.#book.prefix && isPlain) this.#finishRun(run);
    else for (const message of messagesOf(run)) this.result(message as Result, []);
  }

  #finishRun({ common, ids, numbers, lengths, bytes }: Run): void {
    const { engineId, engineUuid } = common as unknown as Result;
    const [started = [], completed = [], duration = []] = numbers;
    const device = this.#parts.device(engineId);
    const execution = { engineId, engineUuid, device, started, completed, duration, received: Date.now() };
    const memory = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { outstanding } = this.#book;
    for (let place = 0, end = 0; place < ids.length; place++) {
      const start = end;
      end += lengths[place] as number;
      const task = outstanding.at(ids[place] as number);
      if (task === undefined) continue;
      const value = readNumberHead(memory, start, end);
      if (value === undefined) {
        const payload = new Uint8Array(memory.buffer, memory.byteOffset + start, end - start);
        this.#finishWhenReady({ task, execution, place, outcome: { status: "ok", payload } }, NO_BUFFERS);
      } else if (outstanding.take(task)) {
        task.executed(execution, place);
        this.#book.keep(task, end - start);
        task.resolve(value);
      }
    }
  }

  /** The task is outstanding until the buffers of its result are there. */
  result({ taskId, engineId, engineUuid, outcome }: Result, inline: readonly Uint8Array[]): void {
    const task = this.#book.outstanding.get(taskId);
    if (task === undefined || (this.#arriving.size > 0 && this.#arriving.has(taskId))) {
      this.#plane.refuse(outcome);
      return;
    }
    const { started, completed, duration, places } = outcome;
    const times = { started: [started], completed: [completed], duration: [duration] };
    const execution = { engineId, engineUuid, device: this.#parts.device(engineId), ...times };
    const buffers = places === undefined ? inline : this.#plane.receive(outcome, inline).buffers;
    this.#finishWhenReady({ task, execution, place: 0, outcome }, buffers);
  }

  #finishWhenReady(arrival: Arrival, buffers: readonly Uint8Array[] | Promise<readonly Uint8Array[]>): void {
    const { task, outcome } = arrival;
    const { outstanding } = this.#book;
    // A tensor needs its library.
    const preparation = outcome.payload && this.#serializer.prepare(outcome.payload);
    // What it has shown came before.
    const shown = this.#showing.size === 0 ? undefined : this.#showing.get(task.id);
    if (!(buffers instanceof Promise) && preparation === undefined && shown === undefined) {
      if (outstanding.take(task)) this.#finish(arrival, buffers);
      return;
    }
    const { id } = task;
    this.#arriving.add(id);
    Promise.all([buffers, preparation, shown])
      .then(([arrived]) => arrived)
      .finally(() => this.#arriving.delete(id))
      .then(
        (arrived) => outstanding.take(task) && this.#finish(arrival, arrived),
        (error: Error) => outstanding.take(task) && this.#lose(arrival, error),
      );
  }

  shown(message: Shown, inline: readonly Uint8Array[]): void {
    const { taskId } = message;
    const { buffers } = this.#plane.receive(message, inline);
    const earlier = this.#showing.get(taskId);
    if (earlier === undefined && !(buffers instanceof Promise)) {
      this.#show(message, buffers);
      return;
    }
    const later = Promise.resolve(earlier)
      .then(() => buffers)
      .then((arrived) => this.#show(message, arrived))
      // What is lost on the way was only news.
      .catch(() => undefined)
      .finally(() => {
        if (this.#showing.get(taskId) === later) this.#showing.delete(taskId);
      });
    this.#showing.set(taskId, later);
  }

  #show(message: Shown, buffers: readonly Uint8Array[]): void {
    const { type, taskId, payload } = message;
    const task = this.#book.known(taskId);
    if (task === undefined) return;
    if (type === "displayed" && message.again && (message.at ?? 0) < task.metadata.outputs.length) return;
    const value = this.#serializer.deserialize(payload, buffers);
    if (type === "published") task.metadata.data = value;
    else task.display(value as DisplayedOutput);
  }

  /** The buffers of a result could not be fetched. */
  #lose({ task, execution: { engineId, engineUuid }, outcome }: Arrival, error: Error): void {
    const isEngines = outcome.places?.some((place) => place?.owner === engineUuid) ?? false;
    const message = `the arrays in the result of engine ${engineId} were lost: ${error.message}`;
    const place = { engineId, engineUuid, messageId: task.id };
    const isGone = error instanceof ConnectionError && isEngines;
    if (!isGone) task.reject(error);
    else this.#parts.lost(task, new EngineError(message, place, { cause: error }));
  }

  #finish({ task, execution, place, outcome }: Arrival, buffers: readonly Uint8Array[]): void {
    const { engineId, engineUuid } = execution;
    task.executed(execution, place);
    if (outcome.status !== "ok" || outcome.payload === undefined) {
      const error = outcome.error ?? { kind: "unknown", name: "Error", message: "the task failed without an error" };
      // Kept first: whoever has waited for it may have it forgotten.
      this.#book.keep(task, 0);
      const from = { engineId, engineUuid, messageId: task.id };
      task.reject(fromWireError(error, from), outcome.status === "aborted" ? "aborted" : "error");
      return;
    }
    let { byteLength } = outcome.payload;
    for (const buffer of buffers) byteLength += buffer.byteLength;
    try {
      const value = this.#serializer.deserialize(outcome.payload, buffers);
      this.#book.keep(task, byteLength);
      task.resolve(value);
    } catch (error) {
      task.reject(
        new SerializationError(
          `the result of engine ${engineId} cannot be read: ${(error as Error).message}`,
          undefined,
          { cause: error },
        ),
      );
    }
  }
}
