/** Sends again what a task has written, shown and published. */

import type { Connection } from "../channel/connection.ts";
import type { TaskRecord } from "./task-record.ts";

export function sendShown(record: TaskRecord, connection: Connection): void {
  const { taskId, engineId } = record;
  for (const stream of ["stdout", "stderr"] as const) {
    if (record[stream] !== "") connection.send({ type: "output", taskId, stream, text: record[stream], engineId });
  }
  for (const { payload, buffers } of record.displayed ?? []) {
    connection.send({ type: "displayed", taskId, payload }, buffers);
  }
  if (record.published !== undefined) {
    const { payload, buffers } = record.published;
    connection.send({ type: "published", taskId, payload }, buffers);
  }
}
