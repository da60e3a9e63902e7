/**
 * What a function can do as a task: publish data and show values while it runs.
 *
 * Both functions stand alone: they name nothing of this module, so that they can travel, by value, with a function that
 * captured them, and work in an engine whichever copy of this package it loaded.
 */

/** What the engine provides; under the global symbol `ndparallel.task`. */
export interface RunningTask {
  publish(data: unknown): void;
  display(value: unknown, options: DisplayValueOptions): void;
}

/** How a value is shown. */
export interface DisplayValueOptions {
  /** `value` holds the forms of what is shown, by media type. */
  readonly raw?: boolean;
  /** Goes along as it is. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Where the engine puts its {@link RunningTask}. */
export const RUNNING_TASK: symbol = Symbol.for("ndparallel.task");

/**
 * For functions that run as tasks: makes `data` the value of `result.data` at the client, at once. The last counts.
 * @throws Error outside of a task, SerializationError for what cannot be sent.
 *
 * @example
 * ```ts
 * import { publish } from "ndparallel";
 * const result = view.apply(async (steps: number) => {
 *   for (let step = 0; step < steps; step++) publish({ step });
 * }, 1000);
 * ```
 */
export function publish(data: unknown): void {
  const task = (globalThis as { [key: symbol]: RunningTask | undefined })[Symbol.for("ndparallel.task")];
  if (task === undefined) throw new Error("publish(data) is for functions that run as tasks on an engine");
  task.publish(data);
}

/**
 * For functions that run as tasks: adds a value to `result.outputs` at the client, at once. The value is shown in the
 * forms that its method `[Symbol.for("Jupyter.display")]()` gives by media type, or that it consists of itself if
 * all its keys are media types (or with `{ raw: true }`), else as text.
 * @throws Error outside of a task, SerializationError for what cannot be sent.
 */
export function display(value: unknown, options: DisplayValueOptions = {}): void {
  const task = (globalThis as { [key: symbol]: RunningTask | undefined })[Symbol.for("ndparallel.task")];
  if (task === undefined) throw new Error("display(value) is for functions that run as tasks on an engine");
  task.display(value, options);
}
