/** What engines say of tasks, and what of it is written down. */

import type { Displayed, Message, Output, Published, Result } from "../protocol/messages.ts";
import type { TaskDatabase } from "./task-database.ts";

export type TaskNews = Result | Output | Published | Displayed;

export function isTaskNews(message: Message): message is TaskNews {
  const { type } = message;
  return type === "result" || type === "output" || type === "published" || type === "displayed";
}

/** Writes down what a running task wrote, published or showed, unless that is known. */
export function writeDown(
  database: TaskDatabase,
  message: Exclude<TaskNews, Result>,
  buffers: readonly Uint8Array[],
): void {
  const { taskId, type } = message;
  const record = database.get(taskId);
  if (type === "output") {
    const { stream, text, at = 0, again } = message;
    const known = again ? (record?.[stream].length ?? 0) - at : 0;
    database.addOutput(taskId, stream, text.slice(Math.max(0, known)));
    return;
  }
  const isKnown = type === "displayed" && message.again && (message.at ?? 0) < (record?.displayed?.length ?? 0);
  // What lies elsewhere is too much to be kept.
  if (message.places === undefined && !isKnown) {
    database.addShown(taskId, type, { payload: message.payload, buffers });
  }
}
