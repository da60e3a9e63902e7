/** Prints what the tasks of a call have written, shown and given, in a chosen order. */

import { inspect } from "node:util";
import { shown } from "../errors.ts";
import type { DisplayedOutput } from "./metadata.ts";
import type { ClientTask } from "./task.ts";

/**
 * `"type"`: first what all engines wrote to stdout, then stderr, then what they showed, then results. `"engine"`: all
 * of one engine, then all of the next. `"order"`: as `"type"`, but the first thing that each engine showed before the
 * second of any.
 */
export type GroupBy = "type" | "engine" | "order";

/** What of the outputs is shown, in which order, and where. */
export interface DisplayOptions {
  /** `"type"` unless given. */
  readonly groupBy?: GroupBy;
  /** Leave out stdout and stderr. */
  readonly resultOnly?: boolean;
  /** Where to; this process's own streams unless given. */
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WritableStream;
}

type Kind = "stdout" | "stderr" | "output" | "result";
type Show = (task: ClientTask, kind: Kind, text: string) => void;

/** @throws TypeError for a `groupBy` that does not exist. */
export function checkGroupBy(value: unknown): GroupBy {
  if (value === "type" || value === "engine" || value === "order") return value;
  throw new TypeError(`groupBy must be "type", "engine" or "order"; given: ${shown(value)}`);
}

/** Prints; a single target goes without a heading that says which engine it was. */
export function displayOutputs(tasks: readonly ClientTask[], single: boolean, options: DisplayOptions): void {
  const { resultOnly = false, stdout = process.stdout, stderr = process.stderr } = options;
  const show: Show = (task, kind, text) => {
    if (text === "") return;
    (kind === "stderr" ? stderr : stdout).write(single ? closed(text) : headed(kind, task, text));
  };
  const streams = resultOnly ? [] : (["stdout", "stderr"] as const);
  if (checkGroupBy(options.groupBy ?? "type") === "engine") {
    for (const task of tasks) {
      for (const stream of streams) show(task, stream, task.metadata[stream]);
      for (const output of task.metadata.outputs) show(task, "output", textOf(output));
      showResult(task, show);
    }
    return;
  }
  for (const stream of streams) for (const task of tasks) show(task, stream, task.metadata[stream]);
  for (const [task, output] of options.groupBy === "order" ? byOrder(tasks) : byTask(tasks)) {
    show(task, "output", textOf(output));
  }
  for (const task of tasks) showResult(task, show);
}

/** A short line goes beside its heading, a long text below it. */
function headed(kind: Kind, task: ClientTask, text: string): string {
  const whole = closed(text);
  const space = whole.indexOf("\n") < whole.length - 1 ? "\n" : " ";
  return `[${kind}:${task.metadata.engineId}]${space}${whole}`;
}

function closed(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

function showResult(task: ClientTask, show: Show): void {
  const { executeResult } = task.metadata;
  if (executeResult !== undefined) show(task, "result", inspect(executeResult));
}

/** The plain text among the forms, else what forms there are. */
function textOf({ data }: DisplayedOutput): string {
  const text = data["text/plain"];
  return typeof text === "string" ? text : `<${Object.keys(data).join(", ")}>`;
}

function* byTask(tasks: readonly ClientTask[]): Generator<[ClientTask, DisplayedOutput]> {
  for (const task of tasks) for (const output of task.metadata.outputs) yield [task, output];
}

function* byOrder(tasks: readonly ClientTask[]): Generator<[ClientTask, DisplayedOutput]> {
  const most = Math.max(0, ...tasks.map((task) => task.metadata.outputs.length));
  for (let index = 0; index < most; index++) {
    for (const task of tasks) {
      const output = task.metadata.outputs[index];
      if (output !== undefined) yield [task, output];
    }
  }
}
