/**
 * What an engine does with tasks, on channels of `node:diagnostics_channel`; free when nobody listens.
 *
 * `ndparallel:task:receive` and `ndparallel:task:start` have `{ taskId, engineId }`, `ndparallel:task:end` also `status` and
 * `duration` (milliseconds; undefined for a task that was aborted before it started). A task that is taken back for
 * another engine has been received, and no more.
 */

import { channel } from "node:diagnostics_channel";
import type { Outcome } from "../protocol/messages.ts";

/** Asked for its id only when somebody listens. */
type Named = { readonly taskId: string };

const receiveChannel = channel("ndparallel:task:receive");
const startChannel = channel("ndparallel:task:start");
const endChannel = channel("ndparallel:task:end");

export function publishReceive(task: Named, engineId: number): void {
  if (receiveChannel.hasSubscribers) receiveChannel.publish({ taskId: task.taskId, engineId });
}

export function publishStart(task: Named, engineId: number): void {
  if (startChannel.hasSubscribers) startChannel.publish({ taskId: task.taskId, engineId });
}

export function publishEnd(task: Named, engineId: number, status: Outcome["status"], duration?: number): void {
  if (endChannel.hasSubscribers) endChannel.publish({ taskId: task.taskId, engineId, status, duration });
}
