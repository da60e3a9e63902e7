/**
 * Which task the running code belongs to, also after an `await`, in a timer, or in a callback that a task left behind;
 * and what that code may do with its task.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import { type DisplayValueOptions, RUNNING_TASK, type RunningTask } from "../functions/running-task.ts";
import type { Serializer } from "../ndarray-transport/serializer.ts";
import type { Displayed, Published } from "../protocol/messages.ts";

/** One run of one task. */
export interface TaskContext {
  readonly taskId: string;
}

/** A value that a task shows or publishes. */
export interface Shown {
  readonly message: Displayed | Published;
  readonly buffers: readonly Uint8Array[];
}

const storage = new AsyncLocalStorage<TaskContext>();

/** The method that gives the forms of a value, as Jupyter kernels for JavaScript know it. */
const DISPLAY_METHOD = Symbol.for("Jupyter.display");
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+$/;

/** Runs code as that of a task. */
export function runInContext<T>(context: TaskContext, run: () => T): T {
  return storage.run(context, run);
}

/** The task that the running code belongs to. */
export function currentTask(): TaskContext | undefined {
  return storage.getStore();
}

/** Lets tasks publish and show. */
export function provideRunningTask(serializer: Serializer, show: (context: TaskContext, shown: Shown) => void): void {
  const tell = (type: "published" | "displayed", value: unknown): void => {
    const context = currentTask();
    if (context === undefined) throw new Error("only code of a task can publish data and show values");
    const { head, buffers } = serializer.serialize(value, type === "published" ? "data" : "value");
    show(context, { message: { type, taskId: context.taskId, payload: head }, buffers });
  };
  const task: RunningTask = {
    publish: (data) => tell("published", data),
    display: (value, options) => tell("displayed", displayed(value, options)),
  };
  Object.defineProperty(globalThis, RUNNING_TASK, { value: task, enumerable: false, configurable: true });
}

function displayed(value: unknown, { raw = false, metadata = {} }: DisplayValueOptions): unknown {
  if (raw) {
    if (isBundle(value)) return { data: value, metadata };
    throw new TypeError('with raw, display takes an object of forms by media type, e.g. { "text/html": "<b>1</b>" }');
  }
  const method = (value as { [DISPLAY_METHOD]?: unknown } | null | undefined)?.[DISPLAY_METHOD];
  if (typeof method === "function") return { data: method.call(value), metadata };
  if (isBundle(value)) return { data: value, metadata };
  return { data: { "text/plain": typeof value === "string" ? value : inspect(value) }, metadata };
}

function isBundle(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => MEDIA_TYPE.test(key));
}
