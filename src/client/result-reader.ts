/** Results, and what tasks publish and show, as they arrive: their large buffers are fetched, then their values are put together. */

import type { DataPlane } from "../channel/data/data-plane.ts";
import { ConnectionError, EngineError, SerializationError } from "../errors.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { DeviceInfo } from "../protocol/devices.ts";
import type { Displayed, Published, Result } from "../protocol/messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { DisplayedOutput } from "./metadata.ts";
import type { ClientTask } from "./task.ts";

/** The tasks of the client. */
export interface ClientTasks {
  /** One that has not been settled. */
  open(taskId: string): ClientTask | undefined;
  /** One that has not been settled, or not long ago. */
  known(taskId: string): ClientTask | undefined;
  /** The device of an engine, if it has one. */
  device(engineId: number): DeviceInfo | undefined;
  /** Takes a task out that is to be settled, if it is there still. */
  take(task: ClientTask): boolean;
  /** The result of a task has died with its engine: it is run again, or fails with the error. */
  lost(task: ClientTask, error: Error): void;
  /** A task has been settled with a result of so many bytes. */
  keep(task: ClientTask, byteLength: number): void;
}

type Shown = Published | Displayed;

export class ResultReader {
  readonly #plane: DataPlane;
  readonly #serializer: Serializer;
  readonly #tasks: ClientTasks;
  /** Ids of tasks whose results are on their way. */
  readonly #arriving = new Set<string>();
  /** What tasks have shown, as long as some of it is on its way: it is taken in order. */
  readonly #showing = new Map<string, Promise<void>>();

  constructor(plane: DataPlane, serializer: Serializer, tasks: ClientTasks) {
    this.#plane = plane;
    this.#serializer = serializer;
    this.#tasks = tasks;
  }

  /** The task is outstanding until the buffers of its result are there. */
  result(message: Result, inline: readonly Uint8Array[]): void {
    const { taskId, outcome } = message;
    const task = this.#tasks.open(taskId);
    if (task === undefined || (this.#arriving.size > 0 && this.#arriving.has(taskId))) {
      this.#plane.refuse(outcome);
      return;
    }
    const buffers = outcome.places === undefined ? inline : this.#plane.receive(outcome, inline).buffers;
    // A tensor needs its library.
    const preparation = outcome.payload && this.#serializer.prepare(outcome.payload);
    if (buffers instanceof Promise || preparation !== undefined) {
      this.#finishLater(task, message, Promise.all([buffers, preparation]));
    } else if (this.#tasks.take(task)) this.#finish(task, message, buffers);
  }

  #finishLater(task: ClientTask, message: Result, parts: Promise<readonly [readonly Uint8Array[], unknown]>): void {
    this.#arriving.add(task.id);
    parts
      .then(([arrived]) => arrived)
      .finally(() => this.#arriving.delete(task.id))
      .then(
        (arrived) => this.#tasks.take(task) && this.#finish(task, message, arrived),
        (error: Error) => this.#tasks.take(task) && this.#lose(task, message, error),
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
    const task = this.#tasks.known(taskId);
    if (task === undefined) return;
    if (type === "displayed" && message.again && (message.at ?? 0) < task.metadata.outputs.length) return;
    const value = this.#serializer.deserialize(payload, buffers);
    if (type === "published") task.metadata.data = value;
    else task.display(value as DisplayedOutput);
  }

  /** The buffers of a result could not be fetched. */
  #lose(task: ClientTask, { engineId, engineUuid, outcome }: Result, error: Error): void {
    const isEngines = outcome.places?.some((place) => place?.owner === engineUuid) ?? false;
    const message = `the arrays in the result of engine ${engineId} were lost: ${error.message}`;
    const place = { engineId, engineUuid, messageId: task.id };
    const isGone = error instanceof ConnectionError && isEngines;
    if (!isGone) task.reject(error);
    else this.#tasks.lost(task, new EngineError(message, place, { cause: error }));
  }

  #finish(task: ClientTask, { engineId, engineUuid, outcome }: Result, buffers: readonly Uint8Array[]): void {
    const { started, completed, duration } = outcome;
    task.ran({ engineId, engineUuid, device: this.#tasks.device(engineId), started, completed, duration });
    if (outcome.status !== "ok" || outcome.payload === undefined) {
      const place = { engineId, engineUuid, messageId: task.id };
      const error = outcome.error ?? { kind: "unknown", name: "Error", message: "the task failed without an error" };
      // Kept first: whoever has waited for it may have it forgotten.
      this.#tasks.keep(task, 0);
      task.reject(fromWireError(error, place), outcome.status === "aborted" ? "aborted" : "error");
      return;
    }
    let { byteLength } = outcome.payload;
    for (const buffer of buffers) byteLength += buffer.byteLength;
    try {
      const value = this.#serializer.deserialize(outcome.payload, buffers);
      this.#tasks.keep(task, byteLength);
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
