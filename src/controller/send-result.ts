/** Sends again what was noted of a task, what it has written, shown and published, and its result. */

import type { Connection } from "../channel/connection.ts";
import type { BufferLedger } from "./buffer-ledger.ts";
import type { Submitter } from "./pending-task.ts";
import type { PendingTasks } from "./pending-tasks.ts";
import type { TaskDatabase } from "./task-database.ts";
import type { TaskRecord } from "./task-record.ts";

export interface SendResultParts {
  readonly pending: PendingTasks;
  readonly database: TaskDatabase;
  readonly ledger: BufferLedger;
}

/** See `TaskRouter.sendResult`. */
export async function sendResult(
  { pending, database, ledger }: SendResultParts,
  taskId: string,
  client: Submitter,
  again: boolean,
): Promise<"sent" | "pending" | "unknown"> {
  const task = pending.get(taskId);
  if (task?.submitter === client || task?.askers?.has(client)) return "pending";
  const record = task === undefined ? await database.fetch(taskId) : database.get(taskId);
  if (record === undefined) return "unknown";
  sendShown(record, client.connection, again);
  if (task !== undefined) {
    task.askers ??= new Set();
    task.askers.add(client);
    return "pending";
  }
  const { engineId, engineUuid, outcome, buffers } = record;
  if (outcome !== undefined) {
    ledger.deliver(client.uuid, outcome);
    client.connection.send({ type: "result", taskId, engineId, engineUuid, outcome }, buffers);
  }
  return "sent";
}

/** What a client does not know of a task that was sent by somebody else, or earlier. */
export function sendNoted(record: TaskRecord, connection: Connection): void {
  const { taskId, operation, submitted, received, engineId, label, after, follow } = record;
  connection.send({ type: "noted", taskId, operation, submitted, received, engineId, label, after, follow });
}

/** `again`: the client may have some of it. */
function sendShown(record: TaskRecord, connection: Connection, again: boolean): void {
  const { taskId, engineId } = record;
  if (!again) sendNoted(record, connection);
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
