/** Sends again what was noted of a task, and what it has written, shown and published. */

import type { Connection } from "../channel/connection.ts";
import type { TaskRecord } from "./task-record.ts";

/** `again`: the client may have some of it. */
export function sendShown(record: TaskRecord, connection: Connection, again: boolean): void {
  const { taskId, engineId } = record;
  if (!again) {
    const { operation, submitted, received, label, after, follow } = record;
    connection.send({ type: "noted", taskId, operation, submitted, received, engineId, label, after, follow });
  }
  for (const stream of ["stdout", "stderr"] as const) {
    const text = record[stream];
    const since = again ? { at: 0, again } : {};
    if (text !== "") connection.send({ type: "output", taskId, stream, text, engineId, ...since });
  }
  for (const [at, { payload, buffers }] of (record.displayed ?? []).entries()) {
    connection.send({ type: "displayed", taskId, payload, ...(again ? { at, again } : {}) }, buffers);
  }
  if (record.published !== undefined) {
    const { payload, buffers } = record.published;
    connection.send({ type: "published", taskId, payload }, buffers);
  }
}
